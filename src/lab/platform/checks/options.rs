//! OPTIONS both ways (MD-42 to MD-52).

use std::time::Duration;

use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::text::{host_of, is_address, parameter, scheme_of, user_of};
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// MD-44, MD-45: the hard limit between two of them to one name.
const LONGEST: Duration = Duration::from_secs(180);
/// MD-52.
const PROMPT: Duration = Duration::from_secs(2);

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must("MD-42", "the SBC asks first", "its OPTIONS, before any of ours", first, &["options"]),
    must("MD-43", "its OPTIONS come over TLS and name the FQDN in Contact", "its OPTIONS", contact, &["options"]),
    must("MD-44", "each of the names is asked, again within 180 s", "its OPTIONS by name", by_script, &["options"]),
    must(
        "MD-45",
        "no name waits longer than three minutes",
        "time between its OPTIONS to one name",
        interval,
        &["options"],
    ),
    must(
        "MD-49",
        "its OPTIONS have the demanded fields",
        "Request-URI, Via, From, To, Contact, Max-Forwards",
        fields,
        &["options"],
    ),
    must(
        "MD-50",
        "no address stands in its Contact",
        "Contact of OPTIONS and INVITE",
        no_address,
        &["options", "inbound"],
    ),
    must(
        "MD-51",
        "a 200 without To tag is taken",
        "after such 200s the SBC still sends calls here",
        taken,
        &["inbound"],
    ),
    must(
        "MD-52",
        "our OPTIONS get 200 at once, with Contact, Allow and Supported",
        "answers to our OPTIONS",
        answered,
        &["options"],
    ),
    should("MD-48", "OPTIONS name one FQDN only: that of the trunk", "Contact of OPTIONS", one_name, &["options"]),
];

fn asked(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.to_platform().filter(|seen| seen.text.asks("OPTIONS"))
}

fn first(evidence: &Evidence) -> Findings {
    let ours = evidence.from_lab(Side::Platform).find(|seen| seen.text.asks("OPTIONS"));
    let mut findings = each(asked(evidence).take(1), |seen| {
        held(ours.is_none_or(|ours| seen.at <= ours.at), || format!("first OPTIONS at {:.1} s", seen.at.as_secs_f64()))
    });
    if let Some(ours) = ours.filter(|_| findings.looked == 0) {
        findings.look(ours, Err("no OPTIONS of the SBC came before ours, nor after".to_owned()));
    }
    findings
}

fn contact(evidence: &Evidence) -> Findings {
    each(asked(evidence), |seen| {
        held(host_of(&seen.text.address("Contact")) == evidence.name, || seen.text.line("Contact"))
    })
}

fn interval(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let all: Vec<&Seen> = asked(evidence).collect();
    for (place, seen) in all.iter().enumerate() {
        let name = host_of(seen.text.uri());
        let before = all.iter().take(place).rev().find(|before| host_of(before.text.uri()) == name);
        if let Some(before) = before {
            let waited = seen.at.saturating_sub(before.at);
            findings.look(
                seen,
                held(waited <= LONGEST, || format!("{:.0} s after the one before to {name}", waited.as_secs_f64())),
            );
        }
    }
    findings
}

fn fields(evidence: &Evidence) -> Findings {
    each(asked(evidence), |seen| {
        let text = &seen.text;
        held(scheme_of(text.uri()) == "sip" && user_of(text.uri()).is_empty(), || text.start.clone())?;
        held(text.value("Via").starts_with("SIP/2.0/TLS "), || text.line("Via"))?;
        held(host_of(&text.address("From")) == evidence.name && text.tag("From").is_some(), || text.line("From"))?;
        held(text.tag("To").is_none(), || text.line("To"))?;
        held(text.value("CSeq").ends_with(" OPTIONS"), || text.line("CSeq"))?;
        held(text.value("Max-Forwards").parse::<u8>().is_ok(), || text.line("Max-Forwards"))?;
        let contact = text.address("Contact");
        let tls = parameter(&contact, "transport").is_some_and(|transport| transport.eq_ignore_ascii_case("tls"));
        held(contact.starts_with("sip:") && tls && !contact.contains('@'), || text.line("Contact"))?;
        held(text.value("Content-Length") == "0", || text.line("Content-Length"))
    })
}

fn no_address(evidence: &Evidence) -> Findings {
    let asks = |seen: &&Seen| seen.text.asks("OPTIONS") || seen.text.asks("INVITE");
    each(evidence.to_platform().filter(asks), |seen| {
        held(!is_address(&host_of(&seen.text.address("Contact"))), || seen.text.line("Contact"))
    })
}

fn one_name(evidence: &Evidence) -> Findings {
    let first = asked(evidence).next().map(|seen| host_of(&seen.text.address("Contact"))).unwrap_or_default();
    each(asked(evidence), |seen| held(host_of(&seen.text.address("Contact")) == first, || seen.text.line("Contact")))
}

fn taken(evidence: &Evidence) -> Findings {
    let answered = evidence
        .from_lab(Side::Platform)
        .find(|seen| seen.text.method() == "OPTIONS" && seen.text.status() == Some(200));
    let Some(answered) = answered else { return Findings::default() };
    each(evidence.to_platform().filter(|seen| seen.text.asks("INVITE") && seen.at > answered.at).take(1), |_| Ok(()))
}

pub(super) fn answered(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for asked in evidence.from_lab(Side::Platform).filter(|seen| seen.text.asks("OPTIONS")) {
        let answer = evidence.to_platform().find(|seen| {
            seen.text.method() == "OPTIONS" && !seen.text.is_request() && seen.text.branch() == asked.text.branch()
        });
        match answer {
            Some(answer) => findings.look(answer, well_answered(evidence, asked, answer)),
            None => findings.look(asked, Err("no answer came".to_owned())),
        }
    }
    findings
}

fn well_answered(evidence: &Evidence, asked: &Seen, answer: &Seen) -> Result<(), String> {
    let text = &answer.text;
    held(text.status() == Some(200), || text.start.clone())?;
    let took = answer.at.saturating_sub(asked.at);
    held(took <= PROMPT, || format!("after {:.1} s", took.as_secs_f64()))?;
    held(host_of(&text.address("Contact")) == evidence.name, || text.line("Contact"))?;
    held(text.field("Allow").is_some(), || text.line("Allow"))?;
    held(text.field("Supported").is_some(), || text.line("Supported"))
}
