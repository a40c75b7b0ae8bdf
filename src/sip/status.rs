//! Status codes (RFC 3261 s.21 and its extensions) and their stock reason phrases.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A three-digit status code, 100 to 699.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Status(u16);

/// The codes with a name of their own.
impl Status {
    pub const TRYING: Status = Status(100);
    pub const RINGING: Status = Status(180);
    pub const CALL_IS_BEING_FORWARDED: Status = Status(181);
    pub const QUEUED: Status = Status(182);
    pub const SESSION_PROGRESS: Status = Status(183);
    pub const EARLY_DIALOG_TERMINATED: Status = Status(199);
    pub const OK: Status = Status(200);
    pub const ACCEPTED: Status = Status(202);
    pub const NO_NOTIFICATION: Status = Status(204);
    pub const MULTIPLE_CHOICES: Status = Status(300);
    pub const MOVED_PERMANENTLY: Status = Status(301);
    pub const MOVED_TEMPORARILY: Status = Status(302);
    pub const USE_PROXY: Status = Status(305);
    pub const ALTERNATIVE_SERVICE: Status = Status(380);
    pub const BAD_REQUEST: Status = Status(400);
    pub const UNAUTHORIZED: Status = Status(401);
    pub const PAYMENT_REQUIRED: Status = Status(402);
    pub const FORBIDDEN: Status = Status(403);
    pub const NOT_FOUND: Status = Status(404);
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    pub const NOT_ACCEPTABLE: Status = Status(406);
    pub const PROXY_AUTHENTICATION_REQUIRED: Status = Status(407);
    pub const REQUEST_TIMEOUT: Status = Status(408);
    pub const GONE: Status = Status(410);
    pub const CONDITIONAL_REQUEST_FAILED: Status = Status(412);
    pub const REQUEST_ENTITY_TOO_LARGE: Status = Status(413);
    pub const REQUEST_URI_TOO_LONG: Status = Status(414);
    pub const UNSUPPORTED_MEDIA_TYPE: Status = Status(415);
    pub const UNSUPPORTED_URI_SCHEME: Status = Status(416);
    pub const BAD_EXTENSION: Status = Status(420);
    pub const EXTENSION_REQUIRED: Status = Status(421);
    pub const SESSION_INTERVAL_TOO_SMALL: Status = Status(422);
    pub const INTERVAL_TOO_BRIEF: Status = Status(423);
    pub const USE_IDENTITY_HEADER: Status = Status(428);
    pub const PROVIDE_REFERRER_IDENTITY: Status = Status(429);
    pub const FLOW_FAILED: Status = Status(430);
    pub const ANONYMITY_DISALLOWED: Status = Status(433);
    pub const BAD_IDENTITY_INFO: Status = Status(436);
    pub const UNSUPPORTED_CREDENTIAL: Status = Status(437);
    pub const INVALID_IDENTITY_HEADER: Status = Status(438);
    pub const FIRST_HOP_LACKS_OUTBOUND_SUPPORT: Status = Status(439);
    pub const MAX_BREADTH_EXCEEDED: Status = Status(440);
    pub const BAD_INFO_PACKAGE: Status = Status(469);
    pub const CONSENT_NEEDED: Status = Status(470);
    pub const TEMPORARILY_UNAVAILABLE: Status = Status(480);
    pub const CALL_DOES_NOT_EXIST: Status = Status(481);
    pub const LOOP_DETECTED: Status = Status(482);
    pub const TOO_MANY_HOPS: Status = Status(483);
    pub const ADDRESS_INCOMPLETE: Status = Status(484);
    pub const AMBIGUOUS: Status = Status(485);
    pub const BUSY_HERE: Status = Status(486);
    pub const REQUEST_TERMINATED: Status = Status(487);
    pub const NOT_ACCEPTABLE_HERE: Status = Status(488);
    pub const BAD_EVENT: Status = Status(489);
    pub const REQUEST_PENDING: Status = Status(491);
    pub const UNDECIPHERABLE: Status = Status(493);
    pub const SECURITY_AGREEMENT_REQUIRED: Status = Status(494);
    pub const SERVER_INTERNAL_ERROR: Status = Status(500);
    pub const NOT_IMPLEMENTED: Status = Status(501);
    pub const BAD_GATEWAY: Status = Status(502);
    pub const SERVICE_UNAVAILABLE: Status = Status(503);
    pub const SERVER_TIMEOUT: Status = Status(504);
    pub const VERSION_NOT_SUPPORTED: Status = Status(505);
    pub const MESSAGE_TOO_LARGE: Status = Status(513);
    pub const PRECONDITION_FAILURE: Status = Status(580);
    pub const BUSY_EVERYWHERE: Status = Status(600);
    pub const DECLINE: Status = Status(603);
    pub const DOES_NOT_EXIST_ANYWHERE: Status = Status(604);
    pub const NOT_ACCEPTABLE_ANYWHERE: Status = Status(606);
    pub const UNWANTED: Status = Status(607);
    pub const REJECTED: Status = Status(608);
}

