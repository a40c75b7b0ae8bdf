//! RFC 3261 12.2.1.1 and 12.2.2: sequence numbers.

use trunkline::dialog::OutOfOrder;
use trunkline::sip::{CSeq, Method};

use crate::wire::{uac, uas};

fn cseq(number: u32, method: Method) -> CSeq {
    CSeq { number, method }
}

#[test]
fn as_uac_our_next_number_is_one_above_the_invites() {
    let mut dialog = uac("");
    assert_eq!((dialog.next_cseq(), dialog.next_cseq()), (8, 9));
}

#[test]
fn as_uas_our_numbers_begin_on_their_own() {
    let mut dialog = uas("");
    assert_eq!((dialog.next_cseq(), dialog.next_cseq()), (1, 2));
}

#[test]
fn as_uac_the_peers_first_number_may_be_anything() {
    for number in [0, 1, 2_147_483_647] {
        assert_eq!(uac("").check_request(&cseq(number, Method::Bye)), Ok(()));
    }
}

#[test]
fn a_gap_in_the_peers_numbers_is_fine() {
    assert_eq!(uas("").check_request(&cseq(400, Method::Invite)), Ok(()));
}

#[test]
fn a_lower_number_is_refused_and_changes_nothing() {
    let mut dialog = uas("");
    let before = dialog.clone();
    assert_eq!(dialog.check_request(&cseq(313, Method::Bye)), Err(OutOfOrder));
    assert_eq!(dialog, before);
}

#[test]
fn a_number_lower_than_a_request_in_between_is_refused() {
    let mut dialog = uas("");
    assert_eq!(dialog.check_request(&cseq(320, Method::Info)), Ok(()));
    assert_eq!(dialog.check_request(&cseq(319, Method::Bye)), Err(OutOfOrder));
    assert_eq!(dialog.check_request(&cseq(321, Method::Bye)), Ok(()));
}

#[test]
fn ack_and_cancel_are_exempt() {
    let mut dialog = uas("");
    assert_eq!(dialog.check_request(&cseq(320, Method::Info)), Ok(()));
    for method in [Method::Ack, Method::Cancel] {
        assert_eq!(dialog.check_request(&cseq(314, method)), Ok(()));
    }
    assert_eq!(dialog.check_request(&cseq(319, Method::Bye)), Err(OutOfOrder));
}
