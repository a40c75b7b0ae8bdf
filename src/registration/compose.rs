//! The REGISTER itself (RFC 3261 10.2, RFC 6140 5.1).

use std::time::Duration;

use bytes::Bytes;

use super::{Form, RegistrationSettings};
use crate::base::limits::MAX_FORWARDS;
use crate::sip::flow::Transport;
use crate::sip::{Method, Name, NameAddr, SipUri, Uri, Writer};

/// How we present ourselves to the registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    pub transport: Transport,
    /// `host:port` of Via and Contact.
    pub authority: String,
}

/// What all REGISTERs of one registration share.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    /// Request-URI: the domain of the address of record.
    uri: Uri,
    aor: Bytes,
    contact: Bytes,
    call_id: Bytes,
    tag: Bytes,
    form: Form,
    local: Local,
}

/// What one REGISTER says for itself.
pub(super) struct Said<'a> {
    pub branch: &'a [u8],
    pub cseq: u32,
    pub expires: Duration,
    pub credentials: &'a [(Name, Vec<u8>)],
}

impl Frame {
    pub(super) fn new(settings: &RegistrationSettings, local: Local, call_id: Bytes, tag: Bytes) -> Frame {
        let aor = &settings.aor;
        let mut domain = SipUri::new(None, aor.host.clone(), aor.port);
        domain.scheme = aor.scheme;
        Frame {
            uri: Uri::Sip(domain),
            aor: NameAddr::new(Uri::Sip(aor.clone())).to_bytes(),
            contact: contact(settings, &local),
            call_id,
            tag,
            form: settings.form,
            local,
        }
    }

    /// The Request-URI as written: what digest signs.
    pub(super) fn uri(&self) -> Bytes {
        self.uri.to_bytes()
    }

    /// Our Contact, as written.
    pub(super) const fn contact(&self) -> &Bytes {
        &self.contact
    }

    pub(super) const fn local(&self) -> &Local {
        &self.local
    }

    pub(super) fn register(&self, said: &Said<'_>) -> Bytes {
        let mut from = self.aor.to_vec();
        from.extend_from_slice(b";tag=");
        from.extend_from_slice(&self.tag);
        let mut writer = Writer::request(&Method::Register, &self.uri)
            .header(Name::Via, self.via(said.branch))
            .header(Name::MaxForwards, MAX_FORWARDS.to_string())
            .header(Name::From, from)
            .header(Name::To, &self.aor)
            .header(Name::CallId, &self.call_id)
            .header(Name::CSeq, format!("{} REGISTER", said.cseq))
            .header(Name::Contact, &self.contact)
            .header(Name::Expires, said.expires.as_secs().to_string());
        writer = match self.form {
            Form::Single => writer.header(Name::Supported, "path"),
            // RFC 6140 5.1: whoever does not know `bnc` must refuse, proxies included.
            Form::Bulk => writer
                .header(Name::Supported, "path, gin")
                .header(Name::Require, "gin")
                .header(Name::ProxyRequire, "gin"),
        };
        for (name, value) in said.credentials {
            writer = writer.header(*name, value);
        }
        writer.finish()
    }

    /// `alias` offers the connection for requests in the other direction (RFC 5923, PF-133).
    fn via(&self, branch: &[u8]) -> Vec<u8> {
        let Local { transport, authority } = &self.local;
        let alias = if transport.is_reliable() { ";alias" } else { "" };
        let mut value = format!("SIP/2.0/{} {authority};branch=", transport.via_token()).into_bytes();
        value.extend_from_slice(branch);
        value.extend_from_slice(b";rport");
        value.extend_from_slice(alias.as_bytes());
        value
    }
}

fn contact(settings: &RegistrationSettings, local: &Local) -> Bytes {
    let user = settings.aor.user.as_ref().filter(|_| settings.form == Form::Single);
    let mut value = b"<sip:".to_vec();
    if let Some(user) = user {
        value.extend_from_slice(user);
        value.push(b'@');
    }
    value.extend_from_slice(local.authority.as_bytes());
    if local.transport.is_reliable() {
        value.extend_from_slice(b";transport=");
        value.extend_from_slice(local.transport.uri_token().as_bytes());
    }
    value.extend_from_slice(if settings.form == Form::Bulk { b";bnc>" } else { b">" });
    value.into()
}
