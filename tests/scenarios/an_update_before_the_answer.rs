//! RFC 3311, RFC 6337: UPDATE before the answer changes early media. It crosses where the other party is agreed on a
//! session and takes UPDATE, else it is answered here; one offer at a time.

use std::time::Duration;

use trunkline::base::limits::EARLY_REQUESTS;
use trunkline::route::provisional::{ProvisionalSettings, Reliability};

use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, reliably, sdp, sdp_with, with_header, with_tag};

pub const TAKES: &str = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE";

/// The carrier calls the platform; both use 100rel, and early media is agreed on with both.
pub struct Early {
    pub world: World,
    pub offered: Text,
    pub caller: Dialog,
    pub callee: Dialog,
}

/// Whose Allow names UPDATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakesUpdate {
    Nobody,
    Caller,
    Callee,
}

fn early(who: TakesUpdate) -> Early {
    let (mut early, heard) = unacknowledged(who);
    early.world.pracks(CarrierA, &mut early.caller, &heard, "");
    early
}

/// The same up to the caller's 183, which has no PRACK yet.
pub fn unacknowledged(who: TakesUpdate) -> (Early, Text) {
    unacknowledged_with("0 8 101", who)
}

/// The same on these formats.
fn unacknowledged_with(formats: &str, who: TakesUpdate) -> (Early, Text) {
    let settings = ProvisionalSettings { reliable: Reliability::Supported, ..Default::default() };
    let mut world = World::provisional(&[("carrier-a", settings), ("platform", settings)]);
    let callers = match who {
        TakesUpdate::Caller => format!("Supported: 100rel\r\n{TAKES}"),
        TakesUpdate::Nobody | TakesUpdate::Callee => "Supported: 100rel".to_owned(),
    };
    let offered = world.dial_with(CarrierA, Platform, &callers, &sdp_with(CarrierA, "sendrecv", formats, 1));
    let progress = reliably(&offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", formats, 1)), 1);
    let callee = Dialog::of_callee(Platform, &offered, &progress);
    world.send(
        Platform,
        match who {
            TakesUpdate::Callee => with_header(&progress, TAKES),
            TakesUpdate::Nobody | TakesUpdate::Caller => progress,
        },
    );
    world.hears_prack(Platform, "1 1 INVITE");
    let heard = world.expect(CarrierA, "SIP/2.0 183");
    let caller = Dialog::of_caller(CarrierA, &heard);
    (Early { world, offered, caller, callee }, heard)
}

/// The platform answers, the carrier hangs up.
pub fn answered(Early { mut world, offered, mut caller, .. }: Early) {
    world.send(Platform, offered.respond(200, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA), "nothing is left to be told");
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn of_the_called_party_crosses_to_a_caller_that_takes_it() {
    let mut early = early(TakesUpdate::Caller);
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    assert!(crossed.body().contains("a=sendonly"), "{}", crossed.as_str());
    early.world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    let answer = early.world.expect(Platform, "SIP/2.0 200");
    assert!(answer.body().contains("a=recvonly") && answer.body().contains("RTP/SAVP"), "{}", answer.as_str());
    answered(early);
}

#[test]
fn of_the_caller_crosses_to_a_called_party_that_takes_it() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    assert!(crossed.body().contains("RTP/SAVP 8 101\r\n"), "{}", crossed.as_str());
    early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 2)));
    let answer = early.world.expect(CarrierA, "SIP/2.0 200");
    assert!(answer.body().contains("RTP/AVP 8 101\r\n"), "{}", answer.as_str());
    answered(early);
}

#[test]
fn is_answered_here_where_the_other_party_takes_none() {
    let mut early = early(TakesUpdate::Nobody);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    early.world.send(CarrierA, update);
    let answer = early.world.expect(CarrierA, "SIP/2.0 200");
    assert!(answer.body().contains("RTP/AVP 8 101\r\n"), "{}", answer.as_str());
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendrecv", "8 101", 2));
    early.world.send(Platform, update);
    let answer = early.world.expect(Platform, "SIP/2.0 200");
    assert!(answer.body().contains("RTP/SAVP 8 101\r\n"), "{}", answer.as_str());
    assert!(early.world.is_quiet(CarrierA), "it does not hear of it");
    answered(early);
}

