-- Who there is, to which organization they belong, and what they may do there.
--
-- A service works for one organization at a time: it calls identity.enter(), which sets
-- app.organization_id and app.user_id for the transaction, and row-level security shows it that
-- organization's rows only. Without that, it sees none. Tables owned by the owner are open to
-- functions that are SECURITY DEFINER; those check the context themselves.

CREATE FUNCTION identity.current_organization() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.organization_id', true), '')::uuid;
COMMENT ON FUNCTION identity.current_organization() IS
    'The organization that this transaction works for; NULL where none was entered, and then no row is seen.';

CREATE FUNCTION identity.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.user_id', true), '')::uuid;
COMMENT ON FUNCTION identity.current_user_id() IS
    'The user on whose behalf this transaction acts; NULL where the system acts for itself.';

-- Policies run with the rights of whoever asks, so every group executes these two.
GRANT EXECUTE ON FUNCTION identity.current_organization(), identity.current_user_id() TO
    rf_identity_read, rf_identity_write, rf_session, rf_research_read, rf_research_write,
    rf_manuscript_write, rf_jobs, rf_audit_append, rf_audit_read, rf_audit_break_glass,
    rf_knowledge_read, rf_knowledge_write, rf_governance_read, rf_governance_write;


-- Roles and permissions: reference data, the same for every organization, changed by migrations.

CREATE TABLE identity.roles (
    name text PRIMARY KEY,
    rank bigint NOT NULL UNIQUE CHECK (rank > 0),
    description text NOT NULL
);
COMMENT ON TABLE identity.roles IS
    'The four roles. Known by name, so that a membership reads by itself and a join is rarely needed.';
COMMENT ON COLUMN identity.roles.name IS 'In capitals, as services write it.';
COMMENT ON COLUMN identity.roles.rank IS
    'A higher one may do everything that a lower one may. Nobody gives a role above their own.';
COMMENT ON COLUMN identity.roles.description IS 'For the page where somebody chooses one.';

CREATE TABLE identity.permissions (
    name text PRIMARY KEY CHECK (name ~ '^[a-z]+(\.[a-z]+)?$'),
    description text NOT NULL
);
COMMENT ON TABLE identity.permissions IS
    'What can be allowed at all. Services ask for a permission, never for a role.';
COMMENT ON COLUMN identity.permissions.name IS 'As identity.has_permission() is asked for it.';
COMMENT ON COLUMN identity.permissions.description IS 'What it lets somebody do.';

CREATE TABLE identity.role_permissions (
    role text NOT NULL REFERENCES identity.roles (name),
    permission text NOT NULL REFERENCES identity.permissions (name),
    PRIMARY KEY (role, permission)
);
CREATE INDEX role_permissions_permission_idx ON identity.role_permissions (permission);
COMMENT ON TABLE identity.role_permissions IS
    'The whole matrix, inherited permissions written out: who may do what is read, not worked out.';
COMMENT ON COLUMN identity.role_permissions.role IS 'Who may.';
COMMENT ON COLUMN identity.role_permissions.permission IS 'What they may.';

INSERT INTO identity.roles (name, rank, description) VALUES
    ('VIEWER', 10, 'Reads what has no protected health information in it.'),
    ('RESEARCHER', 20, 'Does research: creates, edits, runs and exports.'),
    ('STEWARD', 30, 'Answers for data: approves, classifies, and sees protected health information.'),
    ('ADMIN', 40, 'Runs the organization: its people, its roles and its settings.');

INSERT INTO identity.permissions (name, description) VALUES
    ('view', 'See projects, runs, artifacts and manuscripts.'),
    ('create', 'Create projects, workflows, datasets and manuscripts.'),
    ('edit', 'Change them.'),
    ('run', 'Start, pause and cancel runs.'),
    ('export', 'Take results out, where they hold no protected health information.'),
    ('archive', 'Withdraw what others rely on.'),
    ('approve', 'Decide at approval gates.'),
    ('dataset.classify', 'Say how sensitive a dataset is, and clear its findings.'),
    ('phi.view', 'See protected health information.'),
    ('phi.export', 'Take protected health information out.'),
    ('audit.read', 'Read the organization''s audit trail and verify its chain.'),
    ('user.manage', 'Invite, suspend and remove people, and change their roles.'),
    ('role.grant', 'Lend somebody a higher role for a time.'),
    ('system.configure', 'Change settings, flags and quotas.');

INSERT INTO identity.role_permissions (role, permission)
SELECT r.name, lowest.permission
FROM (
    VALUES
        ('VIEWER', 'view'),
        ('RESEARCHER', 'create'),
        ('RESEARCHER', 'edit'),
        ('RESEARCHER', 'run'),
        ('RESEARCHER', 'export'),
        ('STEWARD', 'archive'),
        ('STEWARD', 'approve'),
        ('STEWARD', 'dataset.classify'),
        ('STEWARD', 'phi.view'),
        ('STEWARD', 'phi.export'),
        ('STEWARD', 'audit.read'),
        ('ADMIN', 'user.manage'),
        ('ADMIN', 'role.grant'),
        ('ADMIN', 'system.configure')
) AS lowest (role, permission)
JOIN identity.roles AS least ON least.name = lowest.role
JOIN identity.roles AS r ON r.rank >= least.rank;

GRANT SELECT ON identity.roles, identity.permissions, identity.role_permissions
    TO rf_identity_read, rf_identity_write;


-- Organizations, users, memberships.

CREATE TABLE identity.organizations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL CHECK (name ~ '\S' AND length(name) <= 200),
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE identity.organizations IS
    'Whose data it is. Every row of research, knowledge and audit belongs to exactly one.';
