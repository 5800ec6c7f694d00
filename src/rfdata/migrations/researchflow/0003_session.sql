-- Sessions and password resets. No group has a privilege on the tables: services call functions, and
-- nobody reads a token's hash back.
--
-- Ten million sessions: one table, not partitions by expiry, because a token must be unique and found
-- with one index probe. Expired rows are found by an index on expires_at and removed in small batches,
-- so that no delete ever runs long. last_seen_at is in no index and pages keep room, so that touching a
-- session is a HOT update: no index is written.

CREATE TABLE session.sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id uuid NOT NULL REFERENCES identity.users (id),
    organization_id uuid,
    data jsonb NOT NULL DEFAULT '{}'
        CHECK (jsonb_typeof(data) = 'object' AND octet_length(data::text) <= 4096),
    opened_from inet,
    user_agent text CHECK (length(user_agent) <= 512),
    created_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    idle_limit interval NOT NULL DEFAULT interval '30 minutes' CHECK (idle_limit >= interval '2 minutes'),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_because text,
    FOREIGN KEY (user_id, organization_id) REFERENCES identity.memberships (user_id, organization_id),
    CONSTRAINT sessions_end CHECK (
        expires_at > created_at AND expires_at - created_at <= interval '30 days'
    ),
    CHECK ((revoked_at IS NULL) = (revoked_because IS NULL))
) WITH (
    -- Room on each page for the next last_seen_at of a few of its rows.
    fillfactor = 85,
    -- The default waits for a fifth of the table, two million dead rows: a hundredth keeps each run short.
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 1000,
    -- expires_at moves on all the time: the planner must know where now() lies in it.
    autovacuum_analyze_scale_factor = 0.02,
    -- A big purge leaves long runs of dead index entries; without this pause it is done in seconds.
    autovacuum_vacuum_cost_delay = 1
);
CREATE INDEX sessions_expires_at_idx ON session.sessions (expires_at);
CREATE INDEX sessions_user_idx ON session.sessions (user_id, organization_id);
COMMENT ON TABLE session.sessions IS
    'Who is logged in. The token is 32 random bytes in a cookie; only its hash is here, so that a copy of this table logs nobody in.';
COMMENT ON COLUMN session.sessions.id IS 'How a session is spoken of without its token: in a list of devices, in the audit trail.';
COMMENT ON COLUMN session.sessions.token_hash IS 'SHA-256 of the token. Random already, so it needs no salt and no slow hash.';
COMMENT ON COLUMN session.sessions.user_id IS 'Who.';
COMMENT ON COLUMN session.sessions.organization_id IS 'Where; NULL until somebody who belongs to several has chosen.';
COMMENT ON COLUMN session.sessions.data IS 'The service''s own; small, because every touch carries it.';
COMMENT ON COLUMN session.sessions.opened_from IS 'So that the user recognises it in the list of devices.';
COMMENT ON COLUMN session.sessions.user_agent IS 'The same.';
COMMENT ON COLUMN session.sessions.created_at IS 'When they logged in.';
COMMENT ON COLUMN session.sessions.last_seen_at IS
    'To the minute. Never put it in an index: every touch would then write all of them.';
COMMENT ON COLUMN session.sessions.idle_limit IS 'How long it may lie unused before it is dead.';
COMMENT ON COLUMN session.sessions.expires_at IS 'When it ends whatever happens; nothing moves it.';
COMMENT ON COLUMN session.sessions.revoked_at IS 'When somebody ended it. It stays until it would have expired, as evidence.';
COMMENT ON COLUMN session.sessions.revoked_because IS 'Why: logout, password reset, an administrator''s reason.';

CREATE TABLE session.password_reset_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    token_hash bytea NOT NULL UNIQUE CHECK (octet_length(token_hash) = 32),
    user_id uuid NOT NULL REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    CONSTRAINT password_reset_tokens_expire CHECK (
        expires_at > created_at AND expires_at - created_at <= interval '24 hours'
    )
);
CREATE INDEX password_reset_tokens_user_id_idx ON session.password_reset_tokens (user_id);
CREATE INDEX password_reset_tokens_expires_at_idx ON session.password_reset_tokens (expires_at);
COMMENT ON TABLE session.password_reset_tokens IS
    'Links that were mailed to somebody who forgot their password; each works once, for a while.';
