//! Session descriptions of the SBC (MD-126 to MD-129, MD-166 to MD-191, MD-203).

use std::collections::HashMap;

use crate::lab::platform::statement::{Findings, Statement, by_script, each, held, must, should};
use crate::lab::platform::transcript::{Author, Evidence, Seen};

/// MD-168.
const SUITE: &str = "AES_CM_128_HMAC_SHA1_80";

/// Attributes that Microsoft's page calls plain (MD-177); what is beyond is named.
const PLAIN: [&str; 15] = [
    "rtpmap",
    "fmtp",
    "ptime",
    "maxptime",
    "crypto",
    "rtcp",
    "rtcp-mux",
    "sendrecv",
    "sendonly",
    "recvonly",
    "inactive",
    "ice-lite",
    "candidate",
    "ice-ufrag",
    "ice-pwd",
];

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "MD-126",
        "media address and port stay for the life of a dialog",
        "c= and m= of each dialog",
        address,
        &["hold-carrier", "refresh", "transfer-blind"],
    ),
    must(
        "MD-127",
        "hold is inactive, never sendonly or recvonly",
        "direction of every offer and answer",
        hold,
        &["hold-carrier"],
    ),
    must("MD-129", "0.0.0.0 never stands in c=", "c= lines", zero, &["hold-carrier"]),
    must("MD-166", "keys by SDES", "a=crypto of every description", keys, &["inbound", "outbound"]),
    must(
        "MD-167",
        "RTP/SAVP, and plain RTP is refused",
        "m= lines; an offer of ours without keys",
        profile,
        &["inbound", "plain-rtp"],
    ),
    must(
        "MD-168",
        "AES_CM_128_HMAC_SHA1_80 is offered and chosen, alone",
        "a=crypto lines",
        suite,
        &["inbound", "crypto"],
    ),
    must("MD-169", "crypto lines end in |2^31", "a=crypto lines", lifetime, &["inbound", "outbound"]),
    must(
        "MD-170",
        "no MKI is sent, and a line without is picked",
        "a=crypto lines; an offer with both",
        no_mki,
        &["inbound", "crypto"],
    ),
    must(
        "MD-171",
        "the answer echoes the tag of the line chosen",
        "answers to our offers",
        echo,
        &["outbound", "crypto"],
    ),
    must(
        "MD-172",
        "our key stays through refresh, hold and resume",
        "inline keys of each dialog",
        key,
        &["refresh", "hold-platform", "hold-carrier"],
    ),
    must(
        "MD-176",
        "the origin's session stays; its version moves when the text does",
        "o= lines of each dialog",
        origin,
        &["refresh", "hold-carrier"],
    ),
    must("MD-177", "plain attributes only", "a= lines", plain, &["inbound", "outbound"]),
    must(
        "MD-178",
        "exactly one m=audio; other lines are answered with port 0",
        "m= lines; an offer of ours with video",
        one_line,
        &["inbound", "extra-lines"],
    ),
    must("MD-179", "no BUNDLE, no trickle, no header extensions", "a= lines", no_extensions, &["inbound", "outbound"]),
    must("MD-180", "RTCP has a place: a=rtcp or mux", "a=rtcp lines", rtcp, &["inbound", "outbound"]),
    must("MD-184", "PCMU or PCMA is offered and taken", "payload types", codecs, &["inbound", "outbound"]),
    should("MD-188", "20 ms packets", "a=ptime", ptime, &["inbound"]),
    should("MD-189", "comfort noise is offered", "payload types of offers", noise, &["inbound"]),
    must("MD-190", "DTMF as telephone-event at 8 kHz", "rtpmap lines; digits both ways", events, &["inbound", "dtmf"]),
    must("MD-191", "no m=image", "m= lines", no_image, &["inbound"]),
    must("MD-203", "no ICE on a trunk without bypass", "a= lines", no_ice, &["inbound", "outbound"]),
    must(
        "MD-173",
        "a new key of ours is followed, its counter reset or kept",
        "audio after re-INVITEs with new keys",
        by_script,
        &["rekey"],
    ),
];

fn described(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.to_platform().filter(|seen| seen.text.has_sdp())
}