COMMENT ON COLUMN identity.organizations.id IS 'What app.organization_id is set to.';
COMMENT ON COLUMN identity.organizations.name IS 'As its people call it.';
COMMENT ON COLUMN identity.organizations.slug IS 'In addresses; a label as DNS allows it.';
COMMENT ON COLUMN identity.organizations.status IS
    'Nobody enters a suspended or closed one. A closed one may lose its last ADMIN.';
COMMENT ON COLUMN identity.organizations.created_at IS 'When it was founded here.';
COMMENT ON COLUMN identity.organizations.updated_at IS
    'Kept by a trigger; also moves when somebody stops being an ADMIN.';

CREATE TABLE identity.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email text NOT NULL CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 254),
    display_name text NOT NULL CHECK (display_name ~ '\S' AND length(display_name) <= 200),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'closed')),
    status_reason text,
    email_verified_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (status = 'active' OR status_reason ~ '\S')
);
CREATE UNIQUE INDEX users_email_key ON identity.users (lower(email));
COMMENT ON TABLE identity.users IS
    'People. One account each, however many organizations they belong to; an organization sees its members only.';
COMMENT ON COLUMN identity.users.id IS 'What app.user_id is set to.';
COMMENT ON COLUMN identity.users.email IS
    'As they wrote it; unique whatever its case, because people don''t remember which they used.';
COMMENT ON COLUMN identity.users.display_name IS 'How others see them.';
COMMENT ON COLUMN identity.users.status IS
    'A suspended or closed account has no permission anywhere, and its sessions are dead at once.';
COMMENT ON COLUMN identity.users.status_reason IS 'Why it isn''t active; required then.';
COMMENT ON COLUMN identity.users.email_verified_at IS
    'When they last showed that they read mail there; NULL: never.';
COMMENT ON COLUMN identity.users.created_at IS 'When the account was made.';
COMMENT ON COLUMN identity.users.updated_at IS 'Kept by a trigger.';

CREATE TABLE identity.memberships (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    user_id uuid NOT NULL REFERENCES identity.users (id),
    role text NOT NULL REFERENCES identity.roles (name),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended', 'left')),
    joined_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX memberships_user_id_idx ON identity.memberships (user_id);
CREATE INDEX memberships_role_idx ON identity.memberships (role);
COMMENT ON TABLE identity.memberships IS
    'Who belongs where. Rows stay when people leave: their names stand under what they did, and other tables refer to (organization_id, user_id).';
COMMENT ON COLUMN identity.memberships.organization_id IS 'Where.';
COMMENT ON COLUMN identity.memberships.user_id IS 'Who.';
COMMENT ON COLUMN identity.memberships.role IS 'Their standing role; role_grants may add to it for a time.';
COMMENT ON COLUMN identity.memberships.status IS 'Only an active one lets them in.';
COMMENT ON COLUMN identity.memberships.joined_at IS 'When they first joined.';
COMMENT ON COLUMN identity.memberships.updated_at IS 'Kept by a trigger.';

CREATE TRIGGER stamp BEFORE UPDATE ON identity.organizations
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();
CREATE TRIGGER stamp BEFORE UPDATE ON identity.users
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();
CREATE TRIGGER stamp BEFORE UPDATE ON identity.memberships
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

ALTER TABLE identity.organizations ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.organizations
    USING (id = (SELECT identity.current_organization()))
    WITH CHECK (id = (SELECT identity.current_organization()));

ALTER TABLE identity.memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.memberships
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));

ALTER TABLE identity.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_by_their_organizations ON identity.users FOR SELECT
    USING (EXISTS (
        SELECT FROM identity.memberships AS m
        WHERE m.organization_id = (SELECT identity.current_organization()) AND m.user_id = users.id
    ));
CREATE POLICY changed_by_themselves ON identity.users FOR UPDATE
    USING (id = (SELECT identity.current_user_id()))
    WITH CHECK (id = (SELECT identity.current_user_id()));

GRANT SELECT ON identity.organizations, identity.users, identity.memberships
    TO rf_identity_read, rf_identity_write;
GRANT UPDATE (name, slug) ON identity.organizations TO rf_identity_write;
GRANT UPDATE (display_name) ON identity.users TO rf_identity_write;
-- Nobody is made a member without having agreed: see identity.accept_invite().
GRANT UPDATE (role, status) ON identity.memberships TO rf_identity_write;


-- Credentials: nobody reads the table; functions hand out one hash at a time, and count.

CREATE TABLE identity.credentials (
    user_id uuid PRIMARY KEY REFERENCES identity.users (id) ON DELETE CASCADE,
    password_hash text NOT NULL CONSTRAINT credentials_password_hash_is_encoded CHECK (
        length(password_hash) <= 512 AND (
            password_hash ~ '^\$argon2id\$v=19\$m=[1-9][0-9]{4,7},t=[1-9][0-9]?,p=[1-9][0-9]?\$[A-Za-z0-9+/]{16,}\$[A-Za-z0-9+/]{32,}$'
            OR password_hash ~ '^\$2[aby]\$(1[0-9]|2[0-9]|3[01])\$[./A-Za-z0-9]{53}$'
            OR password_hash ~ '^\$scrypt\$ln=(1[4-9]|2[0-9]),r=[1-9][0-9]?,p=[1-9][0-9]?\$[A-Za-z0-9+/]{16,}={0,2}\$[A-Za-z0-9+/]{32,}={0,2}$'
        )
    ),
    changed_at timestamptz NOT NULL DEFAULT now(),
    failed_attempts bigint NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),
    locked_until timestamptz
);
COMMENT ON TABLE identity.credentials IS
    'Password hashes, apart from users so that nobody meets one by reading people. No group may read it.';
