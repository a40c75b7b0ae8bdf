//! What a carrier with a registrar may expect (PF-129 to PF-133).

use crate::lab::platform::registrar::{GRANTED, LEAST, is_bulk};
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must};
use crate::lab::platform::text::user_of;
use crate::lab::platform::transcript::{Author, Evidence, Seen, Side};

/// For every registrar.
pub static STATEMENTS: &[Statement] = &[
    must(
        "PF-129",
        "digest is proved when it is asked for: REGISTER and INVITE, a stale nonce too",
        "REGISTER after our 401, INVITE after our 407",
        by_script,
        &["register", "register-refresh", "register-challenge"],
    ),
    must(
        "PF-130",
        "the interval granted is refreshed before its end, 423 is followed by a longer one",
        "REGISTERs and their times",
        intervals,
        &["register", "register-refresh"],
    ),
    must(
        "PF-133",
        "calls to the Contact that was registered arrive",
        "a call of ours whose Request-URI is that Contact",
        by_script,
        &["register-call"],
    ),
];

/// For bulk registration.
pub static BULK: &[Statement] = &[must(
    "PF-131",
    "one binding for the block: bnc in a Contact without user, Require and Proxy-Require: gin, Supported: path",
    "REGISTERs",
    bulk,
    &["register"],
)];

fn registers(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.from_sbc(Side::Carrier).filter(|seen| seen.text.asks("REGISTER"))
}

fn answer_to<'e>(evidence: &'e Evidence, asked: &Seen) -> Option<&'e Seen> {
    evidence
        .messages
        .iter()
        .find(|seen| seen.author == Author::Lab && !seen.text.is_request() && seen.text.branch() == asked.text.branch())
}

fn intervals(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    let all: Vec<&Seen> = registers(evidence).collect();
    for pair in all.windows(2) {
        let [asked, next] = pair else { continue };
        let Some(answer) = answer_to(evidence, asked) else { continue };
        let text = &next.text;
        let verdict = match answer.text.status() {
            Some(200) => {
                let waited = next.at.saturating_sub(answer.at);
                held(waited.as_secs() < u64::from(GRANTED), || {
                    format!("the refresh of {GRANTED} s came after {:.1} s", waited.as_secs_f64())
                })
            }
            Some(423) => {
                let asked = text.value("Expires").parse::<u32>().unwrap_or(0);
                held(asked >= LEAST, || text.line("Expires"))
            }
            Some(_) | None => continue,
        };
        // RFC 3261 10.2: one Call-ID for all of them, and a CSeq that grows.
        let one = held(text.call_id() == asked.text.call_id(), || text.line("Call-ID"));
        let grown = held(text.cseq() > asked.text.cseq(), || text.line("CSeq"));
        findings.look(next, verdict.and(one).and(grown));
    }
    findings
}

fn bulk(evidence: &Evidence) -> Findings {
    each(registers(evidence), |seen| {
        let text = &seen.text;
        held(text.lists("Require", "gin"), || text.line("Require"))?;
        held(text.lists("Proxy-Require", "gin"), || text.line("Proxy-Require"))?;
        held(text.lists("Supported", "path"), || text.line("Supported"))?;
        let contact = text.value("Contact");
        held(is_bulk(contact) && user_of(&text.address("Contact")).is_empty(), || text.line("Contact"))
    })
}
