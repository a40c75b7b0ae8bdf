//! RFC 3261 12.1.1 and 12.1.2.

use trunkline::base::limits::ROUTES;
use trunkline::dialog::{BadDialog, Dialog, Role};
use trunkline::sip::flow::Transport;

use crate::wire::{ANN, BOB, invite, our_invite, request, response, uac, uas, uri};

const RECORDED: &str = "Record-Route: <sip:p2.example.com;lr>;x=\"a,b\", <sip:p1.example.com;lr=on>\r\n\
                        Record-Route: <sip:p0.example.com;lr>\r\n";

#[test]
fn as_uas_the_from_and_to_of_the_invite_are_kept_octet_for_octet_and_our_tag_is_added() {
    let dialog = uas("");
    assert_eq!(dialog.role(), Role::Uas);
    assert_eq!(dialog.call_id(), "Call@Peer");
    assert_eq!(dialog.remote(), "\"Ann\"  <sip:ann@example.com>;x=1;tag=AnnTag");
    assert_eq!(dialog.local(), "Bob <sip:bob@example.com>;y=2;tag=ours");
    assert_eq!(*dialog.remote_target(), uri("sip:ann@192.0.2.7:5070"));
}

#[test]
fn as_uas_the_route_set_is_the_record_route_in_order_with_its_parameters() {
    let dialog = uas(RECORDED);
    let routes = ["<sip:p2.example.com;lr>;x=\"a,b\"", "<sip:p1.example.com;lr=on>", "<sip:p0.example.com;lr>"];
    assert_eq!(dialog.route_set(), routes);
}

#[test]
fn as_uac_our_from_and_the_to_of_the_response_are_kept_octet_for_octet() {
    let dialog = uac("");
    assert_eq!(dialog.role(), Role::Uac);
    assert_eq!(dialog.call_id(), "call@us");
    assert_eq!(dialog.local(), "<sip:us@example.com>;tag=ours");
    assert_eq!(dialog.remote(), "\"Bob\" <sip:bob@example.com>;tag=BobTag");
    assert_eq!(*dialog.remote_target(), uri("sip:bob@192.0.2.9"));
}

#[test]
fn as_uac_the_route_set_is_the_record_route_reversed() {
    let dialog = uac(RECORDED);
    let routes = ["<sip:p0.example.com;lr>", "<sip:p1.example.com;lr=on>", "<sip:p2.example.com;lr>;x=\"a,b\""];
    assert_eq!(dialog.route_set(), routes);
}

#[test]
fn an_invite_without_a_contact_makes_no_dialog() {
    assert_eq!(Dialog::from_uas(&invite(""), b"ours"), Err(BadDialog::NoContact));
}

#[test]
fn an_invite_with_two_contacts_makes_no_dialog() {
    assert_eq!(Dialog::from_uas(&invite(&format!("{ANN}{BOB}")), b"ours"), Err(BadDialog::SeveralContacts));
}

#[test]
fn a_contact_that_is_no_sip_uri_makes_no_dialog() {
    for lines in ["Contact: *\r\n", "Contact: <tel:+4930123>\r\n", "Contact: <sip:ann\r\n"] {
        assert_eq!(Dialog::from_uas(&invite(lines), b"ours"), Err(BadDialog::BadContact), "{lines}");
        assert_eq!(Dialog::from_uac(&our_invite(), &response(200, lines)), Err(BadDialog::BadContact), "{lines}");
    }
}

#[test]
fn a_record_route_that_cannot_be_read_makes_no_dialog() {
    let lines = format!("{ANN}Record-Route: <sip:p1.example.com;lr>, nonsense\r\n");
    assert_eq!(Dialog::from_uas(&invite(&lines), b"ours"), Err(BadDialog::BadRecordRoute));
}

#[test]
fn a_route_set_ends_at_its_limit() {
    let recorded = |count: usize| format!("{ANN}{}", "Record-Route: <sip:p;lr>\r\n".repeat(count));
    assert_eq!(Dialog::from_uas(&invite(&recorded(ROUTES)), b"ours").unwrap().route_set().len(), ROUTES);
    assert_eq!(Dialog::from_uas(&invite(&recorded(ROUTES + 1)), b"ours"), Err(BadDialog::TooManyRoutes));
}

#[test]
fn a_response_without_a_contact_leaves_the_request_uri_as_target() {
    for code in [180, 200] {
        let dialog = Dialog::from_uac(&our_invite(), &response(code, "")).unwrap();
        assert_eq!(*dialog.remote_target(), uri("sip:bob@carrier.example.com"));
    }
}

#[test]
fn the_2xx_replaces_route_set_and_target_of_the_early_dialog_and_keeps_the_numbers() {
    let ringing = format!("{BOB}Record-Route: <sip:early.example.com;lr>\r\n");
    let mut dialog = Dialog::from_uac(&our_invite(), &response(180, &ringing)).unwrap();
    assert_eq!(dialog.next_cseq(), 8);
    let answer = format!("Contact: <sip:bob@192.0.2.10>\r\n{RECORDED}");
    dialog.confirm(&response(200, &answer)).unwrap();
    assert_eq!(*dialog.remote_target(), uri("sip:bob@192.0.2.10"));
    assert_eq!(dialog.route_set().first().unwrap(), "<sip:p0.example.com;lr>");
    assert_eq!(dialog.next_cseq(), 9);
}

#[test]
fn a_2xx_that_cannot_be_used_leaves_the_early_dialog_as_it_was() {
    let mut dialog = uac(RECORDED);
    let before = dialog.clone();
    assert_eq!(dialog.confirm(&response(200, "Contact: <sip:b@c>, <sip:d@e>\r\n")), Err(BadDialog::SeveralContacts));
    assert_eq!(dialog, before);
}

#[test]
fn a_dialog_is_secure_when_tls_and_sips_made_it() {
    let made = |uri, transport| {
        Dialog::from_uas(&request("INVITE", uri, transport, "<sip:bob@example.com>", ANN), b"ours").unwrap().is_secure()
    };
    assert!(made("sips:bob@sbc.example.com", "TLS"));
    assert!(!made("sip:bob@sbc.example.com", "TLS"));
    assert!(!made("sips:bob@sbc.example.com", "TCP"));
    let mut facts = our_invite();
    facts.uri = uri("sips:bob@carrier.example.com");
    facts.transport = Transport::Tls;
    assert!(Dialog::from_uac(&facts, &response(200, BOB)).unwrap().is_secure());
    assert!(!uac("").is_secure());
}

#[test]
fn a_dialog_reads_back_as_it_was_written() {
    for mut dialog in [uas(RECORDED), uac(RECORDED), uac("")] {
        dialog.next_cseq();
        let written = serde_json::to_string(&dialog).unwrap();
        assert_eq!(serde_json::from_str::<Dialog>(&written).unwrap(), dialog);
    }
}
