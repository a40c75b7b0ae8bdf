-- Version 3. Accounts are found by their label below the base names of trunks: no two have the same.
ALTER TABLE accounts ADD COLUMN subdomain TEXT AS (coalesce(body ->> 'subdomain', '')) VIRTUAL;
CREATE INDEX accounts_subdomain ON accounts (subdomain);
