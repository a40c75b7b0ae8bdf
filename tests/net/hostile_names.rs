//! DNS servers that lie, flood or say nothing: every question ends in time, with an answer that is bounded or with a
//! clear failure.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::{A, CNAME, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use trunkline::base::ids::ResolveId;
use trunkline::net::resolver::Resolver;
use trunkline::net::settings::DnsSettings;
use trunkline::sip::flow::{Discovery, Resolve, ResolveFailure, Resolved, Transport};

/// Gives the octets that answer a question, the datagram's flag first.
type Answer = dyn Fn(&Message, Over) -> Vec<u8> + Send + Sync;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Datagram,
    Stream,
}

/// A server on one port over UDP and TCP; counts the questions.
fn server(answer: impl Fn(&Message, Over) -> Vec<u8> + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let (datagrams, stream) = bind();
    let address = datagrams.local_addr().unwrap();
    let (answer, asked): (Arc<Answer>, _) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let (on_stream, count) = (answer.clone(), asked.clone());
    std::thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok((length, from)) = datagrams.recv_from(&mut buffer) {
            count.fetch_add(1, Ordering::SeqCst);
            let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
            let octets = answer(&question, Over::Datagram);
            if !octets.is_empty() {
                let _ = datagrams.send_to(&octets, from);
            }
        }
    });
    std::thread::spawn(move || {
        for connection in stream.incoming() {
            let Ok(mut connection) = connection else { continue };
            let mut length = [0u8; 2];
            while connection.read_exact(&mut length).is_ok() {
                let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
                connection.read_exact(&mut octets).unwrap();
                let answer = on_stream(&Message::from_vec(&octets).unwrap(), Over::Stream);
                let framed = [&u16::try_from(answer.len()).unwrap_or(u16::MAX).to_be_bytes()[..], &answer].concat();
                if connection.write_all(&framed).is_err() {
                    break;
                }
            }
        }
    });
    (address, asked)
}

fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let stream = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(datagrams) = UdpSocket::bind(stream.local_addr().unwrap()) {
            return (datagrams, stream);
        }
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn host(of: &str, ttl: u32, address: Ipv4Addr) -> Record {
    Record::from_rdata(name(of), ttl, RData::A(A(address)))
}

fn alias(of: &str, to: &str) -> Record {
    Record::from_rdata(name(of), 300, RData::CNAME(CNAME(name(to))))
}

/// An answer with these records, over whatever it was asked.
fn with(question: &Message, records: Vec<Record>) -> Vec<u8> {
    let mut answer = question.clone().into_response();
    answer.add_answers(records);
    answer.to_vec().unwrap()
}

/// Says on a datagram that the answer is too long for it.
fn cut_short(question: &Message) -> Vec<u8> {
    let mut answer = question.clone().into_response();
    answer.metadata.truncation = true;
    answer.to_vec().unwrap()
}

fn is_for(question: &Message, kind: RecordType) -> bool {
    question.queries[0].query_type() == kind
}

async fn ask(server: SocketAddr, discovery: Discovery) -> Result<Resolved, ResolveFailure> {
    let resolver = Resolver::new(DnsSettings { servers: vec![server], hosts: BTreeMap::new() });
    again(&resolver, discovery).await
}

