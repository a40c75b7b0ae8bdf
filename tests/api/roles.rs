//! Which role opens which door (PV-68): every role at every door, and nothing opens by having another.

use trunkline::store::tokens::{Grant, Role};

use crate::world::World;

/// A request for each kind of work, and the only role that it takes; the three of provisioning are part of Admin.
const DOORS: [(Role, &str, &str); 25] = [
    (Role::Read, "GET", "/accounts"),
    (Role::Read, "GET", "/accounts/acme/numbers"),
    (Role::Read, "GET", "/numbers"),
    (Role::Read, "GET", "/carriers/north"),
    (Role::Read, "GET", "/imports"),
    (Role::Read, "POST", "/routes:evaluate"),
    (Role::Write, "PATCH", "/accounts/acme"),
    (Role::Write, "PUT", "/accounts/acme/numbers/%2B49301"),
    (Role::Write, "POST", "/accounts/acme/numbers:batchPut"),
    (Role::Write, "POST", "/numbers/%2B49301:move"),
    (Role::Write, "POST", "/accounts/acme:resume"),
    (Role::Write, "POST", "/imports"),
    (Role::Delete, "DELETE", "/accounts/nobody"),
    (Role::Delete, "DELETE", "/carriers/nobody"),
    (Role::Delete, "DELETE", "/accounts/acme/numbers/%2B49302"),
    (Role::Delete, "POST", "/accounts/acme/numbers:batchDelete"),
    (Role::CallsRead, "GET", "/calls/active"),
    (Role::CallsWrite, "POST", "/calls/active/1:terminate"),
    (Role::CallsTrace, "GET", "/calls/1/trace"),
    (Role::AuditRead, "GET", "/audit"),
    (Role::AuditRead, "POST", "/audit:verify"),
    (Role::SecurityAdmin, "GET", "/clients"),
    (Role::SecurityAdmin, "PUT", "/clients/another"),
    (Role::OperationRead, "GET", "/trunks"),
    (Role::OperationWrite, "POST", "/trunks/a:drain"),
];

fn opens(role: Role, door: Role) -> bool {
    role == door || (role == Role::Admin && matches!(door, Role::Read | Role::Write | Role::Delete))
}

#[test]
fn each_role_opens_its_own_doors_and_no_other() {
    let world = World::stocked();
    let mut wrong = Vec::new();
    for (at, (role, _)) in Role::ALL.into_iter().enumerate() {
        let grant = Grant { name: format!("c{at}"), roles: [role].into(), accounts: None, expires: None };
        let bearer = format!("Bearer {}", world.token(grant));
        for (door, method, path) in DOORS {
            let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
            let answer = world.ask_as(method, path, &[("Authorization", &bearer), ("Content-Type", media)], b"{}");
            let is_missing = answer.status == 403 && answer.code() == "RoleMissing";
            if is_missing == opens(role, door) {
                wrong.push(format!("{role:?} at {method} {path}: {answer:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
