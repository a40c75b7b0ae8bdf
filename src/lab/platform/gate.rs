//! What a platform refuses out of hand, and with which status.

use super::manner::Gate;
use super::text::{Text, host_of};

/// The status an INVITE or OPTIONS of the SBC is refused with; `None`: it may go on. `paired`: the SBC's name in the
/// platform's books.
#[must_use]
pub fn refusal(gate: Gate, paired: &str, text: &Text) -> Option<u16> {
    match gate {
        Gate::Open => None,
        Gate::Microsoft => microsoft(paired, text),
        Gate::MicrosoftBypass => microsoft(paired, text).or_else(|| without_ice(text)),
    }
}

/// MD-195: 488 with the sub-code 531027.
fn without_ice(text: &Text) -> Option<u16> {
    let lacks = |start: &str| !text.sdp().iter().any(|line| line.starts_with(start));
    (text.asks("INVITE") && (lacks("a=ice-ufrag:") || lacks("a=candidate:"))).then_some(488)
}

fn microsoft(paired: &str, text: &Text) -> Option<u16> {
    if !host_of(&text.address("Contact")).eq_ignore_ascii_case(paired) {
        // MD-50: an address, or a name that nobody has paired; for the second no status is published.
        return Some(403);
    }
    if !text.asks("INVITE") {
        return None;
    }
    if text.lists("Require", "100rel") {
        // MD-74.
        return Some(420);
    }
    if text.field("Replaces").is_some() {
        // MD-75; the status is not published.
        return Some(403);
    }
    if !text.body.is_empty() && !text.has_sdp() {
        // MD-78.
        return Some(415);
    }
    // MD-77: no delayed offer; MD-167: no plain RTP.
    let secured = text.sdp().iter().any(|line| line.starts_with("m=audio ") && line.contains("/SAVP"));
    (!secured).then_some(488)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(contact: &str, more: &str, body: &str) -> Text {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!("INVITE sip:+1@a SIP/2.0\r\nContact: <sip:{contact}>\r\n{more}{kind}\r\n{body}");
        Text::read(text.as_bytes()).expect("readable")
    }

    #[test]
    fn each_breach_has_its_status() {
        let sdp = "v=0\r\nm=audio 4 RTP/SAVP 0\r\n";
        let cases = [
            (invite("+1@sbc.example.com", "", sdp), None),
            (invite("+1@SBC.example.com", "", sdp), None),
            (invite("+1@192.0.2.1", "", sdp), Some(403)),
            (invite("+1@sbc2.example.com", "", sdp), Some(403)),
            (invite("+1@sbc.example.com", "Require: 100rel\r\n", sdp), Some(420)),
            (invite("+1@sbc.example.com", "Replaces: a;to-tag=b;from-tag=c\r\n", sdp), Some(403)),
            (invite("+1@sbc.example.com", "", ""), Some(488)),
            (invite("+1@sbc.example.com", "", "v=0\r\nm=audio 4 RTP/AVP 0\r\n"), Some(488)),
        ];
        for (text, status) in cases {
            assert_eq!(refusal(Gate::Microsoft, "sbc.example.com", &text), status, "{text:?}");
        }
    }
}
