//! Why a call, or one attempt of it, ended. One table turns a [`Cause`] into the SIP status, the Q.850 cause, the
//! retry rule, the text for people and the metric label (DESIGN rule 9).

use serde::{Deserialize, Serialize};

use crate::route::directory::{Denial, Denied};
use crate::route::ruling::Stopped;
use crate::route::trunk::Trunk;
use crate::sip::Status;
use crate::sip::flow::{ResolveFailure, TransmitFailure};

/// Why something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// BYE after an answer.
    NormalClearing,
    /// The caller sent CANCEL.
    CallerCancelled,
    /// The same because another one took the call there (RFC 3326 2).
    AnsweredElsewhere,
    /// Nobody answered in the trunk's `no_answer_s`.
    NoAnswer,
    /// Not one response from the peer (timer B, or the trunk's `no_response_s`).
    PeerSilent,
    /// No connection to the peer, or the network refused our message.
    Unreachable,
    /// The peer's name gave no address.
    NameNotResolved,
    /// The peer answered with this status, 300 to 699.
    Refused(Status),
    /// The caller's INVITE lacks what a dialog needs (a usable Contact, a readable Record-Route).
    Malformed,
    /// No route fits the numbers.
    NoRoute,
    /// The caller's or called party's session description cannot be used.
    MediaRefused,
    /// The called party's answer does not fit our offer.
    BadAnswer,
    /// No RTP port left.
    NoPorts,
    /// The node's or the trunk's call limit is reached; another trunk may have room.
    TooManyCalls,
    /// An operator has taken the trunk out of service; another one may take the call.
    TrunkOutOfService,
    /// The node is being drained, or ended by its operator.
    Shutdown,
    /// The operator ended this one call.
    Terminated,
    /// The call reached the trunk's `max_duration_s`.
    TooLong,
    /// A party never acknowledged our 200.
    NoAck,
    /// The caller never acknowledged a reliable provisional response (RFC 3262 3).
    NoPrack,
    /// No media came from a party for the trunk's `media.silence_s`.
    MediaSilent,
    /// No refresh of a party's session came in time, or none of ours was taken (RFC 4028 10).
    SessionExpired,
    /// A party's dialog is gone (481 or silence to a request inside the call).
    DialogLost,
    /// A party left the call because it transferred it.
    Transferred,
    /// A party's place was taken by INVITE with Replaces (RFC 3891).
    Replaced,
    /// The call goes in a circle: a redirection or transfer that leads back.
    Loop,
    /// Too many hops, diversions or retargetings.
    TooManyHops,
    /// An emergency call from the public network that only a platform could take (PF-51).
    EmergencyMisdirected,
    /// The fraud guard lets nobody call this destination; the record names the key.
    DestinationBlocked,
    /// A rule of `[[fraud.limits]]` is used up; the record names it.
    FraudLimit,
    /// A transfer names a dialog that is none of ours, or not one that can be replaced.
    NoSuchDialog,
    /// A transfer names a dialog of another trunk.
    NotAllowed,
    /// Another exchange with the same party is not over.
    Pending,
    /// The account or its number may not make or take this call (PV-37).
    Denied(Denied),
    /// No number of the caller's trunk, or too long for one: 404 or 484, before it became a call.
    Unroutable(Status),
    /// The INVITE asks for something that is not taken here, or contradicts itself, and was refused with this status before it
    /// became a call; the record names what it was.
    NotTaken(Status),
    /// Something that cannot happen did; an error is logged.
    Unexpected,
}

/// One line of the table.
struct Line {
    status: u16,
    q850: u8,
    retry: Retry,
    label: &'static str,
    text: &'static str,
}

/// What hunting does after an attempt ended so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Try the next candidate (PF-44: 408, 503, 504 and silence only).
    NextCandidate,
    /// Tell the caller.
    Final,
}

const fn line(status: u16, q850: u8, retry: Retry, label: &'static str, text: &'static str) -> Line {
    Line { status, q850, retry, label, text }
}

