//! One table from a peer's refusal to what the caller hears (DESIGN rule 9): no challenge, no redirection, always a Q.850 cause.

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::with_header;

#[test]
fn every_refusal_has_its_line() {
    let cases = [
        (300, 480, 23),
        (302, 480, 23),
        (400, 400, 127),
        (401, 403, 21),
        (403, 403, 21),
        (404, 404, 1),
        (405, 403, 21),
        (407, 403, 21),
        (410, 410, 22),
        (415, 415, 127),
        (480, 480, 18),
        (481, 480, 41),
        (484, 484, 28),
        (486, 486, 17),
        (488, 488, 65),
        (500, 500, 41),
        (501, 501, 79),
        (502, 500, 41),
        (600, 600, 17),
        (603, 603, 21),
        (604, 604, 1),
        (606, 606, 65),
    ];
    for (status, told, cause) in cases {
        let mut world = World::new();
        let (offered, _) = world.dial(Platform, CarrierA);
        let challenge = "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"";
        world.send(CarrierA, with_header(&offered.respond(status, CarrierA, ""), challenge));
        world.expect(CarrierA, "ACK");
        let heard = world.refusal(Platform);
        assert_eq!(heard.status(), Some(told), "{status}");
        assert!(heard.header("Reason").starts_with(&format!("Q.850;cause={cause};")), "{status}: {}", heard.as_str());
        assert!(heard.header("WWW-Authenticate").is_empty() && heard.header("Retry-After").is_empty());
        world.finish();
    }
}
