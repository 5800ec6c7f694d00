-- Who did what and when, so that nobody can change it unseen.
--
-- Each organization has a chain: every event carries the hash of the one before it, and audit.chains
-- holds the last. audit.append() locks that head, so that two writers at once come one after the
-- other and the chain can't fork. What belongs to no organization, a failed login for example, has a
-- chain of its own, that of the nil uuid (00000000-0000-0000-0000-000000000000).
--
-- Nobody has the privilege to change an event, and a trigger stops whoever has every privilege.
--
-- BREAKING THE GLASS. Where the law or a mistake demands that an event go (somebody's data written
-- where it must not be; a month past its retention), an operator
--   1. makes one login a member:     GRANT rf_audit_break_glass TO somebody;
--   2. who says why, in their session: SET app.break_glass_reason = 'ticket 4711: ...';
--   3. and acts, in the organization: SET app.organization_id = '...'; DELETE FROM audit.events WHERE ...;
--                          or:        SELECT audit.drop_month('2019-01-01', 'retention');
--   4. The operator takes it back:    REVOKE rf_audit_break_glass FROM somebody;
-- Each act leaves a row in audit.break_glass, which nobody can change. Being a superuser, or the owner,
-- is not being a member. A single event that was removed or changed shows in audit.verify_chain() for
-- ever, next to the row that says why; a month that was dropped leaves an anchor from which the rest
-- still verifies. Whoever owns a table can disable its triggers: that leaves no row, and is why the
-- chain is verified at all.
--
-- What a chain can't show is that all of it was written anew, head included. Keep heads elsewhere.

CREATE TABLE audit.chains (
    organization_id uuid PRIMARY KEY,
    sequence bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(hash) = 32),
    last_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (
    -- A few rows, written all the time: room to do it in place, and vacuum after so many dead ones
    -- rather than after a share of very few.
    fillfactor = 20,
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000
);
COMMENT ON TABLE audit.chains IS
    'The head of each organization''s chain; locked while an event is added. Refers to no organization: the trail outlives it.';
COMMENT ON COLUMN audit.chains.organization_id IS 'Whose chain; the nil uuid has the system''s own.';
COMMENT ON COLUMN audit.chains.sequence IS 'The last event''s; 0: none yet.';
COMMENT ON COLUMN audit.chains.hash IS 'The last event''s; 32 zero bytes: none yet.';
COMMENT ON COLUMN audit.chains.last_at IS 'The last event''s; the next one is no earlier, whatever the clock says.';

