//! How often limits were reached that have no other counter: those of reading, and tables that forget the oldest.
//!
//! A limit has a counter (DESIGN rule 8), and these lie where no outbox is: ten functions would hand a number on for what
//! hardly ever happens. So these counts are the process's own, and nothing that decides reads them.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! bounds {
    ($($(#[$doc:meta])* $variant:ident => $label:literal),+ $(,)?) => {
        /// A limit that may be reached. The label is its name in [`limits`](super::limits), in small letters.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bound { $($(#[$doc])* $variant),+ }

        impl Bound {
            /// Every one, in the order of declaration.
            pub const ALL: &'static [Bound] = &[$(Bound::$variant),+];

            /// The metric label.
            pub const fn label(self) -> &'static str {
                match self { $(Bound::$variant => $label),+ }
            }
        }

        static COUNTS: [AtomicU64; Bound::ALL.len()] = [const { AtomicU64::new(0) }; Bound::ALL.len()];
    };
}

bounds! {
    /// Formats of a media description that were cut.
    SdpFormats => "sdp_formats",
    /// A codec left out for its long fmtp.
    SdpFmtpOctets => "sdp_fmtp_octets",
    /// `a=crypto` lines that were not read.
    SdpCryptoLines => "sdp_crypto_lines",
    /// A header that a policy could not add.
    PolicyHeaders => "policy_headers",
    /// A value that a policy cut, or left as it was.
    PolicyValueOctets => "policy_value_octets",
    /// Pairs of a User-to-User that were not read.
    ContextPairs => "context_pairs",
    /// A header that passes a policy and found no room.
    PassedHeaders => "passed_headers",
    /// Fields of a Refer-To that were not read.
    ReferHeaders => "refer_headers",
    /// A transfer too many of one call: 482.
    CallTransfers => "call_transfers",
    /// Contacts of a 3xx that were not looked at.
    RedirectContacts => "redirect_contacts",
    /// A 3xx too many of one call: 482.
    CallRedirects => "call_redirects",
    /// Entries of a History-Info that were not read.
    HistoryEntries => "history_entries",
    /// Targets of a call that were not tried.
    CallCandidates => "call_candidates",
    /// A report of a transfer that was not sent.
    ReferReports => "refer_reports",
    /// A request that would cross to a party with too many: 491 or 500.
    PassedRequests => "passed_requests",
    /// A body that does not cross: 413, or the answer goes without.
    PassedBodyOctets => "passed_body_octets",
    /// A reliable response that gave way to the next.
    ReliableQueue => "reliable_queue",
    /// A request of ours that was refused for its session interval, again and again.
    IntervalRefusals => "interval_refusals",
    /// An early dialog with too many requests of ours.
    EarlyRequests => "early_requests",
    /// A reliable response that found too many PRACKs without an answer.
    OpenPracks => "open_pracks",
    /// Addresses of a next hop that are not tried.
    HopAddresses => "hop_addresses",
    /// A failed target that the log does not name.
    DialledTargets => "dialled_targets",
    /// A Reason that the record leaves out.
    Reasons => "reasons",
    /// A Reason that the record cuts.
    ReasonOctets => "reason_octets",
    /// An attempt whose Call-ID the record leaves out.
    Earlier => "earlier",
    /// A call that can no longer be traced by its number.
    RecentCalls => "recent_calls",
    /// A count of `[[fraud.limits]]` that is shared.
    FraudCounts => "fraud_counts",
    /// An account's calls, counted beside a full table.
    CountedAccounts => "counted_accounts",
    /// ELINs of a location that were not looked at.
    ElinsOfPlace => "elins_of_place",
    /// Schemes of one challenge that were not read.
    AuthSchemes => "auth_schemes",
    /// A challenge or credentials with too many parameters.
    AuthParams => "auth_params",
    /// A parameter of them that is too long.
    AuthValueOctets => "auth_value_octets",
    /// A nonce that was forgotten before its time.
    AuthNonces => "auth_nonces",
    /// Contacts of a registrar that were not looked at.
    RegistrarContacts => "registrar_contacts",
    /// A registration asked for or granted for longer.
    RegistrationMax => "registration_max",
    /// A session timer asked for that is longer.
    SessionExpires => "session_expires_s",
    /// An SSRC whose replay window was given to another.
    SrtpSources => "srtp_sources",
    /// A checked pair of an ICE-lite leg that was forgotten.
    IceCheckedPairs => "ice_checked_pairs",
    /// A pair of ports for which a relay worker's table has no place.
    RelayPairs => "relay_pairs",
    /// A refused call that was forgotten before its last repetition.
    Refusals => "refusals",
    /// A refused call that has no record.
    RefusedRecords => "refused_records",
    /// Strangers that were forgotten.
    RememberedSources => "remembered_sources",
    /// Trusted sources that were forgotten.
    TrustedSources => "trusted_sources",
    /// Sources of peers that were forgotten.
    PeerSources => "peer_sources",
    /// A name whose last good answer was forgotten.
    ResolvedNames => "resolved_names",
    /// Records of an answer that were not read.
    DnsRecords => "dns_records",
    /// NAPTR replacements that were not followed.
    DnsPointers => "dns_pointers",
    /// SRV records that were not followed.
    DnsServices => "dns_services",
    /// Addresses of a name that were not given out.
    DnsAddresses => "dns_addresses",
    /// A written request of a connection that was forgotten.
    WrittenRequests => "written_requests",
    /// A failed way that was forgotten before its time.
    PenalisedWays => "penalised_ways",
    /// A refused INVITE whose late 2xx would be a stray response.
    LateAnswers => "late_answers",
    /// An operator's order that was not given.
    OrdersWaiting => "orders_waiting",
    /// A request to the control socket that is too long.
    ControlOctets => "control_octets",
    /// A client of the control socket that had to wait.
    ControlClients => "control_clients",
    /// Names of a certificate that were not read.
    CertificateNames => "certificate_names",
    /// A client or a source of wrong tokens that the API forgot.
    ApiRemembered => "api_remembered",
    /// A source that was locked out of the API.
    ApiFailures => "api_failures",
    /// A connection to the API that waited for others' handshakes.
    ApiHandshakes => "api_handshakes",
    /// A connection to a page that was closed at once.
    HttpConnections => "http_connections",
    /// A request for a page that came too slowly, or whose answer was not read.
    HttpPatience => "http_patience",
    /// A request that found the store's queue full.
    StoreWaiting => "store_waiting",
    /// Transfers that a record counts and does not tell.
    RecordedTransfers => "recorded_transfers",
    /// Sources whose share of the log was forgotten.
    LogSources => "log_sources",
}

