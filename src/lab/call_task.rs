//! One end of a call at work: the client and server side of its transactions and its dialog (RFC 3261 12, 13, 14, 15),
//! written for the lab alone.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rsip::Method;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::agent::{Delivery, Shared};
use super::call::{CallEvent, Command};
use super::message::{Incoming, Kind, Outgoing, Reply, request, response};
use super::repeat::{Due, PATIENCE, Repeat, T2};
use super::sdp::Direction;
use super::session::{AnswerKind, Session};
use super::streams::Origin;

/// Answers kept for repeated requests.
const ANSWER_LIMIT: usize = 16;
/// How long a call without a script still answers repetitions.
const LINGER: Duration = Duration::from_secs(6);

/// What names a dialog and its next request.
pub(super) struct Dialog {
    pub call_id: String,
    /// Name-addr with our tag.
    pub local: String,
    /// Name-addr, with a tag once it is known.
    pub remote: String,
    /// The Request-URI of what we send.
    pub target: String,
    pub cseq: u32,
}

/// Which end a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Caller,
    Called,
}

/// A request of ours without a final response.
struct ClientRequest {
    method: Method,
    cseq: u32,
    branch: String,
    repeat: Option<Repeat>,
}

/// An INVITE of theirs.
struct ServerInvite {
    request: Incoming,
    origin: Origin,
    /// Final answer under repetition until its ACK.
    repeat: Option<Repeat>,
    answered: bool,
}

/// An answer that was given.
struct Given {
    cseq: u32,
    method: Method,
    octets: Bytes,
}

pub(super) struct CallTask {
    shared: Arc<Shared>,
    role: Role,
    dialog: Dialog,
    session: Session,
    requests: Vec<ClientRequest>,
    invite: Option<ServerInvite>,
    given: Vec<Given>,
    /// ACKs of 2xx responses, for their repetitions.
    acks: Vec<(u32, Bytes)>,
    confirmed: bool,
    events: mpsc::Sender<CallEvent>,
    /// Set when the script has let go.
    abandoned: Option<Instant>,
}

impl CallTask {
    pub(super) fn new(
        shared: Arc<Shared>,
        role: Role,
        dialog: Dialog,
        session: Session,
        events: mpsc::Sender<CallEvent>,
    ) -> CallTask {
        CallTask {
            shared,
            role,
            dialog,
            session,
            requests: Vec::new(),
            invite: None,
            given: Vec::new(),
            acks: Vec::new(),
            confirmed: false,
            events,
            abandoned: None,
        }
    }

    /// Places the call, then serves it to its end.
    pub(super) async fn run_caller(mut self, mailbox: mpsc::Receiver<Delivery>, commands: mpsc::Receiver<Command>) {
        self.invite(Direction::SendReceive).await;
        self.run(mailbox, commands).await;
    }

    /// Takes the INVITE, then serves the call to its end.
    pub(super) async fn run_called(
        mut self,
        invite: Delivery,
        mailbox: mpsc::Receiver<Delivery>,
        commands: mpsc::Receiver<Command>,
    ) {
        self.take_request(invite).await;
        self.run(mailbox, commands).await;
    }

    async fn run(mut self, mut mailbox: mpsc::Receiver<Delivery>, mut commands: mpsc::Receiver<Command>) {
        while !self.is_over() {
            let wake = self.wake();
            tokio::select! {
                delivery = mailbox.recv() => match delivery {
                    Some(delivery) => self.take(delivery).await,
                    None => return,
                },
                command = commands.recv(), if self.abandoned.is_none() => match command {
                    Some(command) => self.perform(command).await,
                    None => self.abandoned = Some(Instant::now() + LINGER),
                },
                () = sleep_until(wake) => self.repeat().await,
            }
        }
        self.shared.forget(&self.dialog.call_id);
    }

    fn is_over(&self) -> bool {
        self.abandoned.is_some_and(|until| Instant::now() >= until)
    }

    fn wake(&self) -> Instant {
        let requests = self.requests.iter().filter_map(|request| request.repeat.as_ref());
        let invite = self.invite.iter().filter_map(|invite| invite.repeat.as_ref());
        let due = requests.chain(invite).map(Repeat::next).chain(self.abandoned).min();
        due.unwrap_or_else(|| Instant::now() + PATIENCE)
    }

