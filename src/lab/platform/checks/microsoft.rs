//! Calls, forks, failures and changes inside a call as Microsoft does them (MD-81, MD-90 to MD-137, MD-160 to MD-193).

use std::time::Duration;

use crate::lab::platform::statement::{Findings, Statement, by_script, held, must, should};
use crate::lab::platform::text::{has_parameter, parameter};
use crate::lab::platform::transcript::{Author, Evidence, Seen, Side};

/// MD-102: `FailoverTimeSeconds`.
const FAILOVER: Duration = Duration::from_secs(10);
/// MD-102: 100, MD-93: ACK.
const AT_ONCE: Duration = Duration::from_secs(2);

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "MD-18",
        "messages of tens of kilobytes and fields of four are taken",
        "a call of ours of 20 kB",
        by_script,
        &["large"],
    ),
    must(
        "MD-81",
        "requests inside a call name our Contact octet for octet",
        "Request-URI of ACK, BYE, re-INVITE, NOTIFY",
        target,
        &["inbound", "outbound"],
    ),
    should(
        "MD-90",
        "who sent a call on is said in History-Info",
        "a call of the carrier with Diversion",
        by_script,
        &["diverted-carrier"],
    ),
    must(
        "MD-91",
        "the next name follows failure, in order",
        "INVITEs after 503 from the first name",
        by_script,
        &["failover"],
    ),
    must(
        "MD-92",
        "100, 180, 183 and 200 in any order are understood",
        "a call with 180, 180, 183, 200",
        by_script,
        &["inbound"],
    ),
    must("MD-93", "a 200 is acknowledged at once", "ACK after our 200", acknowledged, &["inbound"]),
    must(
        "MD-95",
        "calls to numbers, extensions and short codes reach the carrier",
        "calls of ours",
        by_script,
        &["outbound", "emergency"],
    ),
    must("MD-96", ";ext= in the user part is understood", "a call of ours with ;ext=", by_script, &["extension"]),
    must(
        "MD-98",
        "P-Asserted-Identity with two values and Privacy: id are honoured",
        "what the carrier is shown of such a call",
        by_script,
        &["privacy-platform"],
    ),
    must("MD-99", "History-Info is taken", "a forwarded call of ours", by_script, &["outbound"]),
    must(
        "MD-102",
        "100 at once, another answer within ten seconds",
        "answers to our INVITEs",
        prompt,
        &["outbound", "slow-carrier"],
    ),
    must(
        "MD-106",
        "CANCEL from another connection: 200 and 487",
        "a call of ours that is cancelled",
        by_script,
        &["cancel-platform"],
    ),
    must(
        "MD-110",
        "ten forks: the fork that answers is the one that talks",
        "200 from a third fork, and the audio",
        by_script,
        &["inbound"],
    ),
    should(
        "MD-100",
        "the carrier is told who sent a call on",
        "Diversion or History-Info of such a call at the carrier",
        by_script,
        &["outbound"],
    ),
    should(
        "MD-111",
        "a carrier that knows no forks sees one early dialog",
        "To tags of the answers to the carrier's INVITEs",
        one_tag_at_the_carrier,
        &["inbound"],
    ),
    must("MD-114", "early media of the platform reaches the caller", "audio after 183", by_script, &["inbound"]),
    must(
        "MD-117",
        "what the carrier says of the destination is said to the platform",
        "486 and 404 of the carrier",
        by_script,
        &["busy-carrier"],
    ),
    must("MD-119", "503 with Retry-After: the next name at once", "INVITEs after our 503", by_script, &["failover"]),
    must("MD-120", "486 and 603 are final", "INVITEs after our 486 and 603", by_script, &["busy-platform"]),
    must("MD-121", "our 486 with cause 34 becomes 17 or none", "Reason at the carrier", by_script, &["busy-platform"]),
    must("MD-122", "no other name is tried after 4xx", "INVITEs after our 404", by_script, &["busy-platform"]),
    must("MD-125", "re-INVITEs in a row are answered", "three of ours right after the answer", by_script, &["storm"]),
    must(
        "MD-130",
        "our hold is answered inactive, RTCP goes on",
        "answers and reports while we hold",
        by_script,
        &["hold-platform"],
    ),
    must(
        "MD-131",
        "resume is an offer with sendrecv",
        "re-INVITE after hold by the carrier, without an offer of its own",
        by_script,
        &["hold-carrier"],
    ),
    must(
        "MD-132",
        "a session timer that is taken names its refresher",
        "Session-Expires in answers to our INVITEs",
        timer,
        &["outbound"],
    ),
    must("MD-133", "422 is followed by a longer interval", "INVITE after our 422", by_script, &["short-timer"]),
    must(
        "MD-134",
        "a refresh that changes nothing is answered unchanged",
        "answers to our repeated descriptions",
        by_script,
        &["refresh"],
    ),
    must(
        "MD-135",
        "the SBC refreshes what it promised to",
        "re-INVITE in a session of 90 s, and the audio after it",
        by_script,
        &["session-timer", "long-call"],
    ),
    must(
        "MD-136",
        "BYE with Reason, from another connection, is answered and passed on",
        "our BYEs",
        ended,
        &["outbound", "inbound"],
    ),
    must(
        "MD-137",
        "a new address, port and key of ours are followed",
        "audio after such a re-INVITE",
        by_script,
        &["rekey"],
    ),
    must("MD-161", "112 without plus reaches the carrier", "an emergency call of ours", by_script, &["emergency"]),
    must(
        "MD-162",
        "a multipart INVITE with a location is understood",
        "an emergency call of ours with PIDF-LO",
        by_script,
        &["emergency"],
    ),
    must(
        "MD-164",
        "the number of a place is shown for the caller's, and calls to it reach him",
        "From of an emergency call with an ELIN; a call back",
        by_script,
        &["elin"],
    ),
    must(
        "MD-165",
        "a location never reaches the platform",
        "a call of the carrier with PIDF-LO",
        by_script,
        &["located-carrier"],
    ),
    must("MD-175", "our SSRC may change without a word", "audio after the change", by_script, &["rekey"]),
    must("MD-181", "SRTCP is sent, on hold too", "reports at the platform", by_script, &["hold-platform", "inbound"]),
    should("MD-193", "media begins with the answer", "packets at the platform after its 200", by_script, &["inbound"]),
];

