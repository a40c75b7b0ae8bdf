//! A SIP message as raw text: what the checks quote and what rsip cannot say (crates-measured R5, R6, R9, R13, R17).
//! Only the lab reads with this; what it cannot read is a finding.

/// One header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The long name, as RFC 3261 20 spells it where the message used the compact one; else as it came.
    pub name: String,
    /// Without surrounding blanks; continuation lines joined by one blank.
    pub value: String,
    /// The line as it came.
    pub line: String,
}

/// A message taken apart no further than its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub start: String,
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
}

/// RFC 3261 7.3.3 and RFC 3891, 3892, 4028, 3515: compact names.
const COMPACT: [(&str, &str); 14] = [
    ("i", "Call-ID"),
    ("m", "Contact"),
    ("e", "Content-Encoding"),
    ("l", "Content-Length"),
    ("c", "Content-Type"),
    ("f", "From"),
    ("s", "Subject"),
    ("k", "Supported"),
    ("t", "To"),
    ("v", "Via"),
    ("r", "Refer-To"),
    ("b", "Referred-By"),
    ("x", "Session-Expires"),
    ("o", "Event"),
];

impl Text {
    /// Reads one framed message.
    ///
    /// # Errors
    /// What is wrong with its shape.
    pub fn read(octets: &[u8]) -> Result<Text, String> {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no empty line after the header")?;
        let head = std::str::from_utf8(octets.get(..end).unwrap_or_default()).map_err(|_| "the header is not UTF-8")?;
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut fields: Vec<Field> = Vec::new();
        for line in lines {
            match (line.starts_with([' ', '\t']), fields.last_mut()) {
                (true, Some(field)) => {
                    field.value = format!("{} {}", field.value, line.trim());
                    field.line.push_str(line);
                }
                (true, None) | (false, _) => fields.push(field_of(line)?),
            }
        }
        Ok(Text { start, fields, body: octets.get(end + 4..).unwrap_or_default().to_vec() })
    }

    /// True for a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        !self.start.starts_with("SIP/")
    }

    /// The method: of the start line, or of the request that a response answers.
    #[must_use]
    pub fn method(&self) -> &str {
        match self.is_request() {
            true => self.start.split(' ').next().unwrap_or_default(),
            false => self.value("CSeq").split_whitespace().nth(1).unwrap_or_default(),
        }
    }

    /// True for a request with this method.
    #[must_use]
    pub fn asks(&self, method: &str) -> bool {
        self.is_request() && self.method() == method
    }

    /// The status of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/")?.split(' ').nth(1)?.parse().ok()
    }

    /// The Request-URI; empty for a response.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self.is_request() {
            true => self.start.split(' ').nth(1).unwrap_or_default(),
            false => "",
        }
    }

    /// The first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The values of that name, in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = move |field: &&Field| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().filter(named).map(|field| field.value.as_str())
    }

    /// The first value of that name; empty when there is none.
    #[must_use]
    pub fn value(&self, name: &str) -> &str {
        self.field(name).map_or("", |field| field.value.as_str())
    }

    /// The first line of that name as it came, or words that say there is none.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        self.field(name).map_or_else(|| format!("(no {name})"), |field| field.line.clone())
    }

    /// True when a comma list of that name holds `token`, compared without case.
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.values(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.value("Call-ID")
    }

    /// The number of the CSeq.
    #[must_use]
    pub fn cseq(&self) -> u32 {
        self.value("CSeq").split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The branch of the topmost Via.
    #[must_use]
    pub fn branch(&self) -> &str {
        parameter(self.value("Via"), "branch").unwrap_or_default()
    }

    /// The tag of From or To.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        parameter(outside_brackets(self.value(name)), "tag")
    }

    /// The URI in a name-addr field, without brackets and display name; empty when there is none.
    #[must_use]
    pub fn address(&self, name: &str) -> String {
        super::super::message::address_of(self.value(name))
    }

    /// The lines of a session description; empty when the body is none.
    #[must_use]
    pub fn sdp(&self) -> Vec<String> {
        let is_sdp = self.value("Content-Type").to_ascii_lowercase().starts_with("application/sdp");
        match is_sdp && !self.body.is_empty() {
            true => String::from_utf8_lossy(&self.body).lines().map(str::to_owned).collect(),
            false => Vec::new(),
        }
    }

    /// True with a session description.
    #[must_use]
    pub fn has_sdp(&self) -> bool {
        !self.sdp().is_empty()
    }

    /// The session description, where it is the body or one of its parts (RFC 2046 5.1); empty when there is none.
    #[must_use]
    pub fn session(&self) -> Vec<u8> {
        let kind = self.value("Content-Type");
        if !kind.to_ascii_lowercase().starts_with("multipart/") {
            return if self.has_sdp() { self.body.clone() } else { Vec::new() };
        }
        let boundary = format!("--{}", parameter(kind, "boundary").unwrap_or_default().trim_matches('"'));
        let body = String::from_utf8_lossy(&self.body);
        let parts = body.split(boundary.as_str()).filter_map(|part| part.split_once("\r\n\r\n"));
        let mut sessions = parts.filter(|(head, _)| head.to_ascii_lowercase().contains("application/sdp"));
        sessions.next().map(|(_, session)| session.as_bytes().to_vec()).unwrap_or_default()
    }

    /// `INVITE sip:...` or `200 OK`, for people.
    #[must_use]
    pub fn label(&self) -> String {
        match self.status() {
            Some(_) => format!("{} ({})", self.start.trim_start_matches("SIP/2.0 "), self.method()),
            None => self.method().to_owned(),
        }
    }
}

