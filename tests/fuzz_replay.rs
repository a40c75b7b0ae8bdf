//! The bodies of the fuzz targets on the stable toolchain: every file of the committed corpora, and mutations of them from
//! a seed. `TRUNKLINE_MUTATIONS=100000` makes more of them, `TRUNKLINE_FIRST_MUTATION=N` begins elsewhere.

#[path = "../fuzz/src/bodies/mod.rs"]
mod bodies;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use trunkline::base::Entropy;
use trunkline::base::entropy::SeededEntropy;

/// Mutations of one target in an ordinary run.
const MUTATIONS: u64 = 400;

/// Longest input a mutation grows to.
const LONGEST: usize = 16 * 1024;

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| (file.display().to_string(), fs::read(file).unwrap())).collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Runs one input; says which it was when the body panics.
fn run(body: fn(&[u8]), what: &str, octets: &[u8]) {
    let ran = catch_unwind(AssertUnwindSafe(|| body(octets)));
    if let Err(panic) = ran {
        eprintln!("{what}: \"{}\"", octets.escape_ascii());
        resume_unwind(panic);
    }
}

fn mutated(seeds: &[(String, Vec<u8>)], dice: &mut SeededEntropy) -> Vec<u8> {
    let pick = |dice: &mut SeededEntropy| &seeds[dice.below(seeds.len() as u64) as usize].1;
    let mut octets = pick(dice).clone();
    for _ in 0..1 + dice.below(6) {
        let at = dice.below(octets.len() as u64 + 1) as usize;
        let end = (at + dice.below(24) as usize).min(octets.len());
        match dice.below(6) {
            0 => octets.truncate(at),
            1 => drop(octets.drain(at..end)),
            2 => {
                let copy = octets[at..end].to_vec();
                octets.splice(at..at, copy);
            }
            3 => {
                let other = pick(dice);
                let from = dice.below(other.len() as u64 + 1) as usize;
                let to = (from + dice.below(64) as usize).min(other.len());
                octets.splice(at..end, other[from..to].iter().copied());
            }
            4 => octets.insert(at, dice.next_u64() as u8),
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << dice.below(8);
                }
            }
        }
        octets.truncate(LONGEST);
    }
    octets
}

fn replay(target: &str) {
    let (_, body) = bodies::ALL.into_iter().find(|(name, _)| *name == target).expect("a target of the list");
    let seeds = corpus(target);
    assert!(seeds.len() >= 3, "the corpus of {target} is empty");
    for (name, octets) in &seeds {
        run(body, name, octets);
    }
    let first = number("TRUNKLINE_FIRST_MUTATION", 0);
    for seed in first..first + number("TRUNKLINE_MUTATIONS", MUTATIONS) {
        let octets = mutated(&seeds, &mut SeededEntropy::new(seed.wrapping_mul(0x9e37_79b9) ^ 0x6675_7a7a));
        run(body, &format!("{target}, mutation {seed}"), &octets);
    }
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        #[test]
        fn every_body_has_its_test() {
            assert_eq!(bodies::ALL.map(|(name, _)| name), [$(stringify!($target)),*]);
        }
    };
}

targets! { message stream uri name_addr via sdp sdes digest engine rtp rtcp stun negotiation }
