-- What holds for the whole deployment: its settings, whether it is a demonstration or the real thing,
-- and which features are on for whom.

CREATE TABLE governance.settings (
    key text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
    description text NOT NULL,
    value_type text NOT NULL
        CHECK (value_type IN ('boolean', 'integer', 'number', 'string', 'array', 'object')),
    minimum numeric,
    maximum numeric,
    choices text[],
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT settings_value_is_of_its_type CHECK (
        CASE value_type
            WHEN 'integer' THEN
                CASE jsonb_typeof(value) WHEN 'number' THEN (value #>> '{}')::numeric % 1 = 0 ELSE false END
            ELSE jsonb_typeof(value) = value_type
        END
    ),
    CONSTRAINT settings_value_is_within_its_limits CHECK (
        CASE jsonb_typeof(value)
            WHEN 'number' THEN
                (minimum IS NULL OR (value #>> '{}')::numeric >= minimum)
                AND (maximum IS NULL OR (value #>> '{}')::numeric <= maximum)
            WHEN 'string' THEN choices IS NULL OR (value #>> '{}') = ANY (choices)
            ELSE true
        END
    ),
    CHECK (minimum IS NULL OR value_type IN ('integer', 'number')),
    CHECK (maximum IS NULL OR value_type IN ('integer', 'number')),
    CHECK (choices IS NULL OR value_type = 'string')
);
COMMENT ON TABLE governance.settings IS
    'What an administrator may tune without a release. Which settings there are is the migrations'' to say, their values are not.';
COMMENT ON COLUMN governance.settings.key IS 'Dotted, the domain first.';
COMMENT ON COLUMN governance.settings.description IS 'What it does and in which unit, for whoever is about to change it.';
COMMENT ON COLUMN governance.settings.value_type IS 'What JSON type its value has.';
COMMENT ON COLUMN governance.settings.minimum IS 'For numbers; NULL: none.';
COMMENT ON COLUMN governance.settings.maximum IS 'For numbers; NULL: none.';
COMMENT ON COLUMN governance.settings.choices IS 'For strings, the only ones allowed; NULL: any.';
COMMENT ON COLUMN governance.settings.value IS 'Of that type and within those limits, or the change is refused.';
COMMENT ON COLUMN governance.settings.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON governance.settings
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE governance.setting_history (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key text NOT NULL,
    old_value jsonb,
    new_value jsonb,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by uuid,
    changed_as text NOT NULL DEFAULT session_user
);
CREATE INDEX setting_history_key_idx ON governance.setting_history (key, changed_at);
COMMENT ON TABLE governance.setting_history IS
    'Every value that a setting ever had. Written by a trigger, changed by nobody; outlives the setting.';
COMMENT ON COLUMN governance.setting_history.id IS 'For the audit trail to point at.';
COMMENT ON COLUMN governance.setting_history.key IS 'Which setting; it may be gone.';
COMMENT ON COLUMN governance.setting_history.old_value IS 'NULL: the setting was new.';
COMMENT ON COLUMN governance.setting_history.new_value IS 'NULL: the setting was removed.';
COMMENT ON COLUMN governance.setting_history.changed_at IS 'When.';
COMMENT ON COLUMN governance.setting_history.changed_by IS 'The user in context; NULL: nobody, a migration for example.';
COMMENT ON COLUMN governance.setting_history.changed_as IS 'The database role that was logged in.';

CREATE FUNCTION governance.record_setting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO governance.setting_history (key, old_value, new_value, changed_by)
    VALUES (
        coalesce(NEW.key, OLD.key), OLD.value, NEW.value, identity.current_user_id()
    );
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION governance.record_setting() IS
    'AFTER trigger: whoever changes a setting leaves the old value, the new one and their name.';
CREATE TRIGGER record_setting AFTER INSERT OR DELETE ON governance.settings
    FOR EACH ROW EXECUTE FUNCTION governance.record_setting();
CREATE TRIGGER record_changed_setting AFTER UPDATE ON governance.settings
    FOR EACH ROW WHEN (OLD.value IS DISTINCT FROM NEW.value)
    EXECUTE FUNCTION governance.record_setting();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON governance.setting_history
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON governance.setting_history
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

GRANT SELECT ON governance.settings, governance.setting_history
    TO rf_governance_read, rf_governance_write;
GRANT UPDATE (value) ON governance.settings TO rf_governance_write;

INSERT INTO governance.settings (key, description, value_type, minimum, maximum, choices, value) VALUES
    ('session.lifetime_minutes', 'How long a login lasts at most, in minutes.',
        'integer', 5, 43200, NULL, '720'),
    ('session.idle_minutes', 'How long a login may lie unused, in minutes.',
        'integer', 2, 1440, NULL, '30'),
    ('identity.invite_days', 'How long an invite can be taken up, in days.',
        'integer', 1, 30, NULL, '7'),
    ('identity.mfa', 'Who must have a second factor.',
        'string', NULL, NULL, '{nobody,stewards,everybody}', '"stewards"'),
    ('audit.retention_months', 'How long audit events are kept, in months; six years is what HIPAA asks for.',
        'integer', 12, 1200, NULL, '72'),
    ('research.run_timeout_minutes', 'After how long without news a run counts as lost, in minutes.',
        'integer', 1, 10080, NULL, '120'),
    ('ai.enabled', 'Whether models may be called at all.',
        'boolean', NULL, NULL, NULL, 'true'),
    ('ai.monthly_cost_limit', 'What calls to models may cost an organization in a month, in US dollars.',
        'number', 0, NULL, NULL, '500');


-- DEMO or LIVE: one row, changed by one function.

CREATE TABLE governance.mode (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    mode text NOT NULL CHECK (mode IN ('DEMO', 'LIVE')),
    since timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE governance.mode IS
    'In DEMO, services invent what they may not fetch and send nothing out; in LIVE, all is real. One row.';
COMMENT ON COLUMN governance.mode.singleton IS 'Always true: the key that leaves no room for a second row.';
COMMENT ON COLUMN governance.mode.mode IS 'DEMO or LIVE.';
COMMENT ON COLUMN governance.mode.since IS 'From when.';

CREATE TABLE governance.mode_history (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    old_mode text NOT NULL,
    new_mode text NOT NULL CHECK (new_mode <> old_mode),
    reason text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_by uuid,
    changed_as text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE governance.mode_history IS 'Every change of the mode; changed by nobody.';
COMMENT ON COLUMN governance.mode_history.id IS 'For the audit trail to point at.';
COMMENT ON COLUMN governance.mode_history.old_mode IS 'What it was.';
COMMENT ON COLUMN governance.mode_history.new_mode IS 'What it became.';
COMMENT ON COLUMN governance.mode_history.reason IS 'Why; always there on the way back to DEMO.';
COMMENT ON COLUMN governance.mode_history.changed_at IS 'When.';
COMMENT ON COLUMN governance.mode_history.changed_by IS 'The user in context; NULL: nobody.';
COMMENT ON COLUMN governance.mode_history.changed_as IS 'The database role that was logged in.';
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON governance.mode_history
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON governance.mode_history
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

INSERT INTO governance.mode (mode) VALUES ('DEMO');

CREATE FUNCTION governance.set_mode(new_mode text, reason text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old_mode text;
BEGIN
    SELECT m.mode INTO STRICT old_mode FROM governance.mode AS m FOR UPDATE;
    IF new_mode IS NOT DISTINCT FROM old_mode THEN
        RETURN false;
    END IF;
    IF old_mode = 'LIVE' AND (reason ~ '\S') IS NOT TRUE THEN
        RAISE EXCEPTION 'going from LIVE back to % takes a reason', new_mode
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'governance.set_mode(''DEMO'', ''why''): real work stops being real for everybody.';
    END IF;
    UPDATE governance.mode SET mode = new_mode, since = now();
    INSERT INTO governance.mode_history (old_mode, new_mode, reason, changed_by)
    VALUES (old_mode, new_mode, reason, identity.current_user_id());
    RETURN true;
END
$$;
COMMENT ON FUNCTION governance.set_mode(text, text) IS
    'The only way to change the mode; true when it changed. From LIVE to DEMO it takes a reason.';
GRANT SELECT ON governance.mode, governance.mode_history TO rf_governance_read, rf_governance_write;
GRANT EXECUTE ON FUNCTION governance.set_mode(text, text) TO rf_governance_write;


-- Feature flags: one switch for all, a share of subjects, exceptions for single organizations.

CREATE TABLE governance.feature_flags (
    key text PRIMARY KEY CHECK (key ~ '^[a-z][a-z0-9_.]*$'),
    description text NOT NULL,
    enabled boolean NOT NULL DEFAULT false,
    rollout_percent numeric(5, 2) NOT NULL DEFAULT 100 CHECK (rollout_percent BETWEEN 0 AND 100),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE governance.feature_flags IS 'What is on for everybody, or for a share of them.';
COMMENT ON COLUMN governance.feature_flags.key IS 'As services ask for it.';
COMMENT ON COLUMN governance.feature_flags.description IS 'What it turns on, and when it may go.';
COMMENT ON COLUMN governance.feature_flags.enabled IS 'Off is off for everybody without an exception of their own.';
COMMENT ON COLUMN governance.feature_flags.rollout_percent IS
    'For how many of the subjects, in percent, to a hundredth. Raising it adds some and takes none away.';
COMMENT ON COLUMN governance.feature_flags.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON governance.feature_flags
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE governance.feature_flag_exceptions (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    flag text NOT NULL REFERENCES governance.feature_flags (key) ON DELETE CASCADE,
    enabled boolean NOT NULL,
    reason text NOT NULL CHECK (reason ~ '\S'),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, flag)
);
CREATE INDEX feature_flag_exceptions_flag_idx ON governance.feature_flag_exceptions (flag);
COMMENT ON TABLE governance.feature_flag_exceptions IS
    'Organizations for which a flag is on or off whatever it is for others.';
COMMENT ON COLUMN governance.feature_flag_exceptions.organization_id IS 'For whom.';
COMMENT ON COLUMN governance.feature_flag_exceptions.flag IS 'Which flag; goes with it.';
COMMENT ON COLUMN governance.feature_flag_exceptions.enabled IS 'On or off, without regard to the share.';
COMMENT ON COLUMN governance.feature_flag_exceptions.reason IS 'Why; exceptions without one are never cleared up.';
COMMENT ON COLUMN governance.feature_flag_exceptions.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON governance.feature_flag_exceptions
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();
ALTER TABLE governance.feature_flag_exceptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON governance.feature_flag_exceptions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));

CREATE FUNCTION governance.rollout_position(flag text, subject text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    ('x' || encode(substr(sha256(convert_to(flag || ':' || subject, 'UTF8')), 1, 4), 'hex'))
        ::bit(32)::bigint % 10000
)::integer;
COMMENT ON FUNCTION governance.rollout_position(text, text) IS
    'Where a subject stands among 10,000: the first four bytes of SHA-256("FLAG:SUBJECT"), big-endian and unsigned, modulo 10000. The same on every server and in every language, as hashtext() is not. The flag is part of it, so that it isn''t always the same ones who go first.';

CREATE FUNCTION governance.flag_enabled(wanted text, subject text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    answer boolean;
BEGIN
    SELECT coalesce(
        e.enabled,
        f.enabled AND CASE f.rollout_percent
            WHEN 100 THEN true
            WHEN 0 THEN false
            ELSE governance.rollout_position(
                wanted, coalesce(subject, identity.current_organization()::text, '')
            ) < f.rollout_percent * 100
        END
    ) INTO answer
    FROM governance.feature_flags AS f
    LEFT JOIN governance.feature_flag_exceptions AS e
        ON e.flag = f.key AND e.organization_id = identity.current_organization()
    WHERE f.key = wanted;
    RETURN coalesce(answer, false);
END
$$;
COMMENT ON FUNCTION governance.flag_enabled(text, text) IS
    'For the organization in context, all of its people alike; with a subject (a user''s id, say), for that one. An exception goes before the share. A flag that doesn''t exist is off: a service may be ahead of its migrations.';

GRANT SELECT ON governance.feature_flags, governance.feature_flag_exceptions
    TO rf_governance_read, rf_governance_write;
GRANT INSERT, UPDATE (description, enabled, rollout_percent), DELETE
    ON governance.feature_flags TO rf_governance_write;
GRANT INSERT, UPDATE (enabled, reason), DELETE
    ON governance.feature_flag_exceptions TO rf_governance_write;
GRANT EXECUTE ON FUNCTION
    governance.rollout_position(text, text), governance.flag_enabled(text, text)
    TO rf_governance_read, rf_governance_write;
