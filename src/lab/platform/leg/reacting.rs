//! What a dialog of a station does by itself: it answers what the SBC asks, acknowledges, keeps tags and target.

use bytes::Bytes;

use super::{Core, Delivery, Reoffers, Sent, tag_of};
use crate::lab::platform::manner::{Line, Strange, dressed, hex, written};
use crate::lab::platform::station::lock;
use crate::lab::platform::text::{Text, has_parameter, outside_brackets};
use crate::lab::platform::wire::From;
use crate::lab::sdp::Direction;
use crate::lab::session::AnswerKind;

/// A request to be written.
pub(super) struct Writing<'a> {
    pub(super) method: &'a str,
    pub(super) cseq: u32,
    /// Its Via is that of this request: CANCEL.
    pub(super) same: Option<Sent>,
    pub(super) more: Vec<Line>,
    pub(super) body: Option<(String, String)>,
    pub(super) leaves: From,
}

/// What taking a message asks the dispatcher to do.
enum Reaction {
    Nothing,
    Acknowledge { cseq: u32, sdp: Option<String> },
    AcknowledgeFailure(Sent),
}

impl Core {
    pub(super) fn redescribe(&self, described: String) -> String {
        lock(&self.state).described.clone_from(&described);
        described
    }

    pub(super) async fn send(&self, writing: Writing<'_>) -> Result<Sent, String> {
        let Writing { method, cseq, same, more, body, leaves } = writing;
        let (start, mut lines) = self.head(method, cseq);
        lines.extend(more);
        lines.push(("User-Agent", self.shared.manner.product.clone()));
        lines.push(("Allow", self.shared.manner.allow.to_owned()));
        let body = body.as_ref().map(|(kind, text)| (kind.as_str(), text.as_str()));
        let shared = &self.shared;
        let branch = same.as_ref().map_or_else(|| format!("z9hG4bK{}", hex::<8>()), |same| same.branch.clone());
        let mut via = String::new();
        let origin = shared
            .request(leaves, |source| {
                via = same.map_or_else(|| shared.via(&branch, source), |same| same.via);
                lines.insert(4, ("Via", via.clone()));
                written(&shared.manner, &start, &lines, body)
            })
            .await?;
        Ok(Sent { cseq, branch, via, origin })
    }

    /// Start line and the fields every request has.
    fn head(&self, method: &str, cseq: u32) -> (String, Vec<Line>) {
        let state = lock(&self.state);
        let mut lines: Vec<Line> = vec![
            ("From", state.local.clone()),
            ("To", state.remote.clone()),
            ("CSeq", format!("{cseq} {method}")),
            ("Call-ID", self.call_id.clone()),
            ("Max-Forwards", "70".to_owned()),
        ];
        lines.extend(state.routes.iter().map(|route| ("Route", route.clone())));
        (format!("{method} {} SIP/2.0", state.target), lines)
    }

    /// Takes a message of the SBC, answers what answers itself, and hands it to the script.
    pub(in crate::lab::platform) async fn take(&self, delivery: Delivery) {
        let told = delivery.clone();
        match delivery.text.is_request() {
            true => self.take_request(&delivery).await,
            false => self.take_response(&delivery).await,
        }
        // A script that lets a leg lie does not read; the SBC was answered all the same.
        let _ = self.tell.try_send(told);
    }

    async fn take_request(&self, delivery: &Delivery) {
        let text = &delivery.text;
        match text.method() {
            "ACK" => self.take_ack(text),
            "INVITE" => self.take_reinvite(delivery).await,
            "BYE" => {
                lock(&self.state).session.endpoint().stream().set_sending(false);
                self.answer(delivery, 200, &[], None).await;
            }
            "CANCEL" => {
                self.answer(delivery, 200, &[], None).await;
                let invite = lock(&self.state).invite.clone();
                if let Some(invite) = invite {
                    self.answer(&invite, 487, &[], None).await;
                }
            }
            "NOTIFY" | "OPTIONS" | "PRACK" => self.answer(delivery, 200, &[], None).await,
            _ => {
                let status = match self.shared.manner.strange {
                    Strange::Refused => 405,
                    Strange::Taken => 200,
                };
                self.answer(delivery, status, &[], None).await;
            }
        }
    }

    fn take_ack(&self, text: &Text) {
        let mut state = lock(&self.state);
        if std::mem::take(&mut state.offered_in_answer) {
            // An ACK without an answer is for the checks.
            let _ = state.session.take_answer(&text.body, AnswerKind::Final);
        }
    }

