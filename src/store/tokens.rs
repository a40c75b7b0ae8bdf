//! API tokens: 256 random bits, shown once, kept as their SHA-256.
//!
//! PV-67 asks for a slow hash. That protects what people choose and can be guessed; 2^256 random values cannot be tried, so
//! a fast hash gives nothing away, and a request is not slowed down by it.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit::{Act, differences, hex};
use super::refusal::{Code, Refusal};
use super::rows::{Fault, Filter, Kind, Purpose, Query, Row, Rows, Store, Verdict};
use super::writing::Writing;
use crate::base::{Entropy, WallTime};

/// What a token begins with, so that scanners find one that leaked.
const PREFIX: &str = "tkl_";
/// Tokens of one store.
const TOKENS: usize = 1000;
/// How precisely the last use of a token is known: an hour, so that not every read becomes a write.
const NOTED_MS: u64 = 3_600_000;

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
    /// Ends calls.
    #[serde(rename = "Calls.Write")]
    CallsWrite,
    /// Sees SIP messages.
    #[serde(rename = "Calls.Trace")]
    CallsTrace,
    #[serde(rename = "Audit.Read")]
    AuditRead,
    /// Makes and revokes tokens.
    #[serde(rename = "Security.Admin")]
    SecurityAdmin,
    #[serde(rename = "Operation.Read")]
    OperationRead,
    /// Reloads the configuration, takes trunks out of service.
    #[serde(rename = "Operation.Write")]
    OperationWrite,
}

impl Role {
    /// Every role, with what it lets do.
    pub const ALL: [(Role, &'static str); 11] = [
        (Role::Read, "Reads accounts, numbers, carriers and imports; asks what would happen to a call."),
        (Role::Write, "Makes and changes them, and imports."),
        (Role::Delete, "Deletes them, also while calls use them where it is forced."),
        (Role::Admin, "The three before it."),
        (Role::CallsRead, "Sees the calls that are going on."),
        (Role::CallsWrite, "Ends calls."),
        (Role::CallsTrace, "Sees the SIP messages of calls; part of no other role."),
        (Role::AuditRead, "Reads the audit log and checks it."),
        (Role::SecurityAdmin, "Makes, changes and revokes clients."),
        (Role::OperationRead, "Sees trunks, the level of the log and the configuration's revision."),
        (Role::OperationWrite, "Reloads the configuration, enables, disables and drains trunks, sets the log's level."),
    ];
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
        let roles = [
            Role::Admin,
            Role::CallsRead,
            Role::CallsWrite,
            Role::AuditRead,
            Role::SecurityAdmin,
            Role::OperationRead,
            Role::OperationWrite,
        ];
        Grant { name: name.to_owned(), roles: roles.into(), accounts: None, expires: None }
    }

    /// Whether it has the role, or one that holds it.
    pub fn has(&self, role: Role) -> bool {
        let by_admin = matches!(role, Role::Read | Role::Write | Role::Delete);
        self.roles.contains(&role) || (by_admin && self.roles.contains(&Role::Admin))
    }

    /// Whether it can make and revoke clients for good.
    fn makes_clients(&self) -> bool {
        self.has(Role::SecurityAdmin) && self.accounts.is_none() && self.expires.is_none()
    }

    /// Whether the account is in its scope.
    pub fn covers(&self, account: &str) -> bool {
        self.accounts.as_ref().is_none_or(|accounts| accounts.contains(account))
    }
}

/// What is kept of a client: its grant under the hash of its token.
#[derive(Clone, Debug)]
pub struct Client {
    pub grant: Grant,
    pub row: Row,
}

/// Every client, by name.
///
/// # Errors
/// The store fails.
pub fn clients(rows: &mut dyn Rows) -> Result<Vec<Client>, Refusal> {
    let found = rows.list(Kind::Token, &Query::of(Filter::All, TOKENS))?;
    let mut clients: Vec<Client> = found.into_iter().filter_map(Client::of).collect();
    clients.sort_by(|one, two| one.grant.name.cmp(&two.grant.name));
    Ok(clients)
}

/// One client.
///
/// # Errors
/// There is none of this name.
pub fn client(rows: &mut dyn Rows, name: &str) -> Result<Client, Refusal> {
    let found = clients(rows)?.into_iter().find(|client| client.grant.name == name);
    found.ok_or_else(|| Refusal::new(Code::ClientNotFound, "There is no such client."))
}

impl Client {
    fn of(row: Row) -> Option<Client> {
        let grant = serde_json::from_value(row.body.clone()).ok()?;
        Some(Client { grant, row })
    }

