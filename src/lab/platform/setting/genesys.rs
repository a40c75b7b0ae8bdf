//! Genesys Cloud BYOC Cloud (sheet: platforms, section 3).

use std::net::SocketAddr;

use super::Setting;
use crate::lab::platform::manner::{Dress, Gate, Manner, Spelling, Strange};
use crate::lab::platform::posture::Authentication;
use crate::lab::platform::{beyond, checks, scenario};
use crate::lab::session::Path;

/// What every trunk of Genesys Cloud is; the four differ in where our INVITE names the trunk's termination identifier.
const COMMON: Setting = Setting {
    name: "genesys",
    title: "Genesys Cloud BYOC Cloud (statements PF of the requirement sheet, section 3)",
    names: &["lb01.byoc.example.com"],
    trunk: "genesys",
    file: "config/genesys.toml",
    keys: "media = { sources = [{sources}] }\n",
    far: "carrier",
    carrier_keys: "",
    subscriber: None,
    authentication: Authentication::ServerAlone,
    path: Path::Described,
    manner,
    like: None,
    without: &[],
    statements: &[checks::genesys::STATEMENTS],
    opens: &[],
    scenarios: &[
        scenario::first_contact::SCENARIOS,
        scenario::genesys_calls::SCENARIOS,
        scenario::carrier_calls::SCENARIOS,
        scenario::platform_calls::SCENARIOS,
        scenario::changes::SCENARIOS,
        scenario::refusals::SCENARIOS,
    ],
    plays: &[
        "options",
        "tls",
        "genesys-shape",
        "genesys-proxies",
        "genesys-number",
        "genesys-context",
        "genesys-refer",
        "genesys-refer-fails",
        "inbound",
        "outbound",
        "dtmf",
        "refresh",
        "hold-platform",
        "hold-carrier",
        "busy-carrier",
        "busy-platform",
        "short-timer",
    ],
    beyond: beyond::GENESYS,
    sheet: "PF",
};

/// PF-69 (a): the host of the Request-URI.
pub(super) static GENESYS: Setting =
    Setting { statements: &[checks::genesys::STATEMENTS, checks::genesys::BY_NAME], ..COMMON };

/// PF-69 (b), PF-72: a trunk group.
pub(super) static GENESYS_TGRP: Setting = Setting {
    name: "genesys-tgrp",
    title: "Genesys Cloud BYOC Cloud that knows the trunk by tgrp (statements PF of the requirement sheet, section 3)",
    keys: "media = { sources = [{sources}] }\nrequest_uri_host = \"lb01.byoc.example.com\"\nnumbers = { outgoing_rules = \
           [{ field = \"request_uri\", match = \"^(.*)$\", replace = \"${1};tgrp=acme;trunk-context=byoc.example.com\" }] }\n",
    statements: &[checks::genesys::STATEMENTS, checks::genesys::BY_GROUP],
    ..COMMON
};

/// PF-69 (c): an identifier in place of the number.
pub(super) static GENESYS_DNIS: Setting = Setting {
    name: "genesys-dnis",
    title: "Genesys Cloud BYOC Cloud with DNIS replacement (statements PF of the requirement sheet, section 3)",
    keys: "media = { sources = [{sources}] }\nrequest_uri_host = \"lb01.byoc.example.com\"\nnumbers = { outgoing_rules = \
           [{ field = \"request_uri\", match = \"^.*$\", replace = \"acme\" }] }\n",
    statements: &[checks::genesys::STATEMENTS, checks::genesys::BY_NUMBER],
    ..COMMON
};

/// PF-69 (d): a field of its own.
pub(super) static GENESYS_FIELD: Setting = Setting {
    name: "genesys-field",
    title: "Genesys Cloud BYOC Cloud with a custom header (statements PF of the requirement sheet, section 3)",
    keys: "media = { sources = [{sources}] }\nrequest_uri_host = \"lb01.byoc.example.com\"\n\
           headers = { edits = [{ set = \"X-Genesys-Identifier\", value = \"acme\" }] }\n",
    statements: &[checks::genesys::STATEMENTS, checks::genesys::BY_FIELD],
    ..COMMON
};

/// PF-71, PF-73, PF-74, PF-78.
fn manner(address: SocketAddr) -> Manner {
    Manner {
        spelling: Spelling::Usual,
        product: "GENESYS-CLOUD-LAB".to_owned(),
        allow: "INVITE, ACK, CANCEL, BYE, OPTIONS, REFER, NOTIFY",
        supported: Some("timer"),
        host: "acme.byoc.example.com".to_owned(),
        address,
        calls: "sip:{user}@{sbc};transport=tls",
        from: "<sip:{user}@{host}>",
        contact: "<sip:{user}@{address};transport=tls;x-edge={hex};Order=kept;esc=%41b>",
        record_route: Some("<sip:{address};transport=tls;lr>"),
        calls_with: &[],
        dress: Dress::Plain,
        strange: Strange::Refused,
        untagged_options: false,
        gate: Gate::Open,
    }
}
