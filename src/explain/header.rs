//! Each header of an INVITE of ours, with the rule that wrote it.

use super::numbers::written_by;
use super::policy::edit_words;
use crate::call::step::Writing;
use crate::route::caller::{AssertedShows, FromShows, PrivateFrom};
use crate::route::number::{Field, Party};
use crate::route::policy::{Line, NamePattern, Origin, Pair, pairs};
use crate::route::presentation::DivertingHeaders;
use crate::sip::{NameAddr, Uri};

/// The origins of an INVITE's lines, each given once.
pub struct Rules<'w> {
    writing: &'w Writing,
    lines: Vec<&'w Line>,
}

impl<'w> Rules<'w> {
    pub fn of(writing: &'w Writing) -> Rules<'w> {
        Rules { writing, lines: writing.lines.iter().collect() }
    }

    /// Why a field is there, and says what it says.
    pub fn of_field(&mut self, name: &str, value: &[u8]) -> String {
        let own = self.lines.iter().position(|line| line.is(name) && line.value == value);
        match own.map(|at| self.lines.remove(at)) {
            Some(line) => self.of_line(line),
            None => self.of_core(name, value),
        }
    }

    fn of_line(&self, line: &Line) -> String {
        let policy = &self.writing.trunk.presentation.headers;
        match line.origin {
            Origin::Core => self.of_core(&String::from_utf8_lossy(&line.name), &line.value),
            Origin::Passed => {
                let decides = policy.pass.iter().rev().find(|pattern| pattern.fits(&line.name));
                let pattern = decides.map(NamePattern::to_string).unwrap_or_default();
                let read = pairs::read(&line.value).filter(|_| line.is("User-to-User"));
                let read = read.map(|read| format!("; it says {}", pairs::joined(&read))).unwrap_or_default();
                format!("headers.pass \"{pattern}\": as the other side sent it{read}")
            }
            Origin::Context => self.of_context(&line.value),
            Origin::Edit(place) => {
                let words = policy.edits.get(place).map(edit_words).unwrap_or_default();
                format!("headers.edits[{place}]: {words}")
            }
        }
    }

    /// The text of the header, and who says what of it.
    fn of_context(&self, value: &[u8]) -> String {
        let builder = self.writing.trunk.presentation.headers.context.as_ref();
        let route = self.writing.route_pairs.as_deref().unwrap_or_default();
        let has = |pairs: &[Pair], name: &str| pairs.iter().any(|pair| pair.name.as_str() == name);
        let says = |name: &str| match builder {
            _ if has(route, name) => "context of the route",
            Some(builder) if has(&builder.pairs, name) => "context.values",
            Some(_) | None => "came in",
        };
        let said = pairs::read(value).unwrap_or_default();
        let said = said.iter().map(|(name, value)| format!("{name}={value} ({})", says(name)));
        format!("context of the trunk: {}", said.collect::<Vec<_>>().join(", "))
    }

    /// Fields that only the core writes.
    fn of_core(&self, name: &str, value: &[u8]) -> String {
        let trunk = &self.writing.trunk;
        let text = match name.to_ascii_lowercase().as_str() {
            "via" => "our own address on this trunk's listener; the caller's Via ends here",
            "max-forwards" => "the caller's less one (RFC 7332)",
            "max-breadth" => {
                "the caller's, at most 60: one attempt at a time spreads nothing (RFC 5393 5.3.2, RFC 7332)"
            }
            "route" => "the Service-Route of our registration (RFC 3608)",
            "from" => return self.of_from(value),
            "to" => return self.of_called(Field::To),
            "call-id" | "cseq" => "a dialog of our own: nothing of the caller's is shown (RFC 7092)",
            "contact" => match trunk.fqdn {
                Some(_) => "fqdn of the trunk and the port of its listener (presence.contact)",
                None => "the listener's advertised address (presence.contact)",
            },
            "allow" => "what we take from this trunk; headers.hide_allow takes out",
            "supported" | "require" => {
                "what this trunk's peer may use: provisional.reliable, session_timer.mode, transfer; headers.hide_supported takes out"
            }
            "session-expires" | "min-se" => "session_timer of the trunk (RFC 4028)",
            "user-agent" | "x-ms-sbc" => "presence.user_agent and presence.x_ms_sbc of the trunk",
            "content-type" | "content-length" => "a session description of our own: media of the trunk",
            "p-asserted-identity" | "p-preferred-identity" | "remote-party-id" => return self.of_identity(value),
            "privacy" => "the caller's own wish; where a header names a hidden caller, id is added (RFC 3325)",
            "diversion" | "history-info" => return self.of_diversion(name),
            "priority" => "emergency.priority of the trunk",
            "referred-by" => "who referred to the call",
            _ => return self.of_account(value),
        };
        text.to_owned()
    }

    /// What is no field of a standard here: the custom header, when it carries what the number says.
    fn of_account(&self, value: &[u8]) -> String {
        match &self.writing.custom_header {
            Some(content) if content.as_str().as_bytes() == value => {
                "provisioning.custom_header: contents of the account's number (PV-32)".to_owned()
            }
            Some(_) | None => "written by Trunkline".to_owned(),
        }
    }

    /// Request-URI and To.
    pub fn of_called(&self, field: Field) -> String {
        let trunk = &self.writing.trunk;
        let host = match trunk.request_uri_host {
            Some(_) => "request_uri_host of the trunk",
            None => "the target's name",
        };
        if let Some(code) = &self.writing.urgent {
            return format!("emergency number {code} by emergency.form and emergency.dial of the trunk; host: {host}");
        }
        let number = written_by(&trunk.presentation.numbers, field, &self.writing.called);
        format!("the called number by {number}; host: {host}")
    }

    fn of_from(&self, value: &[u8]) -> String {
        if let Some(elin) = &self.writing.elin {
            return format!(
                "emergency.caller = elin: {elin} stands for the place; {}",
                self.number_in(Field::From, value)
            );
        }
        let showing = &self.writing.trunk.presentation.showing;
        let caller = &self.writing.caller;
        let shows_hidden = showing.trusted && showing.private_from == PrivateFrom::Asserted;
        let by = match showing.from {
            _ if caller.is_private() && !shows_hidden => return "the caller hides: anonymous (RFC 3323)".to_owned(),
            FromShows::Caller => "identity.from = caller",
            FromShows::Asserted => "identity.from = asserted",
            FromShows::Pilot => "identity.from = pilot",
        };
        format!("{by}; {}", self.number_in(Field::From, value))
    }

    fn of_identity(&self, value: &[u8]) -> String {
        if self.writing.elin.is_some() {
            return format!("identity.send, emergency.caller = elin; {}", self.number_in(Field::Identity, value));
        }
        let by = match self.writing.trunk.presentation.showing.asserted {
            AssertedShows::Caller => "identity.send, of the caller",
            AssertedShows::Pilot => "identity.send and identity.asserted = pilot",
            AssertedShows::Diverting => "identity.send and identity.asserted = diverting",
        };
        format!("{by}; {}", self.number_in(Field::Identity, value))
    }

    fn of_diversion(&self, name: &str) -> String {
        let settings = &self.writing.trunk.presentation.diverting;
        let send = match settings.send {
            DivertingHeaders::Drop => "drop",
            DivertingHeaders::Diversion => "diversion",
            DivertingHeaders::HistoryInfo => "history-info",
            DivertingHeaders::Both => "both",
            DivertingHeaders::AsReceived => "as-received",
        };
        let field = if name.eq_ignore_ascii_case("diversion") { Field::Diversion } else { Field::HistoryInfo };
        let form = self.writing.trunk.presentation.numbers.outgoing.of(field).name();
        let always = if settings.always { ", diversion.always" } else { "" };
        format!("diversion.send = {send}{always}; numbers as {form}")
    }

    /// How the number in a name-addr was written, of the parties it may be.
    fn number_in(&self, field: Field, value: &[u8]) -> String {
        let presentation = &self.writing.trunk.presentation;
        let Some(user) = user_of(value) else { return "no number".to_owned() };
        let caller = &self.writing.caller;
        let parties = [
            Some(&caller.shown.party),
            caller.asserted.as_ref().map(|identity| &identity.party),
            presentation.showing.pilot.as_ref(),
        ];
        let written = |party: &&Party| presentation.numbers.write(field, party).user == user;
        match parties.into_iter().flatten().find(written) {
            Some(party) => written_by(&presentation.numbers, field, party),
            None => format!("numbers.outgoing = {}", presentation.numbers.outgoing.of(field).name()),
        }
    }
}

/// The number or name of a name-addr, without parameters.
fn user_of(value: &[u8]) -> Option<String> {
    let address = NameAddr::parse(&bytes::Bytes::copy_from_slice(value)).ok()?;
    let user = match &address.uri {
        Uri::Tel(tel) => tel.digits(),
        Uri::Sip(_) | Uri::Other { .. } => address.uri.user_decoded()?.into_owned(),
    };
    let text = String::from_utf8(user).ok()?;
    Some(text.split(';').next().unwrap_or_default().to_owned())
}
