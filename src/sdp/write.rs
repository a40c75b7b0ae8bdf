//! [`SessionDescription`] -> octets. Lines always end with CRLF and stand in the order of RFC 8866 5.

use super::description::{Attribute, Connection, Line, MediaDescription, Origin, SessionDescription};

impl SessionDescription<'_> {
    /// The text of the description.
    pub fn to_octets(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(640);
        line(&mut out, b'v', &[b"0"]);
        origin(&mut out, &self.origin);
        line(&mut out, b's', &[&self.name]);
        kept(&mut out, &self.about);
        connection(&mut out, self.connection.as_ref());
        kept(&mut out, &self.others);
        attributes(&mut out, &self.attributes);
        for media in &self.media {
            media_description(&mut out, media);
        }
        out
    }
}

fn line(out: &mut Vec<u8>, kind: u8, parts: &[&[u8]]) {
    out.extend_from_slice(&[kind, b'=']);
    for part in parts {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\r\n");
}

fn origin(out: &mut Vec<u8>, origin: &Origin<'_>) {
    let [network, kind, address] = &origin.address;
    let parts: [&[u8]; 11] =
        [&origin.username, b" ", &origin.session_id, b" ", &origin.version, b" ", network, b" ", kind, b" ", address];
    line(out, b'o', &parts);
}

fn kept(out: &mut Vec<u8>, lines: &[Line<'_>]) {
    for kept in lines {
        line(out, kept.kind, &[&kept.value]);
    }
}

fn connection(out: &mut Vec<u8>, connection: Option<&Connection<'_>>) {
    if let Some(connection) = connection {
        line(out, b'c', &[&connection.0]);
    }
}

fn attributes(out: &mut Vec<u8>, attributes: &[Attribute<'_>]) {
    for attribute in attributes {
        match &attribute.value {
            Some(value) => line(out, b'a', &[&attribute.name, b":", value]),
            None => line(out, b'a', &[&attribute.name]),
        }
    }
}

fn media_description(out: &mut Vec<u8>, media: &MediaDescription<'_>) {
    let port = media.port.to_string();
    out.extend_from_slice(b"m=");
    for (place, field) in [media.kind.as_ref(), &port, &media.protocol].into_iter().enumerate() {
        if place > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(field.as_bytes());
    }
    for format in &media.formats {
        out.push(b' ');
        out.extend_from_slice(format.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    kept(out, &media.about);
    connection(out, media.connection.as_ref());
    kept(out, &media.others);
    attributes(out, &media.attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_with_every_unknown_line_and_crlf() {
        let text = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=x\ni=about\nc=IN IP4 192.0.2.1\nb=CT:50000\nt=0 0\nq=odd\na=x-y\n\
                    m=audio 4000 RTP/AVP 8\nc=IN IP4 192.0.2.2\na=label:main-audio\n";
        let read = SessionDescription::parse(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(read.to_octets()).unwrap(), text.replace('\n', "\r\n"));
    }
}
