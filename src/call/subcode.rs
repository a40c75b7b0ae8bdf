//! What Microsoft says of a call that ended: the text of its Reason begins with the number of the call in its own books,
//! which its support asks for, and goes on with a phrase (MD-94, MD-136). Its admin centre shows a response code of
//! its own besides the SIP status (MD-232). Here is what both mean, and where to look on this side.
//!
//! Other peers write neither, so nothing is found in their texts.

/// What a code or a phrase means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The SIP status it comes with; 0: various.
    pub status: u16,
    pub codes: &'static [u32],
    /// What the phrase of a Reason has in it, in small letters.
    phrases: &'static [&'static str],
    pub meaning: &'static str,
    /// Where to look.
    pub check: &'static str,
}

/// What was read of one Reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read<'r> {
    /// The call in the platform's books.
    pub call: Option<&'r str>,
    /// The code, where the text names one.
    pub code: Option<u32>,
    pub explanation: Option<&'static Explanation>,
}

const fn row(
    status: u16,
    codes: &'static [u32],
    phrases: &'static [&'static str],
    meaning: &'static str,
    check: &'static str,
) -> Explanation {
    Explanation { status, codes, phrases, meaning, check }
}

/// MD-233's table, with the codes of Microsoft's list that came after it.
const TABLE: &[Explanation] = &[
    row(
        400,
        &[540400],
        &[],
        "a message of ours was malformed",
        "syntax and header formats: `trunkline trace` of the call",
    ),
    row(
        403,
        &[510546, 10500],
        &["lbr selection", "call site state"],
        "location-based routing forbids the call",
        "the site of this SBC in the tenant's location-based routing",
    ),
    row(
        403,
        &[510532],
        &["trunk fqdn", "no trunk config found"],
        "no trunk is configured for the name in our Contact",
        "the trunk's fqdn, and that the tenant has registered and activated exactly this name",
    ),
    row(403, &[510534], &[], "the calling number is blocked", "the tenant's block list, and the form of From"),
    row(
        403,
        &[510559, 510560, 510562, 510563, 10199],
        &[],
        "the user may not make this call: policy, licence, route or calling rights",
        "the tenant's side: licence, voice route and calling policy of the user",
    ),
    row(
        408,
        &[1106],
        &["waiting for acknowledgement", "acknowledgement was not received"],
        "no ACK came for Microsoft's 200",
        "the way of the ACK: Record-Route, packet filters (MD-93)",
    ),
    row(
        408,
        &[500001],
        &[],
        "this SBC said nothing but 100 for the trunk's FailoverTimeSeconds",
        "provisional.progress_s of the platform's trunk, and a carrier that is slow to ring",
    ),
    row(
        415,
        &[540415],
        &[],
        "a body that Microsoft does not take",
        "bodies.pass of the platform's trunk: description alone",
    ),
    row(
        420,
        &[540420],
        &[],
        "we required an extension, such as 100rel",
        "provisional.reliable of the platform's trunk: off",
    ),
    row(420, &[560420], &[], "we refused Replaces", "transfer.replaces of the platform's trunk: true"),
    row(422, &[540422], &[], "the session interval was too small", "session_timer.expires_s: 1800 or more"),
    row(
        480,
        &[10037],
        &["no callee endpoints"],
        "nothing of the user rings",
        "the user's clients and licence; or the fqdn is paired with Azure Communication Services and with Teams (MD-17)",
    ),
    row(480, &[10191], &[], "the user's voicemail is off and nobody answered", "the tenant's side"),
    row(
        488,
        &[531000],
        &["srtpencryptionrequired", "no media acceptable"],
        "no media in common, or media without SRTP",
        "media.security, media.suites and media.codecs of the platform's trunk",
    ),
    row(
        488,
        &[531027],
        &["no ice candidates"],
        "no ICE on a trunk with media bypass",
        "profile microsoft-teams-bypass, or media bypass off in the tenant",
    ),
    row(
        488,
        &[531052],
        &["blackhole media"],
        "new media were asked for while none could flow",
        "hold and its resumption: `trunkline trace` of the call",
    ),
    row(
        500,
        &[510482],
        &["loop detected"],
        "the call goes in a circle",
        "forwarding between the platform and the carrier",
    ),
    row(500, &[510544], &[], "no outbound trunk is configured", "the tenant's voice routes"),
    row(
        503,
        &[540998],
        &["drainingtransactions"],
        "Microsoft's node goes out of service",
        "nothing: the next name takes the call",
    ),
    row(
        503,
        &[560503],
        &[],
        "this SBC answered 503",
        "limits.max_calls, the carriers' states, and whether it was draining",
    ),
    row(
        504,
        &[549002, 549018, 569002, 569018],
        &["invalid request/response line"],
        "no TLS connection to us, or a start line that was not understood",
        "reachability of the listener, its port and its certificate",
    ),
    row(504, &[569003], &[], "TLS with us failed", "certificate and intermediates: `trunkline doctor`"),
    row(504, &[569008], &[], "our certificate has ended", "renew it: `trunkline doctor`"),
    row(
        504,
        &[569009],
        &[],
        "our certificate comes from a root that Microsoft does not know",
        "its authority: `trunkline doctor`",
    ),
    row(
        504,
        &[569015, 569016],
        &["no such host is known", "no data of the requested type"],
        "our name has no address",
        "the A record of the trunk's fqdn, as the world sees it",
    ),
    row(
        0,
        &[],
        &["iceconnectivitychecksfailed"],
        "the client and this SBC did not reach each other's media",
        "packet filters of the media ports, networks.NAME.advertise, and the profile: bypass or not",
    ),
];

