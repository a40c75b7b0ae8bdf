//! Caller, called parties and network do whatever a seed says; the world's invariants must hold all the same.
//! `TRUNKLINE_SEEDS=20000` walks more of them, `TRUNKLINE_FIRST_SEED=N` begins elsewhere.

use std::time::Duration;

use trunkline::base::Entropy;
use trunkline::base::entropy::SeededEntropy;
use trunkline::call::Cause;
use trunkline::engine::io::Command;
use trunkline::route::provisional::{ForkView, ProvisionalSettings, Reliability};

use crate::world::Name::{self, CarrierA, CarrierB, Platform};
use crate::world::World;
use crate::world::steps::{moving, number_of};
use crate::world::text::{Dialog, Text, invite, reliably, sdp, sdp_with, with_header, with_tag};

const SEEDS: u64 = 200;
const UPDATES: &str = "Allow: INVITE, ACK, BYE, CANCEL, PRACK, UPDATE";

/// Any of what a trunk may say of the time before the answer.
fn provisional(dice: &mut SeededEntropy) -> ProvisionalSettings {
    ProvisionalSettings {
        reliable: [Reliability::Off, Reliability::Accept, Reliability::Supported, Reliability::Required]
            [dice.below(4) as usize],
        forks: [ForkView::Single, ForkView::First, ForkView::Ringing][dice.below(3) as usize],
        progress: Duration::from_secs(8 * dice.below(2)),
        ..Default::default()
    }
}

#[test]
fn every_walk_ends_with_nothing_left() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let first: u64 = number("TRUNKLINE_FIRST_SEED").unwrap_or(0);
    let count: u64 = number("TRUNKLINE_SEEDS").unwrap_or(SEEDS);
    let moved: usize = (first..first + count).map(|seed| Walk::new(seed).run()).sum();
    assert!(count < SEEDS || moved > 0, "not one party was exchanged for another");
}

/// What one agent knows of its call.
#[derive(Default)]
struct Part {
    dialog: Option<Dialog>,
    /// What a reliable response made, before an answer.
    early: Option<Dialog>,
    /// What its last provisional response made.
    rings: Option<Dialog>,
    /// Number of the last reliable response.
    rseq: u32,
    /// INVITEs received without a final answer.
    open: Vec<Text>,
    /// INVITEs of this agent without a final answer.
    asked: Vec<Text>,
}

struct Walk {
    world: World,
    dice: SeededEntropy,
    caller: Name,
    parts: [(Name, Part); 3],
    version: u32,
    /// The walk is over: everybody answers, nobody begins anything.
    closing: bool,
}

impl Walk {
    fn new(seed: u64) -> Walk {
        let mut dice = SeededEntropy::new(seed.wrapping_mul(7919) ^ 0x77616c6b);
        let mut said: Vec<ProvisionalSettings> = (0..3).map(|_| provisional(&mut dice)).collect();
        let snapshot = moving(|settings| {
            for trunk in &mut settings.trunks {
                trunk.behaviour.provisional = said.pop().unwrap_or_default();
            }
        });
        let mut world = World::with(snapshot, seed);
        if dice.below(3) > 0 {
            world.network.loss = dice.below(25);
            world.network.doubled = dice.below(20);
            world.network.spread_ms = dice.below(400);
        }
        world.agent(CarrierA).is_unreachable = dice.below(12) == 0;
        world.agent(CarrierB).is_unreachable = dice.below(12) == 0;
        let caller = if dice.below(2) == 0 { Platform } else { CarrierB };
        let parts = [Platform, CarrierA, CarrierB].map(|name| (name, Part::default()));
        Walk { world, dice, caller, parts, version: 1, closing: false }
    }

    /// Parties that were exchanged.
    fn run(mut self) -> usize {
        self.dial();
        for _ in 0..4 + self.dice.below(12) {
            let millis = match self.dice.below(12) {
                0 => 40_000,
                1..=3 => self.dice.below(5000),
                _ => self.dice.below(300),
            };
            self.world.pass(Duration::from_millis(millis));
            self.react();
            self.act();
        }
        self.close();
        let records = self.world.finish();
        let transfers = records.iter().flat_map(|record| &record.transfers);
        transfers.filter(|transfer| matches!(transfer.cause, Cause::Transferred | Cause::Replaced)).count()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.dice.below(100) < percent
    }

