//! Who the SBC says it is, in every message to the platform (MD-56 to MD-64, MD-69, MD-80).

use std::collections::HashMap;

use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::text::{host_of, is_address, parameter, port_of, scheme_of, user_of};
use crate::lab::platform::transcript::{Evidence, Seen};

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "MD-56",
        "Contact names user, FQDN and transport=tls",
        "Contact of INVITE, 1xx and 2xx",
        contact,
        &["inbound", "outbound"],
    ),
    must(
        "MD-57",
        "Contact alone says where we are, or Record-Route with the same host",
        "Record-Route and Contact of INVITEs and their answers",
        record_route,
        &["inbound", "outbound"],
    ),
    must(
        "MD-62",
        "a Request-URI host that is no trunk's is refused",
        "a call of ours to another name",
        by_script,
        &["unknown-name"],
    ),
    must(
        "MD-63",
        "From and Contact carry the trunk's name on calls to the platform",
        "Contact of INVITE",
        own_name,
        &["inbound"],
    ),
    must(
        "MD-64",
        "one constant Contact for the life of a dialog",
        "all Contacts of each dialog",
        constant,
        &["inbound", "hold-carrier"],
    ),
    must(
        "MD-69",
        "sip: URIs with transport=tls, never sips:",
        "Request-URI, Contact, From, To",
        scheme,
        &["options", "inbound"],
    ),
    should("MD-80", "Via names the FQDN and a port", "topmost Via of requests", via, &["options", "inbound"]),
];

fn makes_dialog(seen: &&Seen) -> bool {
    let text = &seen.text;
    text.asks("INVITE")
        || (text.method() == "INVITE" && text.status().is_some_and(|status| (101..300).contains(&status)))
}

fn contact(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(makes_dialog), |seen| {
        let contact = seen.text.address("Contact");
        let tls = parameter(&contact, "transport").is_some_and(|transport| transport.eq_ignore_ascii_case("tls"));
        // Who hides has no number to show there (MD-87); the FQDN alone finds the trunk.
        let hides = user_of(&seen.text.address("From")).eq_ignore_ascii_case("anonymous");
        let user = hides || !user_of(&contact).is_empty();
        let good = contact.starts_with("sip:") && user && tls && !is_address(&host_of(&contact));
        held(good && host_of(&contact) == evidence.name, || seen.text.line("Contact"))
    })
}

/// What stands in Record-Route of an answer is the platform's own (RFC 3261 12.1.1).
fn record_route(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(makes_dialog), |seen| {
        let own = host_of(&seen.text.address("Contact"));
        let routed = seen.text.is_request() && seen.text.field("Record-Route").is_some();
        held(!routed || host_of(&seen.text.address("Record-Route")) == own, || seen.text.line("Record-Route"))
    })
}

fn own_name(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.asks("INVITE")), |seen| {
        held(host_of(&seen.text.address("Contact")) == evidence.name, || seen.text.line("Contact"))?;
        let from = host_of(&seen.text.address("From"));
        held(from == evidence.name || from.ends_with(".invalid"), || seen.text.line("From"))
    })
}

fn constant(evidence: &Evidence) -> Findings {
    let mut first: HashMap<&str, String> = HashMap::new();
    let mut findings = Findings::default();
    for seen in evidence.to_platform().filter(|seen| seen.text.field("Contact").is_some() && !seen.text.asks("OPTIONS"))
    {
        let text = &seen.text;
        let contact = text.address("Contact");
        let known = first.entry(text.call_id()).or_insert_with(|| contact.clone());
        findings.look(seen, held(*known == contact, || format!("{}, before: {known}", text.line("Contact"))));
    }
    findings
}

pub(super) fn scheme(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.is_request()), |seen| {
        let text = &seen.text;
        held(scheme_of(text.uri()) == "sip", || text.start.clone())?;
        for name in ["Contact", "From", "To"] {
            let secured = text.address(name).to_ascii_lowercase().starts_with("sips:");
            held(!secured, || text.line(name))?;
        }
        Ok(())
    })
}

fn via(evidence: &Evidence) -> Findings {
    each(evidence.to_platform().filter(|seen| seen.text.is_request()), |seen| {
        let place = seen.text.value("Via").split(' ').nth(1).unwrap_or_default().to_owned();
        let uri = format!("sip:{place}");
        held(host_of(&uri) == evidence.name && port_of(&uri).is_some(), || seen.text.line("Via"))
    })
}
