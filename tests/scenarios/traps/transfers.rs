use std::time::Duration;

use trunkline::media::plan::{MediaCommand, RingingTone};

use super::teams;
use crate::world::Name::{CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, with_header};

const USER: &str = "sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:33333333-dddd-4EEE-8fff-444444444444;x-t=aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb";

/// About 1.5 kB, case-sensitive, with an escape.
fn referred_by(who: &str) -> String {
    let token = "aHR0cHM6Ly9hcGktZHUtYS1ldXdlLnBzdG5odWI".repeat(36);
    format!(
        "<sip:sip.pstnhub.microsoft.com:5061;x-m=8:orgid:{who};x-t=aaaaaaaa-1111;x-ti=55555555-0000;x-tt={token}%3D>"
    )
}

/// Microsoft sends REFER on another connection; the INVITE of the transfer comes back.
fn refers(world: &mut World, dialog: &mut Dialog, target: &str, by: &str) -> Text {
    world.cut(Platform);
    let lines = format!("REFERRED-BY: {by}\r\nREFER-TO: <{target}>");
    let refer = with_header(&dialog.request("REFER", ""), &lines);
    world.send(Platform, refer);
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    world.expect(Platform, "INVITE")
}

/// T9: nothing happens, because REFER names no user.
#[test]
fn t09_a_refer_to_without_a_user_part_is_called_as_it_is() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let offered = refers(&mut world, &mut talk.callee, USER, &referred_by("1111"));
    assert_eq!(offered.start_line(), format!("INVITE {USER} SIP/2.0"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T10: 400 to the INVITE of the transfer: something was rewritten.
#[test]
fn t10_request_uri_to_and_referred_by_are_octet_for_octet() {
    let by = referred_by("1111");
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let offered = refers(&mut world, &mut talk.callee, USER, &by);
    assert_eq!(offered.start_line(), format!("INVITE {USER} SIP/2.0"), "MD-145");
    assert_eq!(offered.header("To"), format!("<{USER}>"));
    assert_eq!(offered.header("Referred-By"), by);
    assert!(by.len() > 1_400);
    assert!(offered.header("From").contains("+493099887766@sbc.example.com"), "{}", offered.header("From"));
    assert_eq!(offered.header("Contact"), "<sip:+493099887766@sbc.example.com:5061;transport=tls>");
    assert!(offered.header("Replaces").is_empty() && offered.header("Allow").contains("REFER"));
    world.send(Platform, offered.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T11: the INVITE of a transfer goes to the carrier.
#[test]
fn t11_a_transfer_to_a_number_goes_back_to_microsoft() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let target = "sip:+49301112222@sip.pstnhub.microsoft.com:5061;user=phone;transport=tls";
    let offered = refers(&mut world, &mut talk.callee, target, &referred_by("1111"));
    assert_eq!(offered.start_line(), format!("INVITE {target} SIP/2.0"), "MD-144");
    assert!(world.is_quiet(CarrierB));
    let mut new = world.answers(Platform, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    world.pass(Duration::from_secs(1));
    world.leaves(CarrierA, &mut talk.caller);
    let bye = world.hears_bye(Platform);
    assert_eq!(bye.header("Call-ID"), offered.header("Call-ID"));
    let _ = &mut new;
    world.finish();
}

/// T12: a REFER that is not wanted is echoed until its hops are spent.
#[test]
fn t12_a_refer_that_is_not_taken_is_answered_here() {
    use trunkline::route::transfer::ReferPolicy;
    let mut world = teams(|settings| settings.trunks[2].behaviour.transfer.refer = ReferPolicy::Refuse);
    let mut talk = world.talk(CarrierA, Platform);
    let refer = with_header(&talk.callee.request("REFER", ""), &format!("REFER-TO: <{USER}>"));
    world.send(Platform, refer);
    world.expect(Platform, "SIP/2.0 603");
    assert!(world.is_quiet(CarrierA));
    world.caller_hangs_up(&mut talk);
    world.finish();
}

/// T13: chained transfers name the wrong party.
#[test]
fn t13_the_second_transfer_names_its_own_transferor_alone() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let first = refers(&mut world, &mut talk.callee, USER, &referred_by("first"));
    let mut new = world.answers(Platform, &first);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    world.pass(Duration::from_secs(1));
    let second = refers(&mut world, &mut new, USER, &referred_by("second"));
    assert_eq!(second.headers("Referred-By"), [referred_by("second")]);
    assert_ne!(second.header("Call-ID"), first.header("Call-ID"));
    world.send(Platform, second.respond(486, Platform, ""));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.leaves(CarrierA, &mut talk.caller);
    world.hears_bye(Platform);
    world.finish();
}

/// T14: a transfer rings silently.
#[test]
fn t14_the_transferor_is_told_and_the_transferee_hears_ringing() {
    let mut world = teams(|settings| settings.trunks[0].behaviour.media.sound.ringback = RingingTone::of_country("DE"));
    let (offered, _) = world.dial(CarrierA, Platform);
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    let offered = refers(&mut world, &mut talk.callee, USER, &referred_by("1111"));
    world.send(Platform, offered.respond(180, Platform, ""));
    world.is_told(Platform, "SIP/2.0 180 Ringing");
    let played = world.relay.played.iter().any(|command| matches!(command, MediaCommand::PlayTone { .. }));
    assert!(played, "MD-149: Microsoft plays none");
    world.answers(Platform, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.leaves(Platform, &mut talk.callee);
    world.pass(Duration::from_secs(1));
    world.leaves(CarrierA, &mut talk.caller);
    world.hears_bye(Platform);
    world.finish();
}

/// T15: the call ends when the transfer is accepted, because the SBC says BYE.
#[test]
fn t15_no_bye_of_ours_before_the_transferor_has_had_its_time() {
    let mut world = teams(|_| {});
    let mut talk = world.talk(CarrierA, Platform);
    let offered = refers(&mut world, &mut talk.callee, USER, &referred_by("1111"));
    world.answers(Platform, &offered);
    world.is_told(Platform, "SIP/2.0 200 OK");
    world.pass(Duration::from_secs(9));
    assert!(world.is_quiet(Platform), "MD-147");
    world.leaves(Platform, &mut talk.callee);
    world.pass(Duration::from_secs(20));
    assert!(world.is_quiet(Platform));
    world.leaves(CarrierA, &mut talk.caller);
    world.hears_bye(Platform);
    world.finish();
}

/// T16: what a proxy cannot do: 202, NOTIFYs and a new dialog; or no REFER at all, and Microsoft joins the parties itself.
#[test]
fn t16_without_refer_in_allow_microsoft_transfers_by_itself() {
    use trunkline::route::transfer::ReferPolicy;
    let mut world = teams(|settings| settings.trunks[2].behaviour.transfer.refer = ReferPolicy::Refuse);
    let (offered, _) = world.dial(CarrierA, Platform);
    assert!(!offered.header("Allow").contains("REFER"), "MD-154: {}", offered.header("Allow"));
    assert!(offered.header("Allow").contains("NOTIFY"), "MD-73: {}", offered.header("Allow"));
    let mut talk = world.answer(CarrierA, Platform, offered);
    world.send(CarrierA, talk.caller.ack(""));
    let moved = sdp(Platform, "sendrecv").replace("m=audio 40000", "m=audio 41000");
    let again = talk.callee.request("INVITE", &moved);
    world.send(Platform, again);
    world.expect(Platform, "SIP/2.0 200");
    world.send(Platform, talk.callee.ack(""));
    world.caller_hangs_up(&mut talk);
    world.finish();
}
