//! Targets that die and heal under twenty calls a second: no call is lost that had another way, and the first probe that is
//! answered brings a target back (MD-91, MD-119, PF-155).

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::ground::{Ground, PATIENCE, Rules, SIP};
use crate::text::{Dialog, Message, request, sdp};

/// Between two calls.
const EVERY: Duration = Duration::from_millis(50);
/// Calls in a phase: three seconds at least.
const PHASE: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Silent,
    /// MD-119.
    Refuses,
}

/// What one target heard and does.
struct Heard {
    mood: Mood,
    /// A call that was given up is repeated until its timer B (RFC 3261 17.1.1.2): that is no other call.
    invites: usize,
    seen: HashSet<String>,
    /// OPTIONS that it answered with 200.
    probes: HashSet<String>,
}

/// A called party in a thread of its own.
struct Target {
    heard: Arc<Mutex<Heard>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    fn at(own: SocketAddr) -> Target {
        let socket = UdpSocket::bind(own).unwrap();
        socket.set_read_timeout(Some(EVERY)).unwrap();
        let heard =
            Arc::new(Mutex::new(Heard { mood: Mood::Well, invites: 0, seen: HashSet::new(), probes: HashSet::new() }));
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (heard, ends) = (heard.clone(), ends.clone());
            move || {
                let mut octets = [0; 8192];
                while !ends.load(Ordering::SeqCst) {
                    let Ok((length, from)) = socket.recv_from(&mut octets) else { continue };
                    let message = Message(String::from_utf8_lossy(&octets[..length]).into_owned());
                    if let Some(answer) = answer(&message, own, &mut heard.lock().unwrap()) {
                        socket.send_to(answer.as_bytes(), from).unwrap();
                    }
                }
            }
        });
        Target { heard, ends, thread: Some(thread) }
    }

    fn becomes(&self, mood: Mood) {
        let mut heard = self.heard.lock().unwrap();
        (heard.mood, heard.invites) = (mood, 0);
        heard.probes.clear();
    }

    /// INVITEs, and OPTIONS answered with 200, since its mood changed.
    fn heard(&self) -> (usize, usize) {
        let heard = self.heard.lock().unwrap();
        (heard.invites, heard.probes.len())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn answer(message: &Message, own: SocketAddr, heard: &mut Heard) -> Option<String> {
    let method = message.start_line().split(' ').next().unwrap_or_default();
    heard.invites += usize::from(method == "INVITE" && heard.seen.insert(message.header("Via").to_owned()));
    match (heard.mood, method) {
        (_, "ACK" | "SIP/2.0") | (Mood::Silent, _) => None,
        (Mood::Refuses, _) => Some(message.respond("503 Service Unavailable", own, "")),
        (Mood::Well, "INVITE") => Some(message.respond("200 OK", own, &sdp(own))),
        (Mood::Well, method) => {
            if method == "OPTIONS" {
                // One that came again before our answer did is still one.
                heard.probes.insert(message.header("Via").to_owned());
            }
            Some(message.respond("200 OK", own, ""))
        }
    }
}

/// Calls without end; each that is answered is hung up at once.
struct Caller {
    socket: UdpSocket,
    own: SocketAddr,
    daemon: SocketAddr,
    /// Call-IDs of calls without a final answer.
    open: HashSet<String>,
    answered: usize,
}

impl Caller {
    fn new(ground: &Ground) -> Caller {
        let own = SocketAddr::new(ground.caller(), SIP);
        let socket = UdpSocket::bind(own).unwrap();
        let daemon = ground.sip();
        Caller { socket, own, daemon, open: HashSet::new(), answered: 0 }
    }

    /// One call, and what comes until the next is due.
    fn calls(&mut self) {
        let began = Instant::now();
        let invite = Message(request("INVITE", "UDP", self.own, self.daemon, &sdp(self.own)));
        self.socket.send_to(invite.0.as_bytes(), self.daemon).unwrap();
        self.open.insert(invite.header("Call-ID").to_owned());
        while let Some(left) = EVERY.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
            self.hears(left);
        }
    }

    fn hears(&mut self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut octets = [0; 8192];
        let Ok((length, _)) = self.socket.recv_from(&mut octets) else { return };
        let message = Message(String::from_utf8_lossy(&octets[..length]).into_owned());
        let of_invite = message.header("CSeq").ends_with("INVITE");
        if !of_invite || message.start_line().starts_with("SIP/2.0 1") {
            return;
        }
        assert!(message.start_line().starts_with("SIP/2.0 200"), "a call is lost: {}", message.0);
        let mut dialog = Dialog::of_caller("UDP", self.own, &message);
        self.socket.send_to(dialog.ack().as_bytes(), self.daemon).unwrap();
        if self.open.remove(message.header("Call-ID")) {
            self.answered += 1;
            self.socket.send_to(dialog.request("BYE").as_bytes(), self.daemon).unwrap();
        }
    }

    /// Until every call has its answer.
    fn rests(&mut self) {
        let began = Instant::now();
        while !self.open.is_empty() {
            assert!(began.elapsed() < PATIENCE, "{} calls were never answered", self.open.len());
            self.hears(EVERY);
        }
    }
}

