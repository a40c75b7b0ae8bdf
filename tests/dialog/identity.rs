//! RFC 3261 s.12: a dialog is Call-ID and tags.

use trunkline::dialog::{Dialog, DialogKey};

use crate::wire::{ANN, invite, our_invite, request, response, uac, uas};

#[test]
fn a_request_from_the_peer_finds_the_dialog_we_answered() {
    let bye = request("BYE", "sip:us@192.0.2.1", "TCP", "<sip:other@example.com>;tag=OURS", "");
    assert_eq!(DialogKey::of_request(&bye), Some(uas("").key()));
}

#[test]
fn a_request_without_a_to_tag_belongs_to_no_dialog() {
    assert_eq!(DialogKey::of_request(&invite(ANN)), None);
}

#[test]
fn a_request_with_another_tag_belongs_to_another_dialog() {
    let bye = request("BYE", "sip:us@192.0.2.1", "UDP", "<sip:bob@example.com>;tag=else", "");
    assert_ne!(DialogKey::of_request(&bye), Some(uas("").key()));
}

#[test]
fn a_response_finds_the_dialog_it_made() {
    assert_eq!(DialogKey::of_response(&response(200, "")), Some(uac("").key()));
}

#[test]
fn the_call_id_compares_with_case_and_the_tags_without() {
    let key = DialogKey::new(b"Call", b"a", b"B");
    assert_eq!(key, DialogKey::new(b"Call", b"A", b"b"));
    assert_ne!(key, DialogKey::new(b"call", b"a", b"b"));
    assert_ne!(key, DialogKey::new(b"Call", b"b", b"a"));
}

#[test]
fn forks_of_one_invite_are_different_dialogs() {
    let first = Dialog::from_uac(&our_invite(), &response(180, "")).unwrap();
    assert_ne!(first.key(), DialogKey::new(first.call_id(), b"ours", b"fork"));
    assert_eq!(first.key(), DialogKey::new(first.call_id(), b"ours", b"bobtag"));
}
