//! API tokens: 256 random bits, shown once, kept as their SHA-256.
//!
//! PV-67 asks for a slow hash. That protects what people choose and can be guessed; 2^256 random values cannot be tried, so
//! a fast hash gives nothing away, and a request is not slowed down by it.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::audit::{Act, hex};
use super::refusal::{Code, Refusal};
use super::rows::{Filter, Kind, Query, Rows};
use super::writing::Writing;
use crate::base::{Entropy, WallTime};

/// What a token begins with, so that scanners find one that leaked.
const PREFIX: &str = "tkl_";
/// Tokens of one store.
const TOKENS: usize = 1000;

/// What its holder may do (PV-68).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    #[serde(rename = "Provisioning.Read")]
    Read,
    #[serde(rename = "Provisioning.Write")]
    Write,
    #[serde(rename = "Provisioning.Delete")]
    Delete,
    /// The three before it.
    #[serde(rename = "Provisioning.Admin")]
    Admin,
    #[serde(rename = "Calls.Read")]
    CallsRead,
    #[serde(rename = "Audit.Read")]
    AuditRead,
    #[serde(rename = "Security.Admin")]
    SecurityAdmin,
}

/// A token's holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grant {
    pub name: String,
    pub roles: BTreeSet<Role>,
    /// Accounts it is limited to; `None`: all (PV-69).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<String>>,
    /// Milliseconds since 1970; `None`: it does not expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

impl Grant {
    /// Everything there is.
    pub fn everything(name: &str) -> Grant {
        let roles = [Role::Admin, Role::CallsRead, Role::AuditRead, Role::SecurityAdmin];
        Grant { name: name.to_owned(), roles: roles.into(), accounts: None, expires: None }
    }

    /// Whether it has the role, or one that holds it.
    pub fn has(&self, role: Role) -> bool {
        let by_admin = matches!(role, Role::Read | Role::Write | Role::Delete);
        self.roles.contains(&role) || (by_admin && self.roles.contains(&Role::Admin))
    }

    /// Whether the account is in its scope.
    pub fn covers(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }
}

/// Makes a token. The text is nowhere but in the answer.
///
/// # Errors
/// There are too many, or the store fails.
pub fn issue(writing: &mut Writing<'_>, grant: &Grant, entropy: &mut dyn Entropy) -> Result<String, Refusal> {
    if writing.rows.count(Kind::Token, &Filter::All)? >= u64::try_from(TOKENS).unwrap_or(u64::MAX) {
        return Err(Refusal::new(Code::ValidationFailed, format!("There are {TOKENS} tokens already.")));
    }
    let text = format!("{PREFIX}{}", entropy.token(32));
    let body = serde_json::to_value(grant).map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    writing.keep(Kind::Token, &hashed(&text), body)?;
    writing.note(Act { action: "token.issue", target: format!("tokens/{}", grant.name), ..Act::default() })?;
    Ok(text)
}

/// A first token with every role, when there is none yet.
///
/// # Errors
/// The store fails.
pub fn first(writing: &mut Writing<'_>, entropy: &mut dyn Entropy) -> Result<Option<String>, Refusal> {
    match writing.rows.list(Kind::Token, &Query::of(Filter::All, 1))?.is_empty() {
        true => issue(writing, &Grant::everything("first"), entropy).map(Some),
        false => Ok(None),
    }
}

/// Whose token this is.
///
/// # Errors
/// Nobody's, or it has expired.
pub fn holder(rows: &mut dyn Rows, text: &str, now: WallTime) -> Result<Grant, Refusal> {
    let unknown = || Refusal::new(Code::TokenInvalid, "The token is not known.");
    let row = rows.read(Kind::Token, &hashed(text))?.ok_or_else(unknown)?;
    let grant: Grant = serde_json::from_value(row.body).map_err(|_| unknown())?;
    match grant.expires.is_some_and(|expires| expires <= now.0) {
        true => Err(Refusal::new(Code::TokenExpired, "The token has expired.")),
        false => Ok(grant),
    }
}

fn hashed(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}
