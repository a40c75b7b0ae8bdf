//! RFC 3261 12.2 and RFC 3311 5.1: who moves the remote target.

use trunkline::dialog::{BadDialog, TargetChange};
use trunkline::sip::Method;

use crate::wire::{ANN, request, response, uac, uas, uri};

const MOVED: &str = "Contact: <sip:ann@198.51.100.4>\r\n";

fn inside(method: &str, lines: &str) -> trunkline::sip::Request {
    request(method, "sip:us@192.0.2.1", "UDP", "<sip:bob@example.com>;tag=ours", lines)
}

#[test]
fn a_re_invite_and_an_update_move_the_target() {
    for method in [Method::Invite, Method::Update] {
        let mut dialog = uas("");
        let again = inside(method.as_str(), MOVED);
        assert_eq!(dialog.follow(&method, &again.message), Ok(TargetChange::Moved));
        assert_eq!(*dialog.remote_target(), uri("sip:ann@198.51.100.4"));
    }
}

#[test]
fn a_2xx_to_our_re_invite_moves_the_target() {
    let mut dialog = uac("");
    let answer = response(200, "Contact: <sip:bob@198.51.100.9>\r\n");
    assert_eq!(dialog.follow(&Method::Invite, &answer.message), Ok(TargetChange::Moved));
    assert_eq!(*dialog.remote_target(), uri("sip:bob@198.51.100.9"));
}

#[test]
fn other_methods_do_not_move_the_target() {
    for method in Method::KNOWN.iter().filter(|method| !matches!(method, Method::Invite | Method::Update)) {
        let mut dialog = uas("");
        let other = inside(method.as_str(), MOVED);
        assert_eq!(dialog.follow(method, &other.message), Ok(TargetChange::Kept), "{method}");
        assert_eq!(*dialog.remote_target(), uri("sip:ann@192.0.2.7:5070"), "{method}");
    }
}

#[test]
fn a_refresh_without_a_contact_or_with_the_same_one_keeps_the_target() {
    for lines in ["", ANN] {
        let mut dialog = uas("");
        assert_eq!(dialog.follow(&Method::Update, &inside("UPDATE", lines).message), Ok(TargetChange::Kept));
        assert_eq!(*dialog.remote_target(), uri("sip:ann@192.0.2.7:5070"));
    }
}

#[test]
fn a_contact_that_cannot_be_used_keeps_the_target() {
    let mut dialog = uas("");
    let bad = inside("INVITE", "Contact: <mailto:ann@example.com>\r\n");
    assert_eq!(dialog.follow(&Method::Invite, &bad.message), Err(BadDialog::BadContact));
    assert_eq!(*dialog.remote_target(), uri("sip:ann@192.0.2.7:5070"));
}

#[test]
fn a_refresh_leaves_the_route_set_alone() {
    let mut dialog = uas("Record-Route: <sip:p1.example.com;lr>\r\n");
    let again = inside("INVITE", &format!("{MOVED}Record-Route: <sip:p9.example.com;lr>\r\n"));
    assert_eq!(dialog.follow(&Method::Invite, &again.message), Ok(TargetChange::Moved));
    assert_eq!(dialog.route_set(), ["<sip:p1.example.com;lr>"]);
}

#[test]
fn a_target_given_by_hand_is_where_the_next_request_goes() {
    let mut dialog = uas("");
    dialog.refresh_target(&uri("sip:ann@203.0.113.5"));
    assert_eq!(*dialog.request_path().uri, uri("sip:ann@203.0.113.5"));
}