    async fn tell(&self, event: CallEvent) {
        // A script that has let go no longer listens; a full queue means the same.
        let _ = self.events.try_send(event);
    }

    async fn fail(&self, words: impl Into<String>) {
        self.tell(CallEvent::Failed(words.into())).await;
    }

    // ---- commands ----

    async fn perform(&mut self, command: Command) {
        match command {
            Command::Ring => self.respond(180, None).await,
            Command::Progress => self.respond_with_answer(183).await,
            Command::Answer => self.respond_with_answer(200).await,
            Command::Reject(status) => self.respond(status, None).await,
            Command::Cancel => self.cancel().await,
            Command::Reoffer(direction) => self.invite(direction).await,
            Command::Bye => self.request(Method::Bye, None).await,
        }
    }

    async fn invite(&mut self, direction: Direction) {
        let offer = self.session.offer(direction);
        self.request(Method::Invite, Some(offer)).await;
    }

    async fn request(&mut self, method: Method, body: Option<String>) {
        self.dialog.cseq += 1;
        let branch = self.shared.new_branch();
        let cseq = self.dialog.cseq;
        let repeat = self.send(method, cseq, &branch, body).await.map(|octets| self.repetition(method, octets));
        self.requests.push(ClientRequest { method, cseq, branch, repeat });
    }

    /// RFC 3261 9.1: CANCEL carries the INVITE's branch and number.
    async fn cancel(&mut self) {
        let open = self.requests.iter().find(|request| request.method == Method::Invite);
        let Some((cseq, branch)) = open.map(|request| (request.cseq, request.branch.clone())) else {
            return self.fail("nothing to cancel").await;
        };
        let octets = self.send(Method::Cancel, cseq, &branch, None).await;
        let repeat = octets.map(|octets| self.repetition(Method::Cancel, octets));
        self.requests.push(ClientRequest { method: Method::Cancel, cseq, branch, repeat });
    }

    fn repetition(&self, method: Method, octets: Bytes) -> Repeat {
        let cap = if method == Method::Invite { PATIENCE } else { T2 };
        Repeat::new(Instant::now(), octets, self.shared.repeats().then_some(cap))
    }

    async fn send(&mut self, method: Method, cseq: u32, branch: &str, body: Option<String>) -> Option<Bytes> {
        let contact = matches!(method, Method::Invite).then(|| self.shared.contact());
        let written = request(Outgoing {
            method,
            uri: &self.dialog.target,
            via: self.shared.via(branch),
            from: self.dialog.local.clone(),
            to: self.dialog.remote.clone(),
            call_id: &self.dialog.call_id,
            cseq,
            contact,
            body,
        });
        let sent = match written {
            Ok(octets) => self.shared.send(octets.clone()).await.map(|()| octets),
            Err(words) => Err(words),
        };
        match sent {
            Ok(octets) => Some(octets),
            Err(words) => {
                self.fail(format!("{method}: {words}")).await;
                None
            }
        }
    }

    // ---- answering their INVITE ----

    async fn respond_with_answer(&mut self, status: u16) {
        match self.session.answer() {
            Ok(answer) => self.respond(status, Some(answer)).await,
            Err(words) => self.fail(words).await,
        }
    }

    async fn respond(&mut self, status: u16, body: Option<String>) {
        // RFC 3261 8.2.6.2: a 100 makes no dialog.
        let to_tag = self.shared.tag_of(&self.dialog.local).filter(|_| status > 100);
        let contact = (101..300).contains(&status).then(|| self.shared.contact());
        let Some(invite) = self.invite.as_mut().filter(|invite| !invite.answered) else {
            return self.fail(format!("no INVITE to answer with {status}")).await;
        };
        let octets = response(&invite.request, Reply { status, to_tag, contact, body });
        let origin = invite.origin;
        if status >= 200 {
            invite.answered = true;
            // A 2xx is repeated on every transport (RFC 3261 13.3.1.4), another final response on UDP only.
            let repeats = status < 300 || self.shared.repeats();
            invite.repeat = Some(Repeat::new(Instant::now(), octets.clone(), repeats.then_some(T2)));
        }
        self.remember(Method::Invite, octets.clone());
        if let Err(words) = self.shared.reply(origin, octets).await {
            self.fail(format!("{status}: {words}")).await;
        }
    }

