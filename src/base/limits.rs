//! Every limit on input and tables, with its default and its reason. `config` may change those in [`Limits`].

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Octets of one SIP message, head and body (DESIGN 10). Above the largest message Teams is known to send (10 kB) and below a datagram's end.
pub const MESSAGE_OCTETS: usize = 64 * 1024;
/// Octets from the start line to the blank line, both counted. Answer: 513.
pub const HEADER_BLOCK_OCTETS: usize = 32 * 1024;
/// Header fields of one message. Answer: 513.
pub const HEADER_COUNT: usize = 256;
/// Octets of a header field's name. Answer: 400.
pub const HEADER_NAME_OCTETS: usize = 128;
/// Octets of one line, folds counted with it. Answer: 513.
pub const LINE_OCTETS: usize = 8 * 1024;
/// Folded continuation lines of one message. Answer: 513.
pub const FOLDS: usize = 64;
/// Octets of a Request-URI. Answer: 414. Transfer tokens of Microsoft reach 1.5 kB (MD-145).
pub const URI_OCTETS: usize = 4 * 1024;
/// Digits of a number with its country code (ITU-T E.164 6.1). More behind a plus: 484.
pub const E164_DIGITS: usize = 15;
/// Digits of a number without plus: an international prefix and an outside line may stand before it. More: 484.
pub const DIALLED_DIGITS: usize = 24;
/// Octets of the user part that a call or OPTIONS is for (PF-52). More: 484.
pub const USER_OCTETS: usize = 256;
/// Via values of one message. Answer: 513. RFC 3261 allows 70 hops.
pub const VIA_COUNT: usize = 70;
/// Hops in the route set of one dialog (Record-Route values). Answer: 400. As many as Vias: who records is also in the Vias.
pub const ROUTES: usize = 70;
/// Parts of one multipart body; PIDF-LO, SDP and ISUP are three. Answer: 400.
pub const MULTIPART_PARTS: usize = 16;
/// Octets of one session description. Answer: 488.
pub const SDP_OCTETS: usize = 32 * 1024;
/// Media descriptions in one session description. Answer: 488.
pub const SDP_MEDIA: usize = 16;
/// Attributes of one media description. Answer: 488.
pub const SDP_ATTRIBUTES: usize = 512;
/// Formats (payload types) of one media description; RTP has 128. More are cut.
pub const SDP_FORMATS: usize = 128;
/// Octets of one `a=fmtp` text that crosses to the other leg; a codec with a longer one is left out.
pub const SDP_FMTP_OCTETS: usize = 1024;
/// `a=crypto` lines read of one media description; the rest is ignored (bounded work).
pub const SDP_CRYPTO_LINES: usize = 16;
/// Headers of one outgoing message besides those of the dialog: passed, added, identity, diversions. More are left out.
pub const POLICY_HEADERS: usize = 64;
/// Octets of one header value that a policy writes. A longer one is cut (templates) or left as it was (map).
pub const POLICY_VALUE_OCTETS: usize = 4096;
/// Pairs of one User-to-User that are read or written. More are not read, and refused in a configuration.
pub const CONTEXT_PAIRS: usize = 32;
/// Header fields looked at in the header part of one Refer-To URI; more are not read.
pub const REFER_HEADERS: usize = 16;
/// Transfers and replacements of one call (RFC 3515 4.4: chains may circle). At the limit REFER and INVITE with Replaces
/// are answered 482.
pub const CALL_TRANSFERS: u32 = 32;
/// Contacts of one 3xx that are looked at.
pub const REDIRECT_CONTACTS: usize = 8;
/// 3xx that one call follows (RFC 3261 8.1.3.4: no target twice). At the limit: 482.
pub const CALL_REDIRECTS: u32 = 5;
/// Times one call may have been sent on, by Diversion (counters included) or History-Info (MD-100, S-F). More: 483.
pub const DIVERSIONS: u16 = 10;
/// Entries of one message's History-Info that are looked at: a diversion may stand for several. More are not read.
pub const HISTORY_ENTRIES: usize = 40;
/// Targets that one call is offered to, over all trunks of its route. More are not tried.
pub const CALL_CANDIDATES: usize = 32;
/// Reports of one REFER that wait for the answer to the one before; 180, 183 and the final one are three. At the limit the
/// oldest is not sent.
pub const REFER_REPORTS: usize = 4;
/// How long a transferor may take to end its own leg once it knows that the transfer succeeded (MD-147).
pub const TRANSFEROR_LEAVES: Duration = Duration::from_secs(10);
/// Hops a request may take from us on (RFC 7332, RFC 3261 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;
/// Branches at once that a request may be spread over from us on (RFC 5393 5.3.3).
pub const MAX_BREADTH: u8 = 60;
/// Longest interval of a session timer in seconds: a day, as long as a call may last by default. A peer that asks for more
/// gets this; one that demands more (Min-SE) is not called again.
pub const SESSION_EXPIRES_S: u32 = 86_400;
/// 422 with a larger Min-SE each time that a request of ours is sent again for (RFC 4028 7.3), as many as there may be
/// proxies with one of their own. At the limit it is refused, until one is taken.
pub const INTERVAL_REFUSALS: u8 = 5;
/// Requests of one party that are on their way to the other at once: INFO, MESSAGE, NOTIFY and unknown ones (more: 500 with
/// Retry-After), and REFERs with their NOTIFYs, where the trunk passes them (more: 491).
pub const PASSED_REQUESTS: usize = 8;
/// Octets of a body that crosses with such a request or its answer. More: 413; an answer's body is left out.
pub const PASSED_BODY_OCTETS: usize = 16 * 1024;
/// Octets of a configuration file. A node with thousands of trunks stays below 1 MiB. More: refused.
pub const CONFIG_OCTETS: u64 = 4 * 1024 * 1024;
/// Findings shown of one configuration file; the rest is counted only.
pub const CONFIG_FINDINGS: usize = 500;
/// Tables of one kind (trunks, listeners, ...) in a configuration file. More: refused.
pub const CONFIG_TABLES: usize = 5000;
/// Octets a compiled number pattern may take. More: the pattern is refused.
pub const PATTERN_OCTETS: usize = 256 * 1024;
/// Characters of a number shown in the text of a missed route.
pub const SHOWN_NUMBER: usize = 40;
/// Trust stores the trunks of one listener may name: one bit each in `PeerIdentity::trusted_by`.
pub const LISTENER_TRUSTS: usize = 64;
/// Octets of one media packet; a longer datagram is dropped and counted. Above any Ethernet frame without jumbo.
pub const MEDIA_PACKET_OCTETS: usize = 2048;
/// Authenticated SSRCs of one SRTP direction with a replay window of their own. The least recently heard
/// retires when one more comes: only its highest index is remembered.
pub const SRTP_SOURCES: usize = 8;
/// Retired SSRCs remembered per SRTP direction and key. At the limit a further new SSRC is refused, counted.
pub const SRTP_RETIRED_SOURCES: usize = 56;
/// Attributes of one STUN message; a check of a browser has nine. More: dropped as malformed, counted.
pub const STUN_ATTRIBUTES: usize = 32;
/// Pairs of one ICE-lite leg that a check has proved: far ends (forks) times their candidates. At the limit the
/// oldest one that is neither nominated nor in use goes.
pub const ICE_CHECKED_PAIRS: usize = 32;
/// Commands waiting for one relay worker. At the limit those that start something are refused and counted;
/// those that end something are always taken.
pub const RELAY_COMMANDS: usize = 65_536;
/// Port pairs of one relay worker: what fits its table. At the limit a refill is answered `Exhausted`.
pub const RELAY_PAIRS: usize = 32_768;