fn line_with(seen: &Seen, start: &str) -> String {
    let found = seen.text.sdp().into_iter().find(|line| line.starts_with(start));
    found.unwrap_or_else(|| format!("(no {start} line)"))
}

/// The lines that begin so, in order.
fn lines(seen: &Seen, start: &str) -> Vec<String> {
    seen.text.sdp().into_iter().filter(|line| line.starts_with(start)).collect()
}

/// Compares what each description of a dialog says with what the first one said.
fn unchanged(evidence: &Evidence, what: impl Fn(&Seen) -> String) -> Findings {
    let mut first: HashMap<&str, String> = HashMap::new();
    let mut findings = Findings::default();
    for seen in described(evidence) {
        let told = what(seen);
        match first.get(seen.text.call_id()) {
            None => drop(first.insert(seen.text.call_id(), told)),
            Some(known) => findings.look(seen, held(*known == told, || format!("{told}, before: {known}"))),
        }
    }
    findings
}

fn port_of(seen: &Seen) -> String {
    line_with(seen, "m=audio").split(' ').nth(1).unwrap_or_default().to_owned()
}

fn address(evidence: &Evidence) -> Findings {
    unchanged(evidence, |seen| format!("{} m=audio {}", line_with(seen, "c="), port_of(seen)))
}

fn hold(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let bad = seen.text.sdp().into_iter().find(|line| matches!(line.as_str(), "a=sendonly" | "a=recvonly"));
        bad.map_or(Ok(()), Err)
    })
}

fn zero(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let bad = lines(seen, "c=").into_iter().find(|line| line.ends_with(" 0.0.0.0"));
        bad.map_or(Ok(()), Err)
    })
}

pub(super) fn keys(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| held(!lines(seen, "a=crypto:").is_empty(), || "(no a=crypto line)".to_owned()))
}

pub(super) fn profile(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        held(line_with(seen, "m=audio").contains(" RTP/SAVP "), || line_with(seen, "m=audio"))
    })
}

pub(super) fn suite(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let odd = lines(seen, "a=crypto:").into_iter().find(|line| line.split(' ').nth(1) != Some(SUITE));
        odd.map_or(Ok(()), Err)
    })
}

fn lifetime(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let odd = lines(seen, "a=crypto:").into_iter().find(|line| !line.ends_with("|2^31"));
        odd.map_or(Ok(()), Err)
    })
}

pub(super) fn no_mki(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let has_mki = |line: &String| line.split('|').skip(1).any(|part| part.contains(':'));
        let odd = lines(seen, "a=crypto:").into_iter().find(has_mki);
        odd.map_or(Ok(()), Err)
    })
}

/// The offer of ours that a description of the SBC answers.
pub(super) fn offer_of<'e>(evidence: &'e Evidence, answer: &Seen) -> Option<&'e Seen> {
    let fits = |asked: &&Seen| {
        asked.author == Author::Lab
            && asked.side == answer.side
            && asked.text.asks("INVITE")
            && asked.text.has_sdp()
            && asked.text.branch() == answer.text.branch()
    };
    evidence.messages.iter().find(fits).filter(|_| !answer.text.is_request())
}

fn tag_of(line: &str) -> &str {
    line.trim_start_matches("a=crypto:").split(' ').next().unwrap_or_default()
}

pub(super) fn echo(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for seen in described(evidence) {
        let Some(offer) = offer_of(evidence, seen) else { continue };
        let offered = lines(offer, "a=crypto:");
        let answered = lines(seen, "a=crypto:");
        let fits = |line: &String| {
            let words = |line: &str| (tag_of(line).to_owned(), line.split(' ').nth(1).map(str::to_owned));
            offered.iter().any(|known| words(known) == words(line))
        };
        let judge = match answered.as_slice() {
            [one] => held(fits(one), || one.clone()),
            [] => Err("(no a=crypto line)".to_owned()),
            [_, second, ..] => Err(second.clone()),
        };
        findings.look(seen, judge);
    }
    findings
}