#[test]
fn without_an_offer_it_is_taken() {
    let mut early = early(TakesUpdate::Nobody);
    let (caller, callee) = (early.caller.request("UPDATE", ""), early.callee.request("UPDATE", ""));
    early.world.send(CarrierA, caller);
    early.world.expect(CarrierA, "SIP/2.0 200");
    early.world.send(Platform, callee);
    early.world.expect(Platform, "SIP/2.0 200");
    answered(early);
}

#[test]
fn before_the_first_answer_it_is_too_early() {
    let mut world = World::new();
    let (offered, _) = world.dial(CarrierA, Platform);
    let ringing = offered.respond(180, Platform, "");
    let mut callee = Dialog::of_callee(Platform, &offered, &ringing);
    world.send(Platform, ringing);
    let mut caller = Dialog::of_caller(CarrierA, &world.expect(CarrierA, "SIP/2.0 180"));
    world.send(CarrierA, caller.request("UPDATE", &sdp(CarrierA, "sendrecv")));
    let refused = world.refusal(CarrierA);
    assert_eq!(refused.status(), Some(500), "its own offer is open");
    let wait: u64 = refused.header("Retry-After").parse().expect("seconds");
    assert!(wait <= 10);
    world.send(Platform, callee.request("UPDATE", &sdp(Platform, "sendrecv")));
    assert_eq!(world.refusal(Platform).status(), Some(491), "our offer is open");
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.refusal(CarrierA);
    world.finish();
}

#[test]
fn a_second_one_waits() {
    let mut early = early(TakesUpdate::Caller);
    let offer = sdp_with(Platform, "sendonly", "0 8 101", 2);
    let update = early.callee.request("UPDATE", &offer);
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    let again = early.callee.request("UPDATE", &offer);
    early.world.send(Platform, again);
    let refused = early.world.refusal(Platform);
    assert_eq!(refused.status(), Some(500));
    assert!(!refused.header("Retry-After").is_empty());
    let glare = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    early.world.send(CarrierA, glare);
    assert_eq!(early.world.refusal(CarrierA).status(), Some(491));
    early.world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    early.world.expect(Platform, "SIP/2.0 200");
    answered(early);
}

#[test]
fn refused_by_the_other_party_it_changes_nothing() {
    for (theirs, ours) in [(488, 488), (491, 491), (500, 500), (405, 488), (504, 504)] {
        let mut early = early(TakesUpdate::Caller);
        let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
        early.world.send(Platform, update);
        let crossed = early.world.expect(CarrierA, "UPDATE");
        early.world.send(CarrierA, crossed.respond(theirs, CarrierA, ""));
        assert_eq!(early.world.refusal(Platform).status(), Some(ours));
        answered(early);
    }
}

