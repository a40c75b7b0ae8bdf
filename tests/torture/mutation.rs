//! Panic safety: corpus messages with random damage, as datagram and as stream in random pieces.

use std::sync::LazyLock;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use trunkline::sip::cross_check::cross_check;
use trunkline::sip::frame::datagram;
use trunkline::sip::header::{
    ContentType, MinSe, Name, RAck, RSeq, Reason, Replaces, RetryAfter, SessionExpires, Warning,
};
use trunkline::sip::message::{Message, SipMessage};
use trunkline::sip::write::{ResponseHead, Writer};
use trunkline::sip::{Status, Uri, multipart};

use crate::corpus;
use crate::reading::{Outcome, as_datagram, as_stream, assert_answer_is_sound, source};

/// Messages below 4 KiB: the long ones only cost time.
static SEEDS: LazyLock<Vec<Bytes>> = LazyLock::new(|| {
    let sets = ["rfc4475", "rfc4475/derived", "sip-hostile"];
    sets.iter().flat_map(|set| corpus::files(set).into_values()).filter(|octets| octets.len() < 4096).collect()
});

#[derive(Clone, Debug)]
enum Damage {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let octets = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..4),
        prop::sample::select(vec![
            "\r\n", "\r", "\n", "\r\n ", "\"", "<", ">", ";", ",", ":", "%", "\\", "@", "[", "]", "\0", "l: 3\r\n",
            "\r\n\r\n"
        ])
        .prop_map(|text: &str| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, octet)| Damage::Replace(at, octet)),
        (any::<Index>(), octets).prop_map(|(at, octets)| Damage::Insert(at, octets)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Damage::Remove(at, count)),
        (any::<Index>(), 1_usize..60).prop_map(|(at, count)| Damage::Repeat(at, count)),
    ]
}

fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut octets = seed.to_vec();
    for damage in damages {
        if octets.is_empty() {
            break;
        }
        match damage {
            Damage::Replace(at, octet) => {
                let at = at.index(octets.len());
                octets[at] = *octet;
            }
            Damage::Insert(at, new) => {
                let at = at.index(octets.len());
                octets.splice(at..at, new.iter().copied());
            }
            Damage::Remove(at, count) => {
                let at = at.index(octets.len());
                octets.drain(at..(at + count).min(octets.len()));
            }
            Damage::Repeat(at, count) => {
                let at = at.index(octets.len());
                let copy = octets[at..(at + count).min(octets.len())].to_vec();
                octets.splice(at..at, copy);
            }
        }
    }
    octets
}

/// Reads every view of every field, whatever the field is: none may panic.
fn read_every_view(message: &Message) {
    for name in Name::ALL {
        let _ = message.name_addrs(name);
        let _ = message.tokens(name);
        for value in message.list(name) {
            let _ = ContentType::parse(&value).map(|media| multipart::parts(&media, &message.body()));
            let _ = (MinSe::parse(&value), RAck::parse(&value), RSeq::parse(&value));
            let _ = (
                Reason::parse(&value),
                Replaces::parse(&value),
                RetryAfter::parse(&value),
                SessionExpires::parse(&value),
            );
            let _ = Warning::parse(&value);
            let _ = Uri::parse(&value).map(|uri| (uri.user_decoded().is_some(), uri.equivalent(&uri)));
        }
    }
}

proptest! {
    // `PROPTEST_CASES` sets how long a run is; here each property takes eight times as many.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.saturating_mul(8), ..ProptestConfig::default() })]

    #[test]
    fn damaged_messages_never_panic_and_both_transports_agree(
        seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..5), cuts in prop::collection::vec(any::<Index>(), 0..4)
    ) {
        let octets = damaged(seed.get::<Bytes>(&SEEDS), &damages);
        let one = as_datagram(&Bytes::from(octets.clone()));
        let whole = as_stream([octets.as_slice()]);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
        cuts.extend([0, octets.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &octets[pair[0]..pair[1]]);
        prop_assert_eq!(&as_stream(pieces), &whole);
        let first = whole.0.iter().find(|outcome| **outcome != Outcome::Ping);
        if let (Some(Outcome::Accepted(datagram)), Some(Outcome::Accepted(stream))) = (&one, first) {
            prop_assert_eq!(datagram, stream);
        }
        for outcome in whole.0.iter().chain(&one) {
            if let Outcome::Refused { answer: Some(answer), .. } = outcome {
                assert_answer_is_sound("mutation", answer);
            }
        }
    }

    #[test]
    fn every_view_and_the_second_reader_survive_damage(seed in any::<Index>(), damages in prop::collection::vec(damage(), 1..3)) {
        let octets = Bytes::from(damaged(seed.get::<Bytes>(&SEEDS), &damages));
        if let Some(Ok(message)) = datagram(&octets, source()) {
            read_every_view(message.message());
            let _ = cross_check(&message);
            if let SipMessage::Request(request) = &message {
                let head = ResponseHead::new(request, source());
                let answer = Writer::response_from(Status::OK, None, &head, Some(b"t")).finish();
                assert_answer_is_sound("mutation", &answer);
            }
        }
    }

    #[test]
    fn noise_is_never_a_panic(octets in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = as_datagram(&Bytes::from(octets.clone()));
        let _ = as_stream(octets.chunks(7));
        let _ = Uri::parse(&Bytes::from(octets));
    }
}
