//! Tools that walk the network for telephone systems, by what they call themselves. Only their own word is taken: a scanner
//! that hides its name is an unknown source like any other.

use crate::sip::{Name, Request};

/// A tool whose name is known. The label is the metric's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scanner {
    FriendlyScanner,
    Sipvicious,
    Sundayddr,
    SipScan,
    Sipcli,
    Sipsak,
    Pplsip,
    Vaxsip,
    Iwar,
    Sivus,
    Smap,
    Nmap,
    Zgrab,
    Sippts,
    Metasploit,
    Masscan,
    Siparmyknife,
    Svmap,
    Svwar,
    Svcrack,
}

/// Octets of a field that are looked at.
const LOOKED_AT: usize = 256;

impl Scanner {
    /// Every tool, for the metrics' start at zero.
    pub const ALL: [Scanner; 20] = [
        Scanner::FriendlyScanner,
        Scanner::Sipvicious,
        Scanner::Sundayddr,
        Scanner::SipScan,
        Scanner::Sipcli,
        Scanner::Sipsak,
        Scanner::Pplsip,
        Scanner::Vaxsip,
        Scanner::Iwar,
        Scanner::Sivus,
        Scanner::Smap,
        Scanner::Nmap,
        Scanner::Zgrab,
        Scanner::Sippts,
        Scanner::Metasploit,
        Scanner::Masscan,
        Scanner::Siparmyknife,
        Scanner::Svmap,
        Scanner::Svwar,
        Scanner::Svcrack,
    ];

    /// Metric label, which is also how the tool calls itself, in small letters.
    pub const fn label(self) -> &'static str {
        match self {
            Scanner::FriendlyScanner => "friendly-scanner",
            Scanner::Sipvicious => "sipvicious",
            Scanner::Sundayddr => "sundayddr",
            Scanner::SipScan => "sip-scan",
            Scanner::Sipcli => "sipcli",
            Scanner::Sipsak => "sipsak",
            Scanner::Pplsip => "pplsip",
            Scanner::Vaxsip => "vaxsip",
            Scanner::Iwar => "iwar",
            Scanner::Sivus => "sivus",
            Scanner::Smap => "smap",
            Scanner::Nmap => "nmap",
            Scanner::Zgrab => "zgrab",
            Scanner::Sippts => "sippts",
            Scanner::Metasploit => "metasploit",
            Scanner::Masscan => "masscan",
            Scanner::Siparmyknife => "siparmyknife",
            Scanner::Svmap => "svmap",
            Scanner::Svwar => "svwar",
            Scanner::Svcrack => "svcrack",
        }
    }

    /// The tool a request names, in User-Agent or as the caller.
    pub fn of(request: &Request) -> Option<Scanner> {
        let fields = [Name::UserAgent, Name::From].into_iter().filter_map(|name| request.message.header(name));
        fields.into_iter().find_map(|field| Scanner::named(&field))
    }

    fn named(field: &[u8]) -> Option<Scanner> {
        let field = field.get(..LOOKED_AT).unwrap_or(field).to_ascii_lowercase();
        let names = |scanner: &Scanner| memchr::memmem::find(&field, scanner.label().as_bytes()).is_some();
        Scanner::ALL.into_iter().find(names)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sip::SipMessage;
    use crate::sip::frame::datagram;

    fn scanner(from: &str, agent: &str) -> Option<Scanner> {
        let text = format!(
            "OPTIONS sip:100@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bK1\r\nFrom: {from};tag=1\r\n\
             To: <sip:100@192.0.2.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\n{agent}Content-Length: 0\r\n\r\n"
        );
        match datagram(&Bytes::from(text), "198.51.100.1:5060".parse().unwrap()).unwrap().unwrap() {
            SipMessage::Request(request) => Scanner::of(&request),
            SipMessage::Response(_) => panic!("a request was written"),
        }
    }

    #[test]
    fn tools_are_known_by_their_agent_or_by_their_caller() {
        let agent = |agent: &str| scanner("<sip:a@b>", &format!("User-Agent: {agent}\r\n"));
        assert_eq!(agent("friendly-scanner"), Some(Scanner::FriendlyScanner));
        assert_eq!(agent("VaxSIPUserAgent/3.1"), Some(Scanner::Vaxsip));
        assert_eq!(agent("sipcli/v1.8"), Some(Scanner::Sipcli));
        assert_eq!(scanner("\"sipvicious\"<sip:100@1.1.1.1>", ""), Some(Scanner::Sipvicious));
        assert_eq!(agent("Microsoft.PSTNHub.SIPProxy v.2026.1"), None);
        assert_eq!(scanner("<sip:+4930@carrier.test>", ""), None);
    }
}