/// Reliable provisional responses that wait for the PRACK of the one before, per call. At the limit the last gives way to
/// the next.
pub const RELIABLE_QUEUE: usize = 8;
/// Requests of ours in one early dialog (PRACK, UPDATE). At the limit a reliable response is no longer acknowledged, and
/// whoever sends it gives up. What ends an unwanted answer is numbered above them.
pub const EARLY_REQUESTS: u32 = 1000;
/// PRACKs of one early dialog without an answer. At the limit a further reliable response is neither acknowledged nor read
/// until it comes again.
pub const OPEN_PRACKS: usize = 8;
/// Early dialogs of one INVITE of ours (MD-110 asks for ten). What more of them say is not heard until their answer.
pub const EARLY_DIALOGS: usize = 16;
/// Names of next hops (Contact, Record-Route) whose answer is kept or being asked for. At the limit requests go to where
/// their dialog's messages come from.
pub const HOP_NAMES: usize = 1024;
/// Targets whose last failure to connect the log has told. At the limit those of the last minute stay, and a further one is
/// counted and not told.
pub const DIALLED_TARGETS: usize = 1024;
/// Addresses of one such name that a request tries, one after the other. More are left out.
pub const HOP_ADDRESSES: usize = 4;
/// Messages that wait for the answer to one such name. At the limit the same.
pub const HOP_WAITING: usize = 256;
/// How long they wait at most.
pub const HOP_PATIENCE: Duration = Duration::from_secs(2);
/// How long a name that gave nothing is not asked for again.
pub const HOP_FAILED: Duration = Duration::from_secs(30);
/// Reasons of the parties kept in one call's record, and octets of each. More is left out, or cut off.
pub const REASONS: usize = 4;
pub const REASON_OCTETS: usize = 256;
/// Trunks, accounts and rules whose calls `[[fraud.limits]]` counts, half a kilobyte each. At the limit those without a
/// count of their own share one for each rule.
pub const FRAUD_COUNTS: usize = 16_384;
/// Routes of `[[emergency.routes]]`. More: refused.
pub const EMERGENCY_ROUTES: usize = 256;
/// ELINs that a location names, and that `[emergency.elins]` gives one place. More: not looked at; refused.
pub const ELINS_OF_PLACE: usize = 8;
/// Emergency callers that can be called back at an ELIN, some 150 octets each. At the limit the one whose call ended
/// longest ago gives way, which is counted and logged.
pub const ELIN_CALLBACKS: usize = 4096;
/// Rules of `[[fraud.limits]]`. More: refused.
pub const FRAUD_LIMITS: usize = 64;
/// Call-IDs of a call's attempts before the last one that its record keeps. More are left out of its trace.
pub const EARLIER: usize = 8;
/// Calls that have ended and can still be traced by their number. The oldest is forgotten first.
pub const RECENT_CALLS: usize = 2000;
/// Digits waiting to be played to one far end. At the limit a further digit is dropped and counted.
pub const DIGIT_QUEUE: usize = 32;
/// Octets of one hold music file: ten minutes as 16-bit samples at 8 kHz, and a header. More: refused.
pub const MUSIC_OCTETS: u64 = 10 * 60 * 8000 * 2 + 4096;
/// Authentication schemes read of one header field; more are not looked at.
pub const AUTH_SCHEMES: usize = 8;
/// Parameters of one challenge or of one set of credentials; with more it is not used. RFC 7616 knows twelve.
pub const AUTH_PARAMS: usize = 32;
/// Octets of one such parameter; a challenge with a longer one is not answered. Nonces in use stay below 200.
pub const AUTH_VALUE_OCTETS: usize = 1024;
/// Accounts whose calls are counted for their own limits. At the limit those that have not called for a second are
/// forgotten first; nothing of a limit is lost by that.
pub const COUNTED_ACCOUNTS: usize = 65_536;
/// How long a nonce of ours may be used (S-A5).
pub const AUTH_NONCE_LIFE: Duration = Duration::from_secs(60);
/// Nonces whose uses are remembered. At the limit the oldest goes, and nonces of its age are challenged again.
pub const AUTH_NONCES: usize = 8192;
/// Calls refused under load on one socket of datagrams that are known when they are repeated, in each of two generations of 32 s. At
/// the limit the older ones are forgotten early: a repetition is judged like a new call.
pub const REFUSALS: usize = 65_536;
/// Records in a second of one trunk's calls that are refused before they are calls (limits, orders, what they say). At the limit
/// a refused call is counted only: a dialler gone wild must not fill the disk.
pub const REFUSED_RECORDS: u32 = 100;
/// Octets of a password.
pub const PASSWORD_OCTETS: usize = 1024;
/// Contacts of a registrar's answer that are looked at for ours.
pub const REGISTRAR_CONTACTS: usize = 32;
/// Longest registration that is asked for or believed, and longest Retry-After that is obeyed: a day.
pub const REGISTRATION_MAX: Duration = Duration::from_secs(86_400);

