//! What Azure Communication Services and Dynamics 365 ask for besides (MD-211 to MD-227).

use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must};
use crate::lab::platform::text::user_of;
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// MD-217.
const NAMES: usize = 64;
const VALUES: usize = 256;
const HEADERS: usize = 5;

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must("MD-212", "OPTIONS are always on", "OPTIONS of the SBC", asks, &["options"]),
    must(
        "MD-213",
        "only 408, 503 and 504 lead elsewhere",
        "INVITEs after 486, 603 and 404",
        others_are_final,
        &["busy-platform"],
    ),
    must(
        "MD-214",
        "no ICE is offered, a session timer is taken",
        "descriptions and Supported",
        no_bypass,
        &["inbound"],
    ),
    must("MD-215", "History-Info and 181 are taken", "a forwarded call of ours", forwarded, &["outbound"]),
    must("MD-216", "x-t of a REFER comes back", "INVITE after our REFER", by_script, &["transfer-blind"]),
    must(
        "MD-217",
        "context headers cross octet for octet, within the limits",
        "X-MS-Custom-* and User-To-User at the platform",
        context,
        &["context"],
    ),
    must("MD-219", "a 1xx comes before anything else", "answers to our INVITEs", provisional_first, &["outbound"]),
    must("MD-220", "numbers in Request-URI are E.164", "first INVITEs to the platform", global, &["inbound"]),
    must("MD-224", "names of X- headers keep their case", "a call with X- headers", by_script, &["context"]),
];

fn asks(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.asks("OPTIONS")), |_| Ok(()))
}

pub(super) fn facts_of(evidence: &Evidence, numbers: &[&str]) -> Findings {
    let mut findings = Findings::default();
    for number in numbers {
        findings.add_facts(evidence, number);
    }
    findings
}

fn others_are_final(evidence: &Evidence) -> Findings {
    facts_of(evidence, &["MD-120", "MD-122"])
}

fn forwarded(evidence: &Evidence) -> Findings {
    facts_of(evidence, &["MD-99"])
}

fn no_bypass(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.has_sdp()), |seen| {
        let ice = seen.text.sdp().into_iter().find(|line| line.starts_with("a=candidate") || line.starts_with("a=ice"));
        ice.map_or(Ok(()), Err)
    })
}

fn context(evidence: &Evidence) -> Findings {
    let carries = |seen: &&Seen| {
        seen.text.asks("INVITE")
            && seen.text.fields.iter().any(|field| field.name.to_ascii_lowercase().starts_with("x-ms-custom-"))
    };
    each(evidence.to_platform().filter(carries), |seen| {
        let custom: Vec<_> = seen
            .text
            .fields
            .iter()
            .filter(|field| field.name.to_ascii_lowercase().starts_with("x-ms-custom-"))
            .collect();
        held(custom.len() <= HEADERS, || format!("{} context headers", custom.len()))?;
        let long = custom.iter().find(|field| field.name.len() > NAMES || field.value.len() > VALUES);
        long.map_or(Ok(()), |field| Err(field.line.clone()))
    })
}

pub(super) fn provisional_first(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for asked in
        evidence.from_lab(Side::Platform).filter(|seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none())
    {
        let first = evidence
            .to_platform()
            .find(|seen| seen.text.branch() == asked.text.branch() && seen.text.method() == "INVITE");
        if let Some(first) = first {
            let provisional = first.text.status().is_some_and(|status| status < 200);
            findings.look(first, held(provisional, || first.text.start.clone()));
        }
    }
    findings
}

pub(super) fn global(evidence: &Evidence) -> Findings {
    let first = |seen: &&Seen| {
        seen.text.asks("INVITE") && seen.text.tag("To").is_none() && seen.text.field("Referred-By").is_none()
    };
    each(evidence.to_platform().filter(first), |seen| {
        held(user_of(seen.text.uri()).starts_with('+'), || seen.text.start.clone())
    })
}