/// Codes that begin so are the SBC's own answer, its SIP status behind (MD-232).
const OWN: u32 = 560;
const OWN_ANSWER: Explanation = row(
    0,
    &[],
    &[],
    "the final answer was this SBC's own: its status are the last three digits",
    "the call in the log here: its cause says why",
);

/// What a response code of Microsoft's means.
pub fn of_code(code: u32) -> Option<&'static Explanation> {
    let known = TABLE.iter().find(|row| row.codes.contains(&code));
    known.or_else(|| (code / 1000 == OWN).then_some(&OWN_ANSWER))
}

/// Reads the value of a Reason.
pub fn read(reason: &str) -> Read<'_> {
    let call = guid(reason);
    let text = call.and_then(|call| reason.split_once(call)).map_or(reason, |(_, phrase)| phrase);
    let named = codes(text).find_map(|code| Some((code, of_code(code)?)));
    match named {
        Some((code, explanation)) => Read { call, code: Some(code), explanation: Some(explanation) },
        None => Read { call, code: None, explanation: of_phrase(text) },
    }
}

fn of_phrase(text: &str) -> Option<&'static Explanation> {
    let text = text.to_ascii_lowercase();
    TABLE.iter().find(|row| row.phrases.iter().any(|phrase| text.contains(phrase)))
}

/// Numbers of four digits or more: a status and a Q.850 cause have fewer.
fn codes(text: &str) -> impl Iterator<Item = u32> + '_ {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| word.len() >= 4);
    words.filter_map(|word| word.parse().ok())
}

/// Characters of `5e19725b-7fad-4e89-bae3-dfc5df88bb96`.
const GUID: usize = 36;

fn guid(text: &str) -> Option<&str> {
    let last = text.len().checked_sub(GUID)?;
    (0..=last).filter_map(|at| text.get(at..at + GUID)).find(|piece| is_guid(piece))
}

fn is_guid(piece: &str) -> bool {
    piece.bytes().enumerate().all(|(place, octet)| match place {
        8 | 13 | 18 | 23 => octet == b'-',
        _ => octet.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "5e19725b-7fad-4e89-bae3-dfc5df88bb96";

    #[test]
    fn the_call_and_the_phrase_of_a_reason() {
        let reason = format!("Q.850;cause=31;text=\"{CALL};No callee endpoints were found.\"");
        let found = read(&reason);
        assert_eq!(found.call, Some(CALL));
        assert_eq!(found.explanation.map(|row| (row.status, row.codes)), Some((480, &[10037][..])));
        assert_eq!(found.code, None, "it is not in the text");
    }

    #[test]
    fn a_code_in_the_text_goes_before_a_phrase() {
        let reason = format!("Q.850;cause=63;text=\"{CALL};510532 Loop detected\"");
        let found = read(&reason);
        assert_eq!((found.code, found.explanation.map(|row| row.status)), (Some(510_532), Some(403)));
    }

    #[test]
    fn texts_of_others_say_nothing() {
        for reason in
            ["Q.850;cause=16;text=\"Normal call clearing\"", "SIP;cause=200;text=\"Call completed elsewhere\"", ""]
        {
            assert_eq!(read(reason), Read::default(), "{reason}");
        }
        let digits_of_a_guid = "Q.850;text=\"10037000-7fad-4e89-1106-dfc5df88bb96;\"";
        assert_eq!(read(digits_of_a_guid).code, None);
        assert_eq!(read("Q.850;cause=16;text=\"ä5e19725b-7fad-4e89-bae3-dfc5df88bb9é\"").call, None);
    }

    /// MD-232.
    #[test]
    fn a_code_that_begins_with_560_is_our_own_answer() {
        assert_eq!(of_code(560_403), Some(&OWN_ANSWER));
        assert_eq!(of_code(560_420).map(|row| row.status), Some(420), "those that have a line of their own keep it");
        assert_eq!(of_code(999_999), None);
    }

    #[test]
    fn no_code_has_two_lines() {
        let mut codes: Vec<u32> = TABLE.iter().flat_map(|row| row.codes).copied().collect();
        codes.sort_unstable();
        let count = codes.len();
        codes.dedup();
        assert_eq!(codes.len(), count);
        let small = |phrase: &&str| **phrase == phrase.to_ascii_lowercase();
        assert!(TABLE.iter().flat_map(|row| row.phrases).all(small));
    }
}