#[test]
fn the_answer_of_the_call_waits_for_it() {
    let mut early = early(TakesUpdate::Caller);
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendrecv", "8 101", 2));
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    early.world.send(Platform, early.offered.respond(200, Platform, ""));
    early.world.expect(Platform, "ACK");
    early.world.pass(Duration::from_secs(1));
    assert!(early.world.is_quiet(CarrierA));
    early.world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    early.world.expect(Platform, "SIP/2.0 200");
    early.world.expect(CarrierA, "SIP/2.0 200");
    let Early { mut world, mut caller, .. } = early;
    world.send(CarrierA, caller.ack_of(1, ""));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

#[test]
fn a_call_that_ends_answers_it() {
    let mut early = early(TakesUpdate::Caller);
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    early.world.send(Platform, early.offered.respond(486, Platform, ""));
    early.world.expect(Platform, "ACK");
    early.world.expect(Platform, "SIP/2.0 487");
    early.world.expect(CarrierA, "SIP/2.0 486");
    early.world.send(CarrierA, crossed.respond(481, CarrierA, ""));
    early.world.finish();
}

/// PF-143: the latest description counts; a caller that has agreed to the one before hears so by UPDATE.
#[test]
fn another_fork_that_describes_itself_is_told_by_update() {
    let mut early = early(TakesUpdate::Caller);
    let other = early.offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
    early.world.send(Platform, with_tag(&reliably(&other, 1), "otherfork"));
    early.world.hears_prack(Platform, "1 1 INVITE");
    let told = early.world.expect(CarrierA, "UPDATE");
    assert!(told.body().contains("RTP/AVP 8 101\r\n"), "{}", told.as_str());
    early.world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    let progress = early.world.expect(CarrierA, "SIP/2.0 183");
    assert!(progress.body().is_empty());
    let Early { mut world, offered, mut caller, .. } = early;
    world.pracks(CarrierA, &mut caller, &progress, "");
    world.send(Platform, with_tag(&offered.respond(200, Platform, ""), "otherfork"));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA), "it knows already");
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// What UPDATE changed is one fork's; the others still answer the INVITE's offer.
#[test]
fn a_fork_that_did_not_move_answers_the_call() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 2)));
    early.world.expect(CarrierA, "SIP/2.0 200");
    let Early { mut world, offered, mut caller, .. } = early;
    let answer = offered.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
    world.send(Platform, with_tag(&answer, "otherfork"));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    assert_eq!(world.engine.gauges().streams, 2);
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// Who asked hears so before its own transaction is over (RFC 4320 4.2), and a late yes is taken back.
#[test]
fn one_whose_answer_takes_too_long_is_504() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    assert_eq!(early.world.refusal(CarrierA).status(), Some(504));
    early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    let back = early.world.expect(Platform, "UPDATE");
    assert!(back.body().contains("a=sendrecv"), "{}", back.body());
    early.world.send(Platform, back.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    answered(early);
}

/// A glare is no reason to leave the called party with what nobody wants.
#[test]
fn a_late_yes_that_cannot_be_taken_back_now_is_later() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    assert_eq!(early.world.refusal(CarrierA).status(), Some(504));
    early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
    let back = early.world.expect(Platform, "UPDATE");
    early.world.send(Platform, back.respond(491, Platform, ""));
    let back = early.world.expect(Platform, "UPDATE");
    assert!(back.body().contains("a=sendrecv\r\n"), "{}", back.body());
    early.world.send(Platform, back.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
    answered(early);
}

/// The same where the called party answers the call before the UPDATE: who asked still hears in time, and only then of the
/// answer.
#[test]
fn one_that_is_not_answered_before_the_call_is_504_too() {
    for late_yes in [true, false] {
        let mut early = early(TakesUpdate::Callee);
        let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
        early.world.send(CarrierA, update);
        let crossed = early.world.expect(Platform, "UPDATE");
        early.world.send(Platform, with_header(&early.offered.respond(200, Platform, ""), TAKES));
        early.world.expect(Platform, "ACK");
        let asked = early.world.clock();
        assert_eq!(early.world.refusal(CarrierA).status(), Some(504));
        assert!(early.world.clock() - asked < Duration::from_secs(32), "its transaction is not over");
        if late_yes {
            early.world.send(Platform, crossed.respond(200, Platform, &sdp_with(Platform, "recvonly", "0 8 101", 2)));
            let back = early.world.expect(Platform, "UPDATE");
            assert!(back.body().contains("a=sendrecv"), "{}", back.body());
            early.world.send(Platform, back.respond(200, Platform, &sdp_with(Platform, "sendrecv", "0 8 101", 3)));
        } else {
            early.world.send(Platform, crossed.respond(500, Platform, ""));
        }
        let Early { mut world, mut caller, .. } = early;
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, caller.ack_of(1, ""));
        world.send(CarrierA, caller.request("BYE", ""));
        world.expect(CarrierA, "SIP/2.0 200");
        world.hears_bye(Platform);
        world.finish();
    }
}