/// One of each label but those of a peer's refusals and of denials.
const PLAIN: [Cause; 33] = [
    Cause::NormalClearing,
    Cause::CallerCancelled,
    Cause::AnsweredElsewhere,
    Cause::NoAnswer,
    Cause::PeerSilent,
    Cause::Unreachable,
    Cause::NameNotResolved,
    Cause::Malformed,
    Cause::NoRoute,
    Cause::MediaRefused,
    Cause::BadAnswer,
    Cause::NoPorts,
    Cause::TooManyCalls,
    Cause::TrunkOutOfService,
    Cause::Shutdown,
    Cause::Terminated,
    Cause::TooLong,
    Cause::NoAck,
    Cause::NoPrack,
    Cause::MediaSilent,
    Cause::SessionExpired,
    Cause::DialogLost,
    Cause::Transferred,
    Cause::Replaced,
    Cause::Loop,
    Cause::TooManyHops,
    Cause::EmergencyMisdirected,
    Cause::DestinationBlocked,
    Cause::FraudLimit,
    Cause::Unroutable(Status::NOT_FOUND),
    Cause::NotTaken(Status::NOT_FOUND),
    Cause::Pending,
    Cause::Unexpected,
];
/// By the class of what a peer refused with.
const REFUSED: [&str; 4] = ["refused_3xx", "refused_4xx", "refused_5xx", "refused_6xx"];

impl Cause {
    /// The metric labels of what ends calls, for the metrics' start at zero.
    pub fn labels() -> impl Iterator<Item = &'static str> {
        PLAIN.into_iter().map(Cause::label).chain(REFUSED).chain(Denial::ALL.map(Denial::label))
    }

    /// The table of DESIGN rule 9. Q.850 causes after RFC 4497 8.4.4 and ITU-T Q.850.
    const fn line(self) -> Line {
        use Retry::{Final, NextCandidate};
        match self {
            Cause::NormalClearing => line(200, 16, Final, "normal_clearing", "Normal call clearing"),
            Cause::CallerCancelled => line(487, 16, Final, "caller_cancelled", "The caller gave up"),
            Cause::AnsweredElsewhere => line(487, 26, Final, "answered_elsewhere", "Another party took the call"),
            Cause::NoAnswer => line(480, 19, Final, "no_answer", "No answer"),
            Cause::PeerSilent => line(408, 102, NextCandidate, "peer_silent", "No response from the next hop"),
            Cause::Unreachable => line(503, 38, NextCandidate, "unreachable", "Next hop unreachable"),
            Cause::NameNotResolved => {
                line(503, 38, NextCandidate, "name_not_resolved", "Next hop's name gives no address")
            }
            Cause::Refused(status) => refused(status),
            Cause::Malformed => line(400, 127, Final, "malformed", "INVITE makes no dialog"),
            Cause::NoRoute => line(404, 1, Final, "no_route", "No route to this number"),
            Cause::MediaRefused => line(488, 65, Final, "media_refused", "Session description not acceptable"),
            Cause::BadAnswer => line(500, 65, Final, "bad_answer", "The answer does not fit the offer"),
            Cause::NoPorts => line(503, 34, Final, "no_ports", "No media port left"),
            Cause::TooManyCalls => line(503, 42, NextCandidate, "too_many_calls", "Call limit reached"),
            Cause::TrunkOutOfService => line(503, 38, NextCandidate, "trunk_out_of_service", "Trunk is out of service"),
            Cause::Shutdown => line(503, 41, Final, "shutdown", "Node is going out of service"),
            Cause::Terminated => line(480, 31, Final, "terminated", "Ended by the operator"),
            Cause::TooLong => line(408, 31, Final, "too_long", "Longest call duration reached"),
            Cause::NoAck => line(408, 102, Final, "no_ack", "No ACK for the answer"),
            Cause::NoPrack => line(504, 102, Final, "no_prack", "No PRACK for a provisional response"),
            Cause::MediaSilent => line(408, 31, Final, "media_silent", "No media from a party"),
            Cause::SessionExpired => line(408, 102, Final, "session_expired", "The session was not refreshed in time"),
            Cause::DialogLost => line(481, 31, Final, "dialog_lost", "A party lost the call"),
            Cause::Transferred => line(200, 16, Final, "transferred", "Call transferred"),
            Cause::Replaced => line(200, 16, Final, "replaced", "Replaced by another party"),
            Cause::Loop => line(482, 25, Final, "loop", "The call goes in a circle"),
            Cause::TooManyHops => line(483, 25, Final, "too_many_hops", "Too many hops or diversions"),
            Cause::EmergencyMisdirected => {
                line(403, 21, Final, "emergency_misdirected", "Emergency call in the wrong direction")
            }
            Cause::DestinationBlocked => line(403, 21, Final, "destination_blocked", "Destination not allowed"),
            Cause::FraudLimit => line(403, 21, Final, "fraud_limit", "Call not allowed now"),
            Cause::NoSuchDialog => line(481, 31, Final, "no_such_dialog", "No dialog to be replaced"),
            Cause::NotAllowed => line(403, 21, Final, "not_allowed", "Not allowed on this trunk"),
            Cause::Pending => line(491, 42, Final, "pending", "Another exchange is not over"),
            Cause::Denied(denied) => line(denied.status, denied.q850, Final, denied.why.label(), denied.why.text()),
            Cause::Unroutable(status) => {
                line(status.code(), q850_of(status), Final, "unroutable_number", "Not a number of this trunk")
            }
            Cause::NotTaken(status) => {
                line(status.code(), q850_of(status), Final, "invite_not_taken", "INVITE asks for what is not taken")
            }
            Cause::Unexpected => line(500, 41, Final, "unexpected", "Internal error"),
        }
    }

    /// Whether the caller gave up, for whatever reason.
    pub const fn is_callers(self) -> bool {
        matches!(self, Cause::CallerCancelled | Cause::AnsweredElsewhere)
    }

    /// What the caller is told: 400 to 699 (200 for an answered call's end).
    pub fn status(self) -> Status {
        Status::new(self.line().status).unwrap_or(Status::SERVER_INTERNAL_ERROR)
    }

    /// ITU-T Q.850 cause value.
    pub const fn q850(self) -> u8 {
        self.line().q850
    }

    /// Whether the next candidate is tried where the peer's trunk says nothing of its codes.
    pub const fn retry(self) -> Retry {
        self.line().retry
    }

    /// Whether the next candidate is tried after this on `trunk`, whose peer's codes may mean something of their own.
    pub fn retry_after(self, trunk: &Trunk) -> Retry {
        match self {
            Cause::Refused(status) if trunk.failover.leads_on(status) => Retry::NextCandidate,
            Cause::Refused(_) => Retry::Final,
            other => other.retry(),
        }
    }

    /// Metric label.
    pub const fn label(self) -> &'static str {
        self.line().label
    }

    /// For people: records, logs, the text of Reason.
    pub const fn text(self) -> &'static str {
        self.line().text
    }

    /// A `Reason` value (RFC 3326) with the Q.850 cause.
    pub fn reason(self) -> String {
        format!("Q.850;cause={};text=\"{}\"", self.q850(), self.text())
    }

    /// Of two failed attempts, the one the caller is told (RFC 3261 16.7 step 6): a 6xx first, then the lowest class.
    /// What only says that a path failed (408, 503, 504) comes last: it tells nothing of the called party.
    pub fn better(self, other: Cause) -> Cause {
        let rank = |cause: Cause| match cause.status().code() {
            600..=699 => 0,
            408 | 503 | 504 => 100,
            code => code / 100,
        };
        if rank(other) < rank(self) { other } else { self }
    }
}