/// Calls from UDP have two targets, asked often enough for a test.
fn ground() -> Ground {
    let trunk = |targets: &str, options: &str| {
        format!("targets = [{targets}]\nsources = [\"CALLEE/32\"]\noptions = {{ {options} }}\n")
    };
    let usual = trunk("\"CALLEE:15060\"", "interval_s = 0");
    let two = trunk(
        "\"CALLEE:15060\", \"CALLEE:15070\"",
        "interval_s = 30, retry_s = 1, timeout_s = 3, down_after = 2, silent_calls = 0",
    );
    // A target of this test that does not run for a while is not a dead one.
    let timers = "timers = { t1_ms = 50, no_response_s = 3 }";
    Ground::new(Rules { timers, changes: vec![(usual, two)], ..Rules::default() })
}

/// Calls go on until the daemon holds the first target for down; every one of them is answered.
fn calls_until_it_is_down(ground: &Ground, caller: &mut Caller) {
    let first = format!("target=\"{}:{SIP}\"", ground.callee());
    let is_down = || {
        let page = ground.get("/metrics");
        page.lines().any(|line| {
            line.starts_with("sbc_target_state{trunk=\"callee-udp\"")
                && line.contains(&first)
                && line.ends_with("state=\"down\"} 1")
        })
    };
    let began = Instant::now();
    while !is_down() {
        assert!(began.elapsed() < PATIENCE, "it is never down");
        caller.calls();
    }
    caller.rests();
}

/// Calls go on until the first target gets one again; how many probes it answered before that.
fn probes_until_it_is_called(caller: &mut Caller, first: &Target) -> usize {
    let began = Instant::now();
    while first.heard().0 == 0 {
        assert!(began.elapsed() < PATIENCE, "it is never called again");
        caller.calls();
    }
    first.heard().1
}

#[test]
fn under_twenty_calls_a_second_no_call_is_lost_and_one_probe_brings_a_target_back() {
    let ground = ground();
    let first = Target::at(SocketAddr::new(ground.callee(), SIP));
    let second = Target::at(SocketAddr::new(ground.callee(), 15_070));
    let _running = ground.start();
    let mut caller = Caller::new(&ground);
    for mood in [Mood::Silent, Mood::Refuses] {
        caller.rests();
        second.becomes(Mood::Well);
        (0..PHASE / 3).for_each(|_| caller.calls());
        caller.rests();
        assert_eq!(second.heard().0, 0, "the first is well, and comes first");

        first.becomes(mood);
        calls_until_it_is_down(&ground, &mut caller);
        let (tried, taken) = (first.heard().0, second.heard().0);
        (0..PHASE).for_each(|_| caller.calls());
        caller.rests();
        assert!(tried > 0, "{mood:?}: it was never tried");
        assert_eq!(first.heard().0, tried, "{mood:?}: the next way at once");
        assert_eq!(second.heard().0, taken + PHASE, "{mood:?}");

        first.becomes(Mood::Well);
        assert_eq!(probes_until_it_is_called(&mut caller, &first), 1, "after {mood:?}");
        // R-L: the second takes most of its calls for five seconds.
        (0..PHASE * 2).for_each(|_| caller.calls());
    }
    // Whoever is not needed may die.
    second.becomes(Mood::Silent);
    (0..PHASE / 3).for_each(|_| caller.calls());
    caller.rests();
    assert!(caller.answered >= 3 * PHASE, "{}", caller.answered);
    assert!(ground.get("/metrics").contains("sbc_target_changes_total"));
}
