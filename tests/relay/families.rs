//! IPv6, and between IPv6 and IPv4.

use std::net::{Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use trunkline::base::ids::{EndpointId, NetworkId};
use trunkline::media::plan::{EndpointPlan, MediaCommand, MediaEvent, PortLease, RemoteMedia};
use trunkline::relay::{Relay, RelayNetwork, RelaySettings};

use crate::bench::{Far, packet, payload, receive, secured, voice};

const PATIENCE: Duration = Duration::from_secs(60);

fn network(id: u16, bind: &str, first_port: u16) -> RelayNetwork {
    RelayNetwork { id: NetworkId(id), bind: bind.parse().unwrap(), first_port, last_port: first_port + 3 }
}

/// A relay with a network of each family, two pairs in each, in the order of networks.
fn relay(first: u16) -> (Relay, [Vec<PortLease>; 2]) {
    let settings = RelaySettings {
        networks: vec![network(0, "127.0.0.1", first), network(1, "::1", first + 10)],
        workers: 1,
        dscp: 46,
        port_rest: PATIENCE,
        ready_ports: 2,
    };
    let (sender, events) = channel();
    let relay = Relay::start(settings, Box::new(move |event| drop(sender.send(event)))).unwrap();
    let mut ready: [Vec<PortLease>; 2] = [Vec::new(), Vec::new()];
    while ready.iter().any(|leases| leases.len() < 2) {
        if let MediaEvent::Ready { leases } = events.recv_timeout(PATIENCE).unwrap() {
            leases.into_iter().for_each(|lease| ready[usize::from(lease.network.0)].push(lease));
        }
    }
    (relay, ready)
}

fn far_v6() -> Far {
    let socket = || {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    Far { rtp: socket(), rtcp: socket() }
}

fn join(relay: &Relay, leases: [PortLease; 2], plans: [EndpointPlan; 2]) {
    let ends = [EndpointId(1), EndpointId(2)];
    for ((endpoint, lease), plan) in ends.into_iter().zip(leases).zip(plans) {
        relay.command(MediaCommand::Open { endpoint, lease, plan: Arc::new(plan) });
    }
    relay.command(MediaCommand::Attach { a: ends[0], b: ends[1], worker: leases[0].worker });
}

fn v6(lease: PortLease) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::LOCALHOST, lease.rtp_port))
}

#[test]
fn two_legs_of_ipv6_hear_each_other() {
    let (relay, [_, leases]) = relay(31_800);
    let (a, b) = (far_v6(), far_v6());
    join(&relay, [leases[0], leases[1]], [a.plan(), b.plan()]);
    // Orders are obeyed in their own time: what comes before them is lost, as before any call.
    b.rtp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut area = [0; 400];
    let got = (0..1200u16).find_map(|step| {
        a.rtp.send_to(&packet(0, step, 1, 9), v6(leases[0])).unwrap();
        b.rtp.recv(&mut area).ok()
    });
    assert_eq!((got, area[20]), (Some(172), 9));
    relay.stop();
}

#[test]
fn a_secured_ipv6_leg_and_a_plain_ipv4_leg_hear_each_other_and_get_reports() {
    let (relay, [v4, leases]) = relay(31_820);
    let (a, b) = (far_v6(), Far::new());
    let plan = secured(a.plan(), 1, 2);
    assert!(matches!(plan.remote, Some(RemoteMedia { rtp, .. }) if rtp.is_ipv6()));
    join(&relay, [leases[0], v4[0]], [plan, b.plan()]);
    b.rtp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let (mut to_us, mut from_us) = (voice(2), voice(1));
    let mut area = [0; 400];
    let got = (0..1200u16).find_map(|step| {
        a.rtp.send_to(&to_us.encrypt_rtp(&packet(0, step, 1, 9)).unwrap(), v6(leases[0])).unwrap();
        b.rtp.recv(&mut area).ok()
    });
    assert_eq!((got, area[20]), (Some(172), 9));
    b.rtp.send_to(&packet(0, 1, 2, 5), ("127.0.0.1", v4[0].rtp_port)).unwrap();
    assert_eq!(payload(&from_us.decrypt_rtp(&receive(&a.rtp)).unwrap())[0], 5);
    assert!(from_us.decrypt_rtcp(&receive(&a.rtcp)).is_ok());
    assert!(matches!(receive(&b.rtcp)[1], 200 | 201));
    relay.stop();
}
