//! Transfer by REFER and by Replaces (MD-76, MD-138 to MD-155).

use std::time::Duration;

use crate::lab::platform::statement::{Findings, Statement, by_script, held, must, should};
use crate::lab::platform::text::{Text, outside_brackets, parameter, user_of};
use crate::lab::platform::transcript::{Evidence, Seen, Side};

/// For 202 and the first NOTIFY.
const AT_ONCE: Duration = Duration::from_secs(2);
/// MD-147: what the old dialog is left after the last NOTIFY.
const GUARD: Duration = Duration::from_secs(5);

/// See the module.
pub static STATEMENTS: &[Statement] = &[
    must(
        "MD-76",
        "INVITE with Replaces joins the new party and ends the old dialog",
        "an INVITE of ours with Replaces",
        by_script,
        &["replaces"],
    ),
    must("MD-139", "REFER is accepted", "answers to our REFERs", accepted, &["transfer-blind"]),
    must(
        "MD-140",
        "a Refer-To without a user part is called",
        "INVITE after such a REFER",
        by_script,
        &["transfer-blind"],
    ),
    must(
        "MD-143",
        "a Replaces inside Refer-To is not sent back",
        "INVITE after a REFER with ?Replaces=",
        no_replaces,
        &["transfer-consultative"],
    ),
    must(
        "MD-144",
        "the new call goes to the platform, even to a number",
        "INVITEs at both sides after our REFER",
        to_platform,
        &["transfer-number"],
    ),
    must(
        "MD-145",
        "Request-URI, To and Referred-By octet for octet, From the transferred party",
        "INVITE after our REFER",
        octets,
        &["transfer-blind", "transfer-consultative"],
    ),
    must(
        "MD-146",
        "202, NOTIFY 100 at once, a last NOTIFY with the outcome",
        "answers and NOTIFYs",
        notified,
        &["transfer-blind", "transfer-fails"],
    ),
    must("MD-147", "no BYE on the old dialog before ours", "BYE after the last NOTIFY", no_bye, &["transfer-blind"]),
    must(
        "MD-148",
        "when the new call fails, the old one lives",
        "audio after a transfer that failed",
        by_script,
        &["transfer-fails"],
    ),
    must(
        "MD-149",
        "the transferred party hears a ringing tone",
        "audio at the carrier while the new party rings",
        by_script,
        &["transfer-blind"],
    ),
    should(
        "MD-150",
        "the carrier is not bothered by a transfer",
        "re-INVITEs at the carrier during transfers",
        quiet_carrier,
        &["transfer-blind"],
    ),
    must(
        "MD-151",
        "REFER from another connection and address is taken",
        "REFERs of ours, each on a connection of its own",
        other_connection,
        &["transfer-blind"],
    ),
    must(
        "MD-152",
        "REFER is never relayed",
        "REFERs at both sides",
        not_relayed,
        &["transfer-blind", "transfer-unknown"],
    ),
    must(
        "MD-153",
        "a transfer to a number is two calls that hear each other",
        "audio between the two carrier legs",
        by_script,
        &["transfer-number"],
    ),
    must(
        "MD-154",
        "transfers of the platform's own are followed",
        "audio after its media moved to a new party",
        by_script,
        &["matrix-blind-itself", "matrix-consulted-itself"],
    ),
    must(
        "MD-155",
        "a REFER of the carrier does not reach the platform",
        "a REFER of the carrier",
        by_script,
        &["methods-carrier"],
    ),
];

fn referrals(evidence: &Evidence) -> impl Iterator<Item = &Seen> {
    evidence.from_lab(Side::Platform).filter(|seen| seen.text.asks("REFER"))
}

fn answer_to<'e>(evidence: &'e Evidence, asked: &Seen) -> Option<&'e Seen> {
    evidence.to_platform().find(|seen| !seen.text.is_request() && seen.text.branch() == asked.text.branch())
}

