use super::{CONTACT, TARGET, answer, capitals, media_goes_to, microsoft_calls, offer, says, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, with_header};

const TARGET_USER: &str = "sip:sip.pstnhub.microsoft.com:5061;transport=tls;x-m=8:orgid:33333333-dddd-4eee-8fff-444444444444;x-t=aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb";
const REFERRED_BY: &str = "<sip:sip.pstnhub.microsoft.com:5061;x-m=8:orgid:11111111-aaaa-4bbb-8ccc-222222222222;x-t=aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb;x-ti=55555555-0000-4111-8222-666666666666;x-tt=aHR0cHM6Ly9hcGktZHUtYS1ldXdlLnBzdG5odWIubWljcm9zb2Z0LmNvbS92MS9uZ2MvY2FsbG5vdGlmaWNhdGlvbj9kY2k9MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY%3D>";

fn inbound() -> (World, Dialog, Dialog) {
    let mut world = world_of("microsoft-teams", |_| {});
    let (offered, _) = world.dial(CarrierA, Platform);
    let accepted =
        says(&offered, "200 OK", "c3", &format!("{CONTACT}\nCONTENT-TYPE: application/sdp"), &answer(52_210));
    let microsoft = Dialog::of_callee(Platform, &offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    let told = world.expect(CarrierA, "SIP/2.0 200");
    let carrier = Dialog::of_caller(CarrierA, &told);
    world.send(CarrierA, carrier.ack(""));
    (world, carrier, microsoft)
}

fn refer(dialog: &mut Dialog, to: &str) -> String {
    capitals(&with_header(&dialog.request("REFER", ""), &format!("REFER-TO: {to}\r\nREFERRED-BY: {REFERRED_BY}")))
}

fn accepts(world: &mut World, offered: &Text) -> Dialog {
    let accepted = says(offered, "200 OK", "n1", &format!("{CONTACT}\nCONTENT-TYPE: application/sdp"), &answer(52_400));
    let new = Dialog::of_callee(Platform, offered, &accepted);
    world.send(Platform, accepted);
    world.expect(Platform, "ACK");
    new
}

/// 19.5 from end to end.
#[test]
fn the_transfer_of_the_sheet_message_by_message() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    world.cut(Platform);
    world.send(Platform, refer(&mut microsoft, &format!("<{TARGET_USER}>")));
    let taken = world.expect(Platform, "SIP/2.0 202");
    assert!(taken.header("Contact").contains("@sbc.example.com:5061"), "{}", taken.as_str());
    let trying = world.is_told(Platform, "SIP/2.0 100 Trying");
    assert_eq!(trying.start_line(), format!("NOTIFY {TARGET} SIP/2.0"));
    assert_eq!(trying.header("Content-Type"), "message/sipfrag;version=2.0");
    let offered = world.expect(Platform, "INVITE");
    assert_eq!(offered.start_line(), format!("INVITE {TARGET_USER} SIP/2.0"));
    assert_eq!(offered.header("To"), format!("<{TARGET_USER}>"));
    assert_eq!(offered.header("Referred-By"), REFERRED_BY);
    accepts(&mut world, &offered);
    let last = world.is_told(Platform, "SIP/2.0 200 OK");
    assert_eq!(last.header("Subscription-State"), "terminated;reason=noresource");
    world.leaves(Platform, &mut microsoft);
    assert!(media_goes_to(&world, "192.0.2.44:52400"));
    world.leaves(CarrierA, &mut carrier);
    world.hears_bye(Platform);
    world.finish();
}

/// MD-143, MD-75: a Refer-To with an escaped Replaces: what it names is called, and Replaces never goes to Microsoft.
#[test]
fn an_escaped_replaces_in_refer_to_is_no_part_of_the_new_invite() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    let to = format!("<{TARGET_USER}?Replaces=0a1b2c%40d%3Bto-tag%3D11%3Bfrom-tag%3D22&Require=replaces>");
    world.send(Platform, refer(&mut microsoft, &to));
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let offered = world.expect(Platform, "INVITE");
    assert_eq!(offered.start_line(), format!("INVITE {TARGET_USER} SIP/2.0"));
    assert_eq!(offered.header("To"), format!("<{TARGET_USER}>"));
    assert!(offered.header("Replaces").is_empty() && offered.header("Require").is_empty(), "{}", offered.as_str());
    world.send(Platform, says(&offered, "486 Busy Here", "n1", "", ""));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.leaves(CarrierA, &mut carrier);
    world.hears_bye(Platform);
    world.finish();
}