/// Its codec is settled by the caller, and the called party, which takes no UPDATE, sends another one: it is asked as soon as
/// it has answered.
#[test]
fn what_was_answered_here_is_told_after_the_answer() {
    let mut early = early(TakesUpdate::Nobody);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "8 101", 2));
    early.world.send(CarrierA, update);
    early.world.expect(CarrierA, "SIP/2.0 200");
    let Early { mut world, offered, mut caller, .. } = early;
    world.send(Platform, offered.respond(200, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    let told = world.expect(Platform, "INVITE");
    assert!(told.body().contains("RTP/SAVP 8 101\r\n"), "{}", told.body());
    world.send(Platform, told.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 2)));
    world.expect(Platform, "ACK");
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA), "it is said by the caller itself");
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// The fork that was asked is not the one that answers: who asked hears so at once, and then of the answer.
#[test]
fn one_whose_fork_loses_is_500_before_the_answer() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    let Early { mut world, offered, mut caller, .. } = early;
    let answer = offered.respond(200, Platform, &sdp(Platform, "sendrecv"));
    world.send(Platform, with_tag(&answer, "otherfork"));
    world.expect(Platform, "ACK");
    let refused = world.expect(CarrierA, "SIP/2.0 500");
    assert!(refused.header("CSeq").ends_with("UPDATE") && !refused.header("Retry-After").is_empty());
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    world.send(Platform, crossed.respond(481, Platform, ""));
    world.pass(Duration::from_secs(5));
    assert!(world.is_quiet(CarrierA) && world.is_quiet(Platform));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// RFC 3261 14.1, RFC 3311 5.2: a caller that cannot hear of another fork now is asked again, before the answer too.
#[test]
fn one_of_ours_that_comes_at_a_bad_time_goes_again() {
    for status in [491, 500] {
        let mut early = early(TakesUpdate::Caller);
        let other = early.offered.respond(183, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
        early.world.send(Platform, with_tag(&reliably(&other, 1), "otherfork"));
        early.world.hears_prack(Platform, "1 1 INVITE");
        let Early { mut world, offered, mut caller, .. } = early;
        let told = world.expect(CarrierA, "UPDATE");
        let progress = world.expect(CarrierA, "SIP/2.0 183");
        world.pracks(CarrierA, &mut caller, &progress, "");
        world.send(CarrierA, told.respond(status, CarrierA, ""));
        let again = world.expect(CarrierA, "UPDATE");
        assert_eq!(again.body(), told.body());
        world.send(CarrierA, again.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
        world.send(Platform, with_tag(&offered.respond(200, Platform, ""), "otherfork"));
        world.expect(Platform, "ACK");
        world.expect(CarrierA, "SIP/2.0 200");
        world.send(CarrierA, caller.ack_of(1, ""));
        world.pass(Duration::from_secs(5));
        assert!(world.is_quiet(CarrierA), "it knows already");
        world.send(CarrierA, caller.request("BYE", ""));
        world.expect(CarrierA, "SIP/2.0 200");
        world.hears_bye(Platform);
        world.finish();
    }
}

/// What the caller agreed on last is our offer, of a codec that its own had not; there is nothing more to tell it.
#[test]
fn a_caller_that_took_another_codec_hears_of_it_once() {
    let (mut early, heard) = unacknowledged_with("0 101", TakesUpdate::Caller);
    early.world.pracks(CarrierA, &mut early.caller, &heard, "");
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendrecv", "8 101", 2));
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    assert!(crossed.body().contains("RTP/AVP 8 101\r\n"), "{}", crossed.body());
    early.world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "8 101", 2)));
    early.world.expect(Platform, "SIP/2.0 200");
    answered(early);
}

/// RFC 3311 5.3: the session of the called party stays as it was, so that its refresh changes nothing and is answered here.
#[test]
fn refused_by_the_called_party_it_leaves_nothing_open() {
    let mut early = early(TakesUpdate::Callee);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    early.world.send(CarrierA, update);
    let crossed = early.world.expect(Platform, "UPDATE");
    early.world.send(Platform, crossed.respond(488, Platform, ""));
    assert_eq!(early.world.refusal(CarrierA).status(), Some(488));
    nothing_is_open(early, &sdp(Platform, "sendrecv"));
}

