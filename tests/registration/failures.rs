//! Refusals, 423, and how long we stay away (RFC 5626 4.5, RFC 3261 10.2.8; PF-130).

use std::time::Duration;

use trunkline::registration::{Form, Input, News, PathFailure, Problem, State};
use trunkline::sip::Status;
use trunkline::sip::auth::Unanswerable;

use crate::{Bench, header};

fn within(wait: Duration, seconds: u64) {
    let bound = Duration::from_secs(seconds);
    assert!(wait >= bound / 2 && wait <= bound, "{wait:?} is not within half and all of {bound:?}");
}

#[test]
fn silence_is_waited_out_longer_each_time_and_tried_at_the_next_target() {
    let mut bench = Bench::new(Form::Single);
    let mut register = bench.begin();
    for (failures, bound) in [60, 120, 240, 480, 960, 1800, 1800].into_iter().enumerate() {
        assert_eq!(register.target, failures);
        bench.fail(&register, PathFailure::Silent);
        let (problem, again_in) = bench.problem();
        assert_eq!(problem, Problem::Path(PathFailure::Silent));
        within(again_in, bound);
        assert_eq!(bench.wake(), again_in);
        register = bench.sent();
    }
}

#[test]
fn retry_after_is_the_least_we_wait() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 503, "Retry-After: 3600 (maintenance);duration=60\r\n");
    assert_eq!(bench.problem().1, Duration::from_secs(3600));
    let register = {
        bench.wake();
        bench.sent()
    };
    bench.answer(&register, 503, "Retry-After: 1\r\n");
    within(bench.problem().1, 120);
    let register = {
        bench.wake();
        bench.sent()
    };
    bench.answer(&register, 503, "Retry-After: 4294967295\r\n");
    assert_eq!(bench.problem().1, Duration::from_secs(86_400));
}

#[test]
fn a_refusal_that_lasts_waits_long_from_the_first() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 403, "");
    let (problem, again_in) = bench.problem();
    assert_eq!(problem, Problem::Refused(Status::FORBIDDEN));
    within(again_in, 480);
    bench.wake();
    assert_eq!(bench.sent().target, 0, "another target would say the same");
}

#[test]
fn an_interval_too_brief_is_lengthened_once_at_once() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 423, "Min-Expires: 3600\r\n");
    let again = bench.sent();
    assert_eq!((header(&again, "Expires"), header(&again, "CSeq")), ("3600".into(), "2 REGISTER".into()));
    bench.answer(&again, 423, "Min-Expires: 7200\r\n");
    assert_eq!(bench.problem().0, Problem::TooBrief);
    bench.wake();
    assert_eq!(header(&bench.sent(), "Expires"), "3600", "the longer time is kept");
}

#[test]
fn a_min_expires_that_makes_no_sense_is_a_failure() {
    for lines in ["", "Min-Expires: 600\r\n", "Min-Expires: 86401\r\n", "Min-Expires: x\r\n"] {
        let mut bench = Bench::new(Form::Single);
        let register = bench.begin();
        bench.answer(&register, 423, lines);
        assert_eq!(bench.problem().0, Problem::TooBrief, "{lines}");
    }
}

#[test]
fn a_challenge_of_another_realm_or_without_credentials_is_not_answered() {
    let foreign = "WWW-Authenticate: Digest realm=\"other\", nonce=\"n\"\r\n";
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    bench.answer(&register, 401, foreign);
    assert!(bench.is_silent());
    assert_eq!(bench.problem().0, Problem::Challenge(Unanswerable::ForeignRealm));
    let mut bench = Bench::with(Form::Single, None, 1);
    let register = bench.begin();
    bench.answer(&register, 401, "WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"n\"\r\n");
    assert_eq!(bench.problem().0, Problem::Challenge(Unanswerable::Unsupported));
}

#[test]
fn a_wrong_password_is_tried_once_for_each_attempt() {
    let mut bench = Bench::new(Form::Single);
    let register = bench.begin();
    let challenge = |nonce: u32| format!("WWW-Authenticate: Digest realm=\"carrier.example\", nonce=\"{nonce}\"\r\n");
    bench.answer(&register, 401, &challenge(1));
    let second = bench.sent();
    bench.answer(&second, 401, &challenge(2));
    assert!(bench.is_silent());
    assert_eq!(bench.problem().0, Problem::Challenge(Unanswerable::Refused));
    bench.wake();
    let register = bench.sent();
    bench.answer(&register, 401, &challenge(3));
    assert!(!header(&bench.sent(), "Authorization").is_empty(), "the next attempt may try again");
}

#[test]
fn answers_to_what_is_no_longer_out_change_nothing() {
    let mut bench = Bench::registered();
    bench.wake();
    let refresh = bench.sent();
    bench.answer(&refresh, 200, "Expires: 600\r\n");
    bench.news();
    bench.answer(&refresh, 403, "");
    bench.fail(&refresh, PathFailure::Silent);
    bench.answer(&refresh, 100, "");
    assert_eq!(bench.news(), []);
    assert_eq!(bench.machine.state(), &State::Registered);
}

#[test]
fn a_withdrawal_that_is_not_answered_rests_all_the_same() {
    let mut bench = Bench::registered();
    bench.feed(Input::Withdraw);
    let register = bench.sent();
    bench.fail(&register, PathFailure::Silent);
    assert_eq!(bench.news(), [News::Withdrawn]);
    assert_eq!(bench.machine.state(), &State::Idle);
}