/// Requests of the SBC inside a dialog: their Request-URI is the Contact of ours (RFC 3261 12.2.1.1).
pub(super) fn target(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for seen in evidence.to_platform().filter(|seen| seen.text.is_request() && seen.text.tag("To").is_some()) {
        let text = &seen.text;
        if text.asks("CANCEL") || is_ack_of_failure(evidence, seen) {
            continue;
        }
        let contacts = evidence
            .from_lab(Side::Platform)
            .filter(|ours| ours.at <= seen.at && ours.text.call_id() == text.call_id());
        let contact = contacts
            .filter(|ours| ours.text.field("Contact").is_some())
            .last()
            .map(|ours| ours.text.address("Contact"));
        if let Some(contact) = contact {
            findings.look(seen, held(text.uri() == contact, || format!("{}, Contact: {contact}", text.start)));
        }
    }
    findings
}

pub(super) fn is_ack_of_failure(evidence: &Evidence, seen: &Seen) -> bool {
    seen.text.asks("ACK")
        && evidence.from_lab(Side::Platform).any(|ours| {
            ours.text.status().is_some_and(|status| status >= 300) && ours.text.branch() == seen.text.branch()
        })
}

fn acknowledged(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let answers = evidence.from_lab(Side::Platform).filter(|seen| {
        seen.text.method() == "INVITE" && seen.text.status().is_some_and(|status| (200..300).contains(&status))
    });
    for answer in answers {
        let ack = evidence.to_platform().find(|seen| {
            seen.text.asks("ACK")
                && seen.text.call_id() == answer.text.call_id()
                && seen.text.cseq() == answer.text.cseq()
                && seen.at >= answer.at
        });
        let verdict = match ack {
            Some(ack) => held(ack.at.saturating_sub(answer.at) <= AT_ONCE, || {
                format!("ACK after {:.1} s", ack.at.saturating_sub(answer.at).as_secs_f64())
            }),
            None => Err("no ACK came".to_owned()),
        };
        findings.look(answer, verdict);
    }
    findings
}

fn prompt(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let firsts =
        evidence.from_lab(Side::Platform).filter(|seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none());
    for asked in firsts {
        let answer = |wanted: fn(u16) -> bool| {
            let answers = evidence
                .to_platform()
                .filter(|seen| seen.text.branch() == asked.text.branch() && seen.text.method() == "INVITE");
            answers
                .filter(|seen| seen.text.status().is_some_and(wanted))
                .map(|seen| seen.at.saturating_sub(asked.at))
                .next()
        };
        let first = answer(|_| true);
        let telling = answer(|status| status > 100);
        let judge = || {
            held(first.is_some_and(|took| took <= AT_ONCE), || format!("first answer after {}", seconds(first)))?;
            held(telling.is_some_and(|took| took <= FAILOVER), || {
                format!("first answer but 100 after {}", seconds(telling))
            })
        };
        findings.look(asked, judge());
    }
    findings
}

fn seconds(took: Option<Duration>) -> String {
    took.map_or_else(|| "the end of the run".to_owned(), |took| format!("{:.1} s", took.as_secs_f64()))
}

pub(super) fn timer(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let answers =
        evidence.to_platform().filter(|seen| seen.text.method() == "INVITE" && seen.text.status() == Some(200));
    for seen in answers.filter(|seen| seen.text.field("Session-Expires").is_some()) {
        let text = &seen.text;
        let refresher = parameter(text.value("Session-Expires"), "refresher").is_some();
        let judge = || {
            held(refresher, || text.line("Session-Expires"))?;
            let by_us = has_parameter(text.value("Session-Expires"), "refresher")
                && text.value("Session-Expires").contains("uac");
            // RFC 4028 9: the caller that refreshes must be told to.
            held(!by_us || text.lists("Require", "timer"), || text.line("Require"))
        };
        findings.look(seen, judge());
    }
    findings
}

fn one_tag_at_the_carrier(evidence: &Evidence) -> Findings {
    super::header::one_tag_on(evidence, Side::Carrier)
}

fn ended(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for bye in evidence.from_lab(Side::Platform).filter(|seen| seen.text.asks("BYE")) {
        let answer = evidence.messages.iter().find(|seen| {
            seen.author == Author::Sbc
                && seen.side == Side::Platform
                && seen.text.branch() == bye.text.branch()
                && seen.text.method() == "BYE"
        });
        let verdict = match answer {
            Some(answer) => held(answer.text.status() == Some(200), || answer.text.start.clone()),
            None => Err("BYE was not answered".to_owned()),
        };
        findings.look(bye, verdict);
    }
    findings
}
