//! Listeners that come, go and move while calls go on.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use super::{ctl, media, metric, scene, shown};
use crate::calls::set_up;
use crate::ground::{Ground, PATIENCE, Rules, SIP, SIP_TLS};
use crate::peer::Peer;
use crate::text::sdp;

const MOVED: u16 = 15_070;

#[test]
fn a_listener_that_moves_takes_new_calls_at_its_new_port_and_goes_on_with_the_old_ones_at_the_old() {
    let mut scene = scene();
    scene.rewrite(&[("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 15070")]);
    assert!(shown(&ctl(&scene.ground, &["reload"])).starts_with("rebind   listeners.udp.port\n"));
    let socket = UdpSocket::bind((scene.ground.caller(), 15_999)).unwrap();
    let mut newcomer = Peer::datagrams(socket, SocketAddr::new(scene.ground.daemon(), MOVED));
    newcomer.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
    let offered = scene.callee.expect("INVITE ");
    assert!(offered.header("Via").contains(":15070;"), "{}", offered.0);
    scene.callee.send(offered.respond("486 Busy Here", scene.callee.own, ""));
    // Over the old socket the callee's peer is not the daemon it knows now: what it sends there reaches the old port.
    newcomer.expect("SIP/2.0 486");
    scene.callee.expect("ACK ");
    // Nobody is known at the old port any more; the call that is there goes on.
    scene.caller.ask("INVITE", &sdp((scene.ground.caller(), 40_002).into()));
    scene.call_goes_on_and_ends();
}

/// An operator who takes a change back does not wait until the socket of before is no more.
#[test]
fn a_listener_that_comes_back_while_its_calls_go_on_is_the_one_it_was() {
    let mut scene = scene();
    let moved = ("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 15070");
    for (from, to) in [moved, (moved.1, moved.0), moved, (moved.1, moved.0)] {
        scene.rewrite(&[(from, to)]);
        assert!(shown(&ctl(&scene.ground, &["reload"])).starts_with("rebind   listeners.udp.port\n"));
    }
    let socket = UdpSocket::bind((scene.ground.caller(), 15_999)).unwrap();
    Peer::datagrams(socket, scene.ground.sip()).probe();
    scene.call_goes_on_and_ends();
}

#[test]
fn a_port_that_a_listener_of_ours_holds_is_not_said_to_be_another_processes() {
    let ground = Ground::new(Rules::default());
    let everywhere =
        "[networks.all]\nbind = \"0.0.0.0\"\nadvertise = \"127.0.0.1\"\nrtp_ports = \"31000-31099\"\n[dns]";
    super::rewrite(&ground, &[("[dns]", everywhere)]);
    let _running = ground.start();
    super::rewrite(&ground, &[("[listeners.udp]\nnetwork = \"loop\"", "[listeners.udp]\nnetwork = \"all\"")]);
    let text = String::from_utf8(ctl(&ground, &["reload"]).stderr).unwrap();
    assert!(text.contains("0.0.0.0:15060 of listener `udp` is held by listener `udp`"), "{text}");
}

#[test]
fn a_port_that_another_process_has_refuses_the_whole_reload() {
    let mut scene = scene();
    let taken = TcpListener::bind((scene.ground.daemon(), MOVED)).unwrap();
    scene.rewrite(&[
        ("transport = \"tcp\"\nport = 15060", "transport = \"tcp\"\nport = 15070"),
        ("transport = \"udp\"\nport = 15060", "transport = \"udp\"\nport = 15071"),
    ]);
    let refused = ctl(&scene.ground, &["reload"]);
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(text.contains("listener `tcp` is taken"), "{text}");
    assert_eq!(metric(&scene.ground, "sbc_config_reloads_total{result=\"refused\"}"), "1");
    // What was bound for it is closed again, and what was there still listens.
    drop(UdpSocket::bind((scene.ground.daemon(), 15_071)).unwrap());
    scene.caller.probe();
    drop(taken);
    shown(&ctl(&scene.ground, &["reload"]));
    scene.call_goes_on_and_ends();
}

#[test]
fn a_tcp_listener_that_goes_takes_no_connection_and_its_call_ends_on_the_one_it_has() {
    let ground = Ground::new(Rules { timers: "timers = { t1_ms = 50 }", ..Rules::default() });
    let _running = ground.start();
    let listener = TcpListener::bind((ground.callee(), SIP)).unwrap();
    let mut caller = ground.tcp(ground.caller());
    let (mut up, mut callee) = set_up(&mut caller, || Peer::accepted(&listener), media(&ground));
    super::rewrite(&ground, &[("transport = \"tcp\"\nport = 15060", "transport = \"tcp\"\nport = 15070")]);
    shown(&ctl(&ground, &["reload"]));
    ground.until(|ground| match TcpStream::connect(ground.sip()) {
        Ok(_) => Err("the old port still listens".to_owned()),
        Err(_) => Ok(()),
    });
    TcpStream::connect((ground.daemon(), MOVED)).unwrap().set_read_timeout(Some(PATIENCE)).unwrap();
    crate::calls::hang_up(&mut caller, &mut callee, &mut up);
}

#[test]
fn one_that_comes_serves_and_one_of_another_transport_takes_the_socket_over() {
    let ground = Ground::new(Rules::default());
    let _running = ground.start();
    // TCP at the port of TLS, and back: the socket is handed over.
    let tls = format!("transport = \"tls\"\nport = {SIP_TLS}\ncertificates = [\"main\"]\n");
    let platform = ground.text();
    let platform = &platform[platform.find("[trunks.platform]").unwrap()..platform.find("[[routes]]").unwrap()];
    let route = "[[routes]]\nfrom = \"platform\"\nto = [\"callee-udp\"]\n";
    let tcp = format!("transport = \"tcp\"\nport = {SIP_TLS}\n");
    let trunk = format!(
        "[trunks.platform]\nprofile = \"carrier-ip\"\nlistener = \"tls\"\ntargets = [\"{0}:15999\"]\nsources = [\"{0}/32\"]\noptions = {{ interval_s = 0 }}\n",
        ground.caller()
    );
    super::rewrite(&ground, &[(&tls, &tcp), (platform, &trunk), (route, "")]);
    shown(&ctl(&ground, &["reload"]));
    let mut plain = Peer::stream(ground.caller(), (ground.daemon(), SIP_TLS).into());
    plain.probe();
    std::fs::write(ground.config(), ground.text()).unwrap();
    shown(&ctl(&ground, &["reload"]));
    ground.tls().probe();
    plain.close();
}
