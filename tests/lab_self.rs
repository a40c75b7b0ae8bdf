//! The lab proved against itself: two agents without an SBC between them. What the lab calls good must be good here.
#![cfg(feature = "lab")]

use std::net::SocketAddr;
use std::time::Duration;

use trunkline::lab::agent::{Agent, AgentSettings, Transport};
use trunkline::lab::call::{Call, CallEvent, Command};
use trunkline::lab::certificates::{self, Certificates, Identity, PLATFORM_NAME, SBC_NAME};
use trunkline::lab::ladder::{Ladder, Way};
use trunkline::lab::link::Peer;
use trunkline::lab::sdp::Direction;
use trunkline::lab::session::{MediaSettings, Path, Security};
use trunkline::lab::signal::{Codec, Side, Signal};
use trunkline::lab::stream::{Signals, StreamReport};
use trunkline::lab::tls::TlsSettings;

const LIMIT: Duration = Duration::from_secs(60);
const NUMBER: &str = "+49301234567";

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn media(host: &str, security: Security) -> MediaSettings {
    let codecs = vec![Codec::Pcmu, Codec::Pcma];
    MediaSettings {
        address: host.parse().expect("an address"),
        security,
        codecs,
        event_type: 101,
        path: Path::Described,
    }
}

async fn udp_agent(name: &'static str, host: &str, ladder: &Ladder) -> Agent {
    watchful_agent(name, host, ladder, &[]).await
}

async fn watchful_agent(name: &'static str, host: &str, ladder: &Ladder, hidden: &[&str]) -> Agent {
    Agent::bind(AgentSettings {
        name,
        address: address(&format!("{host}:0")),
        transport: Transport::Udp,
        host: host.to_owned(),
        media: media(host, Security::Plain),
        ladder: ladder.clone(),
        hidden: hidden.iter().map(|word| (*word).to_owned()).collect(),
    })
    .await
    .expect("bound")
}

async fn udp_pair(ladder: &Ladder) -> (Agent, Agent) {
    let near = udp_agent("near", "127.0.1.1", ladder).await;
    let far = udp_agent("far", "127.0.1.2", ladder).await;
    near.point_at(Peer { address: far.address(), name: "127.0.1.2".to_owned() });
    far.point_at(Peer { address: near.address(), name: "127.0.1.1".to_owned() });
    (near, far)
}

async fn tls_agent(name: &'static str, host: &str, made: &Certificates, identity: &Identity, ladder: &Ladder) -> Agent {
    Agent::bind(AgentSettings {
        name,
        address: address(&format!("{host}:0")),
        transport: Transport::Tls(TlsSettings::new(&made.authority, identity).expect("certificates")),
        host: host.to_owned(),
        media: media(host, Security::Sdes),
        ladder: ladder.clone(),
        hidden: Vec::new(),
    })
    .await
    .expect("bound")
}

async fn tls_pair(ladder: &Ladder) -> (Agent, Agent) {
    let directory = tempfile::tempdir().expect("a directory");
    let made = certificates::make(directory.path()).expect("certificates");
    let near = tls_agent("near", "127.0.1.1", &made, &made.platform, ladder).await;
    let far = tls_agent("far", "127.0.0.1", &made, &made.sbc, ladder).await;
    near.point_at(Peer { address: far.address(), name: SBC_NAME.to_owned() });
    far.point_at(Peer { address: near.address(), name: PLATFORM_NAME.to_owned() });
    (near, far)
}

fn signals(own: Side, far: Side) -> Signals {
    Signals { own: Signal::new(9, own), far: Some(Signal::new(9, far)) }
}

/// Rings and answers.
async fn connect(near: &Agent, far: &Agent) -> (Call, Call) {
    let expected = far.expect(NUMBER, signals(Side::Called, Side::Caller));
    let mut caller = near.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    let mut called = expected.await.expect("arrived");
    called.perform(Command::Ring).await;
    caller.wait(&CallEvent::Ringing, LIMIT).await.expect("ringing");
    called.perform(Command::Answer).await;
    caller.wait(&CallEvent::Answered, LIMIT).await.expect("answered");
    called.wait(&CallEvent::Confirmed, LIMIT).await.expect("confirmed");
    (caller, called)
}