impl Bound {
    /// Notes that it was reached once.
    pub fn reached(self) {
        self.reached_by(1);
    }

    /// Notes that so many found no room.
    pub fn reached_by(self, times: usize) {
        if let Some(count) = COUNTS.get(self as usize) {
            count.fetch_add(u64::try_from(times).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }

    /// How often it was reached since the start of the process.
    pub fn count(self) -> u64 {
        COUNTS.get(self as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// The first `most`; that there are more is noted.
    pub fn first<I: IntoIterator>(self, most: usize, items: I) -> impl Iterator<Item = I::Item> {
        items.into_iter().enumerate().map_while(move |(place, item)| {
            if place < most {
                return Some(item);
            }
            self.reached();
            None
        })
    }

    /// `value`, or `most` where it is above; that it is is noted.
    pub fn at_most<T: PartialOrd>(self, most: T, value: T) -> T {
        if value <= most {
            return value;
        }
        self.reached();
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_is_left_out_and_noted_once() {
        let before = Bound::ReferHeaders.count();
        assert_eq!(Bound::ReferHeaders.first(3, 0..3).count(), 3);
        assert_eq!(Bound::ReferHeaders.count(), before);
        assert_eq!(Bound::ReferHeaders.first(3, 0..9).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((Bound::ReferHeaders.at_most(5, 5), Bound::ReferHeaders.at_most(5, 6)), (5, 5));
        assert_eq!(Bound::ReferHeaders.count(), before + 2);
    }
}
