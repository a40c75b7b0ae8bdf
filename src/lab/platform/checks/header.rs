//! Header rules common to both directions, and those of the call to the platform (MD-70 to MD-89, MD-104, MD-105).

use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::text::{has_parameter, host_of, user_of};
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// MD-72.
const FOREIGN: [&str; 7] = ["REFER", "UPDATE", "PRACK", "INFO", "SUBSCRIBE", "MESSAGE", "PUBLISH"];

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must("MD-1", "no REGISTER, no digest challenge", "everything the SBC sends", no_digest, &["inbound", "outbound"]),
    must("MD-70", "start lines are strictly SIP/2.0", "every start line", version, &["options"]),
    must(
        "MD-71",
        "names in capitals and lists without blanks are understood",
        "our calls, written so, are answered",
        by_script,
        &["outbound"],
    ),
    must(
        "MD-72",
        "no REFER, UPDATE, PRACK, INFO, SUBSCRIBE, MESSAGE, PUBLISH",
        "requests of the SBC",
        methods,
        &["methods-carrier"],
    ),
    must(
        "MD-73",
        "Allow in every INVITE, 18x and 200 to INVITE, with NOTIFY",
        "Allow",
        allow,
        &["inbound", "outbound"],
    ),
    must(
        "MD-74",
        "100rel is never required",
        "Require of the SBC's requests",
        no_reliable,
        &["reliable-carrier", "inbound"],
    ),
    must("MD-75", "no Replaces towards the platform", "INVITEs", no_replaces, &["transfer-consultative", "inbound"]),
    must(
        "MD-77",
        "every INVITE and re-INVITE has an offer",
        "INVITEs",
        offers,
        &["late-offer", "inbound", "hold-carrier"],
    ),
    must(
        "MD-78",
        "bodies are application/sdp",
        "Content-Type of INVITE and its answers",
        bodies,
        &["multipart-carrier", "inbound"],
    ),
    should(
        "MD-79",
        "X-MS-SBC and User-Agent or Server",
        "all messages but 100, ACK and CANCEL",
        product,
        &["options", "inbound"],
    ),
    must(
        "MD-83",
        "unknown headers are tolerated and stay on their side",
        "a call of ours with X-MS-* headers",
        by_script,
        &["outbound"],
    ),
    must(
        "MD-84",
        "Request-URI is +E.164 at the name dialled",
        "first INVITEs to the platform",
        request_uri,
        &["inbound"],
    ),
    should("MD-85", "user=phone stands in the Request-URI", "first INVITEs to the platform", user_phone, &["inbound"]),
    must(
        "MD-86",
        "From begins with plus and follows the asserted identity",
        "From of first INVITEs",
        caller,
        &["inbound", "identity-carrier"],
    ),
    must(
        "MD-87",
        "who hides stays hidden",
        "From and other fields of a call with Privacy",
        by_script,
        &["anonymous-carrier"],
    ),
    must("MD-88", "To carries the number of the Request-URI", "first INVITEs to the platform", called, &["inbound"]),
    must(
        "MD-89",
        "Allow, Supported, Max-Forwards, Content-Type",
        "first INVITEs to the platform",
        complete,
        &["inbound"],
    ),
    must(
        "MD-104",
        "3xx, 401 and 407 never reach the platform",
        "answers of the SBC",
        no_challenge,
        &["redirect-carrier", "outbound"],
    ),
    should(
        "MD-105",
        "Reason with a Q.850 cause on failures and BYE",
        "4xx to 6xx to INVITE, BYE",
        reason,
        &["busy-carrier", "outbound"],
    ),
    must(
        "MD-115",
        "one early dialog towards the platform",
        "To tags of our INVITEs' answers",
        one_tag,
        &["early-carrier", "outbound"],
    ),
];

fn requests(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.to_platform().filter(|seen| seen.text.is_request())
}

fn invites(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.to_platform().filter(|seen| seen.text.asks("INVITE"))
}

/// INVITEs that begin a call of the carrier's: neither inside a dialog nor made by a transfer.
fn first_invites(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    invites(evidence).filter(|seen| {
        seen.text.tag("To").is_none()
            && seen.text.field("Referred-By").is_none()
            && !has_parameter(seen.text.uri(), "x-m")
    })
}

fn no_digest(evidence: &Evidence) -> Findings {
    each(evidence.to_platform(), |seen| {
        let challenge = matches!(seen.text.status(), Some(401 | 407));
        held(!challenge && !seen.text.asks("REGISTER"), || seen.text.start.clone())
    })
}

fn version(evidence: &Evidence) -> Findings {
    each(evidence.to_platform(), |seen| {
        let start = &seen.text.start;
        held(start.starts_with("SIP/2.0 ") || start.ends_with(" SIP/2.0"), || start.clone())
    })
}

pub(super) fn methods(evidence: &Evidence) -> Findings {
    each(requests(evidence), |seen| held(!FOREIGN.contains(&seen.text.method()), || seen.text.start.clone()))
}

fn allow(evidence: &Evidence) -> Findings {
    let wanted = |seen: &&Seen| {
        let text = &seen.text;
        text.asks("INVITE")
            || (text.method() == "INVITE" && text.status().is_some_and(|status| (180..300).contains(&status)))
    };
    each(evidence.to_platform().filter(wanted), |seen| {
        held(seen.text.lists("Allow", "NOTIFY"), || seen.text.line("Allow"))
    })
}

pub(super) fn no_reliable(evidence: &Evidence) -> Findings {
    each(evidence.to_platform(), |seen| held(!seen.text.lists("Require", "100rel"), || seen.text.line("Require")))
}

fn no_replaces(evidence: &Evidence) -> Findings {
    each(invites(evidence), |seen| held(seen.text.field("Replaces").is_none(), || seen.text.line("Replaces")))
}