    fn remember(&mut self, method: Method, octets: Bytes) {
        let Some(cseq) = self.invite.as_ref().map(|invite| invite.request.cseq) else { return };
        self.keep(cseq, method, octets);
    }

    fn keep(&mut self, cseq: u32, method: Method, octets: Bytes) {
        self.given.retain(|given| (given.cseq, given.method) != (cseq, method));
        if self.given.len() >= ANSWER_LIMIT {
            self.given.remove(0);
        }
        self.given.push(Given { cseq, method, octets });
    }

    // ---- what comes in ----

    async fn take(&mut self, delivery: Delivery) {
        match delivery.message.kind {
            Kind::Request(_) => self.take_request(delivery).await,
            Kind::Response(status) => self.take_response(status, &delivery.message).await,
        }
    }

    async fn take_request(&mut self, delivery: Delivery) {
        let Delivery { message, origin } = delivery;
        let given = self.given.iter().find(|given| (given.cseq, given.method) == (message.cseq, message.method));
        if let Some(octets) = given.map(|given| given.octets.clone()) {
            // RFC 3261 17.2: a repeated request gets the last answer again.
            let _ = self.shared.reply(origin, octets).await;
            return;
        }
        match message.method {
            Method::Invite => self.take_invite(message, origin).await,
            Method::Ack => self.take_ack(&message).await,
            Method::Cancel => self.take_cancel(&message, origin).await,
            Method::Bye => self.take_bye(&message, origin).await,
            Method::Options => self.answer_plainly(200, &message, origin).await,
            Method::Info
            | Method::Message
            | Method::Notify
            | Method::PRack
            | Method::Publish
            | Method::Refer
            | Method::Register
            | Method::Subscribe
            | Method::Update => self.answer_plainly(501, &message, origin).await,
        }
    }

    async fn answer_plainly(&mut self, status: u16, message: &Incoming, origin: Origin) {
        let to_tag = self.shared.tag_of(&self.dialog.local);
        let octets = response(message, Reply { status, to_tag, contact: None, body: None });
        self.keep(message.cseq, message.method, octets.clone());
        if let Err(words) = self.shared.reply(origin, octets).await {
            self.fail(words).await;
        }
    }

    async fn take_invite(&mut self, message: Incoming, origin: Origin) {
        let reoffer = self.confirmed || self.role == Role::Caller;
        let offer = self.session.take_offer(&message.body);
        self.learn(&message, "From");
        self.invite = Some(ServerInvite { request: message, origin, repeat: None, answered: false });
        match (offer, reoffer) {
            (Err(words), _) => {
                self.respond(488, None).await;
                self.fail(words).await;
            }
            (Ok(direction), true) => {
                self.respond_with_answer(200).await;
                self.tell(CallEvent::Reoffered(direction)).await;
            }
            (Ok(_), false) => self.respond(100, None).await,
        }
    }

    async fn take_ack(&mut self, message: &Incoming) {
        let Some(invite) = self.invite.as_mut().filter(|invite| invite.request.cseq == message.cseq) else { return };
        let first = invite.repeat.take().is_some();
        // An ACK with the INVITE's branch belongs to a failure (RFC 3261 17.1.1.3).
        let of_success = message.branch != invite.request.branch;
        if first && of_success && !self.confirmed {
            self.confirmed = true;
            if self.role == Role::Called {
                self.tell(CallEvent::Confirmed).await;
            }
        }
    }

    async fn take_cancel(&mut self, message: &Incoming, origin: Origin) {
        self.answer_plainly(200, message, origin).await;
        if self.invite.as_ref().is_some_and(|invite| !invite.answered && invite.request.cseq == message.cseq) {
            self.respond(487, None).await;
            self.tell(CallEvent::Cancelled).await;
        }
    }

    async fn take_bye(&mut self, message: &Incoming, origin: Origin) {
        self.session.endpoint().stream().set_sending(false);
        self.answer_plainly(200, message, origin).await;
        self.tell(CallEvent::Ended).await;
    }

    // ---- responses ----