    async fn take_reinvite(&self, delivery: &Delivery) {
        let answer = {
            let mut state = lock(&self.state);
            state.target = delivery.text.address("Contact");
            if state.reoffers == Reoffers::Scripted {
                return;
            }
            let offered = delivery.text.has_sdp();
            state.offered_in_answer = !offered;
            let text = match offered {
                true => state.session.take_offer(&delivery.text.body).and_then(|_| state.session.answer()),
                false => Ok(state.session.offer(Direction::SendReceive)),
            };
            text.map(|text| {
                let text = dressed(&text, self.shared.manner.dress);
                state.described.clone_from(&text);
                (text, state.contact.clone())
            })
        };
        match answer {
            Ok((sdp, contact)) => {
                let mut lines = vec![("Contact", contact)];
                lines.extend(session_interval(&delivery.text));
                self.answer(delivery, 200, &lines, Some(("application/sdp", sdp.as_str()))).await;
            }
            Err(words) => {
                self.shared.transcript.trouble(format!("{}: re-INVITE: {words}", self.shared.side.name()));
                self.answer(delivery, 488, &[], None).await;
            }
        }
    }

    async fn answer(&self, request: &Delivery, status: u16, more: &[Line], body: Option<(&str, &str)>) {
        let tag = tag_of(&lock(&self.state).local);
        let octets: Bytes = self.shared.response(&request.text, status, Some(&tag), more, body);
        self.shared.reply(request, octets).await;
    }

    async fn take_response(&self, delivery: &Delivery) {
        let text = &delivery.text;
        let (Some(status), "INVITE") = (text.status(), text.method()) else { return };
        match self.react(status, text) {
            Reaction::Nothing => {}
            Reaction::Acknowledge { cseq, sdp } => {
                let body = sdp.map(|sdp| ("application/sdp".to_owned(), sdp));
                let (method, more, leaves) = ("ACK", Vec::new(), From::AnyAddress);
                let _ = self.send(Writing { method, cseq, same: None, more, body, leaves }).await;
            }
            Reaction::AcknowledgeFailure(sent) => self.acknowledge_failure(text, &sent).await,
        }
    }

    fn react(&self, status: u16, text: &Text) -> Reaction {
        let mut state = lock(&self.state);
        if status > 100 && status < 300 {
            if has_parameter(outside_brackets(text.value("To")), "tag") {
                text.value("To").clone_into(&mut state.remote);
            }
            let contact = text.address("Contact");
            if !contact.is_empty() {
                state.target = contact;
            }
        }
        let mut sdp = None;
        if text.has_sdp() && status < 300 {
            let offered = std::mem::take(&mut state.offerless);
            let kind = if status < 200 { AnswerKind::Early } else { AnswerKind::Final };
            if offered {
                // Our INVITE had no offer: theirs is in the 200, our answer goes with the ACK.
                let answer = state.session.take_offer(&text.body).and_then(|_| state.session.answer());
                sdp = answer.ok().map(|answer| dressed(&answer, self.shared.manner.dress));
            } else if let Err(words) = state.session.take_answer(&text.body, kind) {
                self.shared.transcript.trouble(format!("{}: {words}: {}", self.shared.side.name(), text.start));
            }
        }
        if status < 200 {
            return Reaction::Nothing;
        }
        let open = state.open_invite.take_if(|sent| sent.cseq == text.cseq());
        match (status, open) {
            (200..=299, _) => {
                // Routes of our own are the way to us.
                if state.routes.is_empty() && !state.answered && self.shared.manner.record_route.is_none() {
                    state.routes = text.values("Record-Route").map(str::to_owned).collect::<Vec<_>>();
                    state.routes.reverse();
                }
                state.answered = true;
                Reaction::Acknowledge { cseq: text.cseq(), sdp }
            }
            (_, Some(sent)) => Reaction::AcknowledgeFailure(sent),
            (_, None) => Reaction::Nothing,
        }
    }

    /// RFC 3261 17.1.1.3: the ACK of a failure is part of the INVITE's transaction, on its connection.
    async fn acknowledge_failure(&self, text: &Text, sent: &Sent) {
        let target = lock(&self.state).target.clone();
        let lines: Vec<Line> = vec![
            ("Via", sent.via.clone()),
            ("From", text.value("From").to_owned()),
            ("To", text.value("To").to_owned()),
            ("CSeq", format!("{} ACK", sent.cseq)),
            ("Call-ID", self.call_id.clone()),
            ("Max-Forwards", "70".to_owned()),
        ];
        let octets = written(&self.shared.manner, &format!("ACK {target} SIP/2.0"), &lines, None);
        let _ = self.shared.send(sent.origin, octets.into()).await;
    }
}

/// RFC 4028 9: a refresh is answered with the interval it asks for; without it the session would have no end to refresh.
fn session_interval(asked: &Text) -> Vec<Line> {
    let interval = asked.value("Session-Expires");
    if interval.is_empty() {
        return Vec::new();
    }
    let refresher = if has_parameter(interval, "refresher") { "" } else { ";refresher=uac" };
    vec![("Require", "timer".to_owned()), ("Session-Expires", format!("{interval}{refresher}"))]
}
