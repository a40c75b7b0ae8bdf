//! Two parties in a call, who speak while they signal.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use super::party::Party;
use super::voice::Rollover;
use crate::ground::{Ground, PATIENCE, Rules};
use crate::text::{Dialog, Message};

/// Milliseconds of one packet: a packet that does not come is waited for so long once the daemon has read it, so that a
/// gap of n packets is one of n times 20 ms, and a relay that is not run for a while is not spoken to meanwhile.
pub const PACKET: Duration = Duration::from_millis(20);
/// How long the last packets of a call are waited for.
const LAST_PACKETS: Duration = Duration::from_secs(10);
/// 200 ms of audio (issue 4).
pub const GREATEST_GAP: usize = 10;

/// What a re-INVITE changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Hold(&'static str),
    Resume,
    Codecs,
    NewKey(Rollover),
    /// The same description once more.
    SameKey,
    Address,
    Source,
}

/// One direction of a call.
#[derive(Default)]
pub struct Direction {
    pub sent: Vec<u32>,
    heard: BTreeSet<u32>,
    flows: bool,
}

impl Direction {
    pub fn lost(&self) -> usize {
        self.sent.iter().filter(|number| !self.heard.contains(number)).count()
    }

    /// The longest run of packets that did not arrive.
    pub fn gap(&self) -> usize {
        let mut longest = 0;
        self.sent.iter().fold(0, |run, number| {
            let run = if self.heard.contains(number) { 0 } else { run + 1 };
            longest = longest.max(run);
            run
        });
        longest
    }

    pub fn heard(&self) -> usize {
        self.heard.len()
    }

    /// Packets that arrived and were never sent.
    pub fn unsent(&self) -> usize {
        self.heard.iter().filter(|number| self.sent.binary_search(number).is_err()).count()
    }
}

/// See the module. `ways[0]` goes from the caller to the callee.
pub struct Talk {
    pub parties: [Party; 2],
    pub ways: [Direction; 2],
    repeats: u64,
}

/// A ground whose trunks on UDP have these media settings.
pub fn ground(caller: &str, callee: &str) -> Ground {
    let with = |trunk: &str, media: &str| {
        let head = format!("[trunks.{trunk}]\n");
        (head.clone(), format!("{head}media = {media}\n"))
    };
    let changes = vec![with("caller-udp", caller), with("callee-udp", callee)];
    Ground::new(Rules { timers: "timers = { t1_ms = 50 }", changes, ..Rules::default() })
}

impl Talk {
    /// A call from INVITE to ACK; what `ringing` does happens before the answer.
    pub fn begin(mut caller: Party, mut callee: Party, ringing: impl FnOnce()) -> Talk {
        let sdp = caller.sdp();
        caller.peer.ask("INVITE", &sdp);
        let offered = callee.peer.expect("INVITE ");
        callee.learn(&offered);
        callee.peer.send(offered.respond("180 Ringing", callee.peer.own, ""));
        caller.peer.expect("SIP/2.0 180");
        ringing();
        Talk::answered(caller, callee, &offered)
    }

    /// The callee answers what it was offered; up to the caller's ACK.
    pub fn answered(mut caller: Party, mut callee: Party, offered: &Message) -> Talk {
        let answer = callee.sdp();
        callee.peer.send(offered.respond("200 OK", callee.peer.own, &answer));
        callee.dialog = Some(Dialog::of_callee(callee.peer.transport(), callee.peer.own, offered));
        let accepted = caller.peer.expect("SIP/2.0 200");
        caller.learn(&accepted);
        callee.peer.expect("ACK ");
        let dialog = caller.peer.dialog(&accepted);
        caller.peer.send(dialog.ack());
        caller.dialog = Some(dialog);
        let way = || Direction { flows: true, ..Direction::default() };
        Talk { parties: [caller, callee], ways: [way(), way()], repeats: 0 }
    }

    /// Both say nothing that counts until each hears the other: the relay is told by another thread than we are.
    pub fn warm_up(&mut self) {
        self.tick_until(|talk| talk.ways.iter().all(|way| way.heard() > 0));
        for way in &mut self.ways {
            *way = Direction { flows: true, ..Direction::default() };
        }
    }

    /// Until each hears the other again, nothing counts: the relay is told by another thread than we are.
    fn flow_again(&mut self) {
        let counted = self.ways.each_ref().map(|way| way.sent.len());
        let heard = self.ways.each_ref().map(Direction::heard);
        self.tick_until(|talk| talk.ways.iter().zip(heard).all(|(way, before)| way.heard() > before));
        for (way, counted) in self.ways.iter_mut().zip(counted) {
            let early = way.sent.split_off(counted);
            way.sent.extend(early.into_iter().filter(|number| way.heard.contains(number)));
        }
    }