async fn again(resolver: &Resolver, discovery: Discovery) -> Result<Resolved, ResolveFailure> {
    let host = "peer.example".to_owned();
    let question = Resolve { id: ResolveId(1), host, port: None, transport: Transport::Tls, discovery };
    resolver.answer(question, || 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_addresses_a_call_is_given_as_many_as_it_could_ever_try() {
    let (server, _) = server(|question, over| match over {
        Over::Datagram => cut_short(question),
        Over::Stream if is_for(question, RecordType::A) => {
            let record = |place: u32| host("peer.example.", 300, Ipv4Addr::from(0xc000_0200 + place));
            with(question, (0..1000).map(record).collect())
        }
        Over::Stream => with(question, Vec::new()),
    });
    assert_eq!(ask(server, Discovery::Hosts).await.unwrap().addresses.len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_services_a_bounded_number_is_followed() {
    let (server, asked) = server(|question, over| match over {
        Over::Datagram if is_for(question, RecordType::SRV) => cut_short(question),
        Over::Datagram | Over::Stream if is_for(question, RecordType::SRV) => {
            let record = |place: u16| {
                let target = name(&format!("h{place}.peer.example."));
                Record::from_rdata(name("_sips._tcp.peer.example."), 300, RData::SRV(SRV::new(place, 0, 5061, target)))
            };
            with(question, (0..1000).map(record).collect())
        }
        Over::Datagram | Over::Stream if is_for(question, RecordType::A) => {
            let of = question.queries[0].name().to_ascii();
            with(question, vec![host(&of, 300, Ipv4Addr::new(192, 0, 2, 1))])
        }
        Over::Datagram | Over::Stream => with(question, Vec::new()),
    });
    assert_eq!(ask(server, Discovery::Services).await.unwrap().addresses.len(), 16);
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked < 64, "{asked} questions");
}

#[tokio::test(flavor = "multi_thread")]
async fn aliases_that_lead_in_a_circle_end_in_a_failure() {
    let (server, asked) = server(|question, _| {
        let asked = question.queries[0].name().to_ascii();
        let next = if asked == "peer.example." { "other.example." } else { "peer.example." };
        with(question, vec![alias(&asked, next)])
    });
    assert!(ask(server, Discovery::Hosts).await.is_err());
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked < 64, "{asked} questions");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_without_end_ends_in_a_failure() {
    let (server, asked) = server(|question, _| {
        let asked = question.queries[0].name().to_ascii();
        let digits: String = asked.chars().filter(char::is_ascii_digit).collect();
        let next = format!("n{}.example.", digits.parse().unwrap_or(0u64) + 1);
        with(question, vec![alias(&asked, &next)])
    });
    assert!(ask(server, Discovery::Hosts).await.is_err());
    let asked = asked.load(Ordering::SeqCst);
    assert!(asked < 128, "{asked} questions");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_time_to_live_there_is_counts_as_a_day() {
    let (server, _) = server(|question, _| {
        let records = vec![host("peer.example.", u32::MAX, Ipv4Addr::new(192, 0, 2, 1))];
        with(question, if is_for(question, RecordType::A) { records } else { Vec::new() })
    });
    let ttl = ask(server, Discovery::Hosts).await.unwrap().ttl;
    assert!(ttl <= Duration::from_secs(86_400), "{ttl:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_another_name_are_not_an_answer() {
    let (server, _) =
        server(|question, _| with(question, vec![host("bank.example.", 300, Ipv4Addr::new(192, 0, 2, 66))]));
    assert!(ask(server, Discovery::Hosts).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn services_of_another_name_are_not_an_answer() {
    let (server, _) = server(|question, _| {
        let srv = SRV::new(1, 1, 5061, name("evil.example."));
        let foreign = Record::from_rdata(name("_sips._tcp.bank.example."), 300, RData::SRV(srv));
        let of = question.queries[0].name().to_ascii();
        match question.queries[0].query_type() {
            RecordType::SRV => with(question, vec![foreign]),
            RecordType::A if of == "evil.example." => {
                with(question, vec![host(&of, 300, Ipv4Addr::new(192, 0, 2, 66))])
            }
            RecordType::A => with(question, vec![host(&of, 300, Ipv4Addr::new(192, 0, 2, 1))]),
            _ => with(question, Vec::new()),
        }
    });
    let answer = ask(server, Discovery::Services).await;
    let evil = |resolved: Resolved| resolved.addresses.iter().any(|found| found.ip() == Ipv4Addr::new(192, 0, 2, 66));
    assert!(!answer.is_ok_and(evil));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_to_another_question_is_not_taken() {
    let (server, _) = server(|question, _| {
        let mut other = question.clone();
        other.metadata.id = question.metadata.id.wrapping_add(1);
        with(&other, vec![host("peer.example.", 300, Ipv4Addr::new(192, 0, 2, 66))])
    });
    assert!(ask(server, Discovery::Hosts).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_no_peer_can_have_are_left_out() {
    let (server, _) = server(|question, _| {
        let addresses = [[0, 0, 0, 0], [224, 0, 1, 75], [255, 255, 255, 255], [192, 0, 2, 1]];
        let records = addresses.map(|address| host("peer.example.", 300, address.into())).to_vec();
        with(question, if is_for(question, RecordType::A) { records } else { Vec::new() })
    });
    let found = ask(server, Discovery::Hosts).await.unwrap().addresses;
    assert_eq!(found, [SocketAddr::from(([192, 0, 2, 1], 5061))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_instead_of_an_answer_is_a_failure() {
    let (server, _) = server(|question, over| match over {
        Over::Datagram => cut_short(question),
        // As long as a length of two octets can say.
        Over::Stream => vec![0xff; 65_535],
    });
    assert!(ask(server, Discovery::Hosts).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_says_nothing_is_given_up() {
    let (server, _) = server(|_, _| Vec::new());
    let resolver = Resolver::new(DnsSettings { servers: vec![server], hosts: BTreeMap::new() });
    assert_eq!(again(&resolver, Discovery::Pointers).await, Err(ResolveFailure::TimedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_a_failure() {
    let (datagrams, _) = bind();
    let nobody = datagrams.local_addr().unwrap();
    drop(datagrams);
    let failure = ask(nobody, Discovery::Hosts).await.unwrap_err();
    assert!(matches!(failure, ResolveFailure::ServerFailed | ResolveFailure::TimedOut), "{failure:?}");
}