fn offers(evidence: &Evidence) -> Findings {
    each(invites(evidence), |seen| held(seen.text.has_sdp(), || format!("{} without a description", seen.text.start)))
}

fn bodies(evidence: &Evidence) -> Findings {
    let of_invite = |seen: &&Seen| seen.text.method() == "INVITE" && !seen.text.body.is_empty();
    each(evidence.to_platform().filter(of_invite), |seen| held(seen.text.has_sdp(), || seen.text.line("Content-Type")))
}

fn product(evidence: &Evidence) -> Findings {
    let wanted = |seen: &&Seen| seen.text.status() != Some(100) && !seen.text.asks("ACK") && !seen.text.asks("CANCEL");
    each(evidence.to_platform().filter(wanted), |seen| {
        let named = seen.text.field("User-Agent").or(seen.text.field("Server")).is_some();
        held(named, || "(no User-Agent, no Server)".to_owned())?;
        // vendor/product/version
        held(seen.text.value("X-MS-SBC").split('/').count() == 3, || seen.text.line("X-MS-SBC"))
    })
}

fn is_global(user: &str) -> bool {
    let digits = user.split(';').next().unwrap_or_default().strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|octet| octet.is_ascii_digit())
}

/// The name that was dialled for the connection a message came on, as far as the SBC told it (MD-35).
fn dialled_name<'e>(evidence: &'e Evidence, seen: &Seen) -> Option<&'e str> {
    let connected = evidence.connections.iter().find(|connected| Some(connected.id) == seen.connection)?;
    connected.asked_name.as_deref()
}

/// The names by which the SBC called the platform in this run: in handshakes and OPTIONS.
fn called_names(evidence: &Evidence) -> Vec<String> {
    let dialled = evidence.connections.iter().filter_map(|connected| connected.asked_name.clone());
    let asked = requests(evidence).filter(|seen| seen.text.asks("OPTIONS")).map(|seen| host_of(seen.text.uri()));
    dialled.chain(asked).collect()
}

fn request_uri(evidence: &Evidence) -> Findings {
    let names = called_names(evidence);
    each(first_invites(evidence), |seen| {
        let host = host_of(seen.text.uri());
        let known = match dialled_name(evidence, seen) {
            Some(name) => host.eq_ignore_ascii_case(name),
            None => names.is_empty() || names.iter().any(|name| host.eq_ignore_ascii_case(name)),
        };
        held(is_global(user_of(seen.text.uri())) && known, || seen.text.start.clone())
    })
}

fn user_phone(evidence: &Evidence) -> Findings {
    each(first_invites(evidence), |seen| held(has_parameter(seen.text.uri(), "user"), || seen.text.start.clone()))
}

fn caller(evidence: &Evidence) -> Findings {
    let shows = |seen: &&Seen| !user_of(&seen.text.address("From")).eq_ignore_ascii_case("anonymous");
    each(first_invites(evidence).filter(shows), |seen| {
        held(is_global(user_of(&seen.text.address("From"))), || seen.text.line("From"))
    })
}

fn called(evidence: &Evidence) -> Findings {
    each(first_invites(evidence), |seen| {
        held(user_of(&seen.text.address("To")) == user_of(seen.text.uri()), || seen.text.line("To"))
    })
}

fn complete(evidence: &Evidence) -> Findings {
    each(first_invites(evidence), |seen| {
        let text = &seen.text;
        held(text.field("Allow").is_some(), || text.line("Allow"))?;
        held(text.field("Supported").is_some(), || text.line("Supported"))?;
        let hops = text.value("Max-Forwards").parse::<u8>();
        held(hops.is_ok_and(|hops| (1..=70).contains(&hops)), || text.line("Max-Forwards"))?;
        held(text.value("Content-Type") == "application/sdp", || text.line("Content-Type"))
    })
}

fn no_challenge(evidence: &Evidence) -> Findings {
    let answers = evidence.to_platform().filter(|seen| seen.text.status().is_some_and(|status| status >= 200));
    each(answers, |seen| {
        let bad = seen.text.status().is_some_and(|status| (300..400).contains(&status) || matches!(status, 401 | 407));
        held(!bad, || seen.text.start.clone())
    })
}

pub(super) fn reason(evidence: &Evidence) -> Findings {
    let wanted = |seen: &&Seen| {
        seen.text.asks("BYE")
            || (seen.text.method() == "INVITE"
                && seen.text.status().is_some_and(|status| status >= 400 && status != 487))
    };
    each(evidence.to_platform().filter(wanted), |seen| {
        let told = seen.text.values("Reason").any(|value| value.to_ascii_lowercase().contains("q.850"));
        held(told, || seen.text.line("Reason"))
    })
}

fn one_tag(evidence: &Evidence) -> Findings {
    one_tag_on(evidence, Side::Platform)
}

/// Answers to each INVITE of ours on that side have one To tag.
pub(super) fn one_tag_on(evidence: &Evidence, side: Side) -> Findings {
    let mut findings = Findings::default();
    for asked in evidence.from_lab(side).filter(|seen| seen.text.asks("INVITE") && seen.text.tag("To").is_none()) {
        let answers = evidence.from_sbc(side).filter(|seen| {
            let good = seen.text.status().is_some_and(|status| (101..300).contains(&status));
            good && seen.text.method() == "INVITE" && seen.text.branch() == asked.text.branch()
        });
        let mut first: Option<String> = None;
        for seen in answers {
            let tag = seen.text.tag("To").unwrap_or_default().to_owned();
            let known = first.get_or_insert_with(|| tag.clone());
            findings.look(seen, held(*known == tag && !tag.is_empty(), || seen.text.line("To")));
        }
    }
    findings
}
