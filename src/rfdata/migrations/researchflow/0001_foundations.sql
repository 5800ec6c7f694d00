-- Schemas by domain, who may enter each, and two trigger functions that all domains share.
--
-- The roles and the extension are not made here: that takes a superuser, which migrations are not.
-- `rfdata up` makes them before it migrates.

DO $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(wanted, ', ' ORDER BY wanted) INTO missing
    FROM unnest(ARRAY[
        'rf_identity_read', 'rf_identity_write', 'rf_session', 'rf_research_read',
        'rf_research_write', 'rf_manuscript_write', 'rf_jobs', 'rf_audit_append',
        'rf_audit_read', 'rf_audit_break_glass', 'rf_knowledge_read', 'rf_knowledge_write',
        'rf_governance_read', 'rf_governance_write'
    ]) AS wanted
    WHERE to_regrole(wanted) IS NULL;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'roles that this schema grants to do not exist: %', missing
            USING ERRCODE = 'undefined_object',
                  HINT = 'rfdata up makes them; by hand: CREATE ROLE each of them NOLOGIN, as a superuser.';
    END IF;
END
$$;

-- Skipped where it is there already, as `rfdata up` leaves it; only a superuser gets further.
CREATE EXTENSION IF NOT EXISTS vector;

-- PostgreSQL lets everyone execute a new function. Here each function is granted to whom it is for.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA identity;
COMMENT ON SCHEMA identity IS
    'Who there is, to which organization they belong, and what they may do there.';

CREATE SCHEMA session;
COMMENT ON SCHEMA session IS
    'Sessions and password resets. Reached through functions only: nobody reads a token''s hash.';

CREATE SCHEMA research;
COMMENT ON SCHEMA research IS
    'Projects, workflows, runs, artifacts, manuscripts, datasets, approvals and the job queue.';

CREATE SCHEMA audit;
COMMENT ON SCHEMA audit IS
    'Who did what and when: append-only, chained by hash for each organization.';

CREATE SCHEMA knowledge;
COMMENT ON SCHEMA knowledge IS
    'Papers and their chunks, found by meaning and by word.';

CREATE SCHEMA governance;
COMMENT ON SCHEMA governance IS
    'Settings, the DEMO or LIVE mode, feature flags; what all domains share.';

-- Everyone reads their context in identity; each other schema is open to its own groups.
GRANT USAGE ON SCHEMA identity TO
    rf_identity_read, rf_identity_write, rf_session, rf_research_read, rf_research_write,
    rf_manuscript_write, rf_jobs, rf_audit_append, rf_audit_read, rf_audit_break_glass,
    rf_knowledge_read, rf_knowledge_write, rf_governance_read, rf_governance_write;
GRANT USAGE ON SCHEMA session TO rf_session;
GRANT USAGE ON SCHEMA research TO
    rf_research_read, rf_research_write, rf_manuscript_write, rf_jobs;
GRANT USAGE ON SCHEMA audit TO rf_audit_append, rf_audit_read, rf_audit_break_glass;
GRANT USAGE ON SCHEMA knowledge TO rf_knowledge_read, rf_knowledge_write;
GRANT USAGE ON SCHEMA governance TO rf_governance_read, rf_governance_write;

CREATE FUNCTION governance.stamp_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION governance.stamp_updated_at() IS
    'BEFORE UPDATE, for tables with updated_at: no service has to remember it, none can forge it.';

CREATE FUNCTION governance.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '%.% is append-only: % is refused', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Add a new row that says what is true now.';
END
$$;
COMMENT ON FUNCTION governance.refuse_change() IS
    'BEFORE UPDATE OR DELETE (each row) or TRUNCATE (statement), for tables whose rows never change; stops the owner too.';
