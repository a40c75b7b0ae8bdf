//! What Zoom Phone BYOC-P asks for (PF-83 to PF-92).

use super::acs::{facts_of, global};
use super::{description, header, identity, microsoft};
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::transcript::{Evidence, Seen};

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "PF-83",
        "SIP over TLS, sip: URIs",
        "Request-URI, Contact, From, To",
        identity::scheme,
        &["options", "inbound"],
    ),
    must("PF-84", "numbers are E.164 in both directions", "first INVITEs to the platform", global, &["inbound"]),
    must(
        "PF-85",
        "calls whose Request-URI holds an address are routed by number and sender",
        "calls of ours",
        |evidence| facts_of(evidence, &["MD-95"]),
        &["outbound"],
    ),
    must(
        "PF-86",
        "P-Asserted-Identity, Privacy: none and X-Trace-ID are taken",
        "calls of ours, which carry them",
        |evidence| facts_of(evidence, &["MD-95"]),
        &["outbound"],
    ),
    must(
        "PF-87",
        "no PRACK and no 100rel; a session timer that is taken names its refresher",
        "requests of the SBC; answers to our INVITEs",
        timers,
        &["inbound", "outbound", "reliable-carrier"],
    ),
    must(
        "PF-88",
        "RTP/SAVP; of four keys exactly one is answered, with its tag; each suite alone is spoken or refused",
        "m= lines, answers to our offers, audio under each suite",
        secured,
        &["outbound", "refresh", "zoom-suites"],
    ),
    should(
        "PF-90",
        "180 without and 183 with a description",
        "provisional answers to our INVITEs",
        progress,
        &["zoom-progress", "outbound"],
    ),
    must(
        "PF-92",
        "+49112 reaches the carrier as an emergency call",
        "an emergency call of ours",
        by_script,
        &["zoom-emergency"],
    ),
    must(
        "PF-89",
        "bodies that need not be understood are no hindrance",
        "a call of ours with ISUP beside the description",
        by_script,
        &["zoom-bodies"],
    ),
];

fn timers(evidence: &Evidence) -> Findings {
    let mut findings = microsoft::timer(evidence);
    for more in [header::no_reliable(evidence), only_prack(evidence)] {
        findings.add(more);
    }
    findings
}

fn secured(evidence: &Evidence) -> Findings {
    let mut findings = description::echo(evidence);
    findings.add(description::profile(evidence));
    findings.add_facts(evidence, "PF-88");
    findings
}

fn only_prack(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.is_request()), |seen| {
        held(!seen.text.asks("PRACK"), || seen.text.start.clone())
    })
}

fn progress(evidence: &Evidence) -> Findings {
    let wanted = |seen: &&Seen| seen.text.method() == "INVITE" && matches!(seen.text.status(), Some(180 | 183));
    each(evidence.to_platform().filter(wanted), |seen| {
        let right = seen.text.has_sdp() == (seen.text.status() == Some(183));
        held(right, || seen.text.start.clone())
    })
}
