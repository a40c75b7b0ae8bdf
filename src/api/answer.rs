//! From a request to its answer.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::authenticator::Authenticator;
use super::calls::ActiveCalls;
use super::message::{Request, Response, etag, shown};
use super::operation::Operation;
use super::place::Place;
use super::rates::{Allowance, Rates};
use super::traces::Traces;
use super::{accounts, audit, calls, carriers, clients, evaluate, imports, numbers, openapi, operation, traces};
use crate::base::{Entropy, WallTime};
use crate::route::directory::Directory;
use crate::route::snapshot::Snapshot;
use crate::store::audit::Actor;
use crate::store::kept::Repeatable;
use crate::store::refusal::{Code, Refusal};
use crate::store::rows::{Comparison, Filter, Row, Store};
use crate::store::tokens::{self, Grant, Role};
use crate::store::writing::{Writing, note_refused, reading, writing};

/// What stands around the store.
pub struct Site {
    pub authenticator: Box<dyn Authenticator>,
    pub rates: Rates,
    /// What calls read now.
    pub directory: Arc<ArcSwap<Directory>>,
    /// The configuration that calls go by.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// What is going on now.
    pub calls: Arc<dyn ActiveCalls>,
    /// What was said about them, and about those that ended lately.
    pub traces: Arc<dyn Traces>,
    /// The node itself.
    pub operation: Arc<dyn Operation>,
    /// `provisioning.custom_header`.
    pub custom_header: Option<String>,
}

/// One request being answered.
pub struct Call<'a> {
    pub site: &'a Site,
    pub store: &'a mut dyn Store,
    pub entropy: &'a mut dyn Entropy,
    pub request: &'a Request,
    pub grant: Grant,
    pub actor: Actor,
    pub now: WallTime,
}

/// Answers a request. Never fails: what cannot be done is an answer too.
pub fn answer(
    site: &Site,
    store: &mut dyn Store,
    entropy: &mut dyn Entropy,
    request: &Request,
    now: WallTime,
) -> Response {
    let answered = if request.path == format!("{}/openapi.json", super::BASE) && request.method == "GET" {
        // The document is no secret: clients are made from it.
        Ok(Response::json(200, openapi::document()))
    } else {
        admitted(site, store, entropy, request, now)
    };
    let response = answered.unwrap_or_else(|refusal| refused(&refusal, request));
    response.with("X-Request-Id", request.id.clone())
}

/// What nobody that we know is told, before the body of the request is read.
pub fn unknown(site: &Site, store: &mut dyn Store, request: &Request, now: WallTime) -> Option<Response> {
    let refusal = reading(store, |rows| site.authenticator.holder(rows, request, now)).err()?;
    let response = unadmitted(site, request, refusal, now).unwrap_or_else(|refusal| refused(&refusal, request));
    Some(response.with("X-Request-Id", request.id.clone()))
}

fn refused(refusal: &Refusal, request: &Request) -> Response {
    let response = Response::refused(refusal, &request.id);
    match (refusal.code, Place::of(&request.path)) {
        (Code::MethodNotAllowed, Some(place)) => response.with("Allow", place.methods().join(", ")),
        _ => response,
    }
}

fn admitted(
    site: &Site,
    store: &mut dyn Store,
    entropy: &mut dyn Entropy,
    request: &Request,
    now: WallTime,
) -> Result<Response, Refusal> {
    let found = reading(store, |rows| site.authenticator.holder(rows, request, now));
    let grant = match found {
        Ok(grant) => grant,
        Err(refusal) => return unadmitted(site, request, refusal, now),
    };
    let allowance = site.rates.take(&grant.name, now);
    if let Some(wait) = allowance.wait_s {
        let refusal = Refusal::new(Code::TooManyRequests, format!("At most {} requests in a minute.", allowance.limit));
        return Ok(limited(Response::refused(&refusal, &request.id), allowance).with("Retry-After", wait.to_string()));
    }
    tokens::note_use(store, &grant.name, now)?;
    let actor = Actor { name: grant.name.clone(), address: request.address.clone(), request: request.id.clone() };
    let mut call = Call { site, store, entropy, request, grant, actor, now };
    let response = match call.dispatch() {
        Ok(response) => response,
        Err(refusal) => {
            call.note(&refusal);
            refused(&refusal, request)
        }
    };
    Ok(limited(response, allowance))
}

