//! What a REGISTER says (RFC 3261 10.2, RFC 6140 5.1; PF-131).

use trunkline::registration::{Form, Input, State};

use crate::{Bench, header};

#[test]
fn a_register_names_the_domain_the_address_of_record_and_our_contact() {
    let register = Bench::new(Form::Single).begin();
    assert!(register.bytes.starts_with(b"REGISTER sip:trunk.carrier.example SIP/2.0\r\n"));
    assert_eq!(header(&register, "To"), "<sip:+4922855501000@trunk.carrier.example>");
    assert!(header(&register, "From").starts_with("<sip:+4922855501000@trunk.carrier.example>;tag="));
    assert_eq!(header(&register, "Contact"), "<sip:+4922855501000@203.0.113.10:5061;transport=tls>");
    assert_eq!(header(&register, "Expires"), "600");
    assert_eq!(header(&register, "CSeq"), "1 REGISTER");
    assert!(header(&register, "Via").ends_with(";rport;alias"));
    assert_eq!((header(&register, "Require"), header(&register, "Authorization")), (String::new(), String::new()));
    // RFC 3327 5.1: without it a proxy on the way must not add its Path.
    assert_eq!(header(&register, "Supported"), "path");
}

#[test]
fn gin_binds_every_number_with_one_contact_and_whoever_does_not_know_it_must_refuse() {
    let register = Bench::new(Form::Bulk).begin();
    assert_eq!(header(&register, "Contact"), "<sip:203.0.113.10:5061;transport=tls;bnc>");
    assert_eq!((header(&register, "Require"), header(&register, "Proxy-Require")), ("gin".into(), "gin".into()));
    assert_eq!(header(&register, "Supported"), "path, gin");
}

#[test]
fn a_challenge_is_answered_with_the_next_number_in_the_same_call() {
    let mut bench = Bench::new(Form::Single);
    let first = bench.begin();
    bench.answer(&first, 401, "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\", qop=\"auth\"\r\n");
    let second = bench.sent();
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert_ne!(second.branch, first.branch);
    let credentials = header(&second, "Authorization");
    assert!(credentials.contains("uri=\"sip:trunk.carrier.example\""), "{credentials}");
    assert!(credentials.contains("nc=00000001"), "{credentials}");
}

#[test]
fn a_refresh_uses_the_nonce_again_and_counts_it() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 407, "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\", qop=\"auth\"\r\n");
    let register = bench.sent();
    bench.answer(&register, 200, "Expires: 600\r\n");
    bench.wake();
    let refresh = bench.sent();
    assert!(header(&refresh, "Proxy-Authorization").contains("nc=00000002"));
    bench.answer(
        &refresh,
        407,
        "Proxy-Authenticate: Digest realm=\"carrier.example\", nonce=\"m\", qop=\"auth\", stale=true\r\n",
    );
    assert!(header(&bench.sent(), "Proxy-Authorization").contains("nc=00000001"));
}

#[test]
fn a_registration_that_has_begun_does_not_begin_again() {
    let mut bench = Bench::new(Form::Single);
    bench.begin();
    bench.feed(Input::Begin);
    assert!(bench.is_silent());
}

#[test]
fn withdrawing_takes_the_binding_back_and_rests() {
    let mut bench = Bench::registered();
    bench.feed(Input::Withdraw);
    let register = bench.sent();
    assert_eq!(header(&register, "Expires"), "0");
    assert_eq!(header(&register, "Contact"), "<sip:+4922855501000@203.0.113.10:5061;transport=tls>");
    bench.answer(&register, 401, "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\"\r\n");
    let register = bench.sent();
    assert_eq!(header(&register, "Expires"), "0");
    bench.answer(&register, 200, "");
    assert_eq!(bench.machine.state(), &State::Idle);
    assert!(!bench.machine.is_registered() && bench.machine.next_timeout().is_none());
}

/// The REGISTER that is out may bind us after all.
#[test]
fn withdrawing_what_is_being_bound_takes_it_back_too() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.feed(Input::Withdraw);
    let removal = bench.sent();
    assert_eq!((header(&removal, "Expires"), header(&removal, "CSeq")), ("0".into(), "2 REGISTER".into()));
    bench.answer(&register, 200, "Expires: 600\r\n");
    assert!(!bench.machine.is_registered());
    bench.answer(&removal, 200, "");
    assert_eq!(bench.machine.state(), &State::Idle);
}

#[test]
fn withdrawing_what_was_never_bound_says_nothing() {
    let mut bench = Bench::new(Form::Single);
    bench.feed(Input::Withdraw);
    assert!(bench.is_silent());
    assert_eq!(bench.machine.state(), &State::Idle);
}