fn key(evidence: &Evidence) -> Findings {
    unchanged(evidence, |seen| {
        let line = line_with(seen, "a=crypto:");
        // What follows the key, its lifetime, is MD-169's.
        line.split_once("inline:").map_or(line.clone(), |(_, key)| key.split('|').next().unwrap_or_default().to_owned())
    })
}

fn origin(evidence: &Evidence) -> Findings {
    let mut last: HashMap<&str, (String, Vec<String>)> = HashMap::new();
    let mut findings = Findings::default();
    for seen in described(evidence) {
        let line = line_with(seen, "o=");
        let rest: Vec<String> = seen.text.sdp().into_iter().filter(|line| !line.starts_with("o=")).collect();
        if let Some((known, before)) = last.get(seen.text.call_id()) {
            findings.look(seen, same_session(known, &line, *before == rest));
        }
        last.insert(seen.text.call_id(), (line, rest));
    }
    findings
}

fn same_session(before: &str, now: &str, same_text: bool) -> Result<(), String> {
    let word = |line: &str, place: usize| line.split(' ').nth(place).unwrap_or_default().to_owned();
    let version = |line: &str| word(line, 2).parse::<u64>().unwrap_or(0);
    let session_kept = word(before, 0) == word(now, 0) && word(before, 1) == word(now, 1);
    let version_right = match same_text {
        true => version(now) == version(before),
        false => version(now) > version(before),
    };
    held(session_kept && version_right, || format!("{now}, before: {before}"))
}

fn attribute(line: &str) -> &str {
    line.trim_start_matches("a=").split(':').next().unwrap_or_default()
}

fn plain(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let odd = lines(seen, "a=").into_iter().find(|line| !PLAIN.contains(&attribute(line)));
        odd.map_or(Ok(()), Err)
    })
}

fn one_line(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let all = lines(seen, "m=");
        let audio = all.iter().filter(|line| line.starts_with("m=audio")).count();
        let open = all.iter().find(|line| !line.starts_with("m=audio") && line.split(' ').nth(1) != Some("0"));
        held(audio == 1, || all.join(" "))?;
        open.map_or(Ok(()), |line| Err(line.clone()))
    })
}

fn no_extensions(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let bad = |line: &String| ["group", "extmap", "ice-options"].contains(&attribute(line));
        lines(seen, "a=").into_iter().find(bad).map_or(Ok(()), Err)
    })
}

fn rtcp(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let has = lines(seen, "a=").iter().any(|line| matches!(attribute(line), "rtcp" | "rtcp-mux"));
        held(has, || "(no a=rtcp line)".to_owned())
    })
}

fn types(seen: &Seen) -> Vec<String> {
    line_with(seen, "m=audio").split(' ').skip(3).map(str::to_owned).collect()
}

fn codecs(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let known = types(seen).iter().any(|number| matches!(number.as_str(), "0" | "8"));
        held(known, || line_with(seen, "m=audio"))
    })
}

fn offers(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence
        .to_platform()
        .filter(|seen| seen.text.asks("INVITE") && seen.text.has_sdp() && seen.text.tag("To").is_none())
}

fn ptime(evidence: &Evidence) -> Findings {
    each(offers(evidence), |seen| held(line_with(seen, "a=ptime") == "a=ptime:20", || line_with(seen, "a=ptime")))
}

fn noise(evidence: &Evidence) -> Findings {
    each(offers(evidence), |seen| held(types(seen).iter().any(|number| number == "13"), || line_with(seen, "m=audio")))
}

pub(super) fn events(evidence: &Evidence) -> Findings {
    each(offers(evidence), |seen| {
        let told =
            lines(seen, "a=rtpmap:").iter().any(|line| line.to_ascii_lowercase().ends_with("telephone-event/8000"));
        held(told, || line_with(seen, "m=audio"))
    })
}

fn no_image(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| lines(seen, "m=image").into_iter().next().map_or(Ok(()), Err))
}

fn no_ice(evidence: &Evidence) -> Findings {
    each(described(evidence), |seen| {
        let ice = |line: &String| ["ice-lite", "ice-ufrag", "ice-pwd", "candidate"].contains(&attribute(line));
        lines(seen, "a=").into_iter().find(ice).map_or(Ok(()), Err)
    })
}