/// Polls until `reached` holds for the end's report.
async fn until(call: &Call, what: &str, reached: impl Fn(&StreamReport) -> bool) {
    let poll = async {
        while !reached(&call.endpoint().report()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, poll).await.unwrap_or_else(|_| panic!("{what}: {:?}", call.endpoint().report()));
}

/// Forty verified ticks in both directions, and not one more missing.
async fn talk(caller: &Call, called: &Call) {
    for end in [caller, called] {
        end.endpoint().stream().set_steady(true);
    }
    for end in [caller, called] {
        until(end, "forty ticks sent", |report| report.steady.len() >= 40).await;
        end.endpoint().stream().set_steady(false);
    }
    for (near, far) in [(caller, called), (called, caller)] {
        let sent = near.endpoint().report();
        until(far, "every steady tick heard", |report| report.missing_from(&sent) == 0).await;
        assert_eq!(far.endpoint().report().foreign, 0);
    }
}

async fn hang_up(from: &mut Call, to: &mut Call) {
    from.perform(Command::Bye).await;
    from.wait(&CallEvent::ByeAnswered, LIMIT).await.expect("BYE answered");
    to.wait(&CallEvent::Ended, LIMIT).await.expect("BYE seen");
}

async fn a_whole_call(near: Agent, far: Agent) {
    let (mut caller, mut called) = connect(&near, &far).await;
    talk(&caller, &called).await;
    caller.endpoint().stream().press(5);
    until(&called, "the digit", |report| report.digits.iter().any(|digit| digit.key == '5' && digit.ends == 3)).await;
    until(&called, "a sender report", |report| report.reports_received > 0).await;
    talk(&caller, &called).await;
    hang_up(&mut called, &mut caller).await;
    assert_eq!([near.faults(), far.faults()].concat(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_call_over_udp_carries_audio_digit_and_reports() {
    let (near, far) = udp_pair(&Ladder::default()).await;
    a_whole_call(near, far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secured_call_over_tls_carries_audio_digit_and_reports() {
    let (near, far) = tls_pair(&Ladder::default()).await;
    a_whole_call(near, far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hold_silences_the_held_side_and_resume_brings_it_back() {
    let (near, far) = tls_pair(&Ladder::default()).await;
    let (mut caller, mut called) = connect(&near, &far).await;
    talk(&caller, &called).await;
    caller.perform(Command::Reoffer(Direction::SendOnly)).await;
    called.wait(&CallEvent::Reoffered(Direction::SendOnly), LIMIT).await.expect("held");
    caller.wait(&CallEvent::ReofferAnswered, LIMIT).await.expect("hold answered");
    let silent = called.endpoint().report().sent;
    let heard = called.endpoint().report().received;
    until(&called, "music on hold", |report| report.received > heard + 20).await;
    assert_eq!(called.endpoint().report().sent, silent);
    caller.perform(Command::Reoffer(Direction::SendReceive)).await;
    caller.wait(&CallEvent::ReofferAnswered, LIMIT).await.expect("resumed");
    talk(&caller, &called).await;
    hang_up(&mut caller, &mut called).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_is_heard_before_the_answer() {
    let (near, far) = udp_pair(&Ladder::default()).await;
    let expected = far.expect(NUMBER, signals(Side::Called, Side::Caller));
    let mut caller = near.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    let mut called = expected.await.expect("arrived");
    called.perform(Command::Progress).await;
    caller.wait(&CallEvent::EarlyMedia, LIMIT).await.expect("183 with SDP");
    until(&caller, "early media", |report| report.good > 10).await;
    assert_eq!(caller.endpoint().report().sent, 0);
    called.perform(Command::Answer).await;
    called.wait(&CallEvent::Confirmed, LIMIT).await.expect("confirmed");
    talk(&caller, &called).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_number_is_refused_with_486() {
    let (near, far) = udp_pair(&Ladder::default()).await;
    let expected = far.expect(NUMBER, signals(Side::Called, Side::Caller));
    let mut caller = near.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    expected.await.expect("arrived").perform(Command::Reject(486)).await;
    caller.wait(&CallEvent::Refused(486), LIMIT).await.expect("486");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_call_ends_with_487_and_cancel_is_seen() {
    let (near, far) = tls_pair(&Ladder::default()).await;
    let expected = far.expect(NUMBER, signals(Side::Called, Side::Caller));
    let mut caller = near.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    let mut called = expected.await.expect("arrived");
    called.perform(Command::Ring).await;
    caller.wait(&CallEvent::Ringing, LIMIT).await.expect("ringing");
    caller.perform(Command::Cancel).await;
    called.wait(&CallEvent::Cancelled, LIMIT).await.expect("CANCEL");
    caller.wait(&CallEvent::Refused(487), LIMIT).await.expect("487");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_is_answered_with_what_the_agent_can() {
    let ladder = Ladder::default();
    let (near, _far) = tls_pair(&ladder).await;
    let answer = near.probe(LIMIT).await.expect("an answer");
    assert_eq!(answer.label(), "200 OK");
    assert!(answer.header("Allow").is_some_and(|allow| allow.contains("INVITE")));
    let received = ladder.filtered(|entry| entry.way == Way::Received && entry.method == "OPTIONS");
    assert_eq!(received.len(), 2, "the request at one end, the answer at the other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unanswered_invite_is_repeated_on_udp() {
    let ladder = Ladder::default();
    let near = udp_agent("near", "127.0.1.1", &ladder).await;
    let silent = std::net::UdpSocket::bind("127.0.1.2:0").expect("a socket that never answers");
    let peer = Peer { address: silent.local_addr().expect("bound"), name: "127.0.1.2".to_owned() };
    near.point_at(peer);
    let call = near.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    let repeated = async {
        while ladder.of_call(call.call_id()).iter().filter(|entry| entry.repeated).count() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, repeated).await.expect("two repetitions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_without_the_expected_name_is_turned_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let made = certificates::make(directory.path()).expect("certificates");
    let ladder = Ladder::default();
    let near = tls_agent("near", "127.0.1.1", &made, &made.platform, &ladder).await;
    let far = tls_agent("far", "127.0.0.1", &made, &made.sbc, &ladder).await;
    near.point_at(Peer { address: far.address(), name: SBC_NAME.to_owned() });
    far.point_at(Peer { address: near.address(), name: "another.lab.test".to_owned() });
    let is_told = || far.faults().iter().any(|fault| fault.contains("does not carry another.lab.test"));
    let mut patience = Duration::from_millis(700);
    while !is_told() {
        assert!(patience < LIMIT, "{:?}", far.faults());
        near.probe(patience).await.expect_err("no answer");
        patience *= 2;
    }
}

/// An INVITE as text, so that nothing of the lab's own writing is needed to call it.
fn raw_invite(from: SocketAddr) -> String {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.1.2\r\ns=-\r\nc=IN IP4 127.0.1.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    format!(
        "INVITE sip:{NUMBER}@127.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKraw\r\nMax-Forwards: 70\r\n\
         From: <sip:raw@127.0.1.2>;tag=r\r\nTo: <sip:{NUMBER}@127.0.1.1>\r\nCall-ID: raw\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:raw@{from}>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_is_repeated_until_its_ack() {
    let near = udp_agent("near", "127.0.1.1", &Ladder::default()).await;
    let raw = tokio::net::UdpSocket::bind("127.0.1.2:0").await.expect("a socket");
    let expected = near.expect(NUMBER, signals(Side::Called, Side::Caller));
    let invite = raw_invite(raw.local_addr().expect("bound"));
    raw.send_to(invite.as_bytes(), near.address()).await.expect("sent");
    let mut called = expected.await.expect("arrived");
    called.perform(Command::Answer).await;
    let mut successes = Vec::new();
    let mut buffer = [0; 2_048];
    while successes.len() < 2 {
        let received = tokio::time::timeout(LIMIT, raw.recv(&mut buffer)).await.expect("in time").expect("received");
        let text = String::from_utf8_lossy(&buffer[..received]).into_owned();
        successes.extend(text.starts_with("SIP/2.0 200").then_some(text));
    }
    assert_eq!(successes[0], successes[1]);
    let ack = invite.split("Content-Type").next().expect("a head").replace("INVITE", "ACK").replace("bKraw", "bKack");
    raw.send_to(format!("{ack}Content-Length: 0\r\n\r\n").as_bytes(), near.address()).await.expect("sent");
    called.wait(&CallEvent::Confirmed, LIMIT).await.expect("confirmed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_media_is_refused_where_srtp_is_demanded() {
    let ladder = Ladder::default();
    let mut settings = media("127.0.1.1", Security::Sdes);
    settings.codecs = vec![Codec::Pcmu];
    let strict = Agent::bind(AgentSettings {
        name: "strict",
        address: address("127.0.1.1:0"),
        transport: Transport::Udp,
        host: "127.0.1.1".to_owned(),
        media: settings,
        ladder: ladder.clone(),
        hidden: Vec::new(),
    })
    .await
    .expect("bound");
    let far = udp_agent("far", "127.0.1.2", &ladder).await;
    far.point_at(Peer { address: strict.address(), name: "127.0.1.1".to_owned() });
    let _expected = strict.expect(NUMBER, signals(Side::Called, Side::Caller));
    let mut caller = far.call(NUMBER, "+4940765", signals(Side::Caller, Side::Called)).await.expect("dialled");
    caller.wait(&CallEvent::Refused(488), LIMIT).await.expect("488");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_word_of_the_other_side_in_a_message_is_a_finding() {
    let ladder = Ladder::default();
    let near = udp_agent("near", "127.0.1.1", &ladder).await;
    let far = watchful_agent("far", "127.0.1.2", &ladder, &["+4940765"]).await;
    near.point_at(Peer { address: far.address(), name: "127.0.1.2".to_owned() });
    far.point_at(Peer { address: near.address(), name: "127.0.1.1".to_owned() });
    let _ends = connect(&near, &far).await;
    assert!(far.faults().iter().any(|fault| fault.contains("+4940765 of the other side is visible: INVITE")));
}
