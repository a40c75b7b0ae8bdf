//! What an operator gateway asks of the core behind it (PF-16 to PF-54).

use super::acs::{facts_of, global};
use super::{description, microsoft};
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must};
use crate::lab::platform::transcript::Evidence;

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "PF-16",
        "the Contact that the gateway rewrote is asked inside the call",
        "Request-URIs inside dialogs",
        microsoft::target,
        &["inbound", "outbound"],
    ),
    must("PF-19", "the caller is asserted", "P-Asserted-Identity of first INVITEs", asserted, &["inbound"]),
    must(
        "PF-21",
        "the tenant of a call crosses to the operator",
        "X-MS-TenantID at the carrier",
        by_script,
        &["gateway-tenant"],
    ),
    must("PF-34", "numbers are E.164", "first INVITEs to the gateway", global, &["inbound"]),
    must("PF-36", "SRTP with AES_CM_128_HMAC_SHA1_80", "a=crypto lines", description::suite, &["inbound", "outbound"]),
    must(
        "PF-43",
        "OPTIONS tell who is there",
        "OPTIONS to each region",
        |evidence| facts_of(evidence, &["MD-44"]),
        &["options"],
    ),
    must(
        "PF-44",
        "503 leads to the other region, 486, 603 and 404 nowhere",
        "INVITEs after our refusals",
        |evidence| facts_of(evidence, &["MD-119", "MD-120", "MD-122"]),
        &["failover", "busy-platform"],
    ),
    must(
        "PF-51",
        "an emergency call is never led to the platform",
        "a call of the carrier to 112",
        by_script,
        &["gateway-emergency"],
    ),
    must(
        "PF-54",
        "TLS 1.2 and 1.3",
        "handshakes of ours with each",
        |evidence| facts_of(evidence, &["MD-19", "MD-29"]),
        &["tls"],
    ),
];

fn asserted(evidence: &Evidence) -> Findings {
    let first = evidence.to_platform().filter(|seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none());
    each(first, |seen| held(seen.text.field("P-Asserted-Identity").is_some(), || seen.text.line("P-Asserted-Identity")))
}
