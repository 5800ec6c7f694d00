-- The queue of analysis jobs, and what models of providers were asked and what it cost.
--
-- A worker serves every organization, so it reads no table: it claims a job, keeps its lease
-- alive, and reports how it went, all through functions that take the lease's token. Who lost the
-- lease is told so at the next call, and must stop.

CREATE TABLE research.jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES identity.organizations (id),
    kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_.]*$'),
    payload jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(payload) = 'object'),
    priority bigint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -100 AND 100),
    run_at timestamptz NOT NULL DEFAULT now(),
    idempotency_key text CHECK (idempotency_key <> ''),
    run_id uuid,
    stage_run_id uuid,
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'succeeded', 'dead', 'cancelled')),
    attempts bigint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    max_attempts bigint NOT NULL DEFAULT 5 CHECK (max_attempts BETWEEN 1 AND 100),
    lease_token uuid,
    leased_by text,
    lease_expires_at timestamptz,
    last_error text,
    result jsonb,
    created_by uuid REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, run_id) REFERENCES research.runs (organization_id, id),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id),
    CHECK (
        (state = 'running') = (lease_token IS NOT NULL)
        AND (state = 'running') = (leased_by IS NOT NULL)
        AND (state = 'running') = (lease_expires_at IS NOT NULL)
    ),
    CHECK ((state IN ('succeeded', 'dead', 'cancelled')) = (finished_at IS NOT NULL))
) WITH (
    -- Room on each page for the next version of a row: a heartbeat then touches no index (HOT).
    fillfactor = 70,
    -- Every job is updated three times or more. At the default of 20 % of a large table the queue's
    -- indexes would fill with dead entries for days; here it is a few thousand rows.
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_analyze_scale_factor = 0.02,
    -- Finish fast: while a vacuum naps, the queue goes on growing dead rows.
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX jobs_queue_idx ON research.jobs (priority DESC, run_at, id) WHERE state = 'queued';
CREATE INDEX jobs_running_idx ON research.jobs (id) WHERE state = 'running';
CREATE INDEX jobs_finished_idx ON research.jobs (finished_at) WHERE finished_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_idempotency_key ON research.jobs (organization_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_run_idx ON research.jobs (organization_id, run_id) WHERE run_id IS NOT NULL;
CREATE INDEX jobs_stage_run_idx ON research.jobs (organization_id, stage_run_id)
    WHERE stage_run_id IS NOT NULL;
CREATE INDEX jobs_created_by_idx ON research.jobs (created_by) WHERE created_by IS NOT NULL;
COMMENT ON INDEX research.jobs_queue_idx IS
    'Exactly the order in which jobs are claimed: a claim reads the first entry that nobody holds.';
COMMENT ON INDEX research.jobs_running_idx IS
    'As many entries as there are busy workers. Without lease_expires_at, so that a heartbeat changes no index.';
COMMENT ON TABLE research.jobs IS
    'Work that is waiting, under way or done. Done work is purged after a while: research.purge_jobs().';
COMMENT ON COLUMN research.jobs.id IS 'What the worker reports on.';
COMMENT ON COLUMN research.jobs.organization_id IS
    'Whose it is; row-level security goes by it. The worker enters it before it touches anything else.';
COMMENT ON COLUMN research.jobs.kind IS 'What is to be done; workers claim the kinds that they know.';
COMMENT ON COLUMN research.jobs.payload IS 'What it is to be done with: references, never data of patients.';
COMMENT ON COLUMN research.jobs.priority IS 'Higher ones first, from -100 to 100.';
COMMENT ON COLUMN research.jobs.run_at IS 'Not before then; within one priority, the earliest first.';
COMMENT ON COLUMN research.jobs.idempotency_key IS
    'Asking twice under one key makes one job, as long as that job is kept.';
COMMENT ON COLUMN research.jobs.run_id IS 'The run that it works for, if any.';
COMMENT ON COLUMN research.jobs.stage_run_id IS 'The attempt at a stage that it works for, if any.';
COMMENT ON COLUMN research.jobs.state IS
    'queued (also between attempts), running, succeeded, dead (given up), cancelled.';
COMMENT ON COLUMN research.jobs.attempts IS 'How often it was claimed.';
COMMENT ON COLUMN research.jobs.max_attempts IS 'After so many it is dead.';
COMMENT ON COLUMN research.jobs.lease_token IS 'New with each claim: a worker that was given up can''t report for its successor.';
COMMENT ON COLUMN research.jobs.leased_by IS 'Which worker has it, for people who look for it.';
COMMENT ON COLUMN research.jobs.lease_expires_at IS 'Until when the worker must give a sign of life.';
COMMENT ON COLUMN research.jobs.last_error IS 'Why the last attempt failed; no data of patients.';
COMMENT ON COLUMN research.jobs.result IS 'What came out: references, never data of patients.';
COMMENT ON COLUMN research.jobs.created_by IS 'On whose behalf; null for the system.';
COMMENT ON COLUMN research.jobs.created_at IS 'When it was asked for.';
COMMENT ON COLUMN research.jobs.started_at IS 'When it was first claimed.';
COMMENT ON COLUMN research.jobs.finished_at IS 'When it succeeded, died or was cancelled.';


-- Asking for work: within an organization.

CREATE FUNCTION research.enqueue_job(
    job_kind text, job_payload jsonb DEFAULT '{}', key text DEFAULT NULL,
    job_priority bigint DEFAULT 0, not_before timestamptz DEFAULT now(),
    attempts_at_most bigint DEFAULT 5, for_run uuid DEFAULT NULL, for_stage_run uuid DEFAULT NULL
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    job uuid;
    same boolean;
BEGIN
    INSERT INTO research.jobs (
        organization_id, kind, payload, idempotency_key, priority, run_at, max_attempts,
        run_id, stage_run_id, created_by
    )
    VALUES (
        organization, job_kind, job_payload, key, job_priority, not_before, attempts_at_most,
        for_run, for_stage_run, identity.current_user_id()
    )
    ON CONFLICT (organization_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING id INTO job;
    IF FOUND THEN
        IF not_before <= now() THEN
            PERFORM pg_notify('research_jobs', job_kind);
        END IF;
        RETURN job;
    END IF;
    SELECT j.id, j.kind = job_kind AND j.payload = job_payload INTO job, same
    FROM research.jobs AS j
    WHERE j.organization_id = organization AND j.idempotency_key = key;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a job with the key "%" was added or purged at the same time', key
            USING ERRCODE = 'serialization_failure', HINT = 'Try again.';
    ELSIF NOT same THEN
        RAISE EXCEPTION 'the key "%" was used for another job', key
            USING ERRCODE = 'unique_violation', HINT = 'One key stands for one piece of work.';
    END IF;
    RETURN job;
END
$$;
COMMENT ON FUNCTION research.enqueue_job(text, jsonb, text, bigint, timestamptz, bigint, uuid, uuid) IS
    'Adds a job, or finds the one that was added under this key. Wakes workers that LISTEN to research_jobs; the message is the kind and says nothing of whose job it is.';

CREATE FUNCTION research.cancel_job(of_job uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
BEGIN
    UPDATE research.jobs AS j
    SET state = 'cancelled', lease_token = NULL, leased_by = NULL, lease_expires_at = NULL,
        finished_at = clock_timestamp()
    WHERE j.id = of_job AND j.organization_id = organization AND j.state IN ('queued', 'running');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is neither queued nor running here', of_job
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
END
$$;
COMMENT ON FUNCTION research.cancel_job(uuid) IS
    'Ends a job before its time; a worker that has it learns it at its next heartbeat.';

CREATE FUNCTION research.requeue_job(of_job uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    job_kind text;
BEGIN
    UPDATE research.jobs AS j
    SET state = 'queued', attempts = 0, run_at = clock_timestamp(), finished_at = NULL
    WHERE j.id = of_job AND j.organization_id = organization AND j.state IN ('dead', 'cancelled')
    RETURNING j.kind INTO job_kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is neither dead nor cancelled here', of_job
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    PERFORM pg_notify('research_jobs', job_kind);
END
$$;
COMMENT ON FUNCTION research.requeue_job(uuid) IS
    'Gives a dead or cancelled job all its attempts again, for when the cause is gone.';


-- Doing work: in every organization.

CREATE FUNCTION research.release_expired_jobs(at_most bigint DEFAULT 100) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    released bigint;
BEGIN
    UPDATE research.jobs AS j
    SET state = CASE WHEN j.attempts < j.max_attempts THEN 'queued' ELSE 'dead' END,
        finished_at = CASE WHEN j.attempts >= j.max_attempts THEN clock_timestamp() END,
        last_error = format('The lease of %s ran out.', j.leased_by),
        lease_token = NULL, leased_by = NULL, lease_expires_at = NULL
    WHERE j.id = ANY (ARRAY(
        SELECT e.id FROM research.jobs AS e
        WHERE e.state = 'running' AND e.lease_expires_at < statement_timestamp()
        ORDER BY e.lease_expires_at LIMIT at_most
        FOR NO KEY UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END
$$;
COMMENT ON FUNCTION research.release_expired_jobs(bigint) IS
    'Puts jobs back whose worker gave no sign of life, or gives them up after their last attempt; returns how many. Every claim does it too.';

CREATE FUNCTION research.claim_job(
    worker text, kinds text[] DEFAULT NULL, lease interval DEFAULT '1 minute'
) RETURNS SETOF research.jobs
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- What is known of a queue's size is always out of date: analysed while it is empty, it would be read
-- and sorted as a whole once it is full. The indexes are right at every size.
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
BEGIN
    IF lease NOT BETWEEN interval '1 second' AND interval '1 day' OR lease IS NULL THEN
        RAISE EXCEPTION 'a lease of % is not between 1 second and 1 day', lease
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (
        SELECT FROM research.jobs AS e
        WHERE e.state = 'running' AND e.lease_expires_at < statement_timestamp()
    ) THEN
        PERFORM research.release_expired_jobs(10);
    END IF;
    RETURN QUERY
    UPDATE research.jobs AS j
    SET state = 'running', attempts = j.attempts + 1, lease_token = gen_random_uuid(),
        leased_by = worker, lease_expires_at = clock_timestamp() + lease,
        started_at = coalesce(j.started_at, clock_timestamp())
    WHERE j.id = (
        SELECT q.id FROM research.jobs AS q
        WHERE q.state = 'queued' AND q.run_at <= statement_timestamp()
            AND (kinds IS NULL OR q.kind = ANY (kinds))
        ORDER BY q.priority DESC, q.run_at, q.id LIMIT 1
        -- Not FOR UPDATE: rows that refer to a job hold a key lock on it, and would hide it.
        FOR NO KEY UPDATE SKIP LOCKED
    )
    RETURNING j.*;
END
$$;
COMMENT ON FUNCTION research.claim_job(text, text[], interval) IS
    'Takes the next job of these kinds (null: any) that is due: by priority, then time, then id; no row when there is none. Two claims never get the same. Commit at once: the work is done outside of the claim''s transaction, under the lease.';

CREATE FUNCTION research.refuse_lost_lease(of_job uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'job % is no longer held under this lease', of_job
        USING ERRCODE = 'object_not_in_prerequisite_state',
              HINT = 'Stop: it was cancelled, finished, or given to another worker.';
END
$$;
COMMENT ON FUNCTION research.refuse_lost_lease(uuid) IS
    'What a worker hears whose job is not its own any more.';

CREATE FUNCTION research.heartbeat_job(
    of_job uuid, token uuid, lease interval DEFAULT '1 minute'
) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until timestamptz;
BEGIN
    IF lease NOT BETWEEN interval '1 second' AND interval '1 day' OR lease IS NULL THEN
        RAISE EXCEPTION 'a lease of % is not between 1 second and 1 day', lease
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE research.jobs AS j SET lease_expires_at = clock_timestamp() + lease
    WHERE j.id = of_job AND j.state = 'running' AND j.lease_token = token
    RETURNING j.lease_expires_at INTO until;
    IF NOT FOUND THEN
        PERFORM research.refuse_lost_lease(of_job);
    END IF;
    RETURN until;
END
$$;
COMMENT ON FUNCTION research.heartbeat_job(uuid, uuid, interval) IS
    'A worker''s sign of life, at a third of the lease or so; returns until when it holds now.';

CREATE FUNCTION research.finish_job(of_job uuid, token uuid, job_result jsonb DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE research.jobs AS j
    SET state = 'succeeded', result = job_result, last_error = NULL,
        finished_at = clock_timestamp(),
        lease_token = NULL, leased_by = NULL, lease_expires_at = NULL
    WHERE j.id = of_job AND j.state = 'running' AND j.lease_token = token;
    IF NOT FOUND THEN
        PERFORM research.refuse_lost_lease(of_job);
    END IF;
END
$$;
COMMENT ON FUNCTION research.finish_job(uuid, uuid, jsonb) IS
    'The work is done. In the transaction that writes the results, both happen or neither.';

CREATE FUNCTION research.job_backoff(after_attempts bigint) RETURNS interval
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN least(interval '10 seconds' * power(2, least(greatest(after_attempts, 1), 20) - 1), interval '1 hour');
COMMENT ON FUNCTION research.job_backoff(bigint) IS
    'How long to wait after so many attempts: 10 s, 20 s, 40 s … at most an hour.';

CREATE FUNCTION research.fail_job(
    of_job uuid, token uuid, because text, may_retry boolean DEFAULT true
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    new_state text;
BEGIN
    -- Up to a tenth longer at random: jobs that failed together don't come back together.
    UPDATE research.jobs AS j
    SET state = CASE WHEN may_retry AND j.attempts < j.max_attempts THEN 'queued' ELSE 'dead' END,
        run_at = CASE
            WHEN may_retry AND j.attempts < j.max_attempts
                THEN clock_timestamp() + research.job_backoff(j.attempts) * (1 + random() / 10)
            ELSE j.run_at
        END,
        finished_at = CASE
            WHEN NOT (may_retry AND j.attempts < j.max_attempts) THEN clock_timestamp()
        END,
        last_error = because,
        lease_token = NULL, leased_by = NULL, lease_expires_at = NULL
    WHERE j.id = of_job AND j.state = 'running' AND j.lease_token = token
    RETURNING j.state INTO new_state;
    IF NOT FOUND THEN
        PERFORM research.refuse_lost_lease(of_job);
    END IF;
    RETURN new_state;
END
$$;
COMMENT ON FUNCTION research.fail_job(uuid, uuid, text, boolean) IS
    'The attempt failed: queued again after a pause that doubles, or dead after the last attempt or where trying again is no use. Returns which.';

CREATE FUNCTION research.purge_jobs(older_than interval, at_most bigint DEFAULT 1000) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    purged bigint;
BEGIN
    IF older_than < interval '1 hour' OR older_than IS NULL THEN
        RAISE EXCEPTION 'finished jobs are kept for an hour at least'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM research.jobs AS j
    WHERE j.id = ANY (ARRAY(
        SELECT f.id FROM research.jobs AS f
        WHERE f.finished_at < statement_timestamp() - older_than
        ORDER BY f.finished_at LIMIT at_most
        FOR UPDATE SKIP LOCKED
    ));
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$$;
COMMENT ON FUNCTION research.purge_jobs(interval, bigint) IS
    'Forgets jobs that ended so long ago, in all organizations, a batch at a time; returns how many. Call until it returns 0.';


-- What models were asked.

CREATE TABLE research.ai_invocations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    run_id uuid,
    stage_run_id uuid,
    job_id uuid,
    requested_by uuid DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    provider text NOT NULL CHECK (provider <> ''),
    model text NOT NULL CHECK (model <> ''),
    purpose text NOT NULL DEFAULT '',
    status text NOT NULL CHECK (status IN ('succeeded', 'failed', 'refused', 'timed_out')),
    error_code text,
    prompt_tokens bigint NOT NULL DEFAULT 0 CHECK (prompt_tokens >= 0),
    response_tokens bigint NOT NULL DEFAULT 0 CHECK (response_tokens >= 0),
    cost numeric NOT NULL DEFAULT 0 CHECK (cost >= 0),
    currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    latency_ms bigint NOT NULL CHECK (latency_ms >= 0),
    prompt_sha256 bytea NOT NULL CHECK (octet_length(prompt_sha256) = 32),
    response_sha256 bytea CHECK (octet_length(response_sha256) = 32),
    invoked_at timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, run_id) REFERENCES research.runs (organization_id, id),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id),
    FOREIGN KEY (organization_id, job_id)
        REFERENCES research.jobs (organization_id, id) ON DELETE SET NULL (job_id),
    CHECK (status <> 'succeeded' OR response_sha256 IS NOT NULL)
);
CREATE INDEX ai_invocations_time_idx ON research.ai_invocations (organization_id, invoked_at);
CREATE INDEX ai_invocations_run_idx ON research.ai_invocations (organization_id, run_id)
    WHERE run_id IS NOT NULL;
CREATE INDEX ai_invocations_stage_run_idx ON research.ai_invocations (organization_id, stage_run_id)
    WHERE stage_run_id IS NOT NULL;
CREATE INDEX ai_invocations_job_idx ON research.ai_invocations (organization_id, job_id)
    WHERE job_id IS NOT NULL;
CREATE INDEX ai_invocations_requested_by_idx ON research.ai_invocations (requested_by)
    WHERE requested_by IS NOT NULL;
COMMENT ON TABLE research.ai_invocations IS
    'One call of a model: what it cost and what it was for. Hashes of what was said, never the texts. Never changed.';
COMMENT ON COLUMN research.ai_invocations.id IS 'What logs name it by.';
COMMENT ON COLUMN research.ai_invocations.organization_id IS 'Who pays; row-level security goes by it.';
COMMENT ON COLUMN research.ai_invocations.run_id IS 'The run that it was for, if any.';
COMMENT ON COLUMN research.ai_invocations.stage_run_id IS 'The attempt at a stage that it was for, if any.';
COMMENT ON COLUMN research.ai_invocations.job_id IS 'The job that made it; null when that was purged.';
COMMENT ON COLUMN research.ai_invocations.requested_by IS 'On whose behalf; null for the system.';
COMMENT ON COLUMN research.ai_invocations.provider IS 'Whose service was called.';
COMMENT ON COLUMN research.ai_invocations.model IS 'The model''s exact name and version, as the provider gives it.';
COMMENT ON COLUMN research.ai_invocations.purpose IS 'What for, in the service''s own words.';
COMMENT ON COLUMN research.ai_invocations.status IS 'How it ended.';
COMMENT ON COLUMN research.ai_invocations.error_code IS 'The provider''s, when it did not succeed.';
COMMENT ON COLUMN research.ai_invocations.prompt_tokens IS 'Counted by the provider.';
COMMENT ON COLUMN research.ai_invocations.response_tokens IS 'Counted by the provider.';
COMMENT ON COLUMN research.ai_invocations.cost IS 'In the currency beside it; exact, fractions of cents included.';
COMMENT ON COLUMN research.ai_invocations.currency IS 'ISO 4217.';
COMMENT ON COLUMN research.ai_invocations.latency_ms IS 'Milliseconds until the whole response was there.';
COMMENT ON COLUMN research.ai_invocations.prompt_sha256 IS 'Proves what was asked to whoever has the prompt.';
COMMENT ON COLUMN research.ai_invocations.response_sha256 IS 'The same of the response; null without one.';
COMMENT ON COLUMN research.ai_invocations.invoked_at IS 'When it was called.';

CREATE TRIGGER refuse_change BEFORE UPDATE ON research.ai_invocations
    FOR EACH ROW WHEN (
        NEW.job_id IS NOT NULL OR to_jsonb(NEW) - 'job_id' IS DISTINCT FROM to_jsonb(OLD) - 'job_id'
    ) EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON research.ai_invocations
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.ai_invocations
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE VIEW research.ai_costs WITH (security_invoker = true) AS
SELECT
    a.organization_id,
    (a.invoked_at AT TIME ZONE 'UTC')::date AS day,
    a.provider,
    a.model,
    a.currency,
    count(*) AS invocations,
    count(*) FILTER (WHERE a.status <> 'succeeded') AS unsuccessful,
    sum(a.prompt_tokens) AS prompt_tokens,
    sum(a.response_tokens) AS response_tokens,
    sum(a.cost) AS cost
FROM research.ai_invocations AS a
GROUP BY a.organization_id, (a.invoked_at AT TIME ZONE 'UTC')::date, a.provider, a.model, a.currency;
COMMENT ON VIEW research.ai_costs IS
    'What models cost each day. Runs with the rights of whoever asks, so that row-level security holds; different currencies are never added up.';
COMMENT ON COLUMN research.ai_costs.organization_id IS 'Who pays.';
COMMENT ON COLUMN research.ai_costs.day IS 'By UTC, wherever the reader is.';
COMMENT ON COLUMN research.ai_costs.provider IS 'Whose service was called.';
COMMENT ON COLUMN research.ai_costs.model IS 'Which model.';
COMMENT ON COLUMN research.ai_costs.currency IS 'ISO 4217.';
COMMENT ON COLUMN research.ai_costs.invocations IS 'All calls.';
COMMENT ON COLUMN research.ai_costs.unsuccessful IS 'Those that failed, were refused or timed out; they may have cost too.';
COMMENT ON COLUMN research.ai_costs.prompt_tokens IS 'Total.';
COMMENT ON COLUMN research.ai_costs.response_tokens IS 'Total.';
COMMENT ON COLUMN research.ai_costs.cost IS 'Total, exact.';


-- Isolation and rights.

ALTER TABLE research.jobs ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.jobs
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.ai_invocations ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.ai_invocations
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));

-- Who sees jobs does not see lease tokens: with one of those, anybody's job could be ended.
GRANT SELECT (
    id, organization_id, kind, payload, priority, run_at, idempotency_key, run_id, stage_run_id, state,
    attempts, max_attempts, leased_by, lease_expires_at, last_error, result, created_by, created_at,
    started_at, finished_at
) ON research.jobs TO rf_research_read, rf_research_write;
GRANT SELECT ON research.ai_invocations, research.ai_costs TO rf_research_read, rf_research_write;
GRANT INSERT (
    id, organization_id, run_id, stage_run_id, job_id, provider, model, purpose, status, error_code,
    prompt_tokens, response_tokens, cost, currency, latency_ms, prompt_sha256, response_sha256, invoked_at
) ON research.ai_invocations TO rf_research_write;
GRANT EXECUTE ON FUNCTION
    research.enqueue_job(text, jsonb, text, bigint, timestamptz, bigint, uuid, uuid),
    research.cancel_job(uuid), research.requeue_job(uuid)
TO rf_research_write;
GRANT EXECUTE ON FUNCTION
    research.claim_job(text, text[], interval), research.heartbeat_job(uuid, uuid, interval),
    research.finish_job(uuid, uuid, jsonb), research.fail_job(uuid, uuid, text, boolean),
    research.release_expired_jobs(bigint), research.purge_jobs(interval, bigint)
TO rf_jobs;