/// Nobody that we know. An address that guesses gets no answer any more (PV-71); who holds a token there is still served:
/// 256 random bits are not guessed, and one noisy neighbour must not shut out everybody behind the same address.
fn unadmitted(site: &Site, request: &Request, refusal: Refusal, now: WallTime) -> Result<Response, Refusal> {
    if let Some(wait) = site.rates.locked_out(&request.address, now) {
        let refusal = Refusal::new(Code::TooManyRequests, "Too many wrong tokens came from this address.");
        return Ok(Response::refused(&refusal, &request.id).with("Retry-After", wait.to_string()));
    }
    if matches!(refusal.code, Code::TokenInvalid | Code::TokenExpired) {
        site.rates.failed(&request.address, now);
    }
    Err(refusal)
}

/// The headers of the IETF's draft on rate limits.
fn limited(response: Response, allowance: Allowance) -> Response {
    let reset = if allowance.remaining > 0 { 0 } else { 60 / u64::from(allowance.limit.max(1)) };
    response
        .with("RateLimit-Limit", allowance.limit.to_string())
        .with("RateLimit-Remaining", allowance.remaining.to_string())
        .with("RateLimit-Reset", reset.to_string())
}

impl Call<'_> {
    fn dispatch(&mut self) -> Result<Response, Refusal> {
        let place = Place::of(&self.request.path)
            .ok_or_else(|| Refusal::new(Code::ResourceNotFound, "There is nothing at this path."))?;
        let method = self.request.method.as_str();
        if !place.methods().contains(&method) {
            return Err(Refusal::new(Code::MethodNotAllowed, format!("{method} is not possible here.")));
        }
        if !matches!(method, "GET" | "POST") || matches!(place, Place::AccountState(..)) {
            self.no_parameters(&["deleteNumbers", "force"])?;
        }
        match &place {
            Place::Accounts => accounts::list(self),
            Place::Account(name) => accounts::one(self, name),
            Place::AccountState(name, state) => accounts::switch(self, name, *state),
            Place::AccountNumbers(name) => numbers::of_account(self, name),
            Place::BatchPut(name) => numbers::batch_put(self, name),
            Place::BatchDelete(name) => numbers::batch_delete(self, name),
            Place::AccountNumber(name, number) => numbers::one(self, name, number),
            Place::Numbers => numbers::list(self),
            Place::MoveNumber(number) => numbers::relocate(self, number),
            Place::Carriers => carriers::list(self),
            Place::Carrier(id) => carriers::one(self, id),
            Place::Imports => imports::all(self),
            Place::ImportTemplate => imports::template(self),
            Place::Import(id) => imports::one(self, id),
            Place::RunImport(id) => imports::run(self, id),
            Place::ImportRows(id) => imports::rows(self, id),
            Place::ImportReport(id) => imports::report(self, id),
            Place::ActiveCalls => calls::list(self),
            Place::ActiveCall(id) => calls::one(self, id),
            Place::TerminateCall(id) => calls::terminate(self, id),
            Place::CallTrace(id) => traces::one(self, id),
            Place::CallCapture(id) => traces::capture(self, id),
            Place::Clients => clients::list(self),
            Place::Client(name) => clients::one(self, name),
            Place::RotateClient(name) => clients::rotate(self, name),
            Place::Roles => clients::roles(self),
            Place::Audit => audit::list(self),
            Place::VerifyAudit => audit::verify(self),
            Place::CustomHeader => evaluate::custom_header(self),
            Place::Evaluate => evaluate::evaluate(self),
            Place::Configuration => operation::configuration(self),
            Place::Reload => operation::reload(self),
            Place::Trunks => operation::trunks(self),
            Place::Stand(name, standing) => operation::stand(self, name, *standing),
            Place::LogLevel => operation::log(self),
            Place::OpenApi => Ok(Response::json(200, openapi::document())),
        }
    }

    /// Refuses parameters nobody reads.
    ///
    /// # Errors
    /// There is one besides those of `but`.
    pub fn no_parameters(&self, but: &[&str]) -> Result<(), Refusal> {
        match self.request.parameters().iter().find(|(name, _)| !but.contains(&name.as_str())) {
            Some((name, _)) => Err(Refusal::value(name, "is no parameter here")),
            None => Ok(()),
        }
    }

    /// A refused write is an event too (PV-72).
    fn note(&mut self, refusal: &Refusal) {
        if self.request.method == "GET" || refusal.code == Code::StoreUnavailable {
            return;
        }
        let target: String = self.request.path.chars().take(200).collect();
        if note_refused(self.store, &self.actor, self.now, "request.refused", &target, refusal.code).is_err() {
            tracing::error!(path = %self.request.path, "a refused request is missing in the audit log");
        }
    }

    /// # Errors
    /// The token has no such role.
    pub fn needs(&self, role: Role) -> Result<(), Refusal> {
        match self.grant.has(role) {
            true => Ok(()),
            false => Err(Refusal::new(Code::RoleMissing, format!("The token lacks the role {role:?}."))),
        }
    }

    /// The role a method needs of provisioned objects.
    ///
    /// # Errors
    /// The token has no such role.
    pub fn needs_of_method(&self) -> Result<(), Refusal> {
        self.needs(match self.request.method.as_str() {
            "GET" => Role::Read,
            "DELETE" => Role::Delete,
            _ => Role::Write,
        })
    }

    /// Whether an account may be asked for: a foreign one is not there for readers (PV-69).
    ///
    /// # Errors
    /// It is not in the token's scope.
    pub fn covers(&self, account: &str) -> Result<(), Refusal> {
        match (self.grant.covers(account), self.request.method.as_str()) {
            (true, _) => Ok(()),
            (false, "GET") => Err(Refusal::new(Code::AccountNotFound, "There is no such account.")),
            (false, _) => Err(Refusal::new(Code::AccountScope, "The token is not for this account.")),
        }
    }

    /// What is installation-wide is not for tokens of single accounts.
    ///
    /// # Errors
    /// The token is limited to accounts.
    pub fn covers_all(&self) -> Result<(), Refusal> {
        match self.grant.accounts.is_none() {
            true => Ok(()),
            false => Err(Refusal::new(Code::AccountScope, "The token is limited to accounts.")),
        }
    }

    /// Rows of the token's accounts. `field`: the column that names the account.
    pub fn own(&self, field: &'static str) -> Filter {
        let Some(accounts) = &self.grant.accounts else { return Filter::All };
        let one = |account: &String| Filter::Field(field, Comparison::Equal, account.clone());
        let any = accounts.iter().map(one).reduce(|one, two| Filter::Or(Box::new(one), Box::new(two)));
        // No account at all: nothing sorts after the greatest character.
        any.unwrap_or_else(|| Filter::Field(field, Comparison::Greater, "\u{10ffff}".to_owned()))
    }

    /// Answers a read of a single row, conditionally (RFC 9110 13.1.2).
    pub fn single(&self, row: &Row) -> Response {
        self.conditional(row.revision, Response::json(200, shown(row)))
    }

    /// The same of any answer with a revision.
    pub fn conditional(&self, revision: u64, response: Response) -> Response {
        let tag = etag(revision);
        let known = self.request.header("if-none-match").is_some_and(|tags| {
            tags.split(',').any(|known| matches!(known.trim(), "*") || known.trim().trim_start_matches("W/") == tag)
        });
        match known {
            true => Response::new(304, super::Body::Empty).with("ETag", tag),
            false => response.with("ETag", tag),
        }
    }

    /// Writes, once for each `Idempotency-Key` (PV-59).
    ///
    /// # Errors
    /// What the work refuses; then nothing was written.
    pub fn write(
        &mut self,
        mut work: impl FnMut(&mut Writing<'_>) -> Result<Response, Refusal>,
    ) -> Result<Response, Refusal> {
        let repeat = self.repeatable()?;
        writing(self.store, &self.actor, self.now, |writing| {
            let now = writing.now;
            if let Some(repeat) = &repeat
                && let Some(kept) = repeat.answer(writing.rows, now)?
            {
                return Ok(Response::of_kept(&kept).with("Idempotency-Replayed", "true"));
            }
            let response = work(writing)?;
            if let Some(repeat) = &repeat {
                repeat.keep(writing, response.kept())?;
            }
            Ok(response)
        })
    }

    fn repeatable(&self) -> Result<Option<Repeatable>, Refusal> {
        let Some(key) = self.request.header("idempotency-key") else { return Ok(None) };
        if !(1..=64).contains(&key.len()) || !key.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Refusal::value("Idempotency-Key", "must have 1 to 64 visible ASCII characters"));
        }
        let (method, path, query) = (&self.request.method, &self.request.path, &self.request.query);
        let mut whole = format!("{method} {path}?{query}\n").into_bytes();
        whole.extend_from_slice(&self.request.body);
        Ok(Some(Repeatable::new(&self.grant.name, key, &whole)))
    }
}
