-- Version 2. The log is shortened only in front of a mark that is written first, so that retention is a setting and
-- nothing else can take an event away (PV-74).
DROP TRIGGER audit_is_kept;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.key >= coalesce((SELECT body ->> '$' FROM meta WHERE key = 'auditFrom'), '')
BEGIN SELECT raise(ABORT, 'the audit log is append-only'); END;