    async fn take_response(&mut self, status: u16, message: &Incoming) {
        let fits = |request: &ClientRequest| request.branch == message.branch && request.method == message.method;
        let Some(position) = self.requests.iter().position(fits) else {
            return self.acknowledge_again(status, message).await;
        };
        if message.method == Method::Invite && status > 100 {
            self.learn(message, "To");
        }
        if status < 200 {
            if let Some(request) = self.requests.get_mut(position) {
                request.repeat = None;
            }
            return self.take_provisional(status, message).await;
        }
        let request = self.requests.remove(position);
        match message.method {
            Method::Invite if status < 300 => self.take_success(message).await,
            Method::Invite => self.take_failure(status, &request).await,
            Method::Bye => self.take_bye_answer(status).await,
            _ => {}
        }
    }

    /// RFC 3261 12.1.2, 12.2.1.2: the other end's tag and address.
    fn learn(&mut self, message: &Incoming, side: &str) {
        if let Some(value) = message.header(side) {
            self.dialog.remote = value.to_owned();
        }
        if let Some(contact) = message.contact() {
            self.dialog.target = contact;
        }
    }

    async fn take_provisional(&mut self, status: u16, message: &Incoming) {
        if message.method != Method::Invite {
            return;
        }
        if message.has_sdp() {
            match self.session.take_answer(&message.body, AnswerKind::Early) {
                Ok(()) => self.tell(CallEvent::EarlyMedia).await,
                Err(words) => self.fail(words).await,
            }
        }
        match status {
            100 => self.tell(CallEvent::Trying).await,
            180 => self.tell(CallEvent::Ringing).await,
            _ => {}
        }
    }

    async fn take_success(&mut self, message: &Incoming) {
        let branch = self.shared.new_branch();
        if let Some(ack) = self.send(Method::Ack, message.cseq, &branch, None).await {
            self.acks.push((message.cseq, ack));
        }
        if let Err(words) = self.session.take_answer(&message.body, AnswerKind::Final) {
            return self.fail(words).await;
        }
        let event = if self.confirmed { CallEvent::ReofferAnswered } else { CallEvent::Answered };
        self.confirmed = true;
        self.tell(event).await;
    }

    /// RFC 3261 17.1.1.3: the ACK of a failure is part of the INVITE's transaction.
    async fn take_failure(&mut self, status: u16, request: &ClientRequest) {
        if let Some(ack) = self.send(Method::Ack, request.cseq, &request.branch, None).await {
            self.acks.push((request.cseq, ack));
        }
        self.tell(CallEvent::Refused(status)).await;
    }

    async fn take_bye_answer(&mut self, status: u16) {
        self.session.endpoint().stream().set_sending(false);
        match status {
            200..300 => self.tell(CallEvent::ByeAnswered).await,
            _ => self.fail(format!("BYE answered with {status}")).await,
        }
    }

    /// A repeated final response to INVITE: our ACK was lost.
    async fn acknowledge_again(&mut self, status: u16, message: &Incoming) {
        if message.method != Method::Invite || status < 200 {
            return;
        }
        let ack = self.acks.iter().find(|(cseq, _)| *cseq == message.cseq).map(|(_, ack)| ack.clone());
        if let Some(ack) = ack {
            let _ = self.shared.send(ack).await;
        }
    }

    // ---- time ----

    async fn repeat(&mut self) {
        let now = Instant::now();
        let mut again = Vec::new();
        let mut given_up = Vec::new();
        for request in &mut self.requests {
            match request.repeat.as_mut().map_or(Due::Nothing, |repeat| repeat.due(now)) {
                Due::Nothing => {}
                Due::Again(octets) => again.push(octets),
                Due::GivenUp => {
                    request.repeat = None;
                    given_up.push(format!("no answer to {}", request.method));
                }
            }
        }
        for octets in again {
            let _ = self.shared.send(octets).await;
        }
        self.repeat_answer(now, &mut given_up).await;
        for words in given_up {
            self.fail(words).await;
        }
    }

    async fn repeat_answer(&mut self, now: Instant, given_up: &mut Vec<String>) {
        let Some(invite) = &mut self.invite else { return };
        match invite.repeat.as_mut().map_or(Due::Nothing, |repeat| repeat.due(now)) {
            Due::Nothing => {}
            Due::Again(octets) => {
                let _ = self.shared.reply(invite.origin, octets).await;
            }
            Due::GivenUp => {
                invite.repeat = None;
                given_up.push("no ACK of our answer".to_owned());
            }
        }
    }
}
