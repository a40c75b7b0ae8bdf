//! What a path names (PV-56).

use super::BASE;
use super::message::decoded;
use crate::route::directory::AccountState;
use crate::route::standing::Standing;

/// A resource, or an action on one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    Accounts,
    Account(String),
    AccountState(String, AccountState),
    AccountNumbers(String),
    BatchPut(String),
    BatchDelete(String),
    AccountNumber(String, String),
    Numbers,
    MoveNumber(String),
    Carriers,
    Carrier(String),
    Imports,
    ImportTemplate,
    Import(String),
    RunImport(String),
    ImportRows(String),
    ImportReport(String),
    ActiveCalls,
    ActiveCall(String),
    TerminateCall(String),
    CallTrace(String),
    CallCapture(String),
    Clients,
    Client(String),
    RotateClient(String),
    Roles,
    Audit,
    VerifyAudit,
    CustomHeader,
    Evaluate,
    Configuration,
    Reload,
    Trunks,
    Stand(String, Standing),
    LogLevel,
    OpenApi,
}

impl Place {
    /// `None`: nothing is there.
    pub fn of(path: &str) -> Option<Place> {
        let rest = path.strip_prefix(BASE)?.strip_prefix('/')?;
        let mut parts: Vec<&str> = rest.split('/').collect();
        let last = parts.pop()?;
        let (last, action) = last.split_once(':').map_or((last, None), |(last, action)| (last, Some(action)));
        parts.push(last);
        let decoded: Vec<String> = parts.iter().map(|part| self::decoded(part)).collect();
        let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
        match action {
            None => Place::resource(&parts),
            Some(action) => Place::action(&parts, action),
        }
    }

    fn resource(parts: &[&str]) -> Option<Place> {
        let own = |text: &&str| (*text).to_owned();
        Some(match parts {
            ["openapi.json"] => Place::OpenApi,
            ["accounts"] => Place::Accounts,
            ["accounts", name] if !name.is_empty() => Place::Account(own(name)),
            ["accounts", name, "numbers"] => Place::AccountNumbers(own(name)),
            ["accounts", name, "numbers", number] => Place::AccountNumber(own(name), plus(number)),
            ["numbers"] => Place::Numbers,
            ["carriers"] => Place::Carriers,
            ["carriers", id] if !id.is_empty() => Place::Carrier(own(id)),
            ["imports"] => Place::Imports,
            ["imports", "template"] => Place::ImportTemplate,
            ["imports", id] if !id.is_empty() => Place::Import(own(id)),
            ["imports", id, "rows"] => Place::ImportRows(own(id)),
            ["imports", id, "report.csv"] => Place::ImportReport(own(id)),
            ["calls", "active"] => Place::ActiveCalls,
            ["calls", id, "trace"] => Place::CallTrace(own(id)),
            ["calls", id, "trace.pcap"] => Place::CallCapture(own(id)),
            ["calls", "active", id] if !id.is_empty() => Place::ActiveCall(own(id)),
            ["clients"] => Place::Clients,
            ["clients", name] if !name.is_empty() => Place::Client(own(name)),
            ["roles"] => Place::Roles,
            ["audit"] => Place::Audit,
            ["settings", "customHeader"] => Place::CustomHeader,
            ["settings", "log"] => Place::LogLevel,
            ["configuration"] => Place::Configuration,
            ["trunks"] => Place::Trunks,
            _ => return None,
        })
    }

    fn action(parts: &[&str], action: &str) -> Option<Place> {
        let own = |text: &&str| (*text).to_owned();
        Some(match (parts, action) {
            (["accounts", name], "suspend") => Place::AccountState(own(name), AccountState::Suspended),
            (["accounts", name], "resume") => Place::AccountState(own(name), AccountState::Active),
            (["accounts", name, "numbers"], "batchPut") => Place::BatchPut(own(name)),
            (["accounts", name, "numbers"], "batchDelete") => Place::BatchDelete(own(name)),
            (["numbers", number], "move") => Place::MoveNumber(plus(number)),
            (["imports", id], "run") => Place::RunImport(own(id)),
            (["calls", "active", id], "terminate") => Place::TerminateCall(own(id)),
            (["clients", name], "rotate") => Place::RotateClient(own(name)),
            (["audit"], "verify") => Place::VerifyAudit,
            (["routes"], "evaluate") => Place::Evaluate,
            (["configuration"], "reload") => Place::Reload,
            (["trunks", name], "enable") => Place::Stand(own(name), Standing::Enabled),
            (["trunks", name], "disable") => Place::Stand(own(name), Standing::Disabled),
            (["trunks", name], "drain") => Place::Stand(own(name), Standing::Draining),
            _ => return None,
        })
    }

    /// The methods it knows.
    pub const fn methods(&self) -> &'static [&'static str] {
        match self {
            Place::Account(_) | Place::AccountNumber(..) | Place::Carrier(_) => &["GET", "PUT", "PATCH", "DELETE"],
            Place::Client(_) => &["GET", "PUT", "DELETE"],
            Place::Imports => &["GET", "POST"],
            Place::Import(_) => &["GET", "DELETE"],
            Place::LogLevel => &["GET", "PUT"],
            Place::AccountState(..)
            | Place::BatchPut(_)
            | Place::BatchDelete(_)
            | Place::MoveNumber(_)
            | Place::RunImport(_)
            | Place::TerminateCall(_)
            | Place::RotateClient(_)
            | Place::VerifyAudit
            | Place::Reload
            | Place::Stand(..)
            | Place::Evaluate => &["POST"],
            Place::Accounts
            | Place::AccountNumbers(_)
            | Place::Numbers
            | Place::Carriers
            | Place::ImportTemplate
            | Place::ImportRows(_)
            | Place::ImportReport(_)
            | Place::Clients
            | Place::Roles
            | Place::ActiveCalls
            | Place::ActiveCall(_)
            | Place::CallTrace(_)
            | Place::CallCapture(_)
            | Place::Audit
            | Place::CustomHeader
            | Place::Configuration
            | Place::Trunks
            | Place::OpenApi => &["GET"],
        }
    }
}

/// Plain digits are taken too (PV-56).
fn plus(number: &str) -> String {
    match number.starts_with('+') {
        true => number.to_owned(),
        false => format!("+{number}"),
    }
}