COMMENT ON COLUMN identity.credentials.user_id IS 'Whose; an account without a row logs in some other way.';
COMMENT ON COLUMN identity.credentials.password_hash IS
    'argon2id, bcrypt (cost 10 or more) or scrypt in its encoded form. Anything else, a plain password above all, is refused.';
COMMENT ON COLUMN identity.credentials.changed_at IS 'When the password was last set.';
COMMENT ON COLUMN identity.credentials.failed_attempts IS
    'Attempts since the last success. Counted before the hash is handed out, so that guessing in parallel gains nothing.';
COMMENT ON COLUMN identity.credentials.locked_until IS
    'Until then no hash is handed out: a minute after the fifth failure, twice as long after each further one, at most an hour.';
ALTER TABLE identity.credentials ENABLE ROW LEVEL SECURITY;

CREATE FUNCTION identity.create_user(email text, display_name text, password_hash text DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made uuid;
BEGIN
    INSERT INTO identity.users (email, display_name)
    VALUES (create_user.email, create_user.display_name)
    RETURNING id INTO made;
    IF create_user.password_hash IS NOT NULL THEN
        INSERT INTO identity.credentials (user_id, password_hash)
        VALUES (made, create_user.password_hash);
    END IF;
    RETURN made;
END
$$;
COMMENT ON FUNCTION identity.create_user(text, text, text) IS
    'A new account, which belongs nowhere and sees nothing yet; an address that is taken is a unique violation.';

CREATE FUNCTION identity.set_password(of_user uuid, password_hash text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF of_user IS DISTINCT FROM identity.current_user_id() THEN
        RAISE EXCEPTION 'a password is set by its owner only'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Enter as that user, or send them a reset: session.request_reset().';
    END IF;
    INSERT INTO identity.credentials AS c (user_id, password_hash)
    VALUES (of_user, set_password.password_hash)
    ON CONFLICT (user_id) DO UPDATE
    SET password_hash = excluded.password_hash,
        changed_at = now(),
        failed_attempts = 0,
        locked_until = NULL;
END
$$;
COMMENT ON FUNCTION identity.set_password(uuid, text) IS
    'The user in context sets their own password. Their other sessions go on: see session.revoke_all().';

CREATE FUNCTION identity.attempt_login(email text)
RETURNS TABLE (user_id uuid, password_hash text, locked_until timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_user uuid;
BEGIN
    SELECT u.id INTO found_user
    FROM identity.users AS u
    WHERE lower(u.email) = lower(attempt_login.email) AND u.status = 'active';

    RETURN QUERY
    UPDATE identity.credentials AS c
    SET failed_attempts = least(c.failed_attempts + 1, 1000000),
        locked_until = CASE
            WHEN c.failed_attempts >= 4
            THEN now() + interval '1 minute' * least(60, 2 ^ least(c.failed_attempts - 4, 6))
        END
    WHERE c.user_id = found_user AND (c.locked_until IS NULL OR c.locked_until <= now())
    RETURNING c.user_id, c.password_hash, NULL::timestamptz;
    IF FOUND THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT c.user_id, NULL::text, c.locked_until
    FROM identity.credentials AS c
    WHERE c.user_id = found_user;
END
$$;
COMMENT ON FUNCTION identity.attempt_login(text) IS
    'The hash to compare with. Counts as a failure until login_succeeded() is called; no row: no such active account; without a hash: locked until then. Commit before comparing, or the count is lost.';

CREATE FUNCTION identity.login_succeeded(of_user uuid) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE identity.credentials
    SET failed_attempts = 0, locked_until = NULL
    WHERE user_id = of_user AND failed_attempts > 0;
$$;
COMMENT ON FUNCTION identity.login_succeeded(uuid) IS
    'The password was right: forget the failures.';

GRANT EXECUTE ON FUNCTION
    identity.create_user(text, text, text),
    identity.set_password(uuid, text),
    identity.attempt_login(text),
    identity.login_succeeded(uuid)
    TO rf_identity_write;


-- Roles lent for a time.

CREATE TABLE identity.role_grants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL REFERENCES identity.roles (name),
    granted_by uuid NOT NULL,
    reason text NOT NULL CHECK (reason ~ '\S'),
    granted_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_by uuid,
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.memberships (organization_id, user_id),
    FOREIGN KEY (organization_id, granted_by) REFERENCES identity.memberships (organization_id, user_id),
    FOREIGN KEY (organization_id, revoked_by) REFERENCES identity.memberships (organization_id, user_id),
    CONSTRAINT role_grants_are_temporary CHECK (
        expires_at > granted_at AND expires_at - granted_at <= interval '30 days'
    ),
    CONSTRAINT role_grants_come_from_somebody_else CHECK (granted_by <> user_id),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE INDEX role_grants_user_idx ON identity.role_grants (organization_id, user_id, expires_at);
CREATE INDEX role_grants_granted_by_idx ON identity.role_grants (organization_id, granted_by);
CREATE INDEX role_grants_revoked_by_idx ON identity.role_grants (organization_id, revoked_by);
CREATE INDEX role_grants_role_idx ON identity.role_grants (role);
COMMENT ON TABLE identity.role_grants IS
    'A higher role for a time: covering for somebody, an emergency. Kept after it ends, as the record of who could do what when.';
COMMENT ON COLUMN identity.role_grants.id IS 'For the audit trail to point at.';
COMMENT ON COLUMN identity.role_grants.organization_id IS 'Where it holds.';
COMMENT ON COLUMN identity.role_grants.user_id IS 'Who was given it; a member.';
COMMENT ON COLUMN identity.role_grants.role IS 'What they may act as, besides their own role.';
COMMENT ON COLUMN identity.role_grants.granted_by IS 'Who gave it; never the one who received it.';
COMMENT ON COLUMN identity.role_grants.reason IS 'Why; an auditor reads it.';
COMMENT ON COLUMN identity.role_grants.granted_at IS 'From when it holds.';
COMMENT ON COLUMN identity.role_grants.expires_at IS
    'When it ends by itself, 30 days on at most: what lasts longer is a role.';
COMMENT ON COLUMN identity.role_grants.revoked_at IS 'When it was taken back before its time.';
COMMENT ON COLUMN identity.role_grants.revoked_by IS 'Who took it back.';
ALTER TABLE identity.role_grants ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.role_grants
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
GRANT SELECT ON identity.role_grants TO rf_identity_read, rf_identity_write;
GRANT INSERT (organization_id, user_id, role, granted_by, reason, expires_at)
    ON identity.role_grants TO rf_identity_write;
GRANT UPDATE (revoked_at, revoked_by) ON identity.role_grants TO rf_identity_write;


-- Invites.

CREATE TABLE identity.invites (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    email text NOT NULL CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 254),
    role text NOT NULL REFERENCES identity.roles (name),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    invited_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES identity.users (id),
    revoked_at timestamptz,
    FOREIGN KEY (organization_id, invited_by) REFERENCES identity.memberships (organization_id, user_id),
    CONSTRAINT invites_expire CHECK (
        expires_at > created_at AND expires_at - created_at <= interval '30 days'
    ),
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK (accepted_at IS NULL OR revoked_at IS NULL)
);
CREATE INDEX invites_email_idx ON identity.invites (organization_id, lower(email));
CREATE INDEX invites_invited_by_idx ON identity.invites (organization_id, invited_by);
CREATE INDEX invites_accepted_by_idx ON identity.invites (accepted_by) WHERE accepted_by IS NOT NULL;
CREATE INDEX invites_role_idx ON identity.invites (role);
COMMENT ON TABLE identity.invites IS
    'Offers of a role, each sent to one address and taken up once, with identity.accept_invite().';
COMMENT ON COLUMN identity.invites.id IS 'What an administrator lists and withdraws; the token itself is in the mail only.';
COMMENT ON COLUMN identity.invites.organization_id IS 'Who invites.';
COMMENT ON COLUMN identity.invites.email IS 'Whom; an account with another address can''t take it up.';
COMMENT ON COLUMN identity.invites.role IS 'The role offered.';
COMMENT ON COLUMN identity.invites.token_hash IS
    'SHA-256 of the token, which is 32 random bytes. Written, never read: a copy of this table opens no door.';
COMMENT ON COLUMN identity.invites.invited_by IS 'The member who invited; they may give that role.';
COMMENT ON COLUMN identity.invites.created_at IS 'When it was sent.';
COMMENT ON COLUMN identity.invites.expires_at IS 'When it stops working, 30 days on at most.';
COMMENT ON COLUMN identity.invites.accepted_at IS 'When it was taken up; it can''t be again.';
COMMENT ON COLUMN identity.invites.accepted_by IS 'The account that took it up.';
COMMENT ON COLUMN identity.invites.revoked_at IS 'When it was withdrawn.';
ALTER TABLE identity.invites ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.invites
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
GRANT SELECT (
    id, organization_id, email, role, invited_by, created_at, expires_at, accepted_at, accepted_by,
    revoked_at
) ON identity.invites TO rf_identity_read, rf_identity_write;
GRANT INSERT (organization_id, email, role, token_hash, invited_by, expires_at)
    ON identity.invites TO rf_identity_write;
GRANT UPDATE (revoked_at) ON identity.invites TO rf_identity_write;


-- Second factors.

CREATE TABLE identity.mfa_enrolments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL REFERENCES identity.users (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('totp', 'webauthn')),
    label text NOT NULL CHECK (label ~ '\S' AND length(label) <= 100),
    secret_sealed bytea,
    sealed_with text,
    credential_id bytea UNIQUE CHECK (octet_length(credential_id) BETWEEN 16 AND 1023),
    public_key bytea CHECK (octet_length(public_key) BETWEEN 32 AND 2048),
    sign_count bigint CHECK (sign_count >= 0),
    last_step bigint CHECK (last_step >= 0),
    confirmed_at timestamptz,
    last_used_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mfa_enrolments_hold_no_plain_secret CHECK (CASE kind
        WHEN 'totp' THEN
            secret_sealed IS NOT NULL AND octet_length(secret_sealed) BETWEEN 44 AND 512
            AND sealed_with IS NOT NULL AND sealed_with ~ '\S'
            AND num_nonnulls(credential_id, public_key, sign_count) = 0
        ELSE
            num_nonnulls(credential_id, public_key, sign_count) = 3
            AND num_nonnulls(secret_sealed, sealed_with, last_step) = 0
    END)
);
CREATE INDEX mfa_enrolments_user_id_idx ON identity.mfa_enrolments (user_id);
COMMENT ON TABLE identity.mfa_enrolments IS
    'Second factors. Seen for the user in context only, by whoever manages identity.';
COMMENT ON COLUMN identity.mfa_enrolments.id IS 'So that a user can remove one of several.';
COMMENT ON COLUMN identity.mfa_enrolments.user_id IS 'Whose.';
COMMENT ON COLUMN identity.mfa_enrolments.kind IS 'totp: a code from an app. webauthn: a key or the device itself.';
COMMENT ON COLUMN identity.mfa_enrolments.label IS 'What the user calls it.';
COMMENT ON COLUMN identity.mfa_enrolments.secret_sealed IS
    'TOTP''s secret, sealed by the service with an AEAD: nonce, 16 bytes or more of secret, tag. 44 bytes at least, which a bare secret of the usual 20 bytes isn''t.';
COMMENT ON COLUMN identity.mfa_enrolments.sealed_with IS
    'Which of the service''s keys sealed it, so that keys can be changed one row at a time.';
COMMENT ON COLUMN identity.mfa_enrolments.credential_id IS 'WebAuthn''s id of the key; public.';
COMMENT ON COLUMN identity.mfa_enrolments.public_key IS 'WebAuthn''s public key, in COSE; nothing secret leaves the device.';
COMMENT ON COLUMN identity.mfa_enrolments.sign_count IS
    'The last counter that the key sent; one that doesn''t grow may be a clone.';
COMMENT ON COLUMN identity.mfa_enrolments.last_step IS
    'The last TOTP time step that was accepted, so that no code works twice.';
COMMENT ON COLUMN identity.mfa_enrolments.confirmed_at IS
    'When it was first used with success; until then it isn''t asked for.';
COMMENT ON COLUMN identity.mfa_enrolments.last_used_at IS 'Helps the user see which one is forgotten.';
COMMENT ON COLUMN identity.mfa_enrolments.created_at IS 'When enrolment began.';
ALTER TABLE identity.mfa_enrolments ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_factors ON identity.mfa_enrolments
    USING (user_id = (SELECT identity.current_user_id()))
    WITH CHECK (user_id = (SELECT identity.current_user_id()));
GRANT SELECT, INSERT, DELETE ON identity.mfa_enrolments TO rf_identity_write;
GRANT UPDATE (label, sign_count, last_step, confirmed_at, last_used_at, secret_sealed, sealed_with)
    ON identity.mfa_enrolments TO rf_identity_write;


-- Consents.

CREATE TABLE identity.consent_texts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]*$'),
    version bigint NOT NULL CHECK (version > 0),
    body text NOT NULL CHECK (body ~ '\S'),
    published_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, kind, version)
);
COMMENT ON TABLE identity.consent_texts IS
    'What was asked, word for word. A published text never changes: a consent to other words would be no consent.';
