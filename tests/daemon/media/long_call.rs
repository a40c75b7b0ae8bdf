//! A call of 40 minutes crosses two wraps of the sequence on all four streams, with holds and new keys on the way
//! (issue 4; RFC 3711 3.3.1). Time is left out: a packet goes as soon as the one before it has arrived.

use super::figure;
use super::party::Party;
use super::talk::{Change, Talk, counter, ground};
use super::voice::{Rollover, Voice};

const SRTP: &str = "{ security = \"srtp\" }";

fn proof(packets: usize, first: [u64; 2]) {
    let ground = ground(SRTP, SRTP);
    let _running = ground.start();
    let (a, b) = (Voice::secured(1, first[0]), Voice::secured(2, first[1]));
    let mut talk = Talk::begin(Party::caller(&ground, a), Party::callee(&ground, b), || {});
    talk.warm_up();
    let changes = [
        vec![Change::SameKey, Change::Hold("inactive"), Change::Resume],
        vec![Change::NewKey(Rollover::Kept), Change::Codecs],
        vec![Change::NewKey(Rollover::FromZero), Change::Address],
        vec![Change::SameKey],
    ];
    for (quarter, changes) in changes.into_iter().enumerate() {
        talk.speak(packets / 4);
        for change in changes {
            talk.reinvite(quarter % 2, change);
        }
    }
    let failed = counter(&ground, "sbc_media_drops", "unauthenticated");
    let talk = talk.end(&ground);
    let (sent, lost) = talk.ways.iter().fold((0, 0), |sum, way| (sum.0 + way.sent.len(), sum.1 + way.lost()));
    let wraps: Vec<u64> = talk.parties.iter().map(|party| party.ear.wraps()).collect();
    let foreign: u64 = talk.parties.iter().map(|party| party.ear.unauthentic + party.ear.twice).sum();
    let minutes = sent as f64 / 2.0 / 50.0 / 60.0;
    figure(
        "length of the call",
        format!("{minutes:.0} minutes of audio, {wraps:?} wraps of our sequences"),
        "40, 2 wraps",
        "issue 4, Proof",
    );
    figure("packets lost", format!("{lost} of {sent}"), "0", "issue 4, Proof");
    figure("authentication errors", format!("{failed} at the daemon, {foreign} at the parties"), "0", "issue 4, Proof");
    assert_eq!((lost, failed, foreign), (0, 0, 0));
}

#[test]
fn a_call_goes_on_over_the_wrap_of_the_sequence() {
    proof(2_000, [65_000, 64_500]);
}

#[test]
#[ignore = "long: tests/reliability/run long-call"]
fn forty_minutes_and_two_wraps_of_every_sequence() {
    // Ours begin below half a turn.
    proof(2 * 65_536 + 1_000, [40_000, 30_000]);
}