/// Strangers' offences count together for so long (S-R2).
pub const OFFENCES_COUNTED: Duration = Duration::from_secs(60);
/// The longest ban; after so long without one, the next is as short as the first (S-R2).
pub const BAN_MAX: Duration = Duration::from_secs(86_400);
/// How long a source is as good as a peer after we sent it a request, or it sent what belongs to a call.
pub const TRUST: Duration = Duration::from_secs(3600);
/// Such sources. At the limit whoever was not trusted anew for longest is a stranger again.
pub const TRUSTED_SOURCES: usize = 16_384;
/// Sources of peers whose requests are counted. At the limit whoever sent none for longest begins with a full bucket again.
pub const PEER_SOURCES: usize = 16_384;

/// Calls that one answer to an operator shows; more are asked for from the last one on.
pub const ACTIVE_CALLS_SHOWN: usize = 500;

/// Accounts that a metric names: those with most calls. The others are counted together.
pub const METRIC_ACCOUNTS: usize = 100;
/// Answers of the name service kept while they last. At the limit the least recently asked for is asked again.
pub const DNS_ANSWERS: u64 = 4096;
/// Names whose last good answer stands in while the name service fails (R-K), for a day. At the limit the oldest
/// goes.
pub const RESOLVED_NAMES: usize = 1024;
/// Records looked at of one answer of the name service; the rest is not read.
pub const DNS_RECORDS: usize = 256;
/// NAPTR replacements followed of one answer.
pub const DNS_POINTERS: usize = 4;
/// SRV records followed of one answer, after they were put in order.
pub const DNS_SERVICES: usize = 16;
/// Addresses given out for one name: more than a call ever tries.
pub const DNS_ADDRESSES: usize = 32;
/// Written requests that a connection remembers, to tell of them when it breaks: those of the last second of a busy
/// one. At the limit the oldest is forgotten; its transaction waits for timer B or F.
pub const WRITTEN_REQUESTS: usize = 1024;
/// Ways to targets that failed lately and are tried last. At the limit the one whose penalty ends first is forgotten.
pub const PENALISED_WAYS: usize = 4096;
/// Answers of one INVITE that are acknowledged (RFC 3261 13.2.2.4). Those of further forks are stray responses.
pub const ACKNOWLEDGED_FORKS: usize = 16;
/// INVITEs that ended without a 2xx over a connection, or without any answer, of which one is still known for 32 s: a proxy
/// sends the 2xx of another fork on (RFC 3261 16.7). Of more than these a late 2xx is a stray response.
pub const LATE_ANSWERS: usize = 4096;
/// Pairs of ports kept ready on one network, however fast calls take them; `limits.ready_ports` where that is more.
pub const READY_PORTS_MOST: usize = 2048;
/// Orders of operators and of the API that wait for the engine at once. At the limit a further one is not given: 503,
/// or an error of `ctl`.
pub const ORDERS_WAITING: usize = 64;
/// Clients of the control socket at once; more wait.
pub const CONTROL_CLIENTS: usize = 8;
/// Octets of a request to the control socket. More is no request.
pub const CONTROL_OCTETS: u64 = 64 * 1024;
/// Keep-alives answered in a second on one connection (RFC 5626 asks for one in 95 s). Above: it is closed.
pub const PINGS_PER_S: u32 = 10;
/// Datagrams that wait while a socket takes no more. Above: they fail, and their transactions send again.
pub const WAITING_DATAGRAMS: usize = 256;
/// Names read of one certificate; the rest is not looked at.
pub const CERTIFICATE_NAMES: usize = 256;
/// Clients of the API, and sources of wrong tokens, that are remembered. At the limit those without a say left go,
/// then the oldest.
pub const API_REMEMBERED: usize = 10_000;
/// Wrong tokens of one source (of IPv6 one /64) within `API_LOCKED_OUT` that lock it out.
pub const API_FAILURES: u32 = 10;
/// How long such a source is locked out after its last wrong token.
pub const API_LOCKED_OUT: Duration = Duration::from_secs(600);
/// TLS handshakes of the API at once. At the limit accepting stops.
pub const API_HANDSHAKES: usize = 64;
/// Connections to the API at once, and as many to the metrics. More are closed: the descriptors are for calls.
pub const HTTP_CONNECTIONS: usize = 128;
/// The same of one address; four times as many of one IPv6 /64.
pub const HTTP_CONNECTIONS_PER_SOURCE: usize = 32;
/// How long such a connection stays without an octet of ours: longer than a body and its answer may take together.
pub const HTTP_PATIENCE: Duration = Duration::from_secs(75);
/// Octets of a body that are read before it is known whose request it is. A longer one is for those with a token.
pub const STRANGE_BODY_OCTETS: u64 = 64 * 1024;
/// Requests to the store that wait for its thread. At the limit a further one is answered 503.
pub const STORE_WAITING: usize = 256;
/// Transfers told in one record, and legs of each side; more are counted in `transfer_count`.
pub const RECORDED_TRANSFERS: usize = 8;
/// Lines of the log that wait for standard error. More are lost, and counted (S-L2).
pub const LOG_LINES: usize = 8192;
/// Sources, by kind of line, whose share of the log is remembered; whoever wrote none for longest is forgotten first.
pub const LOG_SOURCES: usize = 8192;

