//! The REGISTER client on invented time: what it sends, when, and what it makes of the answers.

mod failures;
mod flow;
mod grants;
mod requests;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trunkline::base::entropy::SeededEntropy;
use trunkline::base::ids::{FlowId, ListenerId};
use trunkline::base::{Instant, Secret};
use trunkline::registration::{
    Action, Form, Input, Local, News, PathFailure, Problem, Register, Registration, RegistrationSettings, State,
};
use trunkline::sip::auth::Credentials;
use trunkline::sip::flow::{Flow, Transport};
use trunkline::sip::{Response, SipMessage, Uri, frame};

/// A registration, its clock, and what it said.
pub struct Bench {
    pub machine: Registration,
    entropy: SeededEntropy,
    pub now: Instant,
    out: Vec<Action>,
}

pub fn settings(form: Form) -> RegistrationSettings {
    let Ok(Uri::Sip(aor)) = Uri::parse(&Bytes::from_static(b"sip:+4922855501000@trunk.carrier.example")) else {
        panic!("an address of record");
    };
    RegistrationSettings { aor, expires: Duration::from_secs(600), form }
}

/// A flow with this id.
pub fn flow(id: u64) -> Flow {
    Flow {
        id: FlowId(id),
        transport: Transport::Tls,
        listener: ListenerId(0),
        local: "203.0.113.10:40000".parse().expect("an address"),
        remote: "198.51.100.7:5061".parse().expect("an address"),
    }
}

impl Bench {
    pub fn new(form: Form) -> Bench {
        let credentials = Credentials::new("trunk".into(), "carrier.example".into(), Secret::new(b"pw".to_vec()));
        Bench::with(form, Some(Arc::new(credentials)), 1)
    }

    pub fn with(form: Form, credentials: Option<Arc<Credentials>>, seed: u64) -> Bench {
        let mut entropy = SeededEntropy::new(seed);
        let local = Local { transport: Transport::Tls, authority: "203.0.113.10:5061".into() };
        let machine = Registration::new(&settings(form), credentials, local, &mut entropy);
        Bench { machine, entropy, now: Instant::from_nanos(1_000_000_000), out: Vec::new() }
    }

    /// One that is registered for 600 s over flow 1.
    pub fn registered() -> Bench {
        let mut bench = Bench::new(Form::Single);
        let register = bench.begin();
        bench.answer(&register, 200, "Contact: <sip:+4922855501000@203.0.113.10:5061;transport=tls>;expires=600\r\n");
        assert_eq!(bench.news(), [News::Registered { expires: Duration::from_secs(600) }]);
        bench
    }

    pub fn feed(&mut self, input: Input) {
        self.machine.handle(self.now, input, &mut self.entropy, &mut self.out);
    }

    pub fn begin(&mut self) -> Register {
        self.feed(Input::Begin);
        self.sent()
    }

    /// The one REGISTER sent since the last look.
    pub fn sent(&mut self) -> Register {
        let at = self.out.iter().position(|action| matches!(action, Action::Send(_))).expect("a REGISTER was sent");
        let Action::Send(register) = self.out.remove(at) else { panic!("it is one") };
        assert!(self.is_silent(), "and only one");
        *register
    }

    pub fn is_silent(&self) -> bool {
        !self.out.iter().any(|action| matches!(action, Action::Send(_)))
    }

    /// The news since the last look.
    pub fn news(&mut self) -> Vec<News> {
        let news = self.out.iter().filter_map(|action| match action {
            Action::News(news) => Some(*news),
            Action::Send(_) => None,
        });
        let news = news.collect();
        self.out.retain(|action| matches!(action, Action::Send(_)));
        news
    }

    /// The registrar answers over flow 1.
    pub fn answer(&mut self, register: &Register, status: u16, lines: &str) {
        self.answer_over(1, register, status, lines);
    }

    pub fn answer_over(&mut self, id: u64, register: &Register, status: u16, lines: &str) {
        let response = Box::new(response(register, status, lines));
        self.feed(Input::Response { branch: register.branch.clone(), response, flow: flow(id) });
    }

    pub fn fail(&mut self, register: &Register, why: PathFailure) {
        self.feed(Input::Failed { branch: register.branch.clone(), why });
    }

    /// Lets the clock run to the next timer; how long that took.
    pub fn wake(&mut self) -> Duration {
        let at = self.machine.next_timeout().expect("a timer is set");
        let waited = at - self.now;
        self.now = at;
        self.machine.handle_timeout(at, &mut self.entropy, &mut self.out);
        waited
    }

    /// The problem of a failure, and the wait after it.
    pub fn problem(&mut self) -> (Problem, Duration) {
        match self.news().as_slice() {
            [News::Failed { problem, again_in }] => {
                assert_eq!(self.machine.state(), &State::Backoff(*problem));
                (*problem, *again_in)
            }
            other => panic!("a failure was expected: {other:?}"),
        }
    }
}

fn response(register: &Register, status: u16, lines: &str) -> Response {
    let branch = String::from_utf8_lossy(register.branch.as_bytes()).into_owned();
    let text = format!(
        "SIP/2.0 {status} X\r\nVia: SIP/2.0/TLS 203.0.113.10:5061;branch={branch}\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:a@b>;tag=2\r\nCall-ID: {}\r\nCSeq: {} REGISTER\r\n{lines}Content-Length: 0\r\n\r\n",
        header(register, "Call-ID"),
        header(register, "CSeq").split(' ').next().unwrap_or_default(),
    );
    match frame::datagram(&text.into(), "198.51.100.7:5061".parse().expect("an address")) {
        Some(Ok(SipMessage::Response(response))) => *response,
        other => panic!("a response: {other:?}"),
    }
}

/// First value of a header of a REGISTER, empty without one.
pub fn header(register: &Register, name: &str) -> String {
    let text = String::from_utf8_lossy(&register.bytes).into_owned();
    let prefix = format!("{name}: ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default().to_owned()
}