COMMENT ON COLUMN identity.consent_texts.id IS 'Consents point here.';
COMMENT ON COLUMN identity.consent_texts.organization_id IS 'Who asks.';
COMMENT ON COLUMN identity.consent_texts.kind IS 'What for, for example data_processing.';
COMMENT ON COLUMN identity.consent_texts.version IS 'Counts from 1 for each kind.';
COMMENT ON COLUMN identity.consent_texts.body IS 'The words.';
COMMENT ON COLUMN identity.consent_texts.published_at IS 'From when it was asked.';
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON identity.consent_texts
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON identity.consent_texts
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();
ALTER TABLE identity.consent_texts ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.consent_texts
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
GRANT SELECT ON identity.consent_texts TO rf_identity_read, rf_identity_write;
GRANT INSERT (organization_id, kind, version, body) ON identity.consent_texts TO rf_identity_write;

CREATE TABLE identity.consents (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    user_id uuid NOT NULL,
    text_id uuid NOT NULL,
    given_at timestamptz NOT NULL DEFAULT now(),
    withdrawn_at timestamptz CHECK (withdrawn_at >= given_at),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.memberships (organization_id, user_id),
    FOREIGN KEY (organization_id, text_id) REFERENCES identity.consent_texts (organization_id, id)
);
CREATE INDEX consents_user_idx ON identity.consents (organization_id, user_id);
CREATE INDEX consents_text_idx ON identity.consents (organization_id, text_id);
CREATE UNIQUE INDEX consents_standing_key ON identity.consents (user_id, text_id)
    WHERE withdrawn_at IS NULL;
