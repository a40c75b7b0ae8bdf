use super::{CONTACT, answer, capitals, media_goes_to, says, sdp_lines, world_of};
use crate::world::Name::{CarrierA, Platform};
use crate::world::World;
use crate::world::text::{Dialog, Text, sdp, with_header};

/// A call of the carrier that Microsoft answered as in 19.3.
struct Inbound {
    world: World,
    carrier: Dialog,
    microsoft: Dialog,
    offered: Text,
}

fn inbound() -> Inbound {
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
    Inbound { world, carrier, microsoft, offered }
}

impl Inbound {
    fn reinvite(&mut self, body: &str, line: &str) -> Text {
        let plain = self.microsoft.request("INVITE", body);
        let message = if line.is_empty() { plain } else { with_header(&plain, line) };
        self.world.send(Platform, capitals(&message));
        loop {
            let told = self.world.expect(Platform, "SIP/2.0");
            if told.status().is_some_and(|status| status >= 200) {
                return told;
            }
        }
    }

    fn end(mut self) {
        self.world.send(Platform, capitals(&self.microsoft.request("BYE", "")));
        self.world.expect(Platform, "SIP/2.0 200");
        self.world.hears_bye(CarrierA);
        self.world.finish();
    }
}

/// MD-134: three refreshes with the same description, right after the answer and on new connections, are answered alike
/// and the carrier hears of none.
#[test]
fn refreshes_that_repeat_themselves_are_answered_with_the_same_octets() {
    let mut call = inbound();
    let mut first = None;
    for _ in 0..3 {
        call.world.cut(Platform);
        let told = call.reinvite(&answer(52_210), "SESSION-EXPIRES: 1800;refresher=uac\r\nREQUIRE: timer");
        assert_eq!(told.status(), Some(200));
        call.world.send(Platform, capitals(&call.microsoft.ack("")));
        assert_eq!(*first.get_or_insert_with(|| told.body().to_owned()), told.body());
    }
    assert!(call.world.is_quiet(CarrierA));
    let key = |text: &Text| sdp_lines(text, "a=crypto").concat().split("inline:").nth(1).map(str::to_owned);
    assert!(key(&call.offered).is_some());
    assert_eq!(
        first.map(|body| body.split("inline:").nth(1).map(|rest| rest.lines().next().map(str::to_owned))),
        Some(Some(key(&call.offered))),
        "MD-172"
    );
    call.end();
}

/// MD-130, MD-131: hold as inactive with the next version, resumed with another port, key and processor.
#[test]
fn a_hold_and_a_resume_elsewhere_are_followed_with_our_key_unchanged() {
    let mut call = inbound();
    let held = answer(52_210)
        .replace("184467 0", "184467 1")
        .replace("90112 0", "90112 1")
        .replace("a=sendrecv", "a=inactive");
    call.world.send(Platform, capitals(&call.microsoft.request("INVITE", &held)));
    let offered = call.world.expect(CarrierA, "INVITE");
    assert!(offered.body().contains("a=inactive") || offered.body().contains("a=sendonly"), "{}", offered.body());
    call.world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "inactive")));
    call.world.expect(CarrierA, "ACK");
    let told = call.world.expect(Platform, "SIP/2.0 200");
    assert_eq!(sdp_lines(&told, "a=inactive").len(), 1, "MD-130: {}", told.body());
    call.world.send(Platform, capitals(&call.microsoft.ack("")));
    let resumed = answer(49_500)
        .replace("90112 0", "90112 2")
        .replace("192.0.2.44", "192.0.2.45")
        .replace("87wVGpfayAsh+orC138+U+7E+4l7Hz5NJ+H0meAL", "x0IWxsEXxeQQZ4fl/PHkMFwtHBLOiQ09ZwV1T0eN");
    call.world.send(Platform, capitals(&call.microsoft.request("INVITE", &resumed)));
    let offered = call.world.expect(CarrierA, "INVITE");
    call.world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "sendrecv")));
    call.world.expect(CarrierA, "ACK");
    let again = call.world.expect(Platform, "SIP/2.0 200");
    call.world.send(Platform, capitals(&call.microsoft.ack("")));
    assert_eq!(sdp_lines(&again, "a=crypto"), sdp_lines(&told, "a=crypto"), "MD-172");
    assert_eq!(sdp_lines(&again, "m=")[0].split(' ').nth(1), sdp_lines(&told, "m=")[0].split(' ').nth(1), "MD-126");
    assert!(media_goes_to(&call.world, "192.0.2.45:49500"), "MD-137");
    call.end();
}