impl Status {
    /// `None` outside 100..=699.
    pub const fn new(code: u16) -> Option<Status> {
        if code >= 100 && code <= 699 { Some(Status(code)) } else { None }
    }

    /// Exactly three digits (RFC 3261 7.2); `None` for anything else.
    pub fn parse(digits: &[u8]) -> Option<Status> {
        if digits.len() != 3 {
            return None;
        }
        super::grammar::number_as::<u16>(digits).and_then(Status::new)
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// 1xx.
    pub const fn is_provisional(self) -> bool {
        self.0 < 200
    }

    /// 2xx to 6xx.
    pub const fn is_final(self) -> bool {
        self.0 >= 200
    }

    /// 2xx.
    pub const fn is_success(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }

    /// 3xx.
    pub const fn is_redirection(self) -> bool {
        self.0 >= 300 && self.0 < 400
    }

    /// Stock phrase, by class for codes without one.
    pub const fn phrase(self) -> &'static str {
        match self.0 {
            0..300 => self.phrase_of_progress(),
            300..500 => self.phrase_of_redirection_or_request(),
            500.. => self.phrase_of_server_or_everywhere(),
        }
    }

    const fn phrase_of_progress(self) -> &'static str {
        match self.0 {
            100 => "Trying",
            180 => "Ringing",
            181 => "Call Is Being Forwarded",
            182 => "Queued",
            183 => "Session Progress",
            199 => "Early Dialog Terminated",
            200 => "OK",
            202 => "Accepted",
            204 => "No Notification",
            _ if self.is_provisional() => "Session Progress",
            _ => "OK",
        }
    }

    const fn phrase_of_redirection_or_request(self) -> &'static str {
        match self.0 {
            300 => "Multiple Choices",
            301 => "Moved Permanently",
            302 => "Moved Temporarily",
            305 => "Use Proxy",
            380 => "Alternative Service",
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Payment Required",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            407 => "Proxy Authentication Required",
            408 => "Request Timeout",
            410 => "Gone",
            412 => "Conditional Request Failed",
            413 => "Request Entity Too Large",
            414 => "Request-URI Too Long",
            415 => "Unsupported Media Type",
            416 => "Unsupported URI Scheme",
            420 => "Bad Extension",
            421 => "Extension Required",
            422 => "Session Interval Too Small",
            423 => "Interval Too Brief",
            428 => "Use Identity Header",
            429 => "Provide Referrer Identity",
            430 => "Flow Failed",
            433 => "Anonymity Disallowed",
            436 => "Bad Identity Info",
            437 => "Unsupported Credential",
            438 => "Invalid Identity Header",
            439 => "First Hop Lacks Outbound Support",
            440 => "Max-Breadth Exceeded",
            469 => "Bad Info Package",
            470 => "Consent Needed",
            480 => "Temporarily Unavailable",
            481 => "Call/Transaction Does Not Exist",
            482 => "Loop Detected",
            483 => "Too Many Hops",
            484 => "Address Incomplete",
            485 => "Ambiguous",
            486 => "Busy Here",
            487 => "Request Terminated",
            488 => "Not Acceptable Here",
            489 => "Bad Event",
            491 => "Request Pending",
            493 => "Undecipherable",
            494 => "Security Agreement Required",
            _ if self.is_redirection() => "Redirection",
            _ => "Request Failure",
        }
    }

    const fn phrase_of_server_or_everywhere(self) -> &'static str {
        match self.0 {
            500 => "Server Internal Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Server Time-out",
            505 => "Version Not Supported",
            513 => "Message Too Large",
            580 => "Precondition Failure",
            600 => "Busy Everywhere",
            603 => "Decline",
            604 => "Does Not Exist Anywhere",
            606 => "Not Acceptable",
            607 => "Unwanted",
            608 => "Rejected",
            _ if self.0 < 600 => "Server Failure",
            _ => "Global Failure",
        }
    }
}

impl TryFrom<u16> for Status {
    type Error = &'static str;

    fn try_from(code: u16) -> Result<Status, &'static str> {
        Status::new(code).ok_or("a status code lies between 100 and 699")
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> u16 {
        status.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_exactly_three_digits_and_a_class_from_1_to_6() {
        assert_eq!(Status::parse(b"486"), Some(Status::BUSY_HERE));
        for bad in ["4294967301", "099", "700", "20", "+20", ""] {
            assert_eq!(Status::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn every_code_has_a_phrase() {
        assert_eq!(Status::SESSION_PROGRESS.phrase(), "Session Progress");
        assert_eq!(Status::CALL_DOES_NOT_EXIST.phrase(), "Call/Transaction Does Not Exist");
        let unnamed: Vec<_> =
            [199, 299, 399, 499, 599, 699].into_iter().filter_map(Status::new).map(Status::phrase).collect();
        assert_eq!(
            unnamed,
            ["Early Dialog Terminated", "OK", "Redirection", "Request Failure", "Server Failure", "Global Failure"]
        );
    }
}