    fn part(&mut self, name: Name) -> &mut Part {
        let at = self.parts.iter().position(|(known, _)| *known == name).expect("every agent has a part");
        &mut self.parts[at].1
    }

    fn dial(&mut self) {
        let hunted = self.chance(50);
        let to = match self.caller {
            Platform if hunted => CarrierB,
            Platform => CarrierA,
            _ => Platform,
        };
        let body = if self.chance(15) { String::new() } else { sdp(self.caller, "sendrecv") };
        let mut call = with_header(&invite(self.caller, number_of(to), &body), &self.wishes());
        let rel = ["Supported: 100rel", "Require: 100rel", "X-Plain: yes"][self.dice.below(3) as usize];
        call = with_header(&call, rel);
        if self.chance(50) {
            call = with_header(&call, UPDATES);
        }
        self.send_request(self.caller, call);
    }

    fn send_request(&mut self, from: Name, octets: String) {
        if octets.starts_with("INVITE") {
            self.part(from).asked.push(Text::of(octets.clone()));
        }
        self.world.send(from, octets);
    }

    // ---- answering

    fn react(&mut self) {
        for name in [Platform, CarrierA, CarrierB] {
            while let Some(message) = self.world.agent(name).next_new() {
                match (message.status(), message.method()) {
                    (Some(status), _) => self.hears(name, &message, status),
                    (None, "INVITE") => self.part(name).open.push(message),
                    (None, "ACK") => {}
                    (None, "CANCEL") => self.cancelled(name, &message),
                    (None, "BYE") => self.bye(name, &message),
                    (None, "UPDATE") => self.updated(name, &message),
                    (None, _) => self.answers(name, &message),
                }
            }
            for invite in std::mem::take(&mut self.part(name).open) {
                self.invited(name, invite);
            }
        }
    }

    /// UPDATE, with an offer or without.
    fn updated(&mut self, name: Name, update: &Text) {
        let status = match self.dice.below(20) {
            0 => [405, 501, 504][self.dice.below(3) as usize],
            1 => [491, 500, 488][self.dice.below(3) as usize],
            2 => [481, 408, 422][self.dice.below(3) as usize],
            3 => return,
            _ => 200,
        };
        let body = if status == 200 && !update.body().is_empty() { sdp(name, "sendrecv") } else { String::new() };
        let answer = with_header(&update.respond(status, name, &body), &self.wishes());
        self.world.send(name, answer);
    }

    /// Any other request.
    fn answers(&mut self, name: Name, request: &Text) {
        let status = if self.chance(85) { 200 } else { [405, 481, 503, 603][self.dice.below(4) as usize] };
        self.world.send(name, request.respond(status, name, ""));
    }

    /// What a message says of methods and of the session.
    fn wishes(&mut self) -> String {
        let expires = ["90;refresher=uac", "90;refresher=uas", "120", "1800", "60"][self.dice.below(5) as usize];
        match self.dice.below(4) {
            0 => "Allow: INVITE, ACK, BYE, CANCEL".to_owned(),
            1 => "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, INFO, MESSAGE, NOTIFY".to_owned(),
            2 => format!("Supported: timer\r\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE\r\nSession-Expires: {expires}"),
            _ => format!("Session-Expires: {expires}"),
        }
    }

    fn hears(&mut self, name: Name, message: &Text, status: u16) {
        if status == 481 {
            // Its call is no more; a Replaces that names it would be of nobody's dialog.
            self.part(name).dialog = None;
        }
        if status < 200 && !message.header("RSeq").is_empty() {
            return self.acknowledges(name, message);
        }
        if status < 200 || !message.header("CSeq").ends_with("INVITE") {
            return;
        }
        let cseq = message.header("CSeq");
        let call_id = message.header("Call-ID");
        self.part(name).asked.retain(|asked| asked.header("CSeq") != cseq || asked.header("Call-ID") != call_id);
        if status >= 300 {
            return;
        }
        let number = cseq.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(1);
        let part = self.part(name);
        let early = part.early.take();
        let dialog =
            part.dialog.get_or_insert_with(|| early.unwrap_or_else(|| Dialog::of_caller(name, message))).clone();
        // The answer to a late offer; superfluous, and ignored, where the INVITE had the offer.
        let body = if self.chance(90) { sdp(name, "sendrecv") } else { String::new() };
        if self.closing || self.chance(90) {
            self.world.send(name, dialog.ack_of(number, &body));
        }
    }