/// RFC 3515 2.1: Refer-To may be a bare URI, with a display name, or under its compact name.
#[test]
fn refer_to_is_read_in_every_form() {
    let uri = "sip:+49301112222@sip.pstnhub.microsoft.com:5061";
    for to in
        [uri.to_owned(), format!("\"Doe, J.\" <{uri};transport=tls>"), format!("<{uri};user=phone;transport=tls>;x=y")]
    {
        let (mut world, mut carrier, mut microsoft) = inbound();
        world.send(Platform, refer(&mut microsoft, &to));
        world.expect(Platform, "SIP/2.0 202");
        world.is_told(Platform, "SIP/2.0 100 Trying");
        let offered = world.expect(Platform, "INVITE");
        assert!(offered.start_line().starts_with(&format!("INVITE {uri}")), "{to}: {}", offered.start_line());
        world.send(Platform, says(&offered, "480 Temporarily Unavailable", "n1", "", ""));
        world.expect(Platform, "ACK");
        world.is_told(Platform, "SIP/2.0 480 Temporarily Unavailable");
        world.leaves(CarrierA, &mut carrier);
        world.hears_bye(Platform);
        world.finish();
    }
}

/// A REFER that comes after the carrier hung up finds no call: 481, nothing is dialled.
#[test]
fn a_refer_after_the_end_is_481() {
    let (mut world, mut carrier, mut microsoft) = inbound();
    world.leaves(CarrierA, &mut carrier);
    world.hears_bye(Platform);
    world.pass(std::time::Duration::from_secs(1));
    world.cut(Platform);
    world.send(Platform, refer(&mut microsoft, &format!("<{TARGET_USER}>")));
    world.expect(Platform, "SIP/2.0 481");
    assert!(world.is_quiet(Platform));
    world.finish();
}

/// The REFER overtakes the ACK of Microsoft's own INVITE (other connection): it waits or is refused for a moment, and no
/// call is lost.
#[test]
fn a_refer_that_overtakes_the_ack_ends_no_call() {
    let mut world = world_of("microsoft-teams", |_| {});
    world.send(Platform, microsoft_calls("+49301234567", "early-refer", "", &offer()));
    let offered = world.expect(CarrierA, "INVITE");
    world.send(CarrierA, offered.respond(200, CarrierA, &crate::world::text::sdp(CarrierA, "sendrecv")));
    world.expect(CarrierA, "ACK");
    let told = world.expect(Platform, "SIP/2.0 200");
    let mut caller = Dialog::of_caller(Platform, &told);
    let ack = caller.ack("");
    world.send(Platform, refer(&mut caller, &format!("<{TARGET_USER}>")));
    world.send(Platform, capitals(&ack));
    world.expect(Platform, "SIP/2.0 202");
    world.is_told(Platform, "SIP/2.0 100 Trying");
    let offered = world.expect(Platform, "INVITE");
    world.send(Platform, says(&offered, "486 Busy Here", "n1", "", ""));
    world.expect(Platform, "ACK");
    world.is_told(Platform, "SIP/2.0 486 Busy Here");
    world.leaves(Platform, &mut caller);
    world.hears_bye(CarrierA);
    world.finish();
}

/// MD-76: an agent of a queue takes the call: INVITE with Replaces, from elsewhere, in capitals, with early-only absent.
#[test]
fn an_invite_with_replaces_takes_the_place_of_microsofts_leg() {
    let (mut world, mut carrier, microsoft) = inbound();
    world.cut(Platform);
    let lines = format!("REPLACES: {}\nREQUIRE: replaces\nREFERRED-BY: {REFERRED_BY}\n", microsoft.replaces_value());
    world.send(Platform, microsoft_calls("+493099887766", "queue-agent", &lines, &offer()));
    let told = loop {
        let message = world.expect(Platform, "");
        match message.method() {
            "BYE" => world.send(Platform, message.respond(200, Platform, "")),
            _ if message.status() == Some(200) => break message,
            _ => {}
        }
    };
    let agent = Dialog::of_caller(Platform, &told);
    world.send(Platform, capitals(&agent.ack("")));
    world.pass(std::time::Duration::from_secs(1));
    if !world.is_quiet(Platform) {
        world.hears_bye(Platform);
    }
    assert!(media_goes_to(&world, "192.0.2.10:51030"));
    world.leaves(CarrierA, &mut carrier);
    assert_eq!(world.hears_bye(Platform).header("Call-ID"), "queue-agent");
    world.finish();
}