COMMENT ON TABLE identity.consents IS
    'Who agreed to which text, and until when. Withdrawn ones stay: what was done before was done with consent.';
COMMENT ON COLUMN identity.consents.id IS 'For the audit trail to point at.';
COMMENT ON COLUMN identity.consents.organization_id IS 'Who was given it.';
COMMENT ON COLUMN identity.consents.user_id IS 'Who gave it.';
COMMENT ON COLUMN identity.consents.text_id IS 'To which words.';
COMMENT ON COLUMN identity.consents.given_at IS 'From when it stands.';
COMMENT ON COLUMN identity.consents.withdrawn_at IS
    'Until when; NULL: it stands. Set once: who agrees again gives a new one.';
CREATE FUNCTION identity.keep_withdrawal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'a withdrawn consent stays withdrawn'
        USING ERRCODE = 'check_violation', HINT = 'Add a new consent.';
END
$$;
COMMENT ON FUNCTION identity.keep_withdrawal() IS 'Trigger: a withdrawal is not undone, nor moved.';
CREATE TRIGGER keep_withdrawal BEFORE UPDATE ON identity.consents
    FOR EACH ROW WHEN (OLD.withdrawn_at IS NOT NULL)
    EXECUTE FUNCTION identity.keep_withdrawal();
ALTER TABLE identity.consents ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.consents
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
CREATE POLICY given_by_oneself ON identity.consents AS RESTRICTIVE FOR INSERT
    WITH CHECK (user_id = (SELECT identity.current_user_id()));
CREATE POLICY withdrawn_by_oneself ON identity.consents AS RESTRICTIVE FOR UPDATE
    USING (user_id = (SELECT identity.current_user_id()));