fn field_of(line: &str) -> Result<Field, String> {
    let (name, value) = line.split_once(':').ok_or_else(|| format!("no header field: {line}"))?;
    let name = name.trim_end();
    let long = COMPACT.iter().find(|(short, _)| short.eq_ignore_ascii_case(name)).map_or(name, |(_, long)| long);
    Ok(Field { name: long.to_owned(), value: value.trim().to_owned(), line: line.to_owned() })
}

/// What follows the closing bracket of a name-addr; the whole value when there is none.
#[must_use]
pub fn outside_brackets(value: &str) -> &str {
    value.rsplit_once('>').map_or(value, |(_, rest)| rest)
}

/// The value of `;name=value`, compared without case; `None` when it is missing or has no value.
#[must_use]
pub fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split(';').skip(1).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// True for `;name` with or without a value.
#[must_use]
pub fn has_parameter(text: &str, name: &str) -> bool {
    text.split(';').skip(1).any(|part| part.split('=').next().unwrap_or_default().trim().eq_ignore_ascii_case(name))
}

/// The scheme of a URI, lower case.
#[must_use]
pub fn scheme_of(uri: &str) -> String {
    uri.split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// The user part of a URI, parameters of the user included; empty when there is none.
#[must_use]
pub fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    rest.split_once('@').map_or("", |(user, _)| user)
}

/// The host of a sip URI, without port and parameters, lower case.
#[must_use]
pub fn host_of(uri: &str) -> String {
    host_and_port(uri).split(':').next().unwrap_or_default().to_ascii_lowercase()
}

/// The port of a sip URI, if it names one.
#[must_use]
pub fn port_of(uri: &str) -> Option<u16> {
    host_and_port(uri).split_once(':')?.1.parse().ok()
}

fn host_and_port(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split_once('@').map_or(rest, |(_, host)| host);
    rest.split([';', '?']).next().unwrap_or_default()
}

/// True when a host is written as an address.
#[must_use]
pub fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_among_other_parts_is_found() {
        let body = "--b\r\nContent-Type: application/pidf+xml\r\n\r\n<p/>\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b--\r\n";
        let text = format!("INVITE sip:a SIP/2.0\r\nContent-Type: multipart/mixed;boundary=\"b\"\r\n\r\n{body}");
        let text = Text::read(text.as_bytes()).expect("readable");
        assert!(text.session().starts_with(b"v=0\r\n") && !text.has_sdp());
    }

    const MESSAGE: &[u8] = b"INVITE sip:+1425@sip.example.com:5061;user=phone SIP/2.0\r\nv: SIP/2.0/TLS a;branch=z9hG4bK1\r\n\
        FROM: \"A, B\" <sip:+1@b>;tag=t1\r\nAllow: INVITE,\r\n REFER\r\nCSEQ: 7 INVITE\r\nc: application/sdp\r\n\r\nv=0\r\ns=-\r\n";

    #[test]
    fn a_message_with_compact_capital_and_folded_fields_is_read() {
        let text = Text::read(MESSAGE).expect("readable");
        assert_eq!((text.method(), text.cseq(), text.branch()), ("INVITE", 7, "z9hG4bK1"));
        assert_eq!(text.tag("From"), Some("t1"));
        assert!(text.lists("allow", "refer"));
        assert_eq!(text.sdp(), ["v=0", "s=-"]);
        assert_eq!(
            (user_of(text.uri()), host_of(text.uri()), port_of(text.uri())),
            ("+1425", "sip.example.com".to_owned(), Some(5061))
        );
    }

    #[test]
    fn a_missing_field_is_said_in_words() {
        assert_eq!(Text::read(MESSAGE).expect("readable").line("Contact"), "(no Contact)");
    }

    #[test]
    fn addresses_are_told_from_names() {
        assert!(is_address("192.0.2.1") && is_address("[::1]") && !is_address("sbc1.example.com"));
    }
}
