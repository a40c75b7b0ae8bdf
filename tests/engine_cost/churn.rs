//! Calls that end in every way there is, at random: whatever happens, nothing of them is left.

use std::net::IpAddr;
use std::time::Duration;

use trunkline::base::Entropy;
use trunkline::base::entropy::SeededEntropy;

use crate::stage::{Party, Sent, Stage};
use crate::text;

/// How one call ends.
#[derive(Clone, Copy, Debug)]
enum Fate {
    CallerHangsUp,
    CalleeHangsUp,
    CancelledWhileRinging,
    CancelledBeforeRinging,
    Busy,
    NobodyAnswers,
    AnswerWithoutAck,
    CutWhileRinging,
    CutAndHungUpByTheCallee,
}

const FATES: [Fate; 9] = [
    Fate::CallerHangsUp,
    Fate::CalleeHangsUp,
    Fate::CancelledWhileRinging,
    Fate::CancelledBeforeRinging,
    Fate::Busy,
    Fate::NobodyAnswers,
    Fate::AnswerWithoutAck,
    Fate::CutWhileRinging,
    Fate::CutAndHungUpByTheCallee,
];

/// One in so many requests of ours is never answered.
const SILENCE: u64 = 10;

/// Two parties who play calls at random.
pub struct Churn {
    pub stage: Stage,
    entropy: SeededEntropy,
}

impl Churn {
    pub fn new(seed: u64) -> Churn {
        Churn { stage: Stage::new(), entropy: SeededEntropy::new(seed) }
    }

    /// One call of a random fate; the timers of earlier ones fire while it goes on.
    pub fn call(&mut self, serial: usize) {
        let fate = FATES[self.entropy.below(FATES.len() as u64) as usize];
        let is_cut = matches!(fate, Fate::CutWhileRinging | Fate::CutAndHungUpByTheCallee);
        let caller = if is_cut || self.entropy.below(2) == 0 { Party::Stream } else { Party::Caller };
        let offered = self.say(caller, &text::invite(serial)).named("INVITE ");
        match fate {
            Fate::CallerHangsUp => {
                let accepted = self.answer(caller, serial, &offered);
                self.say(caller, &text::in_dialog(serial, "BYE", 2, &accepted));
            }
            Fate::CalleeHangsUp => {
                self.answer(caller, serial, &offered);
                self.say(Party::Callee, &text::callee_bye(serial, &offered));
            }
            Fate::CancelledWhileRinging => {
                self.say(Party::Callee, &text::answer(&offered, "180 Ringing", ""));
                self.say(caller, &text::cancel(serial));
            }
            Fate::CancelledBeforeRinging => drop(self.say(caller, &text::cancel(serial))),
            Fate::Busy => drop(self.say(Party::Callee, &text::answer(&offered, "486 Busy Here", ""))),
            Fate::NobodyAnswers => {}
            Fate::AnswerWithoutAck => {
                let answer = text::answer(&offered, "200 OK", &text::sdp(text::address(72)));
                self.say(Party::Callee, &answer);
            }
            Fate::CutWhileRinging => {
                self.say(Party::Callee, &text::answer(&offered, "180 Ringing", ""));
                let sent = self.stage.cut();
                self.heed(sent);
                self.say(Party::Callee, &text::answer(&offered, "486 Busy Here", ""));
            }
            Fate::CutAndHungUpByTheCallee => {
                self.answer(caller, serial, &offered);
                let sent = self.stage.cut();
                self.heed(sent);
                self.say(Party::Callee, &text::callee_bye(serial, &offered));
            }
        }
        let pause = Duration::from_millis(self.entropy.below(40));
        self.pass(pause);
    }

    /// Lets time pass; the parties answer what comes to them.
    pub fn pass(&mut self, time: Duration) {
        let sent = self.stage.pass(time);
        self.heed(sent);
    }

    /// Rings, is answered and acknowledged; gives the caller's 200.
    fn answer(&mut self, caller: Party, serial: usize, offered: &str) -> String {
        self.say(Party::Callee, &text::answer(offered, "180 Ringing", ""));
        let answer = text::answer(offered, "200 OK", &text::sdp(text::address(72)));
        let accepted = self.say(Party::Callee, &answer).named("SIP/2.0 200");
        self.say(caller, &text::in_dialog(serial, "ACK", 1, &accepted));
        accepted
    }

    fn say(&mut self, party: Party, message: &str) -> Sent {
        let sent = match party {
            Party::Stream => self.stage.message(party, &text::over_tcp(message)),
            Party::Caller | Party::Callee => self.stage.message(party, message),
        };
        self.heed(Sent(sent.0.clone()));
        sent
    }

    /// The parties answer our BYE and CANCEL, and acknowledge our refusals; sometimes they do not.
    fn heed(&mut self, sent: Sent) {
        for (to, message) in sent.0 {
            let message = String::from_utf8_lossy(&message).into_owned();
            if self.entropy.below(SILENCE) == 0 {
                continue;
            }
            if message.starts_with("BYE ") || message.starts_with("CANCEL ") {
                self.say(party(to), &text::answer(&message, "200 OK", ""));
            }
            if message.starts_with("CANCEL ") {
                let invite = message.replace("CANCEL", "INVITE");
                self.say(party(to), &text::answer(&invite, "487 Request Terminated", ""));
            }
            let is_refusal = message.starts_with("SIP/2.0 4") || message.starts_with("SIP/2.0 5");
            if is_refusal && text::header(&message, "CSeq") == "1 INVITE" {
                let serial = text::header(&message, "Call-ID").split(['-', '@']).nth(1).unwrap().parse().unwrap();
                self.say(Party::Caller, &text::failure_ack(serial, &message));
            }
        }
    }
}

/// The callee, or the caller wherever its connection is.
fn party(address: IpAddr) -> Party {
    if address == text::address(72) { Party::Callee } else { Party::Caller }
}
