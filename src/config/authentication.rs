//! `auth` and `registration` of a trunk: who we are to the peer, who the peer must be, and what is bound there.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use zeroize::Zeroize;

use super::certificates::Files;
use super::file::{self, Unusable};
use super::read::{Field, Table};
use crate::base::Secret;
use crate::base::limits::PASSWORD_OCTETS;
use crate::registration::{Form, RegistrationSettings};
use crate::route::trunk::TrunkAuth;
use crate::sip::auth::{Credentials, Demand};
use crate::sip::{SipUri, Uri};

/// Asked of a registrar unless `expires_s` says otherwise.
const EXPIRES: Duration = Duration::from_secs(600);
/// Of a file's mode, what neither its owner nor its group is (`chmod(2)`).
const OTHERS: u32 = 0o007;

/// `auth = { user, realm, password_file, require, allow_md5 }`; `None` when it is not written or not whole.
pub(super) fn auth(trunk: &Table<'_>, base: &Path, files: Files) -> Option<TrunkAuth> {
    let written = trunk.field("auth", "{ user = \"u\", realm = \"r\", password_file = \"carrier.password\" }")?;
    let table = written.table()?;
    let user = table.need("user", "\"u\"").and_then(|field| field.text().map(str::to_owned));
    let realm = table.need("realm", "\"carrier.example\"").and_then(|field| field.text().map(str::to_owned));
    let password = password(&table, base, files);
    let demand = demand(&table);
    table.close();
    let credentials = Arc::new(Credentials::new(user?, realm?, password?));
    Some(TrunkAuth { credentials, demand })
}

/// What the peer must prove to send us requests out of a dialog.
fn demand(auth: &Table<'_>) -> Option<Demand> {
    let required = auth.flag("require", "true").unwrap_or(false);
    let md5 = auth.flag("allow_md5", "false").unwrap_or(false);
    if md5 && !required {
        auth.doc().error(&auth.path_of("allow_md5"), "has a meaning with require = true only; leave it out");
    }
    required.then_some(if md5 { Demand::Sha256OrMd5 } else { Demand::Sha256 })
}

fn password(auth: &Table<'_>, base: &Path, files: Files) -> Option<Secret<Vec<u8>>> {
    if auth.has("password") {
        auth.field("password", "");
        auth.doc()
            .error(&auth.path_of("password"), "secrets do not stand in this file; write password_file = \"PATH\"");
        return None;
    }
    let field = auth.need("password_file", "\"carrier.password\"")?;
    let path = base.join(field.text()?);
    match files {
        Files::Checked => password_in(&field, &path),
        Files::Ignored => Some(Secret::new(Vec::new())),
    }
}

/// The first line of a file.
fn password_in(field: &Field<'_>, path: &Path) -> Option<Secret<Vec<u8>>> {
    let bound = u64::try_from(PASSWORD_OCTETS).unwrap_or(u64::MAX).saturating_add(2);
    let remedy = "write the path of a file with one line, the password";
    let unusable = |error: Unusable| field.refuse_key(&format!("{} {}", path.display(), error.with(remedy)));
    let mut octets = file::read(path, bound).map_err(unusable).ok()?;
    field.read_file(&octets);
    if path.metadata().is_ok_and(|file| file.permissions().mode() & OTHERS != 0) {
        let text =
            format!("every user of this machine can read {0}; chmod 640 {0}, chgrp trunkline {0}", path.display());
        field.warn(Some("password.open"), text);
    }
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let sound = (1..=PASSWORD_OCTETS).contains(&line.len()) && !line.iter().any(u8::is_ascii_control);
    let password = sound.then(|| Secret::new(line.to_vec()));
    octets.zeroize();
    if password.is_none() {
        field.refuse_key(&format!("{} must hold one line with the password and nothing else", path.display()));
    }
    password
}

/// `registration = { aor, expires_s, gin }`; `None` when it is not written or not whole.
pub(super) fn registration(trunk: &Table<'_>) -> Option<RegistrationSettings> {
    let table = trunk.field("registration", "{ aor = \"sip:user@carrier.example\" }")?.table()?;
    let aor = table.need("aor", "\"sip:user@carrier.example\"").and_then(|field| field.parsed(address_of_record));
    let expires = table.seconds("expires_s", "600", 60..=86_400).unwrap_or(EXPIRES);
    let form = if table.flag("gin", "true").unwrap_or(false) { Form::Bulk } else { Form::Single };
    table.close();
    Some(RegistrationSettings { aor: aor?, expires, form })
}

/// A `sip:` URI with a user and nothing besides host and port (RFC 3261 10.2: a canonical address of record).
fn address_of_record(text: &str) -> Result<SipUri, String> {
    match Uri::parse(&Bytes::copy_from_slice(text.as_bytes())) {
        Ok(Uri::Sip(uri))
            if uri.user.is_some() && uri.password().is_none() && uri.params.is_empty() && uri.headers().is_none() =>
        {
            Ok(uri)
        }
        Ok(Uri::Sip(_) | Uri::Tel(_) | Uri::Other { .. }) | Err(_) => {
            Err("is no SIP address with a user and without parameters".to_owned())
        }
    }
}
