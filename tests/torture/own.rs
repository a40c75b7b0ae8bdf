//! Our own hostile set: however a stream is cut it reads the same, and what the reader itself refuses has a status that the
//! index names.

use std::fs;

use crate::corpus;
use crate::reading::{Outcome, as_datagram, as_stream_however_cut, assert_answer_is_sound, status_of};

/// File, verdict as a datagram, verdict on a stream.
fn index() -> Vec<[String; 3]> {
    let path = corpus::folder("own-hostile").join("INDEX.tsv");
    let text = fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        [0, 4, 5].map(|at| fields[at].to_owned())
    };
    text.lines().skip(1).map(row).filter(|[file, ..]| file.ends_with(".dat")).collect()
}

fn assert_agrees(file: &str, outcome: Option<&Outcome>, verdict: &str) {
    let Some(Outcome::Refused { answer, close, .. }) = outcome else { return };
    assert_eq!(*close, verdict.ends_with("close"), "{file}: {outcome:?}");
    match answer {
        Some(answer) => {
            assert_answer_is_sound(file, answer);
            assert!(verdict.contains(&status_of(answer).to_string()), "{file}: {verdict}, {outcome:?}");
        }
        None => assert!(matches!(verdict, "nothing" | "close"), "{file}: {verdict}, {outcome:?}"),
    }
}

#[test]
fn the_files_are_those_of_the_index() {
    corpus::check_index("own-hostile", 430);
}

#[test]
fn each_reads_the_same_however_it_is_cut_and_is_refused_as_indexed() {
    for [file, as_one, in_pieces] in index() {
        let octets = corpus::file("own-hostile", &file);
        if as_one != "-" {
            // Datagrams close nothing.
            assert_agrees(&file, as_datagram(&octets).as_ref(), as_one.trim_end_matches(" close"));
        }
        let (outcomes, waits) = as_stream_however_cut(&file, &octets);
        if in_pieces != "-" {
            assert_eq!(waits, in_pieces == "wait", "{file}: {outcomes:?}");
            let last = outcomes.iter().rfind(|outcome| **outcome != Outcome::Ping);
            assert_agrees(&file, last, &in_pieces);
        }
    }
}
