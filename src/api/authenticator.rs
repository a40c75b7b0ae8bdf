//! Who asks. The check is one trait, so that sign-in by an identity provider can stand in its place (PV-67).

use super::message::Request;
use crate::base::WallTime;
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::Rows;
use crate::store::tokens::{Grant, holder};

/// Octets of a token at most.
const TOKEN_OCTETS: usize = 512;

/// Says whose request this is.
pub trait Authenticator: Send + Sync {
    /// # Errors
    /// Nobody's that we know.
    fn holder(&self, rows: &mut dyn Rows, request: &Request, now: WallTime) -> Result<Grant, Refusal>;
}

/// Bearer tokens of our own (RFC 6750 2.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenAuthenticator;

impl Authenticator for TokenAuthenticator {
    fn holder(&self, rows: &mut dyn Rows, request: &Request, now: WallTime) -> Result<Grant, Refusal> {
        let missing = || Refusal::new(Code::TokenMissing, "Send a token: Authorization: Bearer TOKEN.");
        let (scheme, token) =
            request.header("authorization").ok_or_else(missing)?.split_once(' ').ok_or_else(missing)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.len() > TOKEN_OCTETS {
            return Err(missing());
        }
        holder(rows, token, now)
    }
}