/// What a peer's refusal becomes on the other leg. A challenge to us is never handed to the caller, and a status
/// that speaks about our own request only becomes a 5xx of ours.
const fn refused(status: Status) -> Line {
    use Retry::{Final, NextCandidate};
    let label = match status.code() {
        300..=399 => REFUSED[0],
        400..=499 => REFUSED[1],
        500..=599 => REFUSED[2],
        _ => REFUSED[3],
    };
    let code = status.code();
    match code {
        300..=399 => line(480, 23, Final, label, "Redirected elsewhere"),
        401 | 407 => line(403, 21, Final, label, "Refused: the peer wants credentials"),
        402 | 403 | 405 | 406 | 421 | 423 | 424 | 428..=438 | 489 | 494 => line(403, 21, Final, label, "Call rejected"),
        400 => line(400, 41, Final, label, "Request not understood"),
        413 | 414 | 416..=420 | 493 => line(code, 127, Final, label, "Request not understood"),
        415 => line(415, 79, Final, label, "Body not understood by the peer"),
        482 | 483 => line(code, 25, Final, label, "The peer sees a loop"),
        404 | 604 => line(code, 1, Final, label, "Unallocated number"),
        408 => line(408, 102, NextCandidate, label, "Peer timed out"),
        410 => line(410, 22, Final, label, "Number changed"),
        480 => line(480, 18, Final, label, "No user responding"),
        481 => line(480, 41, Final, label, "Peer lost the call"),
        484 => line(484, 28, Final, label, "Number incomplete"),
        485 => line(485, 1, Final, label, "Number ambiguous"),
        486 | 600 => line(code, 17, Final, label, "User busy"),
        487 => line(487, 16, Final, label, "Request terminated"),
        488 | 606 => line(code, 65, Final, label, "Media not acceptable to the peer"),
        501 => line(501, 79, Final, label, "Not implemented by the peer"),
        503 => line(503, 41, NextCandidate, label, "Peer out of service"),
        504 => line(504, 102, NextCandidate, label, "Peer's own next hop timed out"),
        500 | 502 | 505..=599 => line(500, 41, Final, label, "Peer failed"),
        603 | 607 | 608 => line(code, 21, Final, label, "Call declined"),
        600..=699 => line(603, 21, Final, label, "Call declined"),
        _ => line(480, 31, Final, label, "Refused by the peer"),
    }
}