    fn noted(&self, action: &'static str, after: Option<&Grant>) -> Act {
        let after = after.and_then(|grant| serde_json::to_value(grant).ok());
        Act {
            action,
            target: format!("clients/{}", self.grant.name),
            changes: differences(Some(&self.row.body), after.as_ref()),
            before: Some(self.row.revision),
            ..Act::default()
        }
    }
}

/// Changes what a client may do; its token stays.
///
/// # Errors
/// Nobody could make clients any more, or the store fails.
pub fn regrant(writing: &mut Writing<'_>, client: &Client, grant: &Grant) -> Result<Row, Refusal> {
    if !grant.makes_clients() {
        others_make_clients(writing.rows, client)?;
    }
    let row = writing.keep(Kind::Token, &client.row.key, body_of(grant)?)?;
    writing.note(client.noted("client.replace", Some(grant)))?;
    Ok(row)
}

/// A new token for a client; the one before is worth nothing from now on.
///
/// # Errors
/// The store fails.
pub fn rotate(writing: &mut Writing<'_>, client: &Client, entropy: &mut dyn Entropy) -> Result<(String, Row), Refusal> {
    let text = format!("{PREFIX}{}", entropy.token(32));
    writing.rows.remove(Kind::Token, &client.row.key)?;
    let row = writing.keep(Kind::Token, &hashed(&text), client.row.body.clone())?;
    writing.note(client.noted("client.rotate", Some(&client.grant)))?;
    Ok((text, row))
}

/// Takes a client's token away.
///
/// # Errors
/// Nobody could make clients any more, or the store fails.
pub fn revoke(writing: &mut Writing<'_>, client: &Client) -> Result<(), Refusal> {
    others_make_clients(writing.rows, client)?;
    writing.rows.remove(Kind::Token, &client.row.key)?;
    writing.note(client.noted("client.revoke", None))
}

/// There must be a way back in: the API shows a first token once in a store's life.
fn others_make_clients(rows: &mut dyn Rows, client: &Client) -> Result<(), Refusal> {
    let others = clients(rows)?;
    let stays = others.iter().any(|other| other.row.key != client.row.key && other.grant.makes_clients());
    match stays || !client.grant.makes_clients() {
        true => Ok(()),
        false => {
            let text = "It is the last one with Security.Admin and no end; nobody could make clients any more.";
            Err(Refusal::new(Code::LastAdministrator, text))
        }
    }
}

fn body_of(grant: &Grant) -> Result<Value, Refusal> {
    serde_json::to_value(grant).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
}

/// When a client last asked, as far as it was noted.
///
/// # Errors
/// The store fails.
pub fn last_used(rows: &mut dyn Rows, name: &str) -> Result<Option<WallTime>, Fault> {
    let row = rows.read(Kind::Meta, &used_key(name))?;
    Ok(row.and_then(|row| row.body.as_u64()).map(WallTime))
}

/// Notes that a client asks, at most once in [`NOTED_MS`].
///
/// # Errors
/// The store fails.
pub fn note_use(store: &mut dyn Store, name: &str, now: WallTime) -> Result<(), Fault> {
    let key = used_key(name);
    let mut is_old = false;
    store.transact(Purpose::Read, &mut |rows| {
        is_old = last_used(rows, name)?.is_none_or(|last| last.0.saturating_add(NOTED_MS) <= now.0);
        Ok(Verdict::RollBack)
    })?;
    if !is_old {
        return Ok(());
    }
    store.transact(Purpose::Write, &mut |rows| {
        rows.write(Kind::Meta, &Row { key: key.clone(), revision: 0, body: Value::from(now.0) })?;
        Ok(Verdict::Commit)
    })
}

fn used_key(name: &str) -> String {
    format!("used/{name}")
}

/// Makes a token. The text is nowhere but in the answer.
///
/// # Errors
/// There are too many, the name is taken, or the store fails.
pub fn issue(writing: &mut Writing<'_>, grant: &Grant, entropy: &mut dyn Entropy) -> Result<String, Refusal> {
    if writing.rows.count(Kind::Token, &Filter::All)? >= u64::try_from(TOKENS).unwrap_or(u64::MAX) {
        return Err(Refusal::new(Code::ValidationFailed, format!("There are {TOKENS} tokens already.")));
    }
    if client(writing.rows, &grant.name).is_ok() {
        return Err(Refusal::value("name", "is the name of another client"));
    }
    let text = format!("{PREFIX}{}", entropy.token(32));
    let body = body_of(grant)?;
    let changes = differences(None, Some(&body));
    writing.keep(Kind::Token, &hashed(&text), body)?;
    writing.note(Act {
        action: "client.create",
        target: format!("clients/{}", grant.name),
        changes,
        ..Act::default()
    })?;
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
