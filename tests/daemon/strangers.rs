//! Whoever no trunk names, in front of the running daemon: told nothing, named in the metrics, banned; and peers never are.

use crate::ground::{Ground, Rules};
use crate::peer::Peer;

fn ground(changes: &[(&str, &str)]) -> Ground {
    let changes = changes.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() })
}

fn metric(ground: &Ground, wanted: &str) {
    ground.until(|ground| {
        let page = ground.get("/metrics");
        if page.lines().any(|line| line == wanted) { Ok(()) } else { Err(format!("no {wanted} in\n{page}")) }
    });
}

/// Answered: so everything this peer sent before has been dealt with.
fn is_answered(peer: &mut Peer) {
    peer.ask("OPTIONS", "");
    peer.expect("SIP/2.0 200");
}

#[test]
fn a_scanner_is_named_banned_shown_and_let_go() {
    let ground = ground(&[]);
    let _running = ground.start();
    let mut stranger = ground.udp(ground.stranger());
    for _ in 0..3 {
        let question = stranger.written("OPTIONS", "").replacen("Max-F", "User-Agent: friendly-scanner\r\nMax-F", 1);
        stranger.send(question);
    }
    metric(&ground, "sbc_scanners_total{tool=\"friendly-scanner\"} 3");
    metric(&ground, "sbc_source_bans_total{why=\"scanner\"} 1");
    metric(&ground, "sbc_banned_sources 1");
    stranger.ask("OPTIONS", "");
    metric(&ground, "sbc_turned_away_total{reason=\"banned\"} 1");
    let address = ground.stranger().to_string();
    let shown = ground.asked(&["ctl", "bans"]).unwrap();
    let row: Vec<&str> = shown.lines().nth(1).unwrap().split('\t').collect();
    assert_eq!((row[0], row[2], row[3]), (address.as_str(), "1", "a scanner's requests"), "{shown}");
    assert!(row[1].parse::<u64>().is_ok_and(|left| left <= 600), "{shown}");
    ground.asked(&["ctl", "unban", &address]).unwrap();
    metric(&ground, "sbc_banned_sources 0");
    assert!(ground.asked(&["ctl", "unban", &address]).unwrap_err().contains("is not banned"));
    stranger.ask("OPTIONS", "");
    metric(&ground, "sbc_sip_dropped_total{reason=\"unknown_source\"} 4");
}

#[test]
fn a_peer_may_send_what_it_likes_and_is_never_banned() {
    let ground = ground(&[]);
    let _running = ground.start();
    let mut caller = ground.udp(ground.caller());
    for _ in 0..100 {
        let broken = caller.written("OPTIONS", "").replacen("CSeq: 1", "CSeq: x", 1);
        caller.send(broken);
        let scans = caller.written("OPTIONS", "").replacen("Max-F", "User-Agent: sipvicious\r\nMax-F", 1);
        caller.send(scans);
    }
    metric(&ground, "sbc_offences_total{offence=\"malformed\"} 100");
    metric(&ground, "sbc_banned_sources 0");
    metric(&ground, "sbc_scanners_total{tool=\"sipvicious\"} 0");
    assert!(ground.asked(&["ctl", "unban", &ground.caller().to_string()]).is_err());
}

#[test]
fn a_flood_of_a_stranger_is_not_read_and_a_peer_is_served_beside_it() {
    let ground = ground(&[]);
    let _running = ground.start();
    let mut stranger = ground.udp(ground.stranger());
    let mut caller = ground.udp(ground.caller());
    for _ in 0..20 {
        for _ in 0..50 {
            stranger.ask("INVITE", "");
        }
        is_answered(&mut caller);
    }
    let page = ground.get("/metrics");
    let count = |name: &str| -> u64 {
        let line = page.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
        line.trim().parse().unwrap()
    };
    let read = count("sbc_sip_dropped_total{reason=\"unknown_source\"}");
    assert!(read <= 20, "twenty requests of an unknown source bring a ban: {read}");
    assert_eq!(count("sbc_source_bans_total{why=\"unknown_source\"}"), 1);
}

#[test]
fn where_the_policy_says_so_a_stranger_is_told_403_and_not_who_we_are() {
    let ground = ground(&[("[media]\n", "[sip]\nunknown_sources = \"403\"\n[media]\n")]);
    let _running = ground.start();
    let mut datagrams = ground.udp(ground.stranger());
    let mut stream = ground.tcp(ground.stranger());
    for stranger in [&mut datagrams, &mut stream] {
        stranger.ask("INVITE", "");
        let answer = stranger.expect("SIP/2.0 403");
        let told = [answer.header("Server"), answer.header("Contact"), answer.header("User-Agent")];
        assert_eq!(told, ["", "", ""], "{}", answer.0);
    }
    // Nobody keeps a seat by it.
    metric(&ground, "sbc_connections_total{outcome=\"closed\"} 1");
}