/// The cause beside a status with which we refuse an INVITE for what it says (RFC 3398 8.2.6.1). One that nobody can read
/// is no temporary failure (41): it would come again.
const fn q850_of(status: Status) -> u8 {
    match status.code() {
        403 => 21,
        404 => 1,
        406 | 415 => 79,
        484 => 28,
        481 => 31,
        486 => 17,
        603 => 21,
        _ => 127,
    }
}

impl From<TransmitFailure> for Cause {
    fn from(failure: TransmitFailure) -> Self {
        match failure {
            TransmitFailure::FlowGone
            | TransmitFailure::ConnectFailed
            | TransmitFailure::ConnectTimeout
            | TransmitFailure::TlsRefused
            | TransmitFailure::Congested
            | TransmitFailure::SendFailed => Cause::Unreachable,
        }
    }
}

impl From<Stopped> for Cause {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Denied(denied) => Cause::Denied(denied),
            Stopped::NoRoute(_) => Cause::NoRoute,
        }
    }
}

impl From<ResolveFailure> for Cause {
    fn from(failure: ResolveFailure) -> Self {
        match failure {
            ResolveFailure::NoSuchName | ResolveFailure::TimedOut | ResolveFailure::ServerFailed => {
                Cause::NameNotResolved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16) -> u16 {
        Cause::Refused(status(code)).status().code()
    }

    fn status(code: u16) -> Status {
        Status::new(code).expect("a status")
    }

    #[test]
    fn every_refusal_becomes_a_status_a_caller_may_hear() {
        for code in 300..700 {
            let cause = Cause::Refused(status(code));
            assert!((400..700).contains(&cause.status().code()), "{code}");
            assert!((1..=127).contains(&cause.q850()), "{code}");
        }
    }

    /// RFC 4497 8.4.4, which is RFC 3398 8.2.6.1 for what concerns us: the status that the peer gave, and its cause.
    #[test]
    fn a_refusal_that_crosses_as_it_is_has_the_cause_of_its_status() {
        let table = [
            (400, 41),
            (404, 1),
            (408, 102),
            (410, 22),
            (413, 127),
            (414, 127),
            (415, 79),
            (416, 127),
            (420, 127),
            (480, 18),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (488, 65),
            (500, 41),
            (501, 79),
            (503, 41),
            (504, 102),
            (600, 17),
            (603, 21),
            (604, 1),
            (606, 65),
        ];
        for (code, q850) in table {
            let cause = Cause::Refused(status(code));
            assert_eq!((cause.status().code(), cause.q850()), (code, q850));
        }
    }

    /// What speaks of our own request, or must stay on its leg, becomes another status, with that one's cause.
    #[test]
    fn a_refusal_that_must_not_cross_becomes_another_one() {
        let table = [
            (300..=399, 480, 23),
            (401..=403, 403, 21),
            (405..=407, 403, 21),
            (421..=421, 403, 21),
            (423..=424, 403, 21),
            (428..=438, 403, 21),
            (481..=481, 480, 41),
            (489..=489, 403, 21),
            (491..=491, 480, 31),
            (494..=494, 403, 21),
            (502..=502, 500, 41),
            (505..=599, 500, 41),
            (605..=605, 603, 21),
            (609..=699, 603, 21),
        ];
        for (codes, told, q850) in table {
            for code in codes {
                let cause = Cause::Refused(status(code));
                assert_eq!((cause.status().code(), cause.q850()), (told, q850), "{code}");
            }
        }
    }

    /// Each row for what we find ourselves: status and cause (ITU-T Q.850), and whether another candidate may do better.
    #[test]
    fn what_we_find_ourselves_has_its_status_and_cause() {
        use Retry::{Final, NextCandidate};
        let table = [
            (Cause::NormalClearing, 200, 16, Final),
            (Cause::CallerCancelled, 487, 16, Final),
            (Cause::AnsweredElsewhere, 487, 26, Final),
            (Cause::NoAnswer, 480, 19, Final),
            (Cause::PeerSilent, 408, 102, NextCandidate),
            (Cause::Unreachable, 503, 38, NextCandidate),
            (Cause::NameNotResolved, 503, 38, NextCandidate),
            (Cause::Malformed, 400, 127, Final),
            (Cause::NoRoute, 404, 1, Final),
            (Cause::MediaRefused, 488, 65, Final),
            (Cause::BadAnswer, 500, 65, Final),
            (Cause::NoPorts, 503, 34, Final),
            (Cause::TooManyCalls, 503, 42, NextCandidate),
            (Cause::TrunkOutOfService, 503, 38, NextCandidate),
            (Cause::Shutdown, 503, 41, Final),
            (Cause::Terminated, 480, 31, Final),
            (Cause::TooLong, 408, 31, Final),
            (Cause::NoAck, 408, 102, Final),
            (Cause::NoPrack, 504, 102, Final),
            (Cause::MediaSilent, 408, 31, Final),
            (Cause::SessionExpired, 408, 102, Final),
            (Cause::DialogLost, 481, 31, Final),
            (Cause::Transferred, 200, 16, Final),
            (Cause::Replaced, 200, 16, Final),
            (Cause::Loop, 482, 25, Final),
            (Cause::TooManyHops, 483, 25, Final),
            (Cause::EmergencyMisdirected, 403, 21, Final),
            (Cause::DestinationBlocked, 403, 21, Final),
            (Cause::FraudLimit, 403, 21, Final),
            (Cause::NoSuchDialog, 481, 31, Final),
            (Cause::NotAllowed, 403, 21, Final),
            (Cause::Pending, 491, 42, Final),
            (Cause::Unroutable(Status::NOT_FOUND), 404, 1, Final),
            (Cause::Unroutable(status(484)), 484, 28, Final),
            (Cause::NotTaken(status(400)), 400, 127, Final),
            (Cause::NotTaken(status(403)), 403, 21, Final),
            (Cause::NotTaken(Status::NOT_ACCEPTABLE), 406, 79, Final),
            (Cause::NotTaken(status(415)), 415, 79, Final),
            (Cause::NotTaken(status(416)), 416, 127, Final),
            (Cause::NotTaken(status(420)), 420, 127, Final),
            (Cause::NotTaken(status(440)), 440, 127, Final),
            (Cause::NotTaken(status(481)), 481, 31, Final),
            (Cause::NotTaken(status(486)), 486, 17, Final),
            (Cause::NotTaken(status(603)), 603, 21, Final),
            (Cause::Unexpected, 500, 41, Final),
        ];
        for (cause, code, q850, retry) in table {
            assert_eq!((cause.status().code(), cause.q850(), cause.retry()), (code, q850, retry), "{cause:?}");
        }
    }

    #[test]
    fn a_challenge_is_never_handed_to_the_other_leg() {
        assert_eq!((told(401), told(407)), (403, 403));
    }

    #[test]
    fn busy_and_decline_reach_the_caller_and_are_never_retried() {
        for code in [486, 600, 603] {
            assert_eq!(told(code), code);
            assert_eq!(Cause::Refused(status(code)).retry(), Retry::Final);
        }
    }

    #[test]
    fn only_408_503_504_and_silence_try_the_next_candidate() {
        for code in 300..700 {
            let retry = Cause::Refused(status(code)).retry();
            assert_eq!(retry == Retry::NextCandidate, matches!(code, 408 | 503 | 504), "PF-44: {code}");
        }
        assert_eq!(Cause::PeerSilent.retry(), Retry::NextCandidate);
    }

    #[test]
    fn a_busy_number_is_a_better_answer_than_a_dead_trunk() {
        let busy = Cause::Refused(Status::new(486).expect("a status"));
        assert_eq!(Cause::Unreachable.better(busy), busy);
        assert_eq!(busy.better(Cause::Unreachable), busy);
    }
}
