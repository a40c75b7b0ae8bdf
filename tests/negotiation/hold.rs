//! Hold in all its forms (RFC 3264 8.4, MD-126..131).

use trunkline::call::negotiate::Direction;

use crate::stage::{CARRIER_ANSWER, TEAMS_OFFER, bridged, line, offer_text, text};

/// The platform's offer with another direction.
fn offer(direction: &str) -> String {
    TEAMS_OFFER.replace("a=sendrecv", &format!("a={direction}")).replace("184467 0", "184467 1")
}

fn answer(direction: &str) -> String {
    format!("{CARRIER_ANSWER}a={direction}\n")
}

#[test]
fn each_direction_crosses_as_it_was_said() {
    for (offered, answered) in [("sendonly", "recvonly"), ("inactive", "inactive"), ("recvonly", "sendonly")] {
        let (mut a, mut b) = bridged();
        let held = a.read_offer(offer(offered).as_bytes()).unwrap();
        assert!(offer_text(&mut b, &held.plan).ends_with(&format!("a={offered}\r\n")));
        let accepted = b.read_answer(answer(answered).as_bytes()).unwrap();
        let written = text(&a.write_answer(&held, &accepted).unwrap());
        assert!(written.ends_with(&format!("a={answered}\r\n")), "{offered}: {written}");
    }
}

#[test]
fn an_answer_that_says_too_much_is_cut_for_the_holder() {
    let (mut a, mut b) = bridged();
    let held = a.read_offer(offer("sendonly").as_bytes()).unwrap();
    b.write_offer(&held.plan).unwrap();
    let accepted = b.read_answer(answer("sendrecv").as_bytes()).unwrap();
    assert!(text(&a.write_answer(&held, &accepted).unwrap()).ends_with("a=recvonly\r\n"));
}

#[test]
fn while_one_party_sends_only_we_take_from_it_and_send_to_the_other() {
    let (mut a, mut b) = bridged();
    let held = a.read_offer(offer("sendonly").as_bytes()).unwrap();
    b.write_offer(&held.plan).unwrap();
    let accepted = b.read_answer(answer("recvonly").as_bytes()).unwrap();
    a.write_answer(&held, &accepted).unwrap();
    let (holder, held) = (a.endpoint_plan(&b).unwrap(), b.endpoint_plan(&a).unwrap());
    assert_eq!((holder.flowing.send, holder.flowing.receive), (false, true));
    assert_eq!((held.flowing.send, held.flowing.receive), (true, false));
    assert_eq!((holder.silence, held.silence), (None, None), "silence is expected on hold");
}

#[test]
fn hold_keeps_key_port_and_address_and_raises_the_version_by_one() {
    let (mut a, mut b) = bridged();
    let before = text(&a.repeat().unwrap());
    let held = a.read_offer(offer("inactive").as_bytes()).unwrap();
    b.write_offer(&held.plan).unwrap();
    let accepted = b.read_answer(answer("inactive").as_bytes()).unwrap();
    let after = text(&a.write_answer(&held, &accepted).unwrap());
    assert_eq!(after.replace(" 2 IN", " 1 IN"), before.replace("a=sendrecv", "a=inactive"));
}

#[test]
fn an_address_of_zeros_is_a_hold_and_never_a_far_end() {
    let (mut a, mut b) = bridged();
    let remote = a.endpoint_plan(&b).unwrap().remote;
    let zeros = offer("sendrecv").replace("IP4 52.112.60.10", "IP4 0.0.0.0");
    let held = a.read_offer(zeros.as_bytes()).unwrap();
    assert_eq!(held.plan.direction, Direction::SendOnly);
    let written = offer_text(&mut b, &held.plan);
    assert!(written.ends_with("a=sendonly\r\n") && !written.contains("0.0.0.0"));
    let accepted = b.read_answer(answer("recvonly").as_bytes()).unwrap();
    let written = text(&a.write_answer(&held, &accepted).unwrap());
    assert_eq!(line(&written, "c="), "IN IP4 203.0.113.10");
    let plan = a.endpoint_plan(&b).unwrap();
    assert_eq!(plan.remote, remote, "the address it had before the hold stays the source we take");
    assert!(!plan.flowing.send);
}

#[test]
fn a_call_that_begins_on_hold_has_no_far_end_until_it_is_resumed() {
    let (mut a, mut b) = (crate::stage::platform(), crate::stage::carrier());
    let held = a.read_offer(TEAMS_OFFER.replace("IP4 52.112.60.10", "IP4 0.0.0.0").as_bytes()).unwrap();
    b.write_offer(&held.plan).unwrap();
    let accepted = b.read_answer(answer("recvonly").as_bytes()).unwrap();
    a.write_answer(&held, &accepted).unwrap();
    assert_eq!(a.endpoint_plan(&b).unwrap().remote, None);
    let resumed = a.read_offer(offer("sendrecv").as_bytes()).unwrap();
    b.write_offer(&resumed.plan).unwrap();
    let accepted = b.read_answer(answer("sendrecv").as_bytes()).unwrap();
    a.write_answer(&resumed, &accepted).unwrap();
    let plan = a.endpoint_plan(&b).unwrap();
    assert!(plan.remote.is_some() && plan.flowing.send);
}

#[test]
fn recvonly_with_an_address_of_zeros_is_inactive() {
    let (a, _) = bridged();
    let held = a.read_offer(offer("recvonly").replace("IP4 52.112.60.10", "IP4 0.0.0.0").as_bytes()).unwrap();
    assert_eq!(held.plan.direction, Direction::Inactive);
}

#[test]
fn a_direction_of_the_session_counts_where_the_media_line_has_none() {
    let (a, _) = bridged();
    let text = TEAMS_OFFER.replace("a=sendrecv\n", "").replace("t=0 0\n", "t=0 0\na=inactive\n");
    assert_eq!(a.read_offer(text.as_bytes()).unwrap().plan.direction, Direction::Inactive);
}
