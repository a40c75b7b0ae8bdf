//! RFC 3261 12.2.1.1: Request-URI and Route of the next request.

use crate::wire::{uac, uas, uri};

#[test]
fn without_routes_the_request_goes_to_the_contact() {
    let dialog = uas("");
    let path = dialog.request_path();
    assert_eq!(
        (path.uri.into_owned(), path.next_hop.into_owned()),
        (uri("sip:ann@192.0.2.7:5070"), uri("sip:ann@192.0.2.7:5070"))
    );
    assert!(path.routes.is_empty());
}

#[test]
fn loose_routes_stand_in_route_and_leave_the_request_uri_alone() {
    let dialog = uas("Record-Route: <sip:p1.example.com;lr>;a=b, <sip:p0.example.com;transport=tcp;lr>\r\n");
    let path = dialog.request_path();
    assert_eq!(*path.uri, uri("sip:ann@192.0.2.7:5070"));
    assert_eq!(*path.routes, ["<sip:p1.example.com;lr>;a=b", "<sip:p0.example.com;transport=tcp;lr>"]);
    assert_eq!(*path.next_hop, uri("sip:p1.example.com;lr"));
}

#[test]
fn as_uac_the_last_recorded_hop_is_the_first_one() {
    let dialog = uac("Record-Route: <sip:far.example.com;lr>, <sip:near.example.com;lr=on>\r\n");
    let path = dialog.request_path();
    assert_eq!(*path.routes, ["<sip:near.example.com;lr=on>", "<sip:far.example.com;lr>"]);
    assert_eq!(*path.next_hop, uri("sip:near.example.com;lr=on"));
}

#[test]
fn a_strict_first_hop_stands_in_the_request_uri_and_the_contact_comes_last() {
    let dialog = uas("Record-Route: <sip:strict.example.com;x=1>, <sip:p0.example.com;lr>\r\n");
    let path = dialog.request_path();
    assert_eq!(*path.uri, uri("sip:strict.example.com;x=1"));
    assert_eq!(*path.routes, ["<sip:p0.example.com;lr>", "<sip:ann@192.0.2.7:5070>"]);
    assert_eq!(*path.next_hop, uri("sip:strict.example.com;x=1"));
}

#[test]
fn a_strict_hop_further_on_is_the_matter_of_the_hop_before_it() {
    let dialog = uas("Record-Route: <sip:p1.example.com;lr>, <sip:strict.example.com>\r\n");
    let path = dialog.request_path();
    assert_eq!(*path.uri, uri("sip:ann@192.0.2.7:5070"));
    assert_eq!(*path.routes, ["<sip:p1.example.com;lr>", "<sip:strict.example.com>"]);
}

#[test]
fn what_a_request_uri_must_not_carry_is_left_out() {
    let dialog = uas("Record-Route: <sip:strict.example.com;method=BYE;x=1?Subject=a>\r\n");
    let path = dialog.request_path();
    assert_eq!(*path.uri, uri("sip:strict.example.com;x=1"));
}
