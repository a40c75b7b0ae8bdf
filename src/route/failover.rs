//! Which refusals of a peer say nothing of the called party, so that the call is offered elsewhere: a trunk's `failover`
//! table. Silence, a connection that fails and a name without an address always lead on; a busy or declining party never
//! does (MD-120, MD-122, PF-44), unless a trunk's peer is known to mean something else by its code.

use crate::sip::Status;

/// Where a call goes when the address it was offered to answers 503.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum After503 {
    /// The other addresses of the same name come first (RFC 3263 4.3).
    #[default]
    Address,
    /// The next target at once: all addresses of a name are one datacentre (MD-119).
    Target,
}

/// `failover = { .. }` of a trunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverSettings {
    /// Final responses, 400 to 699, after which the next target is tried.
    pub codes: Vec<Status>,
    pub after_503: After503,
}

impl Default for FailoverSettings {
    /// PF-44: 408, 503 and 504.
    fn default() -> Self {
        let codes = [Status::REQUEST_TIMEOUT, Status::SERVICE_UNAVAILABLE, Status::SERVER_TIMEOUT];
        FailoverSettings { codes: codes.to_vec(), after_503: After503::default() }
    }
}

impl FailoverSettings {
    /// Whether this refusal of the trunk's peer lets the next target be tried.
    pub fn leads_on(&self, status: Status) -> bool {
        self.codes.contains(&status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unless_told_otherwise_408_503_and_504_lead_on() {
        let failover = FailoverSettings::default();
        let led: Vec<u16> =
            (300..700).filter(|code| Status::new(*code).is_some_and(|status| failover.leads_on(status))).collect();
        assert_eq!(led, [408, 503, 504], "PF-44");
    }
}
