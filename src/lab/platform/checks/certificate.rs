//! TLS and certificates (MD-19 to MD-38).

use crate::lab::platform::posture::covers;
use crate::lab::platform::statement::{Findings, Statement, by_script, held, must, should};
use crate::lab::platform::transcript::{Author, Connected, Evidence};

/// MD-20: with GCM; the CBC suites of the list are not in the lab's stack.
const SUITES: [&str; 2] = ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must("MD-19", "TLS 1.2 is spoken", "a handshake that offers TLS 1.2 alone", by_script, &["tls"]),
    must("MD-20", "one of the listed suites is negotiable", "TLS 1.2 handshakes of ours", suites, &["tls"]),
    must(
        "MD-21",
        "the certificate of the server has an RSA key of 2048 bits or more",
        "the leaf the SBC shows as server",
        rsa,
        &["tls"],
    ),
    must("MD-22", "a certificate is shown in both roles", "every handshake", shown, &["tls", "options"]),
    must("MD-23", "the chain is complete: leaf and intermediates", "every chain shown", complete, &["tls", "options"]),
    must("MD-24", "the leaf carries the FQDN", "every leaf shown", named, &["tls", "options"]),
    must("MD-25", "wildcards stand for one label", "every leaf shown", wildcards, &["tls", "options"]),
    must(
        "MD-28",
        "a leaf without clientAuth is shown as client all the same",
        "handshakes the SBC began",
        shown_as_client,
        &["options"],
    ),
    must(
        "MD-29",
        "a peer with serverAuth alone is accepted as client",
        "connections of the lab: their leaf has no clientAuth",
        by_script,
        &["tls"],
    ),
    must(
        "MD-33",
        "chains under RSA 4096 and P-384 roots are accepted",
        "one connection with each, both ways",
        by_script,
        &["tls"],
    ),
    must(
        "MD-35",
        "SNI is sent, and not needed",
        "handshakes the SBC began; one of ours without SNI",
        sni,
        &["tls", "options"],
    ),
    must("MD-36", "answers go on the connection of the request", "every answer of the SBC", answers, &["outbound"]),
    should(
        "MD-38",
        "connections are reused: fewer are dialled than requests sent",
        "connections the SBC began",
        reuse,
        &["inbound"],
    ),
];

fn look(
    evidence: &Evidence,
    wanted: impl Fn(&Connected) -> bool,
    judge: impl Fn(&Connected) -> Result<(), String>,
) -> Findings {
    let mut findings = Findings::default();
    for connected in evidence.connections.iter().filter(|connected| wanted(connected)) {
        findings.look_at_connection(connected, judge(connected));
    }
    findings
}

fn suites(evidence: &Evidence) -> Findings {
    let twelve = |connected: &Connected| connected.version == "TLSv1_2" && connected.dialled_by == Author::Lab;
    look(evidence, twelve, |connected| held(SUITES.contains(&connected.suite.as_str()), || connected.suite.clone()))
}

pub(super) fn rsa(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.dialled_by == Author::Lab,
        |connected| {
            let bits = connected.shown.key.strip_prefix("RSA ").and_then(|bits| bits.parse::<u32>().ok());
            held(bits.is_some_and(|bits| bits >= 2_048), || format!("key: {}", connected.shown.key))
        },
    )
}

fn shown(evidence: &Evidence) -> Findings {
    look(evidence, |_| true, |connected| held(connected.shown.chain > 0, || "no certificate was shown".to_owned()))
}

fn shown_as_client(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.dialled_by == Author::Sbc,
        |connected| held(connected.shown.chain > 0, || "no certificate was shown".to_owned()),
    )
}

fn complete(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.shown.chain > 0,
        |connected| {
            connected
                .shown
                .untrusted
                .clone()
                .map_or(Ok(()), |why| Err(format!("{why}; {} in the chain", connected.shown.chain)))
        },
    )
}

fn named(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.shown.chain > 0,
        |connected| {
            let names = &connected.shown.names;
            held(covers(names, &evidence.name), || format!("names: {}, without {}", names.join(", "), evidence.name))
        },
    )
}

fn wildcards(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.shown.chain > 0,
        |connected| {
            let odd = connected.shown.names.iter().find(|name| name.trim_start_matches("*.").contains('*'));
            odd.map_or(Ok(()), |name| Err(name.clone()))
        },
    )
}

fn sni(evidence: &Evidence) -> Findings {
    look(
        evidence,
        |connected| connected.dialled_by == Author::Sbc,
        |connected| held(connected.asked_name.is_some(), || "ClientHello without server_name".to_owned()),
    )
}

fn answers(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for seen in evidence.to_platform().filter(|seen| !seen.text.is_request()) {
        let asked = evidence.messages.iter().find(|asked| {
            asked.author == Author::Lab
                && asked.text.is_request()
                && asked.side == seen.side
                && asked.text.branch() == seen.text.branch()
                && asked.text.method() == seen.text.method()
        });
        if let Some(asked) = asked {
            findings.look(
                seen,
                held(asked.connection == seen.connection, || {
                    format!("{} on connection {:?}, asked on {:?}", seen.text.start, seen.connection, asked.connection)
                }),
            );
        }
    }
    findings
}

fn reuse(evidence: &Evidence) -> Findings {
    let dialled = evidence.connections.iter().filter(|connected| connected.dialled_by == Author::Sbc);
    let requests = evidence.to_platform().filter(|seen| seen.text.is_request()).count();
    let mut findings = Findings::default();
    let count = dialled.clone().count();
    if let Some(last) = dialled.max_by_key(|connected| connected.id).filter(|_| requests > 12) {
        findings.look_at_connection(
            last,
            held(count * 2 < requests, || format!("{count} connections for {requests} requests")),
        );
    }
    findings
}