GRANT SELECT ON identity.consents TO rf_identity_read, rf_identity_write;
GRANT INSERT (organization_id, user_id, text_id) ON identity.consents TO rf_identity_write;
GRANT UPDATE (withdrawn_at) ON identity.consents TO rf_identity_write;


-- Quotas.

CREATE TABLE identity.quotas (
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    resource text NOT NULL CHECK (resource ~ '^[a-z][a-z0-9_.]*$'),
    allowed bigint NOT NULL CHECK (allowed >= 0),
    used bigint NOT NULL DEFAULT 0 CHECK (used >= 0),
    renewed_every interval CHECK (renewed_every >= interval '1 minute'),
    renewed_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, resource)
);
COMMENT ON TABLE identity.quotas IS
    'How much of something an organization may use. Taken with identity.consume_quota(), never by reading and then writing.';
COMMENT ON COLUMN identity.quotas.organization_id IS 'Whose.';
COMMENT ON COLUMN identity.quotas.resource IS 'Of what, for example storage.bytes or ai.tokens.';
COMMENT ON COLUMN identity.quotas.allowed IS 'How much; may be set below what is used, and then nothing more is given.';
COMMENT ON COLUMN identity.quotas.used IS 'How much of it is taken in this period.';
COMMENT ON COLUMN identity.quotas.renewed_every IS
    'How long a period is; NULL: there are none, what is taken is given back with identity.release_quota().';
COMMENT ON COLUMN identity.quotas.renewed_at IS 'When this period began.';
COMMENT ON COLUMN identity.quotas.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON identity.quotas
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();
ALTER TABLE identity.quotas ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON identity.quotas
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
GRANT SELECT ON identity.quotas TO rf_identity_read, rf_identity_write;
GRANT INSERT (organization_id, resource, allowed, renewed_every), DELETE
    ON identity.quotas TO rf_identity_write;
GRANT UPDATE (allowed, renewed_every) ON identity.quotas TO rf_identity_write;

CREATE FUNCTION identity.consume_quota(of_resource text, amount bigint DEFAULT 1) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF amount IS NULL OR amount < 0 THEN
        RAISE EXCEPTION 'an amount is 0 or more, not %', amount
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'identity.release_quota() gives back.';
    END IF;
    UPDATE identity.quotas AS q
    SET used = CASE WHEN q.renewed_at + q.renewed_every <= now() THEN 0 ELSE q.used END + amount,
        renewed_at = CASE
            WHEN q.renewed_at + q.renewed_every <= now() THEN now() ELSE q.renewed_at
        END
    WHERE q.organization_id = identity.current_organization()
        AND q.resource = of_resource
        AND amount <= q.allowed
            - CASE WHEN q.renewed_at + q.renewed_every <= now() THEN 0 ELSE q.used END;
    IF FOUND THEN
        RETURN true;
    END IF;
    PERFORM FROM identity.quotas AS q
    WHERE q.organization_id = identity.current_organization() AND q.resource = of_resource;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no quota for %', of_resource
            USING ERRCODE = 'no_data_found',
                  HINT = 'Enter an organization first, and give it a quota: nothing is unlimited by omission.';
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION identity.consume_quota(text, bigint) IS
    'Takes that much for the organization in context, or nothing: true when it was there. One UPDATE, so that two at once can''t take the same rest.';

CREATE FUNCTION identity.release_quota(of_resource text, amount bigint DEFAULT 1) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF amount IS NULL OR amount < 0 THEN
        RAISE EXCEPTION 'an amount is 0 or more, not %', amount
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE identity.quotas
    SET used = greatest(0, used - amount)
    WHERE organization_id = identity.current_organization() AND resource = of_resource;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no quota for %', of_resource
            USING ERRCODE = 'no_data_found', HINT = 'Enter an organization first.';
    END IF;
END
$$;
COMMENT ON FUNCTION identity.release_quota(text, bigint) IS
    'Gives back what was taken and is no longer used: a file deleted, a job that never ran.';

GRANT EXECUTE ON FUNCTION
    identity.consume_quota(text, bigint),
    identity.release_quota(text, bigint)
    TO rf_identity_write, rf_research_write, rf_manuscript_write, rf_jobs, rf_knowledge_write;


-- What somebody may do.

CREATE FUNCTION identity.has_permission(of_user uuid, in_organization uuid, wanted text)
RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
    FROM identity.memberships AS m
    JOIN identity.users AS u ON u.id = m.user_id AND u.status = 'active'
    JOIN identity.organizations AS o ON o.id = m.organization_id AND o.status = 'active'
    WHERE m.organization_id = in_organization
        AND m.user_id = of_user
        AND m.status = 'active'
        AND (
            EXISTS (
                SELECT FROM identity.role_permissions AS p
                WHERE p.role = m.role AND p.permission = wanted
            )
            OR EXISTS (
                SELECT
                FROM identity.role_grants AS g
                JOIN identity.role_permissions AS p ON p.role = g.role AND p.permission = wanted
                WHERE g.organization_id = m.organization_id
                    AND g.user_id = m.user_id
                    AND g.granted_at <= now()
                    AND g.expires_at > now()
                    AND g.revoked_at IS NULL
            )
        );
    IF FOUND THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM identity.permissions AS p WHERE p.name = wanted) THEN
        RAISE EXCEPTION 'there is no permission "%"', wanted
            USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM identity.permissions.';
    END IF;
    RETURN false;
END
$$;
COMMENT ON FUNCTION identity.has_permission(uuid, uuid, text) IS
    'By membership, or by a role lent and not yet ended. Whoever is suspended, left, or in a suspended organization has none. A permission that doesn''t exist is an error: a misspelt one would refuse for ever and nobody would know why.';