/// The limits an operator may set (table `limits` of the configuration).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Calls at once on this node. At the limit a new call gets 503 with Retry-After.
    pub max_calls: usize,
    /// New calls in a second on this node, emergency calls aside; 0: no limit of its own. More get 503 with Retry-After.
    pub max_calls_per_s: u32,
    /// Milliseconds a new call's request may wait for the engine. Where requests wait longer for a tenth of a second on end,
    /// those that do get 503 with Retry-After (R-A5).
    pub max_wait_ms: u64,
    /// MiB of memory of the process; 0: what its control group or the machine has. At nine tenths new calls get 503 with
    /// Retry-After (S-H).
    pub memory_mb: u64,
    /// Transactions at once. At the limit a new request out of a dialog gets 503. An answered call leaves two of its own for
    /// 32 s (RFC 6026) and one for 5 s: the default is enough for 2,000 calls/s.
    pub max_transactions: usize,
    /// Connections (TCP and TLS) at once over all listeners. At the limit a new one is closed.
    pub max_connections: usize,
    /// Connections at once from one remote address.
    pub max_connections_per_source: usize,
    /// TLS handshakes in flight at once; strangers get half. At the limit a new connection is closed (R-B3).
    pub max_handshakes: usize,
    /// Connections at once from strangers: sources that no trunk has, without a certificate that one has. At the limit a
    /// new one is closed; peers keep the rest of `max_connections`.
    pub max_unknown_connections: usize,
    /// The same from one address; four times as many from one IPv6 /64 (R-B7).
    pub max_unknown_connections_per_source: usize,
    /// Their handshakes in flight, of one source (R-B3).
    pub max_unknown_handshakes_per_source: usize,
    /// Connections a stranger may open in a second, twice as many at once. More are closed, counted (S-R1).
    pub unknown_connections_per_s: u32,
    /// Messages a stranger may send in a second, twice as many at once. More are not read: datagrams are dropped,
    /// connections closed, both counted (S-R1).
    pub unknown_requests_per_s: u32,
    /// Requests out of a dialog that one address of a peer may send in a second. More get 503 with Retry-After.
    pub max_requests_per_s_per_source: u32,
    /// Seconds of a stranger's first ban; each further one is twice as long, up to a day. 0: nobody is banned (S-R2).
    pub ban_s: u64,
    /// Strangers whose rates, offences and bans are remembered. At the limit whoever was not seen for longest is forgotten.
    pub remembered_sources: usize,
    /// Messages waiting for the engine that belong to nothing yet. At the limit: dropped, counted.
    pub inbox_new: usize,
    /// Messages waiting for the engine that belong to a dialog or a transaction. At the limit: reading stops.
    pub inbox_established: usize,
    /// Octets waiting to be written on one connection. At the limit the connection is closed.
    pub connection_write_octets: usize,
    /// Seconds for the ClientHello of a TLS handshake.
    pub hello_s: u64,
    /// Seconds for a TLS handshake.
    pub handshake_s: u64,
    /// Seconds for the rest of a message whose first octet has come.
    pub message_s: u64,
    /// Seconds for a stranger's first message, from the moment its connection is up.
    pub first_message_s: u64,
    /// Seconds without a message leaving a connection whose far end takes no octets. Then it is closed (R-B4).
    pub write_s: u64,
    /// Seconds without a message after which an incoming connection is closed.
    pub idle_connection_s: u64,
    /// Header fields of one message that pass a policy and are carried to the other leg.
    pub passed_headers: usize,
    /// Port pairs the relay keeps ready for one network; more (to 2,048) while calls take them faster than it binds.
    pub ready_ports: usize,
    /// Octets of call records that wait while the disk takes none (R-I). At the limit `cdr.when_full` holds.
    pub record_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_calls: 2000,
            max_calls_per_s: 0,
            max_wait_ms: 50,
            memory_mb: 0,
            max_transactions: 160_000,
            max_connections: 12_000,
            max_connections_per_source: 1024,
            max_handshakes: 1000,
            max_unknown_connections: 2000,
            max_unknown_connections_per_source: 50,
            max_unknown_handshakes_per_source: 20,
            unknown_connections_per_s: 5,
            unknown_requests_per_s: 10,
            max_requests_per_s_per_source: 10_000,
            ban_s: 600,
            remembered_sources: 100_000,
            inbox_new: 4096,
            inbox_established: 16_384,
            connection_write_octets: 4 * 1024 * 1024,
            hello_s: 5,
            handshake_s: 10,
            message_s: 10,
            first_message_s: 10,
            write_s: 10,
            idle_connection_s: 3600,
            passed_headers: 64,
            ready_ports: 512,
            record_octets: 64 * 1024 * 1024,
        }
    }
}