/// RFC 3261 14.2: a re-INVITE without an offer is given one, and the answer comes in the ACK.
#[test]
fn a_reinvite_without_a_description_gets_our_whole_offer() {
    let mut call = inbound();
    let told = call.reinvite("", "");
    assert_eq!(told.status(), Some(200));
    assert!(sdp_lines(&told, "a=sendrecv").len() == 1 && sdp_lines(&told, "a=crypto").len() == 1, "{}", told.body());
    call.world.send(Platform, capitals(&call.microsoft.ack(&answer(52_210))));
    call.end();
}

/// MD-125: two re-INVITEs at once: one is answered, the other waits its turn or gets 491 or 500, and the call lives.
#[test]
fn reinvites_that_overtake_each_other_end_no_call() {
    let mut call = inbound();
    let held = answer(52_210).replace("90112 0", "90112 1").replace("a=sendrecv", "a=inactive");
    call.world.send(Platform, capitals(&call.microsoft.request("INVITE", &held)));
    let first_ack = call.microsoft.ack("");
    let second = answer(52_210).replace("90112 0", "90112 2");
    call.world.send(Platform, capitals(&call.microsoft.request("INVITE", &second)));
    let refused = loop {
        let told = call.world.expect(Platform, "SIP/2.0");
        if told.status().is_some_and(|status| status >= 200) {
            break told;
        }
    };
    assert_eq!(refused.status(), Some(500), "RFC 3261 14.2: {}", refused.start_line());
    assert!(!refused.header("Retry-After").is_empty());
    let offered = call.world.expect(CarrierA, "INVITE");
    call.world.send(CarrierA, offered.respond(200, CarrierA, &sdp(CarrierA, "inactive")));
    call.world.expect(CarrierA, "ACK");
    call.world.expect(Platform, "SIP/2.0 200");
    call.world.send(Platform, capitals(&first_ack));
    call.end();
}

/// MD-136: BYE with Microsoft's reason: the carrier hears cause 16, the record keeps the GUID.
#[test]
fn a_bye_tells_the_carrier_the_cause_and_the_record_the_guid() {
    let mut call = inbound();
    let reason = "REASON: Q.850;cause=16;text=\"aa11-bb22;CallEndReasonLocalUserInitiated\"";
    let bye = with_header(&call.microsoft.request("BYE", ""), reason);
    call.world.cut(Platform);
    call.world.send(Platform, capitals(&bye));
    call.world.expect(Platform, "SIP/2.0 200");
    let told = call.world.hears_bye(CarrierA);
    assert!(told.header("Reason").contains("cause=16"), "{}", told.as_str());
    assert!(!told.as_str().contains("aa11-bb22"));
    let said = format!("{:?}", call.world.finish()[0].said);
    assert!(said.contains("aa11-bb22"), "{said}");
}

/// MD-72: requests that Microsoft has no method for are answered here, and OPTIONS inside the call with 200.
#[test]
fn options_inside_the_call_are_answered_here_and_foreign_methods_refused() {
    let mut call = inbound();
    for (method, expected) in [("OPTIONS", "SIP/2.0 200"), ("INFO", "SIP/2.0 4"), ("X-MS-PING", "SIP/2.0 501")] {
        call.world.send(Platform, capitals(&call.microsoft.request(method, "")));
        let told = call.world.expect(Platform, expected);
        assert!(!told.header("X-MS-SBC").is_empty(), "MD-79");
    }
    assert!(call.world.is_quiet(CarrierA));
    call.end();
}

/// MD-127, MD-129: the carrier's sendonly and 0.0.0.0 reach Microsoft as inactive with our address.
#[test]
fn the_carriers_old_hold_is_inactive_for_microsoft() {
    for body in
        [sdp(CarrierA, "sendonly"), sdp(CarrierA, "sendrecv").replace("c=IN IP4 198.51.100.7", "c=IN IP4 0.0.0.0")]
    {
        let mut call = inbound();
        let hold = call.carrier.request("INVITE", &body.replace("o=- 1 1", "o=- 1 2"));
        call.world.send(CarrierA, hold);
        let offered = call.world.expect(Platform, "INVITE");
        assert_eq!(sdp_lines(&offered, "a=inactive").len(), 1, "{}", offered.body());
        assert!(
            !offered.body().contains("0.0.0.0")
                && sdp_lines(&offered, "a=crypto") == sdp_lines(&call.offered, "a=crypto")
        );
        let body = answer(52_210).replace("a=sendrecv", "a=inactive");
        let told = says(&offered, "200 OK", "", &format!("{CONTACT}\nCONTENT-TYPE: application/sdp"), &body);
        call.world.send(Platform, told);
        call.world.expect(Platform, "ACK");
        call.world.expect(CarrierA, "SIP/2.0 200");
        call.world.send(CarrierA, call.carrier.ack(""));
        call.end();
    }
}