GRANT EXECUTE ON FUNCTION identity.has_permission(uuid, uuid, text) TO
    rf_identity_read, rf_identity_write, rf_session, rf_research_read, rf_research_write,
    rf_manuscript_write, rf_jobs, rf_audit_append, rf_audit_read, rf_knowledge_read,
    rf_knowledge_write, rf_governance_read, rf_governance_write;

CREATE FUNCTION identity.enter(organization uuid, as_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    standing text;
BEGIN
    SELECT m.role INTO standing
    FROM identity.memberships AS m
    JOIN identity.users AS u ON u.id = m.user_id AND u.status = 'active'
    JOIN identity.organizations AS o ON o.id = m.organization_id AND o.status = 'active'
    WHERE m.organization_id = organization AND m.user_id = as_user AND m.status = 'active';
    IF standing IS NULL THEN
        RAISE EXCEPTION 'user % is no active member of organization %', as_user, organization
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'The account, the membership and the organization must all be active.';
    END IF;
    PERFORM set_config('app.organization_id', organization::text, true),
        set_config('app.user_id', as_user::text, true);
    RETURN standing;
END
$$;
COMMENT ON FUNCTION identity.enter(uuid, uuid) IS
    'Work for this organization as this user until the transaction ends; returns their role. Call it first in every transaction.';
GRANT EXECUTE ON FUNCTION identity.enter(uuid, uuid) TO
    rf_identity_read, rf_identity_write, rf_session, rf_research_read, rf_research_write,
    rf_manuscript_write, rf_jobs, rf_audit_append, rf_audit_read, rf_knowledge_read,
    rf_knowledge_write, rf_governance_read, rf_governance_write;

CREATE FUNCTION identity.organizations_of(of_user uuid)
RETURNS TABLE (organization_id uuid, name text, slug text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT o.id, o.name, o.slug, m.role
    FROM identity.memberships AS m
    JOIN identity.users AS u ON u.id = m.user_id AND u.status = 'active'
    JOIN identity.organizations AS o ON o.id = m.organization_id AND o.status = 'active'
    WHERE m.user_id = of_user AND m.status = 'active'
    ORDER BY o.name, o.id;
$$;
COMMENT ON FUNCTION identity.organizations_of(uuid) IS
    'Where somebody who has just logged in can go: the one look past the organization in context.';
GRANT EXECUTE ON FUNCTION identity.organizations_of(uuid) TO rf_identity_write, rf_session;

CREATE FUNCTION identity.create_organization(name text, slug text, founder uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM FROM identity.users AS u WHERE u.id = founder AND u.status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % has no active account', founder
            USING ERRCODE = 'no_data_found';
    END IF;
    INSERT INTO identity.organizations (name, slug)
    VALUES (create_organization.name, create_organization.slug)
    RETURNING id INTO made;
    INSERT INTO identity.memberships (organization_id, user_id, role)
    VALUES (made, founder, 'ADMIN');
    RETURN made;
END
$$;
COMMENT ON FUNCTION identity.create_organization(text, text, uuid) IS
    'A new organization with its founder as ADMIN: one without anybody could never be entered.';
GRANT EXECUTE ON FUNCTION identity.create_organization(text, text, uuid) TO rf_identity_write;

CREATE FUNCTION identity.set_user_status(of_user uuid, new_status text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor CONSTANT uuid := identity.current_user_id();
    here CONSTANT uuid := identity.current_organization();
BEGIN
    IF actor IS NULL OR here IS NULL OR NOT identity.has_permission(actor, here, 'user.manage') THEN
        RAISE EXCEPTION 'changing an account takes the permission user.manage'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF of_user = actor THEN
        RAISE EXCEPTION 'nobody changes their own account''s status'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'identity.leave() leaves an organization; another administrator closes the account.';
    END IF;
    PERFORM
    FROM identity.memberships AS m
    WHERE m.user_id = of_user
    HAVING bool_and(m.organization_id = here);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % does not belong to this organization alone', of_user
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Suspend the membership instead; an account that others share is the operator''s to suspend.';
    END IF;
    UPDATE identity.users
    SET status = new_status,
        status_reason = CASE WHEN new_status <> 'active' THEN reason END
    WHERE id = of_user;
END
$$;
COMMENT ON FUNCTION identity.set_user_status(uuid, text, text) IS
    'Suspends, closes or restores an account that belongs to the organization in context and to no other.';
GRANT EXECUTE ON FUNCTION identity.set_user_status(uuid, text, text) TO rf_identity_write;

CREATE FUNCTION identity.guard_role() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor CONSTANT uuid := identity.current_user_id();
    highest bigint;
    given bigint;
BEGIN
    -- The owner, and functions that are SECURITY DEFINER, have rules of their own.
    IF NOT row_security_active('identity.memberships') THEN
        RETURN NEW;
    END IF;
    SELECT r.rank INTO highest
    FROM identity.memberships AS m
    JOIN identity.users AS u ON u.id = m.user_id AND u.status = 'active'
    JOIN identity.roles AS r ON r.name = m.role
    JOIN identity.role_permissions AS p ON p.role = m.role AND p.permission = TG_ARGV[0]
    WHERE m.organization_id = NEW.organization_id AND m.user_id = actor AND m.status = 'active';
    SELECT max(r.rank) INTO given
    FROM identity.roles AS r
    WHERE r.name = NEW.role OR (TG_OP = 'UPDATE' AND r.name = OLD.role);
    IF highest IS NULL OR given > highest THEN
        RAISE EXCEPTION 'user % may not do this with the role %', actor, NEW.role
            USING ERRCODE = 'insufficient_privilege',
                  HINT = format('It takes the permission %s by a standing role that is as high: what was lent can''t be passed on.', TG_ARGV[0]);
    END IF;
    IF TG_TABLE_NAME = 'invites' AND TG_OP = 'INSERT' THEN
        NEW.invited_by := actor;
    ELSIF TG_TABLE_NAME = 'role_grants' AND TG_OP = 'INSERT' THEN
        NEW.granted_by := actor;
    ELSIF TG_TABLE_NAME = 'role_grants' THEN
        NEW.revoked_by := actor;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION identity.guard_role() IS
    'BEFORE trigger, its argument a permission: a service gives, changes and takes roles on behalf of a user who may, and whose own role is as high. Whose name stands on it is the context''s, not the caller''s to choose.';
CREATE TRIGGER guard_role BEFORE INSERT OR UPDATE ON identity.memberships
    FOR EACH ROW EXECUTE FUNCTION identity.guard_role('user.manage');
CREATE TRIGGER guard_role BEFORE INSERT OR UPDATE ON identity.invites
    FOR EACH ROW EXECUTE FUNCTION identity.guard_role('user.manage');
CREATE TRIGGER guard_role BEFORE INSERT OR UPDATE ON identity.role_grants
    FOR EACH ROW EXECUTE FUNCTION identity.guard_role('role.grant');

CREATE FUNCTION identity.keep_an_admin() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Written, not only locked: of two that go at once, the second waits, and under REPEATABLE READ it fails.
    UPDATE identity.organizations
    SET updated_at = now()
    WHERE id = OLD.organization_id AND status <> 'closed';
    IF FOUND AND NOT EXISTS (
        SELECT FROM identity.memberships AS m
        WHERE m.organization_id = OLD.organization_id AND m.role = 'ADMIN' AND m.status = 'active'
    ) THEN
        RAISE EXCEPTION 'organization % would be left without an ADMIN', OLD.organization_id
            USING ERRCODE = 'check_violation', HINT = 'Make somebody else ADMIN first.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION identity.keep_an_admin() IS
    'AFTER trigger: the last active ADMIN can''t go, be suspended or step down; nobody could invite another.';
CREATE TRIGGER keep_an_admin AFTER UPDATE OR DELETE ON identity.memberships
    FOR EACH ROW WHEN (OLD.role = 'ADMIN' AND OLD.status = 'active')
    EXECUTE FUNCTION identity.keep_an_admin();

CREATE FUNCTION identity.leave() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE identity.memberships
    SET status = 'left'
    WHERE organization_id = identity.current_organization()
        AND user_id = identity.current_user_id()
        AND status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'nobody to leave: no active membership in context'
            USING ERRCODE = 'no_data_found', HINT = 'identity.enter() first.';
    END IF;
END
$$;
COMMENT ON FUNCTION identity.leave() IS
    'The user in context leaves the organization in context; nobody''s permission is needed for that.';
GRANT EXECUTE ON FUNCTION identity.leave() TO rf_identity_write;

CREATE FUNCTION identity.accept_invite(with_token_hash bytea, as_user uuid)
RETURNS TABLE (organization_id uuid, role text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invite identity.invites;
    address text;
BEGIN
    SELECT i.* INTO invite
    FROM identity.invites AS i
    WHERE i.token_hash = with_token_hash
    FOR UPDATE;
    IF NOT FOUND OR invite.accepted_at IS NOT NULL OR invite.revoked_at IS NOT NULL
        OR invite.expires_at <= now() THEN
        RAISE EXCEPTION 'this invite is not valid'
            USING ERRCODE = 'invalid_authorization_specification',
                  DETAIL = CASE
                      WHEN invite.id IS NULL THEN 'No invite has this token.'
                      WHEN invite.accepted_at IS NOT NULL THEN 'It was taken up before.'
                      WHEN invite.revoked_at IS NOT NULL THEN 'It was withdrawn.'
                      ELSE 'It has expired.'
                  END,
                  HINT = 'Ask an administrator of the organization for a new one.';
    END IF;
    SELECT u.email INTO address
    FROM identity.users AS u
    WHERE u.id = as_user AND u.status = 'active';
    IF address IS NULL OR lower(address) <> lower(invite.email) THEN
        RAISE EXCEPTION 'this invite is for somebody else'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Log in with the address that it was sent to.';
    END IF;
    PERFORM FROM identity.organizations AS o
    WHERE o.id = invite.organization_id AND o.status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the organization is not active' USING ERRCODE = 'insufficient_privilege';
    END IF;

    INSERT INTO identity.memberships AS m (organization_id, user_id, role)
    VALUES (invite.organization_id, as_user, invite.role)
    ON CONFLICT ON CONSTRAINT memberships_pkey DO UPDATE
    SET role = excluded.role, status = 'active'
    WHERE m.status = 'left';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % is a member already', as_user
            USING ERRCODE = 'unique_violation',
                  HINT = 'A role is changed, and a suspension lifted, by an administrator; not by an invite.';
    END IF;
    UPDATE identity.invites AS i SET accepted_at = now(), accepted_by = as_user WHERE i.id = invite.id;
    UPDATE identity.users AS u SET email_verified_at = now() WHERE u.id = as_user;
    RETURN QUERY SELECT invite.organization_id, invite.role;
END
$$;
COMMENT ON FUNCTION identity.accept_invite(bytea, uuid) IS
    'Makes the user a member with the role offered, once; also shows that they read mail at that address.';
GRANT EXECUTE ON FUNCTION identity.accept_invite(bytea, uuid) TO rf_identity_write;
