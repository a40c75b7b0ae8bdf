-- Version 1. A row is its key, the revision of its last change, and its object as JSON; what lists are filtered and
-- sorted by is a column computed from the object, so that the two can never differ.
CREATE TABLE meta (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    name TEXT AS (key) VIRTUAL,
    state TEXT AS (coalesce(body ->> 'state', '')) VIRTUAL,
    correlationId TEXT AS (coalesce(body ->> 'correlationId', '')) VIRTUAL,
    fqdn TEXT AS (coalesce(body ->> 'fqdn', '')) VIRTUAL
) STRICT;
CREATE INDEX accounts_revision ON accounts (revision);
CREATE INDEX accounts_fqdn ON accounts (fqdn);

CREATE TABLE carriers (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    id TEXT AS (key) VIRTUAL,
    displayName TEXT AS (coalesce(body ->> 'displayName', '')) VIRTUAL
) STRICT;

CREATE TABLE numbers (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    phoneNumber TEXT AS (key) VIRTUAL,
    owner TEXT NOT NULL AS (body ->> 'account') STORED REFERENCES accounts (key),
    carried_by TEXT AS (body ->> 'carrier') STORED REFERENCES carriers (key),
    account TEXT AS (coalesce(body ->> 'account', '')) VIRTUAL,
    carrier TEXT AS (coalesce(body ->> 'carrier', '')) VIRTUAL,
    country TEXT AS (coalesce(body ->> 'country', '')) VIRTUAL,
    numberType TEXT AS (coalesce(body ->> 'numberType', '')) VIRTUAL,
    state TEXT AS (coalesce(body ->> 'state', '')) VIRTUAL,
    customHeader TEXT AS (coalesce(body ->> 'customHeader', '')) VIRTUAL,
    services TEXT AS (coalesce(body ->> 'services', '')) VIRTUAL,
    ticket TEXT AS (coalesce(body ->> 'ticket', '')) VIRTUAL,
    inboundEnabled TEXT AS (CASE body ->> 'inboundEnabled' WHEN 1 THEN 'true' ELSE 'false' END) VIRTUAL,
    outboundEnabled TEXT AS (CASE body ->> 'outboundEnabled' WHEN 1 THEN 'true' ELSE 'false' END) VIRTUAL
) STRICT;
CREATE INDEX numbers_revision ON numbers (revision);
CREATE INDEX numbers_owner ON numbers (owner, key);
CREATE INDEX numbers_account ON numbers (account, key);
CREATE INDEX numbers_carrier ON numbers (carrier, key);
CREATE INDEX numbers_carried_by ON numbers (carried_by);

CREATE TABLE imports (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    id TEXT AS (key) VIRTUAL,
    state TEXT AS (coalesce(body ->> 'state', '')) VIRTUAL,
    account TEXT AS (coalesce(body ->> 'account', '')) VIRTUAL
) STRICT;
CREATE INDEX imports_state ON imports (state);
CREATE TABLE import_groups (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE import_problems (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;

CREATE TABLE audit (
    key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
    actor TEXT AS (coalesce(body ->> 'actor', '')) VIRTUAL,
    action TEXT AS (coalesce(body ->> 'action', '')) VIRTUAL,
    target TEXT AS (coalesce(body ->> 'target', '')) VIRTUAL,
    account TEXT AS (coalesce(body ->> 'account', '')) VIRTUAL,
    result TEXT AS (coalesce(body ->> 'result', '')) VIRTUAL,
    day TEXT AS (coalesce(body ->> 'day', '')) VIRTUAL
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
-- PV-74: 400 days.
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.day > date('now', '-400 days')
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;

CREATE TABLE tokens (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE repeats (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE removals (key TEXT PRIMARY KEY NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
