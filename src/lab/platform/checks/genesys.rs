//! What Genesys Cloud BYOC asks for (PF-64 to PF-80).

use super::acs::facts_of;
use super::{certificate, description, microsoft};
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::text::{has_parameter, host_of, user_of};
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
        "PF-69",
        "each INVITE names the trunk's termination identifier",
        "Request-URI: FQDN or tgrp",
        identifier,
        &["inbound"],
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
];

fn identifier(evidence: &Evidence) -> Findings {
    let first = |seen: &&Seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none();
    each(evidence.to_platform().filter(first), |seen| {
        let uri = seen.text.uri();
        let named = host_of(uri) == "acme.byoc.example.com" || has_parameter(user_of(uri), "tgrp");
        held(named, || seen.text.start.clone())
    })
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