/// The called party has had as many requests of ours as one early dialog may: what the caller says then is answered here, and
/// no offer of it stays open.
#[test]
fn one_more_than_a_fork_may_have_leaves_nothing_open() {
    let mut early = early(TakesUpdate::Callee);
    let described = |by, version| sdp_with(by, "sendrecv", "0 8 101", version);
    // Its PRACK was the first.
    for version in 2..=EARLY_REQUESTS {
        let update = early.caller.request("UPDATE", &described(CarrierA, version));
        early.world.send(CarrierA, update);
        let crossed = early.world.expect(Platform, "UPDATE");
        early.world.send(Platform, crossed.respond(200, Platform, &described(Platform, version)));
        early.world.expect(CarrierA, "SIP/2.0 200");
    }
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendrecv", "0 101", EARLY_REQUESTS + 1));
    early.world.send(CarrierA, update);
    let answer = early.world.expect(CarrierA, "SIP/2.0 200");
    assert!(answer.body().contains("RTP/AVP 0 101\r\n"), "{}", answer.as_str());
    nothing_is_open(early, &described(Platform, EARLY_REQUESTS));
}

/// The platform answers and refreshes its session, which it last described so: that changes nothing, and is answered here.
fn nothing_is_open(Early { mut world, offered, mut caller, mut callee }: Early, described: &str) {
    world.send(Platform, offered.respond(200, Platform, ""));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    world.send(Platform, callee.request("INVITE", described));
    let taken = world.expect(Platform, "SIP/2.0 200");
    assert!(taken.body().contains("a=sendrecv\r\n"), "{}", taken.body());
    world.send(Platform, callee.ack(""));
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA));
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// The fork that asked is not the one that answers. The caller still answers what it was asked, before it hears of the answer;
/// then it is told of the fork that has answered.
#[test]
fn one_of_a_fork_that_loses_is_487_and_the_caller_hears_one_thing_at_a_time() {
    let mut early = early(TakesUpdate::Caller);
    let update = early.callee.request("UPDATE", &sdp_with(Platform, "sendonly", "0 8 101", 2));
    early.world.send(Platform, update);
    let crossed = early.world.expect(CarrierA, "UPDATE");
    let Early { mut world, offered, mut caller, .. } = early;
    let answer = offered.respond(200, Platform, &sdp(Platform, "sendrecv"));
    world.send(Platform, with_tag(&answer, "otherfork"));
    assert!(world.expect(Platform, "SIP/2.0 487").header("CSeq").ends_with("UPDATE"));
    world.expect(Platform, "ACK");
    world.pass(Duration::from_secs(1));
    assert!(world.is_quiet(CarrierA), "an offer of ours is open");
    world.send(CarrierA, crossed.respond(200, CarrierA, &sdp_with(CarrierA, "recvonly", "0 8 101", 2)));
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    let told = world.expect(CarrierA, "INVITE");
    assert!(told.body().contains("a=sendrecv\r\n"), "{}", told.body());
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendrecv", "0 8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}

/// Both parties have something to hear after the answer: that the called one refuses to is no reason to leave the caller out.
#[test]
fn the_caller_is_told_of_another_fork_whatever_that_one_takes() {
    let mut early = early(TakesUpdate::Nobody);
    let update = early.caller.request("UPDATE", &sdp_with(CarrierA, "sendonly", "0 8 101", 2));
    early.world.send(CarrierA, update);
    early.world.expect(CarrierA, "SIP/2.0 200");
    let Early { mut world, offered, mut caller, .. } = early;
    let answer = offered.respond(200, Platform, &sdp_with(Platform, "sendrecv", "8 101", 1));
    world.send(Platform, with_tag(&answer, "otherfork"));
    world.expect(Platform, "ACK");
    world.expect(CarrierA, "SIP/2.0 200");
    world.send(CarrierA, caller.ack_of(1, ""));
    let told = world.expect(Platform, "INVITE");
    assert!(told.body().contains("a=sendonly\r\n"), "{}", told.body());
    world.send(Platform, told.respond(488, Platform, ""));
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "INVITE");
    assert!(told.body().contains("RTP/AVP 8 101\r\n"), "{}", told.body());
    world.send(CarrierA, told.respond(200, CarrierA, &sdp_with(CarrierA, "sendonly", "8 101", 3)));
    world.expect(CarrierA, "ACK");
    world.send(CarrierA, caller.request("BYE", ""));
    world.expect(CarrierA, "SIP/2.0 200");
    world.hears_bye(Platform);
    world.finish();
}