/// Referrals that the SBC accepted, and the INVITE that followed.
fn followed(evidence: &Evidence) -> Vec<(&Seen, Option<&Seen>)> {
    let accepted = |refer: &&Seen| answer_to(evidence, refer).is_some_and(|answer| answer.text.status() == Some(202));
    let invited = |refer: &Seen| {
        evidence.to_platform().find(|seen| {
            seen.at >= refer.at
                && seen.text.asks("INVITE")
                && seen.text.tag("To").is_none()
                && seen.scenario == refer.scenario
                && seen.text.call_id() != refer.text.call_id()
        })
    };
    referrals(evidence).filter(accepted).map(|refer| (refer, invited(refer))).collect()
}

fn accepted(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    // One scenario refers to what cannot be called: any final answer is right there.
    for refer in referrals(evidence).filter(|refer| refer.scenario != "transfer-unknown") {
        let answer = answer_to(evidence, refer);
        let verdict = match answer {
            Some(answer) => held(answer.text.status() == Some(202), || answer.text.start.clone()),
            None => Err("REFER was not answered".to_owned()),
        };
        findings.look(refer, verdict);
    }
    findings
}

/// The URI of Refer-To without its headers: `?Replaces=...` is not part of what is called.
fn referred_to(refer: &Text) -> String {
    refer.address("Refer-To").split('?').next().unwrap_or_default().to_owned()
}

fn over_calls(evidence: &Evidence, judge: impl Fn(&Seen, &Seen) -> Result<(), String>) -> Findings {
    let mut findings = Findings::default();
    for (refer, invite) in followed(evidence) {
        match invite {
            Some(invite) => findings.look(invite, judge(refer, invite)),
            None => findings.look(refer, Err("no INVITE followed the REFER".to_owned())),
        }
    }
    findings
}

fn no_replaces(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for (refer, invite) in followed(evidence) {
        if let Some(invite) = invite.filter(|_| refer.text.value("Refer-To").contains("Replaces=")) {
            let text = &invite.text;
            findings.look(
                invite,
                held(text.field("Replaces").is_none() && !text.uri().contains("Replaces"), || text.start.clone()),
            );
        }
    }
    findings
}

fn to_platform(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for (refer, invite) in followed(evidence) {
        let number = user_of(&referred_to(&refer.text)).to_owned();
        let astray = evidence.from_sbc(Side::Carrier).find(|seen| {
            // The platform's own new call to the number may follow; the SBC's may not come before it.
            let ours = evidence.from_lab(Side::Platform).any(|ours| {
                ours.text.asks("INVITE") && ours.at > refer.at && ours.at < seen.at && ours.scenario == refer.scenario
            });
            seen.text.asks("INVITE")
                && seen.text.tag("To").is_none()
                && seen.at > refer.at
                && seen.scenario == refer.scenario
                && !ours
        });
        if number.is_empty() && astray.is_none() {
            continue;
        }
        let verdict = match (astray, invite) {
            (Some(astray), _) => Err(format!("{} at the carrier", astray.text.start)),
            (None, Some(_)) => Ok(()),
            (None, None) => Err("no INVITE followed the REFER".to_owned()),
        };
        findings.look(refer, verdict);
    }
    findings
}

fn octets(evidence: &Evidence) -> Findings {
    over_calls(evidence, |refer, invite| {
        let text = &invite.text;
        let wanted = referred_to(&refer.text);
        held(text.uri() == wanted, || format!("{}, wanted: {wanted}", text.start))?;
        held(text.address("To") == wanted, || text.line("To"))?;
        held(text.value("Referred-By") == refer.text.value("Referred-By"), || text.line("Referred-By"))?;
        held(text.field("Replaces").is_none(), || text.line("Replaces"))?;
        // From is the transferred party: To of the REFER, which is its name-addr on the old leg.
        held(text.address("From").eq_ignore_ascii_case(&refer.text.address("To")), || {
            format!("{}, wanted: {}", text.line("From"), refer.text.address("To"))
        })
    })
}

fn notified(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for (refer, _) in followed(evidence) {
        let notes: Vec<&Seen> = evidence
            .to_platform()
            .filter(|seen| seen.text.asks("NOTIFY") && seen.text.call_id() == refer.text.call_id())
            .collect();
        let over = notes
            .iter()
            .find(|note| note.text.value("Subscription-State").starts_with("terminated"))
            .map(|note| note.at);
        let hung_up = evidence
            .from_lab(Side::Platform)
            .find(|ours| ours.text.asks("BYE") && ours.text.call_id() == refer.text.call_id());
        // Who hangs up before the outcome is not told of it.
        if hung_up.is_none_or(|bye| over.is_some_and(|over| over < bye.at)) {
            findings.look(refer, well_notified(refer, &notes));
        }
    }
    findings
}