    /// PRACK of a reliable response: with the answer it owes, with an offer of its own, or not at all.
    fn acknowledges(&mut self, name: Name, message: &Text) {
        if !self.closing && self.chance(10) {
            return;
        }
        let owes = self.part(name).asked.first().is_some_and(|asked| asked.body().is_empty());
        let offers = owes && !message.body().is_empty() || self.chance(10);
        let body = if offers { sdp(name, "sendrecv") } else { String::new() };
        let early = self.part(name).early.get_or_insert_with(|| Dialog::of_caller(name, message));
        let prack = early.prack(message, &body);
        let update = early.clone();
        self.world.send(name, prack);
        if self.chance(20) {
            let mut update = update;
            let request = update.request("UPDATE", &sdp_with(name, "sendonly", "0 8 101", 9));
            self.part(name).early = Some(update);
            self.world.send(name, request);
        }
    }

    fn cancelled(&mut self, name: Name, cancel: &Text) {
        let branch = cancel.branch();
        self.world.send(name, cancel.respond(200, name, ""));
        let part = self.part(name);
        if let Some(at) = part.open.iter().position(|invite| invite.branch() == branch) {
            let invite = part.open.remove(at);
            self.world.send(name, invite.respond(487, name, ""));
        }
    }

    fn bye(&mut self, name: Name, bye: &Text) {
        let status = if self.chance(5) { 481 } else { 200 };
        self.world.send(name, bye.respond(status, name, ""));
        self.part(name).dialog = None;
    }

    /// An INVITE that is open: answered, refused, rung, or left alone for now.
    fn invited(&mut self, name: Name, invite: Text) {
        let again = invite.tag("To").is_some();
        let status = match (self.closing, again, self.dice.below(20)) {
            (true, true, _) => 488,
            (true, false, _) => 486,
            (false, _, 0..=5) => return self.part(name).open.push(invite),
            (false, _, 6) => 100,
            (false, false, 7) => [302, 401, 404, 486, 600][self.dice.below(5) as usize],
            (false, false, 8) => 503,
            (false, false, 9..=10) => return self.ring(name, invite, 183),
            (false, false, 11..=13) => return self.ring(name, invite, 180),
            (false, true, 7) => 491,
            (false, true, 8) => [481, 488, 500, 408][self.dice.below(4) as usize],
            (false, ..) => 200,
        };
        if status == 200 {
            return self.answer(name, &invite);
        }
        self.world.send(name, invite.respond(status, name, ""));
        if status < 200 {
            self.part(name).open.push(invite);
        }
    }

    fn ring(&mut self, name: Name, invite: Text, status: u16) {
        let body = if status == 183 { sdp(name, "sendrecv") } else { String::new() };
        let mut ringing = invite.respond(status, name, &body);
        let takes = [invite.header("Supported"), invite.header("Require")].iter().any(|value| value.contains("100rel"));
        if takes && self.chance(60) {
            let part = self.part(name);
            part.rseq += 1;
            ringing = reliably(&ringing, part.rseq);
            if self.chance(50) {
                ringing = with_header(&ringing, UPDATES);
            }
        }
        if self.chance(30) {
            ringing = with_tag(&ringing, &format!("fork{name:?}{}", self.dice.below(3)));
        }
        self.part(name).rings = Some(Dialog::of_callee(name, &invite, &ringing));
        self.world.send(name, ringing);
        self.part(name).open.push(invite);
    }

    fn answer(&mut self, name: Name, invite: &Text) {
        let direction = match invite.body() {
            offer if offer.contains("a=sendonly") => "recvonly",
            offer if offer.contains("a=inactive") => "inactive",
            _ => "sendrecv",
        };
        let answer = with_header(&invite.respond(200, name, &sdp(name, direction)), &self.wishes());
        let dialog = Dialog::of_callee(name, invite, &answer);
        if invite.tag("To").is_none() {
            self.part(name).dialog = Some(dialog);
            if self.chance(5) {
                self.world.send(name, with_tag(&answer, &format!("fork{name:?}twin")));
            }
        }
        self.world.send(name, answer);
    }

