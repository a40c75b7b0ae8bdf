//! What Twilio Elastic SIP Trunking asks for with secure trunking on (PF-115 to PF-122).

use super::acs::facts_of;
use super::description;
use crate::lab::platform::statement::{Findings, Statement, each, held, must};
use crate::lab::platform::text::host_of;
use crate::lab::platform::transcript::{Author, Evidence, Seen};

/// The trunk, as the Request-URI names it.
const TRUNK: &str = "acme.pstn.twilio.com";
/// PF-119.
const SUITES: [&str; 2] = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"];

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must("PF-115", "the host of the Request-URI is the trunk's name", "INVITEs that begin a call", trunk, &["inbound"]),
    must(
        "PF-116",
        "the message goes to the edge, whose name is another",
        "connections on which the trunk's calls came",
        edge,
        &["inbound"],
    ),
    must(
        "PF-118",
        "TLS, and SRTP always: plain RTP is neither offered nor taken",
        "m= lines, our offer without keys, TLS 1.2",
        strict,
        &["inbound", "outbound", "plain-rtp", "tls"],
    ),
    must("PF-119", "one of the two suites, and no MKI", "a=crypto lines", keys, &["inbound", "outbound", "crypto"]),
    must("PF-122", "no REGISTER for a trunk", "requests of the SBC", unregistered, &["options", "inbound"]),
];

fn first_invites(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.to_platform().filter(|seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none())
}

fn trunk(evidence: &Evidence) -> Findings {
    each(first_invites(evidence), |seen| held(host_of(seen.text.uri()) == TRUNK, || seen.text.start.clone()))
}

/// The trunk's name is in no DNS of the lab: a call that came was led here by the edge's. What the handshake asked for
/// says it, too.
fn edge(evidence: &Evidence) -> Findings {
    each(first_invites(evidence), |seen| {
        let connected = evidence.connections.iter().find(|connected| Some(connected.id) == seen.connection);
        let asked =
            connected.filter(|connected| connected.dialled_by == Author::Sbc).and_then(|one| one.asked_name.clone());
        held(asked.as_deref() != Some(TRUNK), || {
            format!("server_name {TRUNK} of the connection of {}", seen.text.start)
        })
    })
}

fn strict(evidence: &Evidence) -> Findings {
    let mut findings = description::profile(evidence);
    findings.add(facts_of(evidence, &["MD-167", "MD-19"]));
    findings
}

fn keys(evidence: &Evidence) -> Findings {
    let mut findings = description::no_mki(evidence);
    findings.add(each(evidence.to_platform().filter(|seen| seen.text.has_sdp()), |seen| {
        let lines = seen.text.sdp();
        let odd = lines
            .iter()
            .filter(|line| line.starts_with("a=crypto:"))
            .find(|line| line.split(' ').nth(1).is_none_or(|suite| !SUITES.contains(&suite)));
        odd.map_or(Ok(()), |line| Err(line.clone()))
    }));
    findings
}

fn unregistered(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.is_request()), |seen| {
        held(!seen.text.asks("REGISTER"), || seen.text.start.clone())
    })
}
