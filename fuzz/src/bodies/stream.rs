//! A stream of octets: the same reading whole, octet by octet, and in pieces the input chooses.

use trunkline::base::limits;
use trunkline::sip::frame::{Framed, StreamFramer};

use super::message::sound;
use super::{next, seen, source, take};

pub fn run(octets: &[u8]) {
    let mut octets = octets;
    let seed = take(&mut octets, 4);
    let whole = read([octets].into_iter());
    assert_eq!(read(octets.chunks(1)), whole, "octet by octet");
    let mut pieces = Vec::new();
    let mut rest = octets;
    let mut sizes = seed.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().copied().unwrap_or(7);
        pieces.push(take(&mut rest, usize::from(size) + 1));
    }
    assert_eq!(read(pieces.into_iter()), whole, "in pieces");
    let _ = next(&mut octets);
}

/// What came out, and whether the framer waits inside a message.
fn read<'o>(pieces: impl Iterator<Item = &'o [u8]>) -> (Vec<String>, bool) {
    let mut framer = StreamFramer::default();
    let mut out = Vec::new();
    for piece in pieces {
        framer.buffer().extend_from_slice(piece);
        while let Some(framed) = framer.next(source()) {
            out.push(match framed {
                Framed::Ping => String::from("ping"),
                Framed::Message(message) => {
                    assert!(message.message().bytes().len() <= limits::MESSAGE_OCTETS);
                    seen(&message)
                }
                Framed::Refused(rejection) => {
                    rejection.answer.iter().for_each(|answer| sound(answer));
                    format!("{rejection:?}")
                }
            });
        }
        assert!(framer.buffer().len() <= limits::MESSAGE_OCTETS + piece.len(), "more is kept than a message has");
    }
    (out, framer.is_inside_message())
}