fn fragment(seen: &Seen) -> String {
    String::from_utf8_lossy(&seen.text.body).lines().next().unwrap_or_default().to_owned()
}

fn well_notified(refer: &Seen, notes: &[&Seen]) -> Result<(), String> {
    let (Some(first), Some(last)) = (notes.first(), notes.last()) else { return Err("no NOTIFY came".to_owned()) };
    held(first.at.saturating_sub(refer.at) <= AT_ONCE, || "the first NOTIFY came late".to_owned())?;
    held(fragment(first).starts_with("SIP/2.0 100"), || fragment(first))?;
    for note in notes {
        let text = &note.text;
        held(text.value("Event").split(';').next().unwrap_or_default().eq_ignore_ascii_case("refer"), || {
            text.line("Event")
        })?;
        held(text.value("Content-Type").starts_with("message/sipfrag"), || text.line("Content-Type"))?;
        held(text.field("Subscription-State").is_some(), || text.line("Subscription-State"))?;
    }
    let over = last.text.value("Subscription-State").starts_with("terminated");
    held(over, || last.text.line("Subscription-State"))?;
    let status: u16 = fragment(last).split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    held(status >= 200, || fragment(last))
}

fn no_bye(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for (refer, _) in followed(evidence) {
        let of_dialog = |seen: &&Seen| seen.text.call_id() == refer.text.call_id() && seen.at >= refer.at;
        let done = evidence
            .to_platform()
            .filter(of_dialog)
            .find(|seen| seen.text.asks("NOTIFY") && fragment(seen).starts_with("SIP/2.0 200"));
        let Some(done) = done else { continue };
        let ours =
            evidence.from_lab(Side::Platform).filter(of_dialog).find(|seen| seen.text.asks("BYE")).map(|seen| seen.at);
        let theirs = evidence.to_platform().filter(of_dialog).find(|seen| seen.text.asks("BYE"));
        let early = theirs.filter(|bye| ours.is_none_or(|ours| bye.at < ours) && bye.at < done.at + GUARD);
        findings.look(done, early.map_or(Ok(()), |bye| Err(bye.text.start.clone())));
    }
    findings
}

fn quiet_carrier(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for (refer, _) in followed(evidence) {
        // A call that was held before is resumed with the transfer: that the carrier must hear of.
        let held_before = evidence
            .from_lab(Side::Platform)
            .any(|ours| ours.text.asks("INVITE") && ours.text.call_id() == refer.text.call_id() && ours.at < refer.at);
        if held_before {
            continue;
        }
        let re = evidence.from_sbc(Side::Carrier).find(|seen| {
            seen.scenario == refer.scenario
                && seen.at > refer.at
                && seen.text.asks("INVITE")
                && seen.text.tag("To").is_some()
        });
        findings.look(refer, re.map_or(Ok(()), |seen| Err(seen.text.start.clone())));
    }
    findings
}

fn other_connection(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for refer in referrals(evidence).filter(|refer| refer.scenario != "transfer-unknown") {
        let answer = answer_to(evidence, refer);
        let good = answer.is_some_and(|answer| answer.text.status() == Some(202));
        let words = || answer.map_or_else(|| "no answer".to_owned(), |answer| answer.text.start.clone());
        findings.look(refer, held(good, words));
    }
    findings
}

fn not_relayed(evidence: &Evidence) -> Findings {
    let mut findings = Findings::default();
    for refer in referrals(evidence) {
        let relayed = evidence
            .from_sbc(Side::Carrier)
            .chain(evidence.to_platform())
            .find(|seen| seen.text.asks("REFER") && seen.scenario == refer.scenario);
        findings.look(refer, relayed.map_or(Ok(()), |seen| Err(seen.text.start.clone())));
    }
    findings
}

/// The tag of a name-addr.
#[must_use]
pub fn tag_of(identity: &str) -> &str {
    parameter(outside_brackets(identity), "tag").unwrap_or_default()
}
