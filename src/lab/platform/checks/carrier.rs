//! What a carrier on the other side of the SBC may expect (PF-1, PF-134 to PF-157).

use super::acs::facts_of;
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must};
use crate::lab::platform::text::user_of;
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// Words of the platform that have no business at a carrier.
const FOREIGN: [&str; 4] = ["pstnhub", "microsoft", "x-ms-", "RTP/SAVP"];

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "PF-1",
        "nothing of the platform's leg is shown: names, Call-ID, keys",
        "everything at the carrier",
        own_leg,
        &["outbound"],
    ),
    must(
        "PF-134",
        "numbers have the form of this carrier",
        "user parts of Request-URI and From",
        numbers,
        &["outbound"],
    ),
    must(
        "PF-136",
        "privacy of the platform's callers is kept",
        "From and identities of such a call",
        |evidence| facts_of(evidence, &["MD-98"]),
        &["privacy-platform"],
    ),
    must(
        "PF-138",
        "a forwarded call arrives, whoever sent it on",
        "a call of the platform with History-Info",
        |evidence| facts_of(evidence, &["MD-99"]),
        &["outbound"],
    ),
    must(
        "PF-141",
        "early media, ringing and several forks, both ways",
        "audio and answers",
        |evidence| facts_of(evidence, &["MD-110", "MD-92", "MD-114"]),
        &["inbound", "early-carrier"],
    ),
    must(
        "PF-142",
        "100rel is made and acknowledged by the SBC",
        "a caller that requires it",
        by_script,
        &["reliable-carrier"],
    ),
    must("PF-144", "an INVITE without an offer is a call", "audio after such a call", by_script, &["late-offer"]),
    must(
        "PF-147",
        "DTMF crosses with the payload types of each side",
        "digits both ways",
        |evidence| facts_of(evidence, &["MD-190"]),
        &["dtmf"],
    ),
    must(
        "PF-148",
        "T.38 is declined and the call stays up",
        "a re-INVITE of the carrier with m=image",
        by_script,
        &["fax"],
    ),
    must(
        "PF-149",
        "hold by sendonly and by 0.0.0.0 is answered legally",
        "answers to holds of the carrier",
        |evidence| facts_of(evidence, &["MD-127", "MD-131"]),
        &["hold-carrier"],
    ),
    must(
        "PF-150",
        "a REFER of the carrier stays with the SBC",
        "a REFER of the carrier",
        |evidence| facts_of(evidence, &["MD-155"]),
        &["methods-carrier"],
    ),
    must(
        "PF-151",
        "failures keep their status; challenges are never handed on",
        "486, 404, 401 and 407 of the carrier",
        |evidence| facts_of(evidence, &["MD-117", "PF-151"]),
        &["busy-carrier", "challenge"],
    ),
    must(
        "PF-152",
        "CANCEL crosses",
        "a call that the platform cancels",
        |evidence| facts_of(evidence, &["MD-106"]),
        &["cancel-platform"],
    ),
    must(
        "PF-154",
        "OPTIONS of the carrier get 200 with Allow, Accept and Supported",
        "answers to our OPTIONS",
        by_script,
        &["carrier-options"],
    ),
    must("PF-157", "Identity crosses octet for octet", "a signed call of the carrier", by_script, &["signed-caller"]),
];

fn own_leg(evidence: &Evidence) -> Findings {
    each(evidence.from_sbc(Side::Carrier), |seen| {
        let shows =
            |line: &str| FOREIGN.iter().any(|word| line.to_ascii_lowercase().contains(&word.to_ascii_lowercase()));
        let field = seen.text.fields.iter().find(|field| shows(&field.line)).map(|field| field.line.clone());
        let line = seen.text.sdp().into_iter().find(|line| shows(line));
        let shared = evidence
            .messages
            .iter()
            .any(|other| other.side == Side::Platform && other.text.call_id() == seen.text.call_id());
        held(!shared, || seen.text.line("Call-ID"))?;
        field.or(line).map_or(Ok(()), Err)
    })
}

fn numbers(evidence: &Evidence) -> Findings {
    let first = |seen: &&Seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none();
    each(evidence.from_sbc(Side::Carrier).filter(first), |seen| {
        let digits =
            |user: &str| !user.is_empty() && user.trim_start_matches('+').bytes().all(|octet| octet.is_ascii_digit());
        let called = user_of(seen.text.uri()).split(';').next().unwrap_or_default();
        held(digits(called), || seen.text.start.clone())?;
        let caller = seen.text.address("From");
        let hides = user_of(&caller).eq_ignore_ascii_case("anonymous");
        held(hides || digits(user_of(&caller)), || seen.text.line("From"))
    })
}