COMMENT ON COLUMN session.password_reset_tokens.id IS 'For the audit trail to point at.';
COMMENT ON COLUMN session.password_reset_tokens.token_hash IS 'SHA-256 of the 32 random bytes in the link.';
COMMENT ON COLUMN session.password_reset_tokens.user_id IS 'Whose password it sets.';
COMMENT ON COLUMN session.password_reset_tokens.created_at IS 'When it was asked for; counted against too many.';
COMMENT ON COLUMN session.password_reset_tokens.expires_at IS 'When it stops working, a day on at most.';
COMMENT ON COLUMN session.password_reset_tokens.used_at IS
    'When it was used, or when another one was: then every link that is still out dies.';

ALTER TABLE session.sessions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON session.sessions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE session.password_reset_tokens ENABLE ROW LEVEL SECURITY;


CREATE FUNCTION session.open(
    with_token_hash bytea,
    for_user uuid,
    in_organization uuid DEFAULT NULL,
    lifetime interval DEFAULT interval '12 hours',
    with_data jsonb DEFAULT '{}',
    from_address inet DEFAULT NULL,
    with_user_agent text DEFAULT NULL,
    idle interval DEFAULT interval '30 minutes'
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made uuid;
BEGIN
    PERFORM FROM identity.users AS u WHERE u.id = for_user AND u.status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % has no active account', for_user
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF in_organization IS NOT NULL THEN
        PERFORM session.require_membership(for_user, in_organization);
    END IF;
    INSERT INTO session.sessions
        (token_hash, user_id, organization_id, data, opened_from, user_agent, idle_limit, expires_at)
    VALUES (
        with_token_hash, for_user, in_organization, coalesce(with_data, '{}'), from_address,
        left(with_user_agent, 512), idle, now() + lifetime
    )
    RETURNING id INTO made;
    RETURN made;
END
$$;
COMMENT ON FUNCTION session.open(bytea, uuid, uuid, interval, jsonb, inet, text, interval) IS
    'After the password and the second factor were right. The service makes the token and sends only its SHA-256 here.';

CREATE FUNCTION session.require_membership(of_user uuid, in_organization uuid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM
    FROM identity.memberships AS m
    JOIN identity.organizations AS o ON o.id = m.organization_id AND o.status = 'active'
    WHERE m.organization_id = in_organization AND m.user_id = of_user AND m.status = 'active';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % is no active member of organization %', of_user, in_organization
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION session.require_membership(uuid, uuid) IS
    'For the functions of this schema: a session is never bound to an organization that its user can''t enter.';

CREATE FUNCTION session.touch(with_token_hash bytea)
RETURNS TABLE (
    session_id uuid, user_id uuid, organization_id uuid, data jsonb, expires_at timestamptz
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1
AS $$
DECLARE
    seen timestamptz;
BEGIN
    SELECT s.id, s.user_id, s.organization_id, s.data, s.expires_at, s.last_seen_at
    INTO session_id, user_id, organization_id, data, expires_at, seen
    FROM session.sessions AS s
    JOIN identity.users AS u ON u.id = s.user_id AND u.status = 'active'
    WHERE s.token_hash = with_token_hash
        AND s.revoked_at IS NULL
        AND s.expires_at > now()
        AND s.last_seen_at + s.idle_limit > now()
        AND (s.organization_id IS NULL OR EXISTS (
            SELECT
            FROM identity.memberships AS m
            JOIN identity.organizations AS o ON o.id = m.organization_id AND o.status = 'active'
            WHERE m.organization_id = s.organization_id
                AND m.user_id = s.user_id
                AND m.status = 'active'
        ));
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Whoever finds the row locked lets it be: the other one writes the same minute.
    IF seen < now() - interval '1 minute' AND current_setting('transaction_read_only') = 'off' THEN
        UPDATE session.sessions AS s
        SET last_seen_at = now()
        WHERE s.id = (
            SELECT l.id
            FROM session.sessions AS l
            WHERE l.id = session_id AND l.last_seen_at < now() - interval '1 minute'
            FOR NO KEY UPDATE SKIP LOCKED
        );
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION session.touch(bytea) IS
    'Whose session this is, for every request; no row when it has expired, lain idle or been revoked, or when the account, the membership or the organization is no longer active. Writes once a minute at most, and not at all in a read-only transaction.';

CREATE FUNCTION session.set_data(with_token_hash bytea, new_data jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE session.sessions
    SET data = new_data
    WHERE token_hash = with_token_hash AND revoked_at IS NULL AND expires_at > now();
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION session.set_data(bytea, jsonb) IS
    'Replaces the service''s own data; false when there is no such session any more.';

CREATE FUNCTION session.choose_organization(with_token_hash bytea, chosen uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whose uuid;
BEGIN
    SELECT s.user_id INTO whose
    FROM session.sessions AS s
    WHERE s.token_hash = with_token_hash AND s.revoked_at IS NULL AND s.expires_at > now();
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM session.require_membership(whose, chosen);
    UPDATE session.sessions SET organization_id = chosen WHERE token_hash = with_token_hash;
    RETURN true;
END
$$;
COMMENT ON FUNCTION session.choose_organization(bytea, uuid) IS
    'Where the session goes on; refused where its user is no active member. False when there is no such session any more.';

CREATE FUNCTION session.revoke(with_token_hash bytea, because text DEFAULT 'logout') RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE session.sessions
    SET revoked_at = now(), revoked_because = because
    WHERE token_hash = with_token_hash AND revoked_at IS NULL;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION session.revoke(bytea, text) IS
    'Ends the session of whoever holds the token; false when it had ended before.';

CREATE FUNCTION session.revoke_all(of_user uuid, because text, but_not bytea DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    actor CONSTANT uuid := identity.current_user_id();
    here CONSTANT uuid := identity.current_organization();
    themselves CONSTANT boolean := coalesce(actor = of_user, false);
    ended bigint;
BEGIN
    IF NOT themselves AND (
        actor IS NULL OR here IS NULL OR NOT identity.has_permission(actor, here, 'user.manage')
    ) THEN
        RAISE EXCEPTION 'ending somebody else''s sessions takes the permission user.manage'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    UPDATE session.sessions
    SET revoked_at = now(), revoked_because = because
    WHERE user_id = of_user
        AND (themselves OR organization_id = here)
        AND token_hash IS DISTINCT FROM but_not
        AND revoked_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END
$$;
COMMENT ON FUNCTION session.revoke_all(uuid, text, bytea) IS
    'Ends all of a user''s sessions but one, for that user; for an administrator, those in the organization in context. Returns how many.';

CREATE FUNCTION session.sessions_of_current_user()
RETURNS TABLE (
    session_id uuid, opened_from inet, user_agent text, created_at timestamptz,
    last_seen_at timestamptz, expires_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.id, s.opened_from, s.user_agent, s.created_at, s.last_seen_at, s.expires_at
    FROM session.sessions AS s
    WHERE s.user_id = identity.current_user_id()
        AND s.revoked_at IS NULL
        AND s.expires_at > now()
        AND s.last_seen_at + s.idle_limit > now()
    ORDER BY s.last_seen_at DESC;
$$;
COMMENT ON FUNCTION session.sessions_of_current_user() IS
    'The devices on which the user in context is logged in.';

CREATE FUNCTION session.purge(at_most integer DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gone bigint;
    more bigint;
BEGIN
    IF at_most IS NULL OR at_most NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'a batch is 1 to 10000 rows, not %', at_most
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Call it again, in a new transaction, until it returns less than was asked for.';
    END IF;
    DELETE FROM session.sessions
    WHERE ctid = ANY (ARRAY(
        SELECT s.ctid
        FROM session.sessions AS s
        WHERE s.expires_at <= now()
        ORDER BY s.expires_at
        LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM session.password_reset_tokens
    WHERE ctid = ANY (ARRAY(
        SELECT t.ctid
        FROM session.password_reset_tokens AS t
        WHERE t.expires_at <= now() - interval '1 hour'
        ORDER BY t.expires_at
        LIMIT at_most - gone
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN gone + more;
END
$$;
COMMENT ON FUNCTION session.purge(integer) IS
    'Removes what has expired, one small batch a call, oldest first; two purges at once take different rows. Returns how many. Resets stay an hour longer, to be counted against too many.';

CREATE FUNCTION session.request_reset(
    for_email text, with_token_hash bytea, lifetime interval DEFAULT interval '1 hour'
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    whose uuid;
BEGIN
    -- Locked, so that requests at once are counted one after the other.
    SELECT u.id INTO whose
    FROM identity.users AS u
    JOIN identity.credentials AS c ON c.user_id = u.id
    WHERE lower(u.email) = lower(for_email) AND u.status = 'active'
    FOR NO KEY UPDATE OF u;
    IF NOT FOUND OR (
        SELECT count(*)
        FROM session.password_reset_tokens AS t
        WHERE t.user_id = whose AND t.created_at > now() - interval '1 hour'
    ) >= 3 THEN
        RETURN NULL;
    END IF;
    INSERT INTO session.password_reset_tokens (token_hash, user_id, expires_at)
    VALUES (with_token_hash, whose, now() + lifetime);
    RETURN whose;
END
$$;
COMMENT ON FUNCTION session.request_reset(text, bytea, interval) IS
    'To whom to send the link; NULL when there is no such active account with a password, or when it asked three times within the hour. Say the same on the page either way. Older links go on working: or else anybody could spoil them by asking again.';

CREATE FUNCTION session.use_reset(with_token_hash bytea, new_password_hash text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    token session.password_reset_tokens;
BEGIN
    SELECT t.* INTO token
    FROM session.password_reset_tokens AS t
    JOIN identity.users AS u ON u.id = t.user_id AND u.status = 'active'
    WHERE t.token_hash = with_token_hash
    FOR UPDATE OF t;
    IF NOT FOUND OR token.used_at IS NOT NULL OR token.expires_at <= now() THEN
        RAISE EXCEPTION 'this password reset is not valid'
            USING ERRCODE = 'invalid_authorization_specification',
                  DETAIL = CASE
                      WHEN token.id IS NULL THEN 'No active account has this token.'
                      WHEN token.used_at IS NOT NULL THEN 'It was used, or another one was.'
                      ELSE 'It has expired.'
                  END,
                  HINT = 'Ask for a new one.';
    END IF;
    UPDATE identity.credentials
    SET password_hash = new_password_hash,
        changed_at = now(),
        failed_attempts = 0,
        locked_until = NULL
    WHERE user_id = token.user_id;
    UPDATE session.password_reset_tokens
    SET used_at = now()
    WHERE user_id = token.user_id AND used_at IS NULL;
    UPDATE session.sessions
    SET revoked_at = now(), revoked_because = 'password reset'
    WHERE user_id = token.user_id AND revoked_at IS NULL;
    UPDATE identity.users SET email_verified_at = now() WHERE id = token.user_id;
    RETURN token.user_id;
END
$$;
COMMENT ON FUNCTION session.use_reset(bytea, text) IS
    'Sets the password, once; ends every session of that user and every other reset that is out. Returns the user.';

GRANT EXECUTE ON FUNCTION
    session.open(bytea, uuid, uuid, interval, jsonb, inet, text, interval),
    session.touch(bytea),
    session.set_data(bytea, jsonb),
    session.choose_organization(bytea, uuid),
    session.revoke(bytea, text),
    session.revoke_all(uuid, text, bytea),
    session.sessions_of_current_user(),
    session.purge(integer),
    session.request_reset(text, bytea, interval),
    session.use_reset(bytea, text)
    TO rf_session;
