//! What most scenarios begin or end with.

use trunkline::route::media::{MediaSettings, SoundSettings};
use trunkline::route::provisional::ProvisionalSettings;
use trunkline::route::settings::RoutingSettings;
use trunkline::route::snapshot::Snapshot;
use trunkline::route::transfer::{RedirectPolicy, ReferPolicy, ReferTarget, ReplacesPolicy, TransferSettings};

use super::text::{Dialog, Text, invite, route, sdp, settings, with_header};
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

    /// A world in which provisional settings of these trunks differ.
    pub fn provisional(changes: &[(&str, ProvisionalSettings)]) -> World {
        World::configured(|settings| {
            for trunk in &mut settings.trunks {
                if let Some((_, change)) = changes.iter().find(|(name, _)| *name == trunk.name) {
                    trunk.behaviour.provisional = *change;
                }
            }
        })
    }

    /// `from` calls `to` with an INVITE that has one more header line; the INVITE as the called party gets it.
    pub fn dial_with(&mut self, from: Name, to: Name, line: &str, body: &str) -> Text {
        self.send(from, with_header(&invite(from, number_of(to), body), line));
        self.expect(to, "INVITE")
    }

    /// `at` acknowledges a reliable response; the answer to its PRACK.
    pub fn pracks(&mut self, at: Name, dialog: &mut Dialog, response: &Text, body: &str) -> Text {
        let prack = dialog.prack(response, body);
        self.send(at, prack);
        self.expect(at, "SIP/2.0 200")
    }

    /// `at` gets a PRACK and takes it.
    pub fn hears_prack(&mut self, at: Name, rack: &str) -> Text {
        let prack = self.expect(at, "PRACK");
        if prack.header("RAck") != rack {
            self.fail(&format!("PRACK of {} instead of {rack}", prack.header("RAck")));
        }
        self.send(at, prack.respond(200, at, ""));
        prack
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

    /// A whole call whose INVITE and 200 carry these header lines more; the INVITE as the called party got it comes too.
    pub fn talk_saying(&mut self, from: Name, to: Name, asks: &[&str], answers: &[&str]) -> (Talk, Text) {
        let saying =
            |message: String, lines: &[&str]| lines.iter().fold(message, |text, line| with_header(&text, line));
        self.send(from, saying(invite(from, number_of(to), &sdp(from, "sendrecv")), asks));
        let offered = self.expect(to, "INVITE");
        let answer = saying(offered.respond(200, to, &sdp(to, "sendrecv")), answers);
        let callee = Dialog::of_callee(to, &offered, &answer);
        self.send(to, answer);
        self.expect(to, "ACK");
        let accepted = self.expect(from, "SIP/2.0 200");
        let caller = Dialog::of_caller(from, &accepted);
        self.send(from, caller.ack(""));
        (Talk { from, to, caller, callee, accepted }, offered)
    }

    /// The other party answers a re-INVITE of `asker` that crossed to it; `asker` hears so and acknowledges.
    pub fn reinvite_answered(&mut self, asker: &Dialog, crossed: &Text, (by, body): (Name, &str)) -> Text {
        self.send(by, crossed.respond(200, by, body));
        self.expect(by, "ACK");
        let taken = self.expect(asker.me, "SIP/2.0 200");
        self.send(asker.me, asker.ack(""));
        taken
    }

    /// The caller says BYE; the called party hears it and answers.
    pub fn caller_hangs_up(&mut self, talk: &mut Talk) {
        let bye = talk.caller.request("BYE", "");
        self.send(talk.from, bye);
        self.expect(talk.from, "SIP/2.0 200");
        self.hears_bye(talk.to);
    }

    /// The called party says BYE; `other`, who came into the call, hears it.
    pub fn callee_hangs_up_to(&mut self, other: Name, talk: &mut Talk) {
        let (at, mut dialog) = (talk.to, talk.callee.clone());
        self.leaves(at, &mut dialog);
        self.hears_bye(other);
    }

    /// The called party says BYE; the caller hears it and answers.
    pub fn callee_hangs_up(&mut self, talk: &mut Talk) {
        let bye = talk.callee.request("BYE", "");
        self.send(talk.to, bye);
        self.expect(talk.to, "SIP/2.0 200");
        self.hears_bye(talk.from);
    }

    /// Whose media `at` hears, by the relay's joins.
    pub fn hears(&self, at: Name) -> Vec<Name> {
        let far = self.relay.heard_at(self.agents[&at].listens.ip());
        far.into_iter()
            .filter_map(|ip| Name::ALL.into_iter().find(|name| self.agents[name].listens.ip() == ip))
            .collect()
    }

    /// A world of [`moving`] trunks.
    pub fn moving(change: impl FnOnce(&mut RoutingSettings)) -> World {
        World::with(moving(change), 1)
    }

    /// `at` sends REFER in `dialog` with these lines, and is told 202 and "100 Trying".
    pub fn refers(&mut self, at: Name, dialog: &mut Dialog, refer_to: &str) -> Text {
        let refer = with_header(&dialog.request("REFER", ""), &format!("Refer-To: {refer_to}"));
        self.send(at, refer);
        self.expect(at, "SIP/2.0 202");
        self.is_told(at, "SIP/2.0 100 Trying")
    }

    /// `at` gets a NOTIFY with this status line, and answers it.
    pub fn is_told(&mut self, at: Name, line: &str) -> Text {
        let notify = self.expect(at, "NOTIFY");
        assert_eq!(notify.body(), format!("{line}\r\n"), "{}", notify.as_str());
        assert_eq!(notify.header("Content-Type"), "message/sipfrag;version=2.0");
        let over = !line.starts_with("SIP/2.0 1");
        let state = notify.header("Subscription-State");
        assert_eq!(state.starts_with("terminated"), over, "{state}");
        self.send(at, notify.respond(200, at, ""));
        notify
    }

    /// `at` ends its leg by itself.
    pub fn leaves(&mut self, at: Name, dialog: &mut Dialog) {
        let bye = dialog.request("BYE", "");
        self.send(at, bye);
        self.expect(at, "SIP/2.0 200");
    }

    /// `at` answers the INVITE it got and is acknowledged; its dialog.
    pub fn answers(&mut self, at: Name, offered: &Text) -> Dialog {
        let answer = offered.respond(200, at, &sdp(at, "sendrecv"));
        let dialog = Dialog::of_callee(at, offered, &answer);
        self.send(at, answer);
        self.expect(at, "ACK");
        dialog
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

/// The scenarios' configuration with trunks that may transfer, and routes that lead "+4931" to carrier B alone.
pub fn moving(change: impl FnOnce(&mut RoutingSettings)) -> Snapshot {
    let mut settings = settings();
    for trunk in &mut settings.trunks {
        trunk.behaviour.transfer = TransferSettings {
            refer: ReferPolicy::Execute,
            target: ReferTarget::Route,
            replaces: ReplacesPolicy::Take,
            send_replaces: ReplacesPolicy::Take,
            redirect: RedirectPolicy::Follow,
        };
    }
    settings.routes.insert(0, route("platform", Some("+4931"), &["carrier-b"]));
    settings.routes.insert(0, route("carrier-a", Some("+4931"), &["carrier-b"]));
    change(&mut settings);
    Snapshot::compile(&settings).expect("the changed configuration compiles")
}
