//! MD-193: a call from whose party nothing comes is ended where its trunk says so, and told in the metrics.

use super::party::Party;
use super::talk::{Talk, counter, ground};
use super::voice::Voice;
use crate::ground::Ground;

#[test]
fn a_party_that_says_nothing_ends_its_call() {
    let ground = ground("{ security = \"rtp\", silence_s = 1, on_silence = \"hang-up\" }", "{ security = \"rtp\" }");
    let _running = ground.start();
    let (caller, callee) = (Party::caller(&ground, Voice::plain(1)), Party::callee(&ground, Voice::plain(2)));
    let mut talk = Talk::begin(caller, callee, || {});
    for party in &mut talk.parties {
        let bye = party.peer.expect("BYE ");
        assert!(bye.header("Reason").contains("No media from a party"), "{}", bye.0);
        party.peer.send(bye.respond("200 OK", party.peer.own, ""));
    }
    ground.until(Ground::held);
    assert_eq!(counter(&ground, "sbc_far_end_silences_total", "trunk=\"caller-udp\""), 1);
    assert_eq!(counter(&ground, "sbc_calls_ended_total", "media_silent"), 1);
}
