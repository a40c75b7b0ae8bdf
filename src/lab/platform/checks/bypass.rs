//! Media bypass (section 12.4 of the Microsoft sheet): ICE-lite in every description, the same through the call.

use std::collections::HashMap;

use super::description::offer_of;
use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must};
use crate::lab::platform::transcript::{Evidence, Seen};

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "MD-195",
        "ICE-lite with one host candidate stands in every offer, and in the answer to every offer that has ICE",
        "a=ice and a=candidate lines",
        lite,
        &["inbound", "outbound", "bypass-inbound"],
    ),
    must(
        "MD-196",
        "checks are answered and none is sent; what is no valid check has no answer",
        "STUN at the platform's media ports",
        by_script,
        &["bypass-inbound", "bypass-forged"],
    ),
    must(
        "MD-197",
        "nomination before and after the 200, and several clients on one port",
        "checks of two clients in parallel",
        by_script,
        &["bypass-forks", "bypass-inbound", "bypass-outbound"],
    ),
    must(
        "MD-198",
        "the re-INVITE after nomination is answered with the same credentials and candidate",
        "ICE lines after a re-INVITE with remote-candidates",
        by_script,
        &["bypass-inbound"],
    ),
    must(
        "MD-199",
        "media goes to what was checked, then to what was nominated",
        "audio at a port that the description names as candidate alone",
        by_script,
        &["bypass-inbound", "bypass-outbound"],
    ),
    must(
        "MD-200",
        "credentials and candidate are the same in 183 and 200",
        "answers to one INVITE",
        unchanged,
        &["bypass-outbound"],
    ),
    must(
        "MD-201",
        "a restart is answered with new credentials, and nothing else is taken for one",
        "answers to offers with new and with known credentials; audio meanwhile",
        by_script,
        &["bypass-restart"],
    ),
    must(
        "MD-202",
        "a client that knows no ICE is served on the same trunk",
        "offers and answers without ICE",
        by_script,
        &["bypass-without"],
    ),
    must(
        "MD-206",
        "headers of local media are taken, and stay on their side",
        "calls of ours from inner and outer users",
        by_script,
        &["local-media"],
    ),
];

/// The ICE lines of a description, in order.
pub(in crate::lab::platform) fn ice_lines(sdp: &[String]) -> Vec<String> {
    let is_ice = |line: &&String| line.starts_with("a=ice-") || line.starts_with("a=candidate:");
    sdp.iter().filter(is_ice).cloned().collect()
}

fn has_ice(seen: &Seen) -> bool {
    seen.text.sdp().iter().any(|line| line.starts_with("a=ice-ufrag:"))
}

fn lite(evidence: &Evidence) -> Findings {
    let asked = |seen: &&Seen| match seen.text.is_request() {
        true => true,
        false => offer_of(evidence, seen).is_some_and(has_ice),
    };
    let described = evidence.to_platform().filter(|seen| seen.text.has_sdp() && !seen.text.asks("ACK"));
    each(described.filter(asked), |seen| judged(&seen.text.sdp()))
}

/// One description: `a=ice-lite`, one of each, one host candidate at the address described.
fn judged(sdp: &[String]) -> Result<(), String> {
    for start in ["a=ice-lite", "a=ice-ufrag:", "a=ice-pwd:"] {
        let count = sdp.iter().filter(|line| line.starts_with(start)).count();
        held(count == 1, || format!("({count} lines {start})"))?;
    }
    let candidates: Vec<&String> = sdp.iter().filter(|line| line.starts_with("a=candidate:")).collect();
    let multiplexed = sdp.iter().any(|line| line == "a=rtcp-mux");
    let wanted = if multiplexed { 1 } else { 2 };
    let [first, ..] = candidates.as_slice() else { return Err("(no a=candidate line)".to_owned()) };
    held(candidates.len() == wanted, || format!("({} candidates, the last {first})", candidates.len()))?;
    let address = sdp.iter().find_map(|line| line.strip_prefix("c=IN IP4 ")).unwrap_or_default();
    let port = sdp.iter().find_map(|line| line.strip_prefix("m=audio ")?.split(' ').next()).unwrap_or_default();
    held(first.contains(&format!(" {address} {port} typ host")), || (*first).clone())
}

/// MD-200, by Call-ID and CSeq.
fn unchanged(evidence: &Evidence) -> Findings {
    let mut first: HashMap<(String, u32), Vec<String>> = HashMap::new();
    let mut findings = Findings::default();
    let answers = evidence.to_platform().filter(|seen| !seen.text.is_request() && seen.text.method() == "INVITE");
    for seen in answers.filter(|seen| has_ice(seen)) {
        let told = ice_lines(&seen.text.sdp());
        match first.get(&(seen.text.call_id().to_owned(), seen.text.cseq())) {
            None => drop(first.insert((seen.text.call_id().to_owned(), seen.text.cseq()), told)),
            Some(known) => {
                let odd = told.iter().find(|line| !known.contains(line)).cloned();
                findings.look(seen, odd.map_or(Ok(()), Err));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 7] = [
        "c=IN IP4 203.0.113.10",
        "a=ice-lite",
        "m=audio 30040 RTP/SAVP 0",
        "a=rtcp-mux",
        "a=ice-ufrag:sB7c",
        "a=ice-pwd:hQ2rN8vT5kXw1zLmP4cYdG6u",
        "a=candidate:1 1 UDP 2130706431 203.0.113.10 30040 typ host",
    ];

    #[test]
    fn each_missing_or_wrong_line_is_told() {
        let owned = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(judged(&owned(&GOOD)), Ok(()));
        for line in ["a=ice-lite", "a=ice-ufrag:sB7c", "a=ice-pwd:hQ2rN8vT5kXw1zLmP4cYdG6u", GOOD[6], "a=rtcp-mux"] {
            let rest: Vec<&str> = GOOD.into_iter().filter(|known| *known != line).collect();
            assert!(judged(&owned(&rest)).is_err(), "{line}");
        }
        let elsewhere = GOOD.map(|line| line.replace("203.0.113.10 30040", "10.0.0.1 30040"));
        assert!(judged(&elsewhere).is_err());
    }
}
