//! Via (RFC 3261 20.42, RFC 3581).

use bytes::Bytes;

use super::BadHeader;
use super::params::Params;
use crate::sip::flow::Transport;
use crate::sip::grammar::{cut, is_token, is_wsp, share_word, split, split_params, trim};
use crate::sip::uri::{Host, append_host_port, host_port_of};

/// What RFC 3261 branches begin with (8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// One Via value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Via {
    /// `None` for a transport we do not speak; `transport_token` has the text.
    pub transport: Option<Transport>,
    pub transport_token: Bytes,
    pub host: Host,
    pub port: Option<u16>,
    pub params: Params,
}

impl Via {
    /// Reads one value (unfolded, not a list). The protocol must be SIP; its version is not looked at here.
    ///
    /// # Errors
    /// What no Via can be.
    pub fn parse(value: &Bytes) -> Result<Via, BadHeader> {
        Via::parse_within(value, value)
    }

    /// Reads one value that lies inside `owner`.
    pub(crate) fn parse_within(owner: &Bytes, value: &[u8]) -> Result<Via, BadHeader> {
        let (head, params) = split_params(value);
        let params = Params::parse(owner, params)?;
        Ok(Via { params, ..Via::parse_head(owner, head)? })
    }

    /// Reads `SIP / 2.0 / TLS host [: port]`, white space around the separators allowed.
    fn parse_head(owner: &Bytes, head: &[u8]) -> Result<Via, BadHeader> {
        let ((transport, transport_token), sent_by) = match usual_protocol(head) {
            Some((transport, sent_by)) => {
                ((Some(transport), Bytes::from_static(transport.via_token().as_bytes())), sent_by)
            }
            None => {
                let (token, sent_by) = protocol(head)?;
                ((transport_of(token), share_word(owner, token)), sent_by)
            }
        };
        let (host, port) = host_port_of(owner, trim(sent_by)).ok_or(BadHeader)?;
        Ok(Via { transport, transport_token, host, port, params: Params::new() })
    }

    /// The branch, when it has a value.
    pub fn branch(&self) -> Option<&[u8]> {
        self.param("branch").flatten()
    }

    /// Value of a parameter, name compared without case; `Some(None)` for a flag.
    pub fn param(&self, name: &str) -> Option<Option<&[u8]>> {
        self.params.find(name)
    }

    /// False for a branch without content (RFC 4475 3.2.1) or given twice.
    pub(crate) fn has_sound_branch(&self) -> bool {
        self.params.is_sound("branch", |branch| !is_hollow(branch))
    }

    /// Appends the value.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"SIP/2.0/");
        out.extend_from_slice(&self.transport_token);
        out.push(b' ');
        append_host_port(&self.host, self.port, out);
        self.params.write(out);
    }

    /// The value in a buffer of its own.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = Vec::with_capacity(96);
        self.write(&mut out);
        Bytes::from(out)
    }
}

/// Protocol and sent-by of a value whose parameters may be broken.
pub(crate) fn parse_without_params(value: &Bytes) -> Result<Via, BadHeader> {
    let (head, _) = split_params(value);
    Via::parse_head(value, head)
}

/// The transport of a value that begins as nearly all do, and what follows the protocol.
fn usual_protocol(head: &[u8]) -> Option<(Transport, &[u8])> {
    let rest = head.strip_prefix(b"SIP/2.0/")?;
    TRANSPORTS.into_iter().find_map(|transport| {
        let rest = rest.strip_prefix(transport.via_token().as_bytes())?;
        Some((transport, rest.strip_prefix(b" ")?))
    })
}

/// The transport's token of any other, and what follows the protocol.
fn protocol(head: &[u8]) -> Result<(&[u8], &[u8]), BadHeader> {
    let (protocol, rest) = cut(head, b'/');
    let (version, rest) = cut(rest.ok_or(BadHeader)?, b'/');
    let rest = trim(rest.ok_or(BadHeader)?);
    if !trim(protocol).eq_ignore_ascii_case(b"SIP") || !is_token(trim(version)) {
        return Err(BadHeader);
    }
    let end = rest.iter().position(|&octet| is_wsp(octet)).ok_or(BadHeader)?;
    let (token, sent_by) = split(rest, end);
    if is_token(token) { Ok((token, sent_by)) } else { Err(BadHeader) }
}

fn is_hollow(branch: &[u8]) -> bool {
    branch.is_empty() || branch == MAGIC_COOKIE
}

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];

fn transport_of(token: &[u8]) -> Option<Transport> {
    TRANSPORTS.into_iter().find(|transport| token.eq_ignore_ascii_case(transport.via_token().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Via, BadHeader> {
        Via::parse(&Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn white_space_around_every_separator_is_legal() {
        let via =
            read("SIP  / 2.0  / TCP     spindle.example.com : 5070  ;\t branch  =   z9hG4bK9ikj8 ;rport").unwrap();
        assert_eq!(via.transport, Some(Transport::Tcp));
        assert_eq!((via.host.to_string().as_str(), via.port), ("spindle.example.com", Some(5070)));
        assert_eq!(via.branch(), Some(b"z9hG4bK9ikj8".as_slice()));
        assert_eq!(via.param("RPORT"), Some(None));
    }

    #[test]
    fn an_unknown_transport_is_kept() {
        let via = read("SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKa").unwrap();
        assert_eq!((via.transport, via.transport_token.as_ref()), (None, b"UNKNOWN".as_slice()));
        assert_eq!(via.to_bytes(), "SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKa");
    }

    #[test]
    fn ipv6_stands_in_brackets_and_keeps_them() {
        let text = "SIP/2.0/TLS [2001:db8::9:1]:5061;received=[2001:db8::9:255];branch=z9hG4bKas3-111";
        assert_eq!(read(text).unwrap().to_bytes(), text);
        assert_eq!(read("SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bKx"), Err(BadHeader));
    }

    #[test]
    fn broken_values_are_refused() {
        for bad in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 h",
            "SIP/2.0/UDP 192.0.2.15;;",
            "HTTP/1.1/TCP h",
            "SIP/2.0/UDP h:x",
            "SIP/2.0/U DP h",
        ] {
            assert_eq!(read(bad), Err(BadHeader), "{bad}");
        }
    }

    #[test]
    fn a_branch_of_the_cookie_alone_or_twice_is_not_sound() {
        for bad in ["branch=z9hG4bK", "branch=", "branch", "branch=z9hG4bKa;branch=z9hG4bKb"] {
            assert!(!read(&format!("SIP/2.0/UDP h;{bad}")).unwrap().has_sound_branch(), "{bad}");
        }
        assert!(read("SIP/2.0/UDP h;branch=390skdjuw").unwrap().has_sound_branch());
        assert!(read("SIP/2.0/UDP h").unwrap().has_sound_branch());
    }
}