CREATE TABLE audit.events (
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    occurred_at timestamptz NOT NULL,
    actor_id uuid,
    actor_role text NOT NULL,
    action text NOT NULL CHECK (action ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$'),
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure', 'denied')),
    subject_type text,
    subject_id text,
    details jsonb NOT NULL
        CHECK (jsonb_typeof(details) = 'object' AND octet_length(details::text) <= 65536),
    session_id uuid,
    request_id text,
    source_address inet,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (organization_id, sequence, occurred_at),
    CHECK (subject_id IS NULL OR subject_type IS NOT NULL)
) PARTITION BY RANGE (occurred_at);
CREATE INDEX events_occurred_at_idx ON audit.events (organization_id, occurred_at);
CREATE INDEX events_actor_idx ON audit.events (organization_id, actor_id, occurred_at);
CREATE INDEX events_subject_idx
    ON audit.events (organization_id, subject_type, subject_id, occurred_at);
COMMENT ON TABLE audit.events IS
    'What happened, one partition a month (UTC). Added by audit.append() only; known by organization and sequence, so that it needs no id of its own. Refers to nothing: the trail outlives what it speaks of.';
COMMENT ON COLUMN audit.events.organization_id IS 'In whose chain; the nil uuid: the system''s own.';
COMMENT ON COLUMN audit.events.sequence IS 'Its place in the chain, from 1 without a gap.';
COMMENT ON COLUMN audit.events.occurred_at IS 'When it was added; never earlier than the one before it.';
COMMENT ON COLUMN audit.events.actor_id IS 'The user in context; NULL: the system.';
COMMENT ON COLUMN audit.events.actor_role IS 'The database role that was logged in: which service it came from.';
COMMENT ON COLUMN audit.events.action IS 'What was done, dotted, for example dataset.exported.';
COMMENT ON COLUMN audit.events.outcome IS 'Whether it was done; denied: it wasn''t allowed.';
COMMENT ON COLUMN audit.events.subject_type IS 'To what kind of thing.';
COMMENT ON COLUMN audit.events.subject_id IS 'To which of them.';
COMMENT ON COLUMN audit.events.details IS 'The rest; no protected health information, which could never be removed from here.';
COMMENT ON COLUMN audit.events.session_id IS 'In which session.';
COMMENT ON COLUMN audit.events.request_id IS 'In which request, to find it in the services'' logs.';
COMMENT ON COLUMN audit.events.source_address IS 'From where, as the service saw it.';
COMMENT ON COLUMN audit.events.previous_hash IS 'The hash of the event before; 32 zero bytes for the first.';
COMMENT ON COLUMN audit.events.hash IS 'audit.event_hash() of all the others.';

CREATE TABLE audit.break_glass (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    act text NOT NULL CHECK (act IN ('UPDATE', 'DELETE', 'DROP')),
    last_hash bytea NOT NULL,
    reason text NOT NULL CHECK (reason ~ '\S'),
    acted_as text NOT NULL DEFAULT session_user,
    acted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX break_glass_events_idx ON audit.break_glass (organization_id, first_sequence);
COMMENT ON TABLE audit.break_glass IS
    'Every event that was changed or removed all the same, by whom and why. Written by a trigger, changed by nobody.';
COMMENT ON COLUMN audit.break_glass.id IS 'To be spoken of.';
COMMENT ON COLUMN audit.break_glass.organization_id IS 'In whose chain.';
COMMENT ON COLUMN audit.break_glass.first_sequence IS 'From this event.';
COMMENT ON COLUMN audit.break_glass.last_sequence IS 'To this one; the same but for a dropped month.';
COMMENT ON COLUMN audit.break_glass.act IS 'DROP: a month past its retention.';
COMMENT ON COLUMN audit.break_glass.last_hash IS 'The last one''s hash before the act. Not its text: that may be what had to go.';
COMMENT ON COLUMN audit.break_glass.reason IS 'What they said.';
COMMENT ON COLUMN audit.break_glass.acted_as IS 'The database role that was logged in.';
COMMENT ON COLUMN audit.break_glass.acted_at IS 'When.';
COMMENT ON COLUMN audit.break_glass.transaction_id IS 'Rows of one act have one.';

CREATE TABLE audit.anchors (
    organization_id uuid NOT NULL,
    sequence bigint NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    month date NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, sequence)
);
COMMENT ON TABLE audit.anchors IS
    'Where a chain begins after months were dropped from its start.';
COMMENT ON COLUMN audit.anchors.organization_id IS 'Whose chain.';
COMMENT ON COLUMN audit.anchors.sequence IS 'The last event that went.';
COMMENT ON COLUMN audit.anchors.hash IS 'Its hash: the next event''s previous_hash.';
COMMENT ON COLUMN audit.anchors.month IS 'Which month was dropped.';
COMMENT ON COLUMN audit.anchors.dropped_at IS 'When.';


CREATE FUNCTION audit.event_hash(event audit.events) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN sha256(convert_to(
    jsonb_build_array(
        'researchflow.audit.1',
        event.organization_id,
        event.sequence,
        (extract(epoch FROM event.occurred_at) * 1000000)::bigint,
        event.actor_id,
        event.actor_role,
        event.action,
        event.outcome,
        event.subject_type,
        event.subject_id,
        event.details,
        event.session_id,
        event.request_id,
        event.source_address::text,
        encode(event.previous_hash, 'hex')
    )::text,
    'UTF8'
));
COMMENT ON FUNCTION audit.event_hash(audit.events) IS
    'SHA-256 of a JSON array of the columns, as jsonb prints it: NULL is null, strings are quoted, so no two events have the same text. Time is in microseconds since 1970, so that no session''s time zone is in it. A column added later needs a new first element.';

CREATE FUNCTION audit.may_break_glass() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE held AS (
        SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname = session_user
        UNION
        SELECT m.roleid FROM pg_catalog.pg_auth_members AS m JOIN held ON held.oid = m.member
    )
    SELECT EXISTS (
        SELECT FROM held JOIN pg_catalog.pg_roles AS r USING (oid)
        WHERE r.rolname = 'rf_audit_break_glass'
    );
$$;
COMMENT ON FUNCTION audit.may_break_glass() IS
    'Whether whoever logged in was made a member of rf_audit_break_glass. Read from the catalogue, because pg_has_role() says yes for every superuser.';

CREATE FUNCTION audit.guard_events() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reason CONSTANT text := current_setting('app.break_glass_reason', true);
BEGIN
    IF TG_OP = 'TRUNCATE' OR NOT audit.may_break_glass() THEN
        RAISE EXCEPTION 'audit events are append-only: % is refused', TG_OP
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'How to break the glass is told at the head of 0005_audit.sql.';
    END IF;
    IF (reason ~ '\S') IS NOT TRUE THEN
        RAISE EXCEPTION 'breaking the glass takes a reason'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'SET app.break_glass_reason = ''why'';';
    END IF;
    INSERT INTO audit.break_glass
        (organization_id, first_sequence, last_sequence, act, last_hash, reason)
    VALUES (OLD.organization_id, OLD.sequence, OLD.sequence, TG_OP, OLD.hash, reason);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
COMMENT ON FUNCTION audit.guard_events() IS
    'Trigger: stops whoever would change or remove an event, the owner and superusers too. A member of rf_audit_break_glass who gives a reason passes, and leaves a row in audit.break_glass. TRUNCATE is refused to all.';
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON audit.events
    FOR EACH ROW EXECUTE FUNCTION audit.guard_events();
CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON audit.events
    FOR EACH STATEMENT EXECUTE FUNCTION audit.guard_events();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.break_glass
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.break_glass
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON audit.anchors
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON audit.anchors
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();


CREATE FUNCTION audit.partition_of(at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'events_y' || lpad(extract(year FROM at AT TIME ZONE 'UTC')::text, 4, '0')
    || 'm' || lpad(extract(month FROM at AT TIME ZONE 'UTC')::text, 2, '0');
COMMENT ON FUNCTION audit.partition_of(timestamptz) IS 'The name of the partition in which that moment lies.';

CREATE FUNCTION audit.make_partition(at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name CONSTANT text := audit.partition_of(at);
    first CONSTANT timestamptz := date_trunc('month', at, 'UTC');
    ending CONSTANT timestamptz := date_trunc('month', at AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC';
    from_text CONSTANT text := to_char(first AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' 00:00:00+00';
    to_text CONSTANT text := to_char(ending AT TIME ZONE 'UTC', 'YYYY-MM-DD') || ' 00:00:00+00';
BEGIN
    IF to_regclass(format('audit.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- One at a time: the lock that ATTACH takes below. Whoever waited for it looks again, and sees what
    -- was made meanwhile because taking a table's lock is what makes a session hear of it.
    LOCK TABLE audit.events IN SHARE UPDATE EXCLUSIVE MODE;
    IF to_regclass(format('audit.%I', name)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Built apart, and with a check that says what the partition's bounds say: ATTACH then takes a lock
    -- that lets readers and writers of the other months pass, and has nothing to scan.
    EXECUTE format('CREATE TABLE audit.%I (LIKE audit.events INCLUDING ALL)', name);
    EXECUTE format(
        'ALTER TABLE audit.%I ADD CONSTRAINT bounds CHECK (occurred_at >= %L AND occurred_at < %L)',
        name, from_text, to_text
    );
    EXECUTE format('COMMENT ON TABLE audit.%I IS %L', name,
        format('Events of %s, UTC.', to_char(first AT TIME ZONE 'UTC', 'YYYY-MM')));
    EXECUTE format('ALTER TABLE audit.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
        'CREATE POLICY organization_isolation ON audit.%I'
        ' USING (organization_id = (SELECT identity.current_organization()))', name
    );
    EXECUTE format(
        'CREATE TRIGGER guard_truncate BEFORE TRUNCATE ON audit.%I'
        ' FOR EACH STATEMENT EXECUTE FUNCTION audit.guard_events()', name
    );
    EXECUTE format(
        'ALTER TABLE audit.events ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)',
        name, from_text, to_text
    );
    EXECUTE format('ALTER TABLE audit.%I DROP CONSTRAINT bounds', name);
    RETURN true;
END
$$;
COMMENT ON FUNCTION audit.make_partition(timestamptz) IS
    'Makes the month in which that moment lies; false when it is there. For the functions of this schema.';

CREATE FUNCTION audit.ensure_partitions(months_ahead integer DEFAULT 12) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made integer := 0;
    this_month CONSTANT timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
    IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
        RAISE EXCEPTION 'months ahead are 0 to 120, not %', months_ahead
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR ahead IN 0..months_ahead LOOP
        IF audit.make_partition((this_month + make_interval(months => ahead)) AT TIME ZONE 'UTC') THEN
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION audit.ensure_partitions(integer) IS
    'Makes this month''s partition and those of the months ahead; returns how many were missing. Call it now and then: audit.append() makes a missing month by itself, but somebody waits for it.';

CREATE FUNCTION audit.append(
    action text,
    subject_type text DEFAULT NULL,
    subject_id text DEFAULT NULL,
    details jsonb DEFAULT '{}',
    outcome text DEFAULT 'success',
    session_id uuid DEFAULT NULL,
    request_id text DEFAULT NULL,
    source_address inet DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head audit.chains;
    event audit.events;
    chain CONSTANT uuid :=
        coalesce(identity.current_organization(), '00000000-0000-0000-0000-000000000000');
BEGIN
    SELECT * INTO head FROM audit.chains WHERE organization_id = chain FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO audit.chains (organization_id) VALUES (chain)
        ON CONFLICT (organization_id) DO NOTHING;
        SELECT * INTO STRICT head FROM audit.chains WHERE organization_id = chain FOR UPDATE;
    END IF;

    event.organization_id := chain;
    event.sequence := head.sequence + 1;
    event.occurred_at := greatest(clock_timestamp(), head.last_at);
    event.actor_id := identity.current_user_id();
    event.actor_role := session_user;
    event.action := append.action;
    event.outcome := append.outcome;
    event.subject_type := append.subject_type;
    event.subject_id := append.subject_id;
    event.details := coalesce(append.details, '{}');
    event.session_id := append.session_id;
    event.request_id := append.request_id;
    event.source_address := append.source_address;
    event.previous_hash := head.hash;
    event.hash := audit.event_hash(event);

    PERFORM audit.make_partition(event.occurred_at);
    INSERT INTO audit.events SELECT event.*;
    UPDATE audit.chains
    SET sequence = event.sequence, hash = event.hash, last_at = event.occurred_at
    WHERE organization_id = chain;
    RETURN event.sequence;
END
$$;
COMMENT ON FUNCTION audit.append(text, text, text, jsonb, text, uuid, text, inet) IS
    'Adds an event to the chain of the organization in context, without one to the system''s, and returns its sequence. Who acted is the context''s and the login''s, not the caller''s to say. Call it last in a transaction: the organization''s other writers wait until it ends. Under REPEATABLE READ it fails with a serialization error where another was quicker: try again.';

CREATE FUNCTION audit.verify_chain(organization uuid, from_sequence bigint DEFAULT 1)
RETURNS TABLE (sequence bigint, reason text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head audit.chains;
    anchor audit.anchors;
    event audit.events;
    expected bigint := from_sequence;
    link bytea := decode(repeat('00', 32), 'hex');
BEGIN
    IF row_security_active('audit.events')
        AND organization IS DISTINCT FROM identity.current_organization() THEN
        RAISE EXCEPTION 'organization % is not the one in context: its events can''t be seen from here', organization
            USING ERRCODE = 'insufficient_privilege', HINT = 'identity.enter() it first.';
    END IF;
    IF from_sequence IS NULL OR from_sequence < 1 THEN
        RAISE EXCEPTION 'a chain begins at 1, not at %', from_sequence
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT c.* INTO head FROM audit.chains AS c WHERE c.organization_id = organization;
    SELECT a.* INTO anchor
    FROM audit.anchors AS a
    WHERE a.organization_id = organization
    ORDER BY a.sequence DESC
    LIMIT 1;
    IF anchor.sequence >= from_sequence - 1 THEN
        expected := anchor.sequence + 1;
        link := anchor.hash;
    ELSIF from_sequence > 1 THEN
        SELECT e.hash INTO link
        FROM audit.events AS e
        WHERE e.organization_id = organization AND e.sequence = from_sequence - 1;
        IF NOT FOUND THEN
            RETURN QUERY SELECT from_sequence - 1, 'sequence gap: this event is missing';
            RETURN;
        END IF;
    END IF;

    FOR event IN
        SELECT e.*
        FROM audit.events AS e
        WHERE e.organization_id = organization AND e.sequence >= expected
        ORDER BY e.sequence
    LOOP
        sequence := least(event.sequence, expected);
        reason := CASE
            WHEN event.sequence > expected THEN 'sequence gap: this event is missing'
            WHEN event.sequence < expected THEN 'sequence gap: this event is there twice'
            WHEN event.previous_hash <> link THEN 'link differs: it does not follow the event before it'
            WHEN event.hash <> audit.event_hash(event) THEN 'hash differs: it was changed'
        END;
        IF reason IS NOT NULL THEN
            RETURN NEXT;
            RETURN;
        END IF;
        expected := expected + 1;
        link := event.hash;
    END LOOP;

    IF coalesce(head.sequence, 0) >= expected THEN
        RETURN QUERY SELECT expected, format(
            'removed at the end (head differs): the chain goes on to %s', head.sequence
        );
    ELSIF coalesce(head.sequence, 0) < expected - 1 THEN
        RETURN QUERY SELECT coalesce(head.sequence, 0) + 1, 'head differs: the chain ends before this event';
    ELSIF head.hash <> link THEN
        RETURN QUERY SELECT head.sequence, 'head differs: the chain ends with another hash';
    END IF;
END
$$;
COMMENT ON FUNCTION audit.verify_chain(uuid, bigint) IS
    'Walks a chain from that event on and returns the first bad one with the reason; no row: it is whole. All in one snapshot, so that events added meanwhile don''t disturb it. A service verifies the organization in context; the operator any.';

CREATE FUNCTION audit.drop_month(month date, why text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    first CONSTANT timestamptz := date_trunc('month', month::timestamp) AT TIME ZONE 'UTC';
    name CONSTANT text := audit.partition_of(first);
    kept bigint;
    removed bigint;
    earlier uuid;
BEGIN
    IF NOT audit.may_break_glass() THEN
        RAISE EXCEPTION 'dropping a month of the audit trail is breaking the glass'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'How to is told at the head of 0005_audit.sql.';
    END IF;
    IF (why ~ '\S') IS NOT TRUE THEN
        RAISE EXCEPTION 'breaking the glass takes a reason' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT (s.value #>> '{}')::bigint INTO STRICT kept
    FROM governance.settings AS s
    WHERE s.key = 'audit.retention_months';
    IF month IS NULL OR to_regclass(format('audit.%I', name)) IS NULL THEN
        RAISE EXCEPTION 'there is no partition of %', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'no_data_found';
    END IF;
    IF date_trunc('month', month::timestamp) + make_interval(months => kept::integer + 1)
        > now() AT TIME ZONE 'UTC' THEN
        RAISE EXCEPTION '% is not past its retention of % months', to_char(month, 'YYYY-MM'), kept
            USING ERRCODE = 'check_violation',
                  HINT = 'governance.settings has audit.retention_months.';
    END IF;
    SELECT e.organization_id INTO earlier
    FROM audit.events AS e
    WHERE e.occurred_at < first
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there are events before %', to_char(month, 'YYYY-MM')
            USING ERRCODE = 'check_violation', HINT = 'Drop the oldest month first.';
    END IF;

    EXECUTE format(
        'INSERT INTO audit.anchors (organization_id, sequence, hash, month)'
        ' SELECT DISTINCT ON (organization_id) organization_id, sequence, hash, %L::date'
        ' FROM audit.%I ORDER BY organization_id, sequence DESC', first AT TIME ZONE 'UTC', name
    );
    EXECUTE format(
        'INSERT INTO audit.break_glass'
        ' (organization_id, first_sequence, last_sequence, act, last_hash, reason)'
        ' SELECT a.organization_id, min(e.sequence), a.sequence, ''DROP'', a.hash, $1'
        ' FROM audit.%I AS e JOIN audit.anchors AS a'
        ' ON a.organization_id = e.organization_id AND a.month = $2'
        ' GROUP BY a.organization_id, a.sequence, a.hash', name
    ) USING why, (first AT TIME ZONE 'UTC')::date;
    EXECUTE format('SELECT count(*) FROM audit.%I', name) INTO removed;
    EXECUTE format('DROP TABLE audit.%I', name);
    RETURN removed;
END
$$;
COMMENT ON FUNCTION audit.drop_month(date, text) IS
    'Breaking the glass for a whole month that is past its retention, the oldest first: leaves an anchor and a row in audit.break_glass for each chain. Returns how many events went. For a moment nobody reads or writes the trail.';


ALTER TABLE audit.chains ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON audit.chains
    USING (organization_id = (SELECT identity.current_organization()));
ALTER TABLE audit.events ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON audit.events
    USING (organization_id = (SELECT identity.current_organization()));
ALTER TABLE audit.break_glass ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON audit.break_glass
    USING (organization_id = (SELECT identity.current_organization()));
ALTER TABLE audit.anchors ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON audit.anchors
    USING (organization_id = (SELECT identity.current_organization()));

GRANT SELECT ON audit.chains, audit.events, audit.break_glass, audit.anchors
    TO rf_audit_read, rf_audit_break_glass;
GRANT UPDATE, DELETE ON audit.events TO rf_audit_break_glass;
GRANT EXECUTE ON FUNCTION audit.append(text, text, text, jsonb, text, uuid, text, inet)
    TO rf_audit_append;
GRANT EXECUTE ON FUNCTION audit.ensure_partitions(integer) TO rf_audit_append;
GRANT EXECUTE ON FUNCTION audit.event_hash(audit.events), audit.verify_chain(uuid, bigint)
    TO rf_audit_read, rf_audit_break_glass;
GRANT EXECUTE ON FUNCTION audit.drop_month(date, text) TO rf_audit_break_glass;

SELECT audit.ensure_partitions(12);
