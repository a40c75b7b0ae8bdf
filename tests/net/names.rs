//! Names to addresses, against a DNS server of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME, NAPTR, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record};
use trunkline::base::ids::ResolveId;
use trunkline::net::resolver::Resolver;
use trunkline::net::settings::DnsSettings;
use trunkline::sip::flow::{Discovery, Resolve, ResolveFailure, Resolved, Transport};

/// Answers from a table; knows nothing else; can be told to fail.
struct Server {
    address: SocketAddr,
    fails: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Where the questions came from.
    ports: Arc<Mutex<Vec<u16>>>,
}

fn server(records: Vec<Record>) -> Server {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (fails, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
    let silent = Arc::new(AtomicBool::new(false));
    let ports = Arc::new(Mutex::new(Vec::new()));
    let (failing, log, deaf, sources) = (fails.clone(), asked.clone(), silent.clone(), ports.clone());
    std::thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let Ok(request) = Message::from_vec(&buffer[..length]) else { continue };
            let query = request.queries[0].clone();
            sources.lock().unwrap().push(from.port());
            log.lock().unwrap().push(format!("{} {}", query.query_type(), query.name()));
            if deaf.load(Ordering::SeqCst) {
                continue;
            }
            let mut answer = request.into_response();
            let of_name = |record: &&Record| record.name == *query.name();
            let fitting = records.iter().filter(of_name).filter(|record| record.record_type() == query.query_type());
            if failing.load(Ordering::SeqCst) {
                answer.metadata.response_code = ResponseCode::ServFail;
            } else if !records.iter().any(|record| of_name(&record)) {
                answer.metadata.response_code = ResponseCode::NXDomain;
            } else {
                answer.add_answers(fitting.cloned());
            }
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    Server { address, fails, silent, asked, ports }
}

fn host(name: &str, ttl: u32, last: u8) -> Record {
    let address = RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
    Record::from_rdata(Name::from_ascii(name).unwrap(), ttl, address)
}

fn service(name: &str, priority: u16, port: u16, target: &str) -> Record {
    let srv = SRV::new(priority, 0, port, Name::from_ascii(target).unwrap());
    Record::from_rdata(Name::from_ascii(name).unwrap(), 600, RData::SRV(srv))
}

fn alias(name: &str, target: &str) -> Record {
    let target = RData::CNAME(CNAME(Name::from_ascii(target).unwrap()));
    Record::from_rdata(Name::from_ascii(name).unwrap(), 0, target)
}

fn pointer(name: &str, order: u16, services: &str, target: &str) -> Record {
    let replacement = Name::from_ascii(target).unwrap();
    let naptr = NAPTR::new(order, 1, b"s"[..].into(), services.as_bytes().into(), b""[..].into(), replacement);
    Record::from_rdata(Name::from_ascii(name).unwrap(), 600, RData::NAPTR(naptr))
}

fn resolver(server: &Server, hosts: &[(&str, u8)]) -> Resolver {
    let hosts: BTreeMap<_, _> =
        hosts.iter().map(|(name, last)| ((*name).to_owned(), vec![IpAddr::from([192, 0, 2, *last])])).collect();
    Resolver::new(DnsSettings { servers: vec![server.address], hosts })
}

async fn ask(resolver: &Resolver, host: &str, port: Option<u16>) -> Result<Resolved, ResolveFailure> {
    discover(resolver, host, port, if port.is_none() { Discovery::Services } else { Discovery::Hosts }).await
}

async fn discover(
    resolver: &Resolver,
    host: &str,
    port: Option<u16>,
    discovery: Discovery,
) -> Result<Resolved, ResolveFailure> {
    let question = Resolve { id: ResolveId(1), host: host.to_owned(), port, transport: Transport::Tls, discovery };
    resolver.answer(question, || 0).await
}

fn addresses(answer: Result<Resolved, ResolveFailure>) -> Vec<String> {
    answer.unwrap().addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_static_host_is_answered_without_a_question() {
    let server = server(Vec::new());
    let resolver = resolver(&server, &[("SIP.example.com", 7)]);
    assert_eq!(addresses(ask(&resolver, "sip.Example.com.", Some(5067)).await), ["192.0.2.7:5067"]);
    assert_eq!(addresses(ask(&resolver, "sip.example.com", None).await), ["192.0.2.7:5061"]);
    assert!(server.asked.lock().unwrap().is_empty());
}

/// The library takes an error for the word of all servers, and a server that fails is the fastest there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_is_not_the_last_word_while_another_knows() {
    let names: Vec<String> = (0..20).map(|number| format!("h{number}.example")).collect();
    let good = server(names.iter().map(|name| host(&format!("{name}."), 300, 1)).collect());
    let bad = server(Vec::new());
    bad.fails.store(true, Ordering::SeqCst);
    for servers in [[bad.address, good.address], [good.address, bad.address]] {
        let resolver = Resolver::new(DnsSettings { servers: servers.to_vec(), hosts: BTreeMap::new() });
        for name in &names {
            assert_eq!(addresses(ask(&resolver, name, Some(5061)).await), ["192.0.2.1:5061"], "{name}");
        }
        // That a name does not exist is an answer.
        assert_eq!(ask(&resolver, "nobody.example", Some(5061)).await, Err(ResolveFailure::NoSuchName));
    }
    assert!(!bad.asked.lock().unwrap().is_empty(), "it was asked");
    good.fails.store(true, Ordering::SeqCst);
    let resolver = Resolver::new(DnsSettings { servers: vec![bad.address, good.address], hosts: BTreeMap::new() });
    assert_eq!(ask(&resolver, "h1.example", Some(5061)).await, Err(ResolveFailure::ServerFailed));
}

/// A question waits for seconds where a server is silent. At a port of media it would keep a call from it, and a listener
/// from starting; at one that can be foretold, anybody could answer it.
#[tokio::test(flavor = "multi_thread")]
async fn questions_leave_from_ports_that_the_system_lends() {
    let server = server(Vec::new());
    let resolver = resolver(&server, &[]);
    for number in 0..20 {
        let answer = ask(&resolver, &format!("h{number}.example"), Some(5061)).await;
        assert_eq!(answer, Err(ResolveFailure::NoSuchName));
    }
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let mut range = range.split_whitespace().map(|port| port.parse::<u16>().unwrap());
    let lent = range.next().unwrap()..=range.next().unwrap();
    let ports = server.ports.lock().unwrap();
    let others: Vec<&u16> = ports.iter().filter(|port| !lent.contains(port)).collect();
    assert!(others.is_empty(), "{others:?} are outside {lent:?}");
    let different: BTreeSet<&u16> = ports.iter().collect();
    assert!(ports.len() >= 20 && different.len() > ports.len() / 2, "{ports:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_are_tried_in_their_order_each_at_its_port() {
    let server = server(vec![
        service("_sips._tcp.peer.example.", 2, 5062, "b.peer.example."),
        service("_sips._tcp.peer.example.", 1, 5061, "a.peer.example."),
        host("a.peer.example.", 300, 1),
        host("b.peer.example.", 300, 2),
    ]);
    let answer = ask(&resolver(&server, &[]), "peer.example", None).await;
    assert_eq!(addresses(answer), ["192.0.2.1:5061", "192.0.2.2:5062"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_may_point_at_a_static_host() {
    let server = server(vec![service("_sips._tcp.peer.example.", 1, 5062, "lab.example.")]);
    let answer = ask(&resolver(&server, &[("lab.example", 9)]), "peer.example", None).await;
    assert_eq!(addresses(answer), ["192.0.2.9:5062"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_without_services_has_its_address_and_the_transports_port() {
    let server = server(vec![host("peer.example.", 300, 1)]);
    let answer = ask(&resolver(&server, &[]), "peer.example", None).await;
    assert_eq!(addresses(answer), ["192.0.2.1:5061"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_explicit_port_asks_for_no_service() {
    let server =
        server(vec![service("_sips._tcp.peer.example.", 1, 5062, "b.peer.example."), host("peer.example.", 300, 1)]);
    let answer = ask(&resolver(&server, &[]), "peer.example", Some(5070)).await;
    assert_eq!(addresses(answer), ["192.0.2.1:5070"]);
    assert!(!server.asked.lock().unwrap().iter().any(|question| question.starts_with("SRV")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_may_be_kept_as_long_as_its_shortest_record() {
    let server =
        server(vec![service("_sips._tcp.peer.example.", 1, 5061, "a.peer.example."), host("a.peer.example.", 60, 1)]);
    let ttl = ask(&resolver(&server, &[]), "peer.example", None).await.unwrap().ttl;
    assert!(ttl <= Duration::from_secs(60) && ttl > Duration::ZERO, "{ttl:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_of_the_transport_lead_to_services_under_another_name() {
    let server = server(vec![
        pointer("peer.example.", 10, "SIP+D2U", "_sip._udp.peer.example."),
        pointer("peer.example.", 20, "SIPS+D2T", "_sips._tcp.carrier.example."),
        service("_sips._tcp.carrier.example.", 1, 5062, "a.carrier.example."),
        service("_sips._tcp.peer.example.", 1, 5063, "a.peer.example."),
        host("a.carrier.example.", 300, 1),
        host("a.peer.example.", 300, 2),
    ]);
    let answer = discover(&resolver(&server, &[]), "peer.example", None, Discovery::Pointers).await;
    assert_eq!(addresses(answer), ["192.0.2.1:5062"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_pointer_for_us_the_usual_services_are_asked_for() {
    let server = server(vec![
        pointer("peer.example.", 10, "SIP+D2U", "_sip._udp.peer.example."),
        service("_sips._tcp.peer.example.", 1, 5063, "a.peer.example."),
        host("a.peer.example.", 300, 2),
    ]);
    let answer = discover(&resolver(&server, &[]), "peer.example", None, Discovery::Pointers).await;
    assert_eq!(addresses(answer), ["192.0.2.2:5063"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pointers_are_asked_for_only_where_that_was_said() {
    let server = server(vec![
        pointer("peer.example.", 20, "SIPS+D2T", "_sips._tcp.carrier.example."),
        host("peer.example.", 300, 1),
    ]);
    let resolver = resolver(&server, &[]);
    assert_eq!(addresses(discover(&resolver, "peer.example", None, Discovery::Services).await), ["192.0.2.1:5061"]);
    assert_eq!(
        addresses(discover(&resolver, "peer.example", Some(5070), Discovery::Pointers).await),
        ["192.0.2.1:5070"]
    );
    assert!(!server.asked.lock().unwrap().iter().any(|question| question.starts_with("NAPTR")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_declared_absent_is_not_replaced_by_the_hosts_address() {
    let server = server(vec![service("_sips._tcp.peer.example.", 0, 0, "."), host("peer.example.", 300, 1)]);
    assert_eq!(ask(&resolver(&server, &[]), "peer.example", None).await, Err(ResolveFailure::NoSuchName));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_used_again_while_its_time_lasts_and_asked_for_anew_after() {
    let server = server(vec![host("long.example.", 300, 1), host("short.example.", 0, 2)]);
    let resolver = resolver(&server, &[]);
    for _ in 0..2 {
        assert_eq!(addresses(ask(&resolver, "long.example", Some(5061)).await), ["192.0.2.1:5061"]);
        assert_eq!(addresses(ask(&resolver, "short.example", Some(5061)).await), ["192.0.2.2:5061"]);
    }
    let asked = server.asked.lock().unwrap();
    let count = |question: &str| asked.iter().filter(|asked| *asked == question).count();
    assert_eq!((count("A long.example."), count("A short.example.")), (1, 2), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_nobody_has_is_believed_to_be_nobodys() {
    let server = server(Vec::new());
    let answer = ask(&resolver(&server, &[]), "nobody.example", Some(5061)).await;
    assert_eq!(answer, Err(ResolveFailure::NoSuchName));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_good_answer_stands_in_for_a_failing_server() {
    let server = server(vec![host("peer.example.", 0, 1)]);
    let resolver = resolver(&server, &[]);
    assert_eq!(addresses(ask(&resolver, "peer.example", Some(5061)).await), ["192.0.2.1:5061"]);
    server.fails.store(true, Ordering::SeqCst);
    assert_eq!(addresses(ask(&resolver, "peer.example", Some(5061)).await), ["192.0.2.1:5061"]);
    assert_eq!(ask(&resolver, "other.example", Some(5061)).await, Err(ResolveFailure::ServerFailed));
    assert!(server.asked.lock().unwrap().iter().filter(|question| *question == "A peer.example.").count() > 1);
}

/// R-K: a broken zone is no word that nobody has the name, so what was known stands in.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_in_circles_or_to_no_address_is_a_failure() {
    let server = server(vec![
        alias("a.example.", "b.example."),
        alias("b.example.", "a.example."),
        service("c.example.", 1, 1, "d.example."),
    ]);
    let resolver = resolver(&server, &[]);
    assert_eq!(ask(&resolver, "a.example", Some(5061)).await, Err(ResolveFailure::ServerFailed));
    assert_eq!(ask(&resolver, "c.example", Some(5061)).await, Err(ResolveFailure::ServerFailed));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_servers_failed_a_moment_ago_the_next_call_does_not_wait_for_them_again() {
    let server = server(vec![host("peer.example.", 0, 1)]);
    let resolver = resolver(&server, &[]);
    addresses(ask(&resolver, "peer.example", Some(5061)).await);
    server.fails.store(true, Ordering::SeqCst);
    addresses(ask(&resolver, "peer.example", Some(5061)).await);
    let asked = server.asked.lock().unwrap().len();
    assert_eq!(addresses(ask(&resolver, "peer.example", Some(5061)).await), ["192.0.2.1:5061"]);
    assert_eq!(server.asked.lock().unwrap().len(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_does_not_hold_up_a_call_to_a_name_that_was_known() {
    let server = server(vec![host("peer.example.", 0, 1)]);
    let resolver = resolver(&server, &[]);
    addresses(ask(&resolver, "peer.example", Some(5061)).await);
    server.silent.store(true, Ordering::SeqCst);
    assert_eq!(addresses(ask(&resolver, "peer.example", Some(5061)).await), ["192.0.2.1:5061"]);
    assert_eq!(ask(&resolver, "other.example", Some(5061)).await, Err(ResolveFailure::TimedOut));
}