    // ---- acting

    fn act(&mut self) {
        let name = [Platform, CarrierA, CarrierB][self.dice.below(3) as usize];
        let choice = self.dice.below(36);
        if choice == 0 {
            return self.world.cut(Platform);
        }
        if choice == 1 {
            return self.cancel(name);
        }
        let Some(mut dialog) = self.part(name).dialog.clone() else {
            return match choice {
                2 if name == self.caller => self.cancel(name),
                3..=5 => self.picks_up(name),
                _ => {}
            };
        };
        self.version += 1;
        let direction = ["sendonly", "inactive", "sendrecv", "recvonly"][self.dice.below(4) as usize];
        let body = sdp_with(name, direction, "0 8 101", self.version);
        let request = match choice {
            2..=4 => dialog.request("BYE", ""),
            5..=11 => dialog.request("INVITE", &body),
            12..=13 => dialog.request("INVITE", ""),
            14 => dialog.request("OPTIONS", ""),
            15 => dialog.request("INFO", ""),
            16 => dialog.numbered("BYE", 0),
            17..=19 => with_header(&dialog.request("REFER", ""), &format!("Refer-To: {}", self.target())),
            20 => with_header(&dialog.request("REFER", ""), "Refer-Sub: false\r\nRefer-To: <sip:+49301234567@sbc>"),
            21 => {
                let replaced = format!("Replaces: {}", dialog.replaces_value());
                return self.send_request(name, with_header(&invite(name, "+4930555", &body), &replaced));
            }
            22..=24 => with_header(&dialog.request("UPDATE", &body), &self.wishes()),
            25 => with_header(&dialog.request("UPDATE", ""), &self.wishes()),
            26 => dialog.request("MESSAGE", ""),
            27 => with_header(&dialog.request("NOTIFY", ""), "Event: dialog"),
            28 => with_header(&dialog.request("INVITE", &body), &self.wishes()),
            _ => return,
        };
        self.part(name).dialog = if request.starts_with("BYE") { None } else { Some(dialog) };
        self.send_request(name, request);
    }

    /// Who is to be called for a REFER: a number, or a party of a dialog that somebody has, or had.
    fn target(&mut self) -> String {
        let number = ["+4931555", "+49301234567", "+49309876543", "+4930555"][self.dice.below(4) as usize];
        let known = self.parts.iter().filter_map(|(_, part)| part.dialog.as_ref()).map(Dialog::replaces);
        let known: Vec<String> = known.collect();
        match self.dice.below(4) {
            0 if !known.is_empty() => {
                format!("<sip:{number}@sbc?{}>", known[self.dice.below(known.len() as u64) as usize])
            }
            1 => format!("<sip:{number}@sbc?Replaces=elsewhere%3Bto-tag%3D1%3Bfrom-tag%3D2>"),
            _ => format!("<sip:{number}@sbc>"),
        }
    }

    /// Whose phone rings takes the call from another one, or what it names has ended.
    fn picks_up(&mut self, name: Name) {
        let Some(rings) = self.part(name).rings.clone() else { return };
        let body = if self.chance(30) { String::new() } else { sdp(name, "sendrecv") };
        let flag = ["", ";early-only"][self.dice.below(2) as usize];
        let replaced = format!("Replaces: {}{flag}", rings.replaces_value());
        self.send_request(name, with_header(&invite(name, "+4930555", &body), &replaced));
    }

    fn cancel(&mut self, name: Name) {
        if let Some(asked) = self.part(name).asked.last().cloned() {
            self.world.send(name, asked.cancel());
        }
    }

    /// Everybody hangs up and answers what comes, until nothing is left; at last the operator ends it.
    fn close(&mut self) {
        self.closing = true;
        self.cancel(self.caller);
        for name in [Platform, CarrierA, CarrierB] {
            if let Some(mut dialog) = self.part(name).dialog.take() {
                let bye = dialog.request("BYE", "");
                self.world.send(name, bye);
            }
        }
        for round in 0..300 {
            if self.world.engine.is_idle() && round > 40 {
                break;
            }
            if round == 100 {
                self.world.order(Command::HangUpAll);
            }
            self.world.pass(Duration::from_secs(1));
            self.react();
        }
    }
}
