//! Why a request is not carried out, in the words of PV-63.

use std::fmt;

use super::rows::Fault;

/// The machine's word for it. The name is what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    MalformedJson,
    ValidationFailed,
    UnknownProperty,
    FilterUnsupported,
    ImportInvalid,
    TokenMissing,
    TokenInvalid,
    TokenExpired,
    RoleMissing,
    AccountScope,
    AccountNotFound,
    NumberNotFound,
    CarrierNotFound,
    ImportNotFound,
    CallNotFound,
    ClientNotFound,
    TrunkNotFound,
    ResourceNotFound,
    MethodNotAllowed,
    BodyIncomplete,
    AccountNotEmpty,
    NumberOwnedByOtherAccount,
    NumberInUse,
    LastAdministrator,
    CarrierInUse,
    SubdomainTaken,
    ImportState,
    ConfigurationRefused,
    PreconditionFailed,
    BatchTooLarge,
    FileTooLarge,
    UnsupportedMediaType,
    IdempotencyMismatch,
    TooManyRequests,
    Internal,
    StoreUnavailable,
    /// The process ends.
    Draining,
}

impl Code {
    /// The status of HTTP that goes with it (PV-63).
    pub const fn status(self) -> u16 {
        match self {
            Code::MalformedJson
            | Code::ValidationFailed
            | Code::UnknownProperty
            | Code::FilterUnsupported
            | Code::ImportInvalid => 400,
            Code::TokenMissing | Code::TokenInvalid | Code::TokenExpired => 401,
            Code::RoleMissing | Code::AccountScope => 403,
            Code::AccountNotFound
            | Code::NumberNotFound
            | Code::CarrierNotFound
            | Code::ImportNotFound
            | Code::CallNotFound
            | Code::ClientNotFound
            | Code::TrunkNotFound
            | Code::ResourceNotFound => 404,
            Code::MethodNotAllowed => 405,
            Code::BodyIncomplete => 408,
            Code::AccountNotEmpty
            | Code::NumberOwnedByOtherAccount
            | Code::NumberInUse
            | Code::LastAdministrator
            | Code::CarrierInUse
            | Code::SubdomainTaken
            | Code::ImportState
            | Code::ConfigurationRefused => 409,
            Code::PreconditionFailed => 412,
            Code::BatchTooLarge | Code::FileTooLarge => 413,
            Code::UnsupportedMediaType => 415,
            Code::IdempotencyMismatch => 422,
            Code::TooManyRequests => 429,
            Code::Internal => 500,
            Code::StoreUnavailable | Code::Draining => 503,
        }
    }

    /// As it is sent.
    pub fn name(self) -> String {
        format!("{self:?}")
    }
}

/// One thing that is wrong, in a list of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    pub code: String,
    /// Which part of the request: `numbers[17].phoneNumber`.
    pub target: String,
    pub message: String,
}

/// A request that is not carried out. Nothing of it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: Code,
    /// A sentence a person can act on.
    pub message: String,
    /// The property to blame.
    pub target: Option<String>,
    pub details: Vec<Detail>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal { code, message: message.into(), target: None, details: Vec::new() }
    }

    /// A value that cannot be taken. `message` completes the sentence "PROPERTY ...".
    pub fn value(target: &str, message: impl fmt::Display) -> Refusal {
        Refusal::new(Code::ValidationFailed, format!("{target} {message}.")).at(target)
    }

    /// The same, blaming a property.
    pub fn at(self, target: impl Into<String>) -> Refusal {
        Refusal { target: Some(target.into()), ..self }
    }

    /// As one of several.
    pub fn into_detail(self, place: &str) -> Detail {
        let target = match self.target {
            Some(target) => format!("{place}.{target}"),
            None => place.to_owned(),
        };
        Detail { code: self.code.name(), target, message: self.message }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        // What the store says may name files: for the log, not for the answer.
        tracing::error!(%fault, "store");
        Refusal::new(Code::StoreUnavailable, "The store does not answer; try again later.")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{:?}]", self.message, self.code)?;
        self.details.iter().try_for_each(|detail| write!(f, "; {}: {}", detail.target, detail.message))
    }
}

impl std::error::Error for Refusal {}