    fn tick_until(&mut self, done: impl Fn(&Talk) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < PATIENCE, "no media");
            self.tick();
        }
    }

    /// So many packets each way, as far as media flows.
    pub fn speak(&mut self, packets: usize) {
        (0..packets).for_each(|_| self.tick());
    }

    /// One packet each way.
    pub fn tick(&mut self) {
        for from in 0..2 {
            if self.ways[from].flows {
                let (number, packet) = self.parties[from].voice.next();
                self.parties[from].send(&packet);
                self.expect(from, number);
            }
        }
    }

    /// This packet was sent besides, and counts.
    pub fn expect(&mut self, from: usize, number: u32) {
        self.ways[from].sent.push(number);
        self.wait_for(from, number);
    }

    /// Packets that arrived more than once, both ways.
    pub const fn repeats(&self) -> u64 {
        self.repeats
    }

    /// So many packets of one party only.
    pub fn one_way(&mut self, from: usize, packets: usize) {
        for _ in 0..packets {
            let (number, packet) = self.parties[from].voice.next();
            self.parties[from].send(&packet);
            self.expect(from, number);
        }
    }

    fn wait_for(&mut self, from: usize, number: u32) {
        let start = Instant::now();
        while !self.ways[from].heard.contains(&number) && (start.elapsed() < PACKET || self.parties[from].is_waiting())
        {
            assert!(start.elapsed() < PATIENCE, "the daemon does not read media");
            let numbers = self.parties[1 - from].heard();
            if numbers.is_empty() {
                thread::yield_now();
            }
            for number in numbers {
                self.repeats += u64::from(!self.ways[from].heard.insert(number));
            }
        }
    }

    /// The party `from` sends a re-INVITE; both speak on meanwhile.
    pub fn reinvite(&mut self, from: usize, change: Change) {
        let (me, you) = (from, 1 - from);
        self.describe(me, change);
        let sdp = self.parties[me].sdp();
        let invite = self.parties[me].dialog.as_mut().unwrap().request_with("INVITE", &sdp);
        self.parties[me].peer.send(invite);
        self.speak(1);
        // What changes nothing for the other party is answered by the daemon (MD-125, MD-134).
        if matches!(change, Change::Hold(_) | Change::Resume) {
            self.answer(you);
        }
        let accepted = self.parties[me].peer.expect("SIP/2.0 200");
        self.parties[me].learn(&accepted);
        let ack = self.parties[me].dialog.as_ref().unwrap().ack();
        self.parties[me].peer.send(ack);
        self.adopt(me, change);
        if change == Change::Resume {
            self.flow_again();
        }
        self.speak(5);
    }

    fn answer(&mut self, you: usize) {
        let party = &mut self.parties[you];
        let offered = party.peer.expect("INVITE ");
        party.learn(&offered);
        party.mirror(&offered);
        let sdp = party.sdp();
        party.peer.send(offered.respond("200 OK", party.peer.own, &sdp));
        self.speak(1);
        self.parties[you].peer.expect("ACK ");
    }

    /// What holds as soon as it is offered.
    fn describe(&mut self, me: usize, change: Change) {
        let party = &mut self.parties[me];
        match change {
            Change::Hold(direction) => {
                party.direction = direction;
                self.ways[1 - me].flows = false;
                self.ways[me].flows = direction == "sendonly";
            }
            Change::Resume => party.direction = "sendrecv",
            Change::Codecs => party.codecs = if party.codecs == "8 0" { "0 8" } else { "8 0" },
            Change::NewKey(_) => party.keys_ahead = 1,
            Change::SameKey => {}
            Change::Address => party.change_address(),
            Change::Source => party.voice.change_source(),
        }
    }

    /// What holds once it is agreed.
    fn adopt(&mut self, me: usize, change: Change) {
        let party = &mut self.parties[me];
        match change {
            Change::Resume => self.ways.iter_mut().for_each(|way| way.flows = true),
            Change::NewKey(rollover) => {
                party.keys_ahead = 0;
                party.voice.rekey(rollover);
            }
            Change::Hold(_) | Change::Codecs | Change::SameKey | Change::Address | Change::Source => {}
        }
    }

    /// What is still under way on a busy machine arrives: a packet counts as lost when it never does.
    pub fn settle(&mut self) {
        let start = Instant::now();
        while self.ways.iter().any(|way| way.lost() > 0) && start.elapsed() < LAST_PACKETS {
            for from in 0..2 {
                for number in self.parties[1 - from].heard() {
                    self.repeats += u64::from(!self.ways[from].heard.insert(number));
                }
            }
            thread::yield_now();
        }
    }

    /// The caller says BYE, and the daemon holds nothing of the call any more.
    pub fn end(mut self, ground: &Ground) -> Talk {
        self.settle();
        let bye = self.parties[0].dialog.as_mut().unwrap().request("BYE");
        let [caller, callee] = &mut self.parties;
        caller.peer.send(bye);
        caller.peer.expect("SIP/2.0 200");
        let bye = callee.peer.expect("BYE ");
        callee.peer.send(bye.respond("200 OK", callee.peer.own, ""));
        ground.until(Ground::held);
        self
    }
}

/// A counter of the daemon, all its labels that contain `label` together.
pub fn counter(ground: &Ground, name: &str, label: &str) -> u64 {
    let page = ground.get("/metrics");
    let lines = page.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}
