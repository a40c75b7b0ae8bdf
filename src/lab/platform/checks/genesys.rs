//! What Genesys Cloud BYOC asks for (PF-64 to PF-80).

use super::acs::facts_of;
use super::{certificate, description, microsoft, options};
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::text::{Text, host_of, parameter, user_of};
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "PF-64",
        "TLS 1.2 without a client certificate",
        "handshakes of the lab, which shows none",
        |evidence| facts_of(evidence, &["MD-19", "MD-29"]),
        &["tls"],
    ),
    must("PF-65", "the certificate has an RSA key", "the leaf the SBC shows as server", certificate::rsa, &["tls"]),
    must("PF-66", "SRTP with AES_CM_128_HMAC_SHA1_80", "a=crypto lines", description::suite, &["inbound", "outbound"]),
    must(
        "PF-68",
        "a call may come from each of the region's proxies",
        "calls of ours from each address",
        by_script,
        &["genesys-proxies"],
    ),
    must(
        "PF-71",
        "tgrp and trunk-context are taken and kept from the carrier",
        "a call of ours with both",
        by_script,
        &["genesys-shape"],
    ),
    must("PF-73", "the route set is followed", "Route of requests inside a dialog", routes, &["inbound", "outbound"]),
    must(
        "PF-74",
        "Via comes back unmodified; Contact's unknown parameters reappear",
        "answers, and Request-URIs inside dialogs",
        lossless,
        &["genesys-shape", "inbound"],
    ),
    should(
        "PF-75",
        "a truthful status and Reason for failures",
        "answers to calls that the carrier refused",
        |evidence| facts_of(evidence, &["MD-117"]),
        &["busy-carrier"],
    ),
    must("PF-76", "DTMF as RTP events", "rtpmap lines; digits both ways", dtmf, &["dtmf"]),
    must(
        "PF-77",
        "hold by re-INVITE, 0.0.0.0 too",
        "answers and audio around holds",
        |evidence| facts_of(evidence, &["MD-130", "MD-127"]),
        &["hold-platform", "hold-carrier"],
    ),
    must(
        "PF-78",
        "numbers with and without plus are taken",
        "a call of ours to a number without plus",
        by_script,
        &["genesys-number"],
    ),
    must(
        "PF-79",
        "User-to-User crosses octet for octet",
        "a call of the carrier with User-to-User",
        by_script,
        &["genesys-context"],
    ),
    must(
        "PF-80",
        "REFER: 202, the carrier is called, NOTIFY; on failure the old call lives",
        "our REFERs to a number",
        by_script,
        &["genesys-refer", "genesys-refer-fails"],
    ),
    should(
        "PF-82",
        "OPTIONS are always answered, session timers agreed on in both roles",
        "answers to our OPTIONS and INVITEs, INVITEs after our 422",
        agreeable,
        &["options", "outbound", "short-timer"],
    ),
];

/// The trunk's termination identifier, and the domain it is known in.
const IDENTIFIER: &str = "acme";
const DOMAIN: &str = "byoc.example.com";
/// The field of form (d): whatever the trunk on Genesys' side is told it is called.
const FIELD: &str = "X-Genesys-Identifier";

/// Form (a), recommended.
pub static BY_NAME: &[Statement] = &[must(
    "PF-69",
    "each INVITE names the trunk's termination identifier: in the host of the Request-URI",
    "Request-URI",
    |evidence| {
        named(evidence, |text| held(host_of(text.uri()) == format!("{IDENTIFIER}.{DOMAIN}"), || text.start.clone()))
    },
    &["inbound"],
)];

/// Form (b).
pub static BY_GROUP: &[Statement] = &[
    must(
        "PF-69",
        "each INVITE names the trunk's termination identifier: as a trunk group",
        "tgrp of the Request-URI",
        |evidence| {
            named(evidence, |text| held(text.uri().contains(&format!(";tgrp={IDENTIFIER}")), || text.start.clone()))
        },
        &["inbound"],
    ),
    must(
        "PF-72",
        "tgrp and trunk-context stand in the user part, behind the number (RFC 4904)",
        "the user part of the Request-URI",
        |evidence| named(evidence, grouped),
        &["inbound"],
    ),
];

/// Form (c).
pub static BY_NUMBER: &[Statement] = &[must(
    "PF-69",
    "each INVITE names the trunk's termination identifier: in place of the number, which To keeps",
    "the user parts of Request-URI and To",
    |evidence| {
        named(evidence, |text| {
            held(user_of(text.uri()) == IDENTIFIER, || text.start.clone())?;
            held(user_of(&text.address("To")).starts_with('+'), || text.line("To"))
        })
    },
    &["inbound"],
)];

/// Form (d).
pub static BY_FIELD: &[Statement] = &[must(
    "PF-69",
    "each INVITE names the trunk's termination identifier: in a field of its own",
    FIELD,
    |evidence| {
        named(evidence, |text| {
            let told: Vec<&str> = text.values(FIELD).collect();
            held(told == [IDENTIFIER], || text.line(FIELD))
        })
    },
    &["inbound"],
)];

/// A look at each INVITE that begins a call.
fn named(evidence: &Evidence, look: impl Fn(&Text) -> Result<(), String>) -> Findings {
    let first = |seen: &&Seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none();
    each(evidence.to_platform().filter(first), |seen| look(&seen.text))
}

fn grouped(text: &Text) -> Result<(), String> {
    let user = user_of(text.uri());
    let right = user.starts_with('+')
        && parameter(user, "tgrp") == Some(IDENTIFIER)
        && parameter(user, "trunk-context") == Some(DOMAIN);
    held(right, || text.start.clone())
}

fn agreeable(evidence: &Evidence) -> Findings {
    let mut findings = options::answered(evidence);
    findings.add(microsoft::timer(evidence));
    findings.add(facts_of(evidence, &["MD-133"]));
    findings
}

/// RFC 3261 12.2.1.1: what makes the dialog carries Record-Route of ours; so must each request carry Route.
fn routes(evidence: &Evidence) -> Findings {
    let inside = |seen: &&Seen| {
        seen.text.is_request()
            && seen.text.tag("To").is_some()
            && !matches!(seen.text.method(), "CANCEL")
            && !microsoft::is_ack_of_failure(evidence, seen)
    };
    each(evidence.to_platform().filter(inside), |seen| {
        held(seen.text.value("Route").contains(";lr"), || format!("{}, {}", seen.text.start, seen.text.line("Route")))
    })
}

fn lossless(evidence: &Evidence) -> Findings {
    let mut findings = microsoft::target(evidence);
    for seen in evidence.to_platform().filter(|seen| !seen.text.is_request()) {
        let asked = evidence.from_lab(Side::Platform).find(|asked| {
            asked.text.is_request()
                && asked.text.branch() == seen.text.branch()
                && asked.text.method() == seen.text.method()
        });
        let Some(asked) = asked else { continue };
        let same = asked.text.values("Via").eq(seen.text.values("Via"));
        findings.look(seen, held(same, || seen.text.values("Via").collect::<Vec<_>>().join(" | ")));
    }
    findings
}

fn dtmf(evidence: &Evidence) -> Findings {
    let mut findings = description::events(evidence);
    findings.add_facts(evidence, "MD-190");
    findings
}
