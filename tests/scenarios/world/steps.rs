//! What most scenarios begin or end with.

use trunkline::route::media::{MediaSettings, SoundSettings};
use trunkline::route::settings::RoutingSettings;
use trunkline::route::snapshot::Snapshot;

use super::text::{Dialog, Text, invite, sdp, settings};
use super::{Name, World};

/// An answered call.
pub struct Talk {
    pub from: Name,
    pub to: Name,
    pub caller: Dialog,
    pub callee: Dialog,
    /// The 200 as the caller got it.
    pub accepted: Text,
}

impl World {
    /// A world whose configuration differs in something.
    pub fn configured(change: impl FnOnce(&mut RoutingSettings)) -> World {
        let mut settings = settings();
        change(&mut settings);
        World::with(Snapshot::compile(&settings).expect("the changed configuration compiles"), 1)
    }

    /// A world in which one trunk's sound settings differ.
    pub fn sounding(trunk: &str, change: impl FnOnce(&mut SoundSettings)) -> World {
        World::with_media(trunk, |media| change(&mut media.sound))
    }

    /// A world in which one trunk's media settings differ.
    pub fn with_media(trunk: &str, change: impl FnOnce(&mut MediaSettings)) -> World {
        World::configured(|settings| {
            let trunk = settings.trunks.iter_mut().find(|known| known.name == trunk).expect("a trunk of this name");
            change(&mut trunk.behaviour.media);
        })
    }

    /// `from` calls `to` with an offer; the INVITE as the called party gets it, and as the caller sent it.
    pub fn dial(&mut self, from: Name, to: Name) -> (Text, Text) {
        self.dial_number(from, number_of(to), to)
    }

    /// The same for a number that is offered to `to` first.
    pub fn dial_number(&mut self, from: Name, number: &str, to: Name) -> (Text, Text) {
        let sent = invite(from, number, &sdp(from, "sendrecv"));
        self.send(from, sent.clone());
        (self.expect(to, "INVITE"), Text::of(sent))
    }

    /// The same, and `to` rings.
    pub fn ring(&mut self, from: Name, to: Name) -> (Text, Text) {
        let (offered, sent) = self.dial(from, to);
        self.send(to, offered.respond(180, to, ""));
        self.expect(from, "SIP/2.0 180");
        (offered, sent)
    }

    /// The final answer to what `at` asked.
    pub fn refusal(&mut self, at: Name) -> Text {
        loop {
            let answer = self.expect(at, "SIP/2.0");
            if answer.status().is_some_and(|status| status >= 200) {
                return answer;
            }
        }
    }

    /// `to` answers the INVITE it got; up to the 200 at the caller, which is not acknowledged yet.
    pub fn answer(&mut self, from: Name, to: Name, offered: Text) -> Talk {
        let answer = offered.respond(200, to, &sdp(to, "sendrecv"));
        let callee = Dialog::of_callee(to, &offered, &answer);
        self.send(to, answer);
        self.expect(to, "ACK");
        let accepted = self.expect(from, "SIP/2.0 200");
        let caller = Dialog::of_caller(from, &accepted);
        Talk { from, to, caller, callee, accepted }
    }

    /// A whole call up to the caller's ACK.
    pub fn talk(&mut self, from: Name, to: Name) -> Talk {
        let (offered, _) = self.ring(from, to);
        let talk = self.answer(from, to, offered);
        self.send(from, talk.caller.ack(""));
        talk
    }

    /// The caller says BYE; the called party hears it and answers.
    pub fn caller_hangs_up(&mut self, talk: &mut Talk) {
        let bye = talk.caller.request("BYE", "");
        self.send(talk.from, bye);
        self.expect(talk.from, "SIP/2.0 200");
        self.hears_bye(talk.to);
    }

    /// The called party says BYE; the caller hears it and answers.
    pub fn callee_hangs_up(&mut self, talk: &mut Talk) {
        let bye = talk.callee.request("BYE", "");
        self.send(talk.to, bye);
        self.expect(talk.to, "SIP/2.0 200");
        self.hears_bye(talk.from);
    }

    /// `at` gets a BYE and answers it.
    pub fn hears_bye(&mut self, at: Name) -> Text {
        let bye = self.expect(at, "BYE");
        self.send(at, bye.respond(200, at, ""));
        bye
    }

    /// `at` gets a CANCEL for `offered`, answers it and the INVITE.
    pub fn hears_cancel(&mut self, at: Name, offered: &Text) -> Text {
        let cancel = self.expect(at, "CANCEL");
        self.send(at, cancel.respond(200, at, ""));
        self.send(at, offered.respond(487, at, ""));
        self.expect(at, "ACK");
        cancel
    }
}

/// A number that is routed to `to`.
pub fn number_of(to: Name) -> &'static str {
    match to {
        Name::CarrierA => "+49301234567",
        // A first, then B.
        Name::CarrierB => "+49309876543",
        Name::Platform | Name::Stranger => "+4930555",
    }
}
