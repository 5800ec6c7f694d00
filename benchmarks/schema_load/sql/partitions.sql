-- The months that are past, which audit.append() never needed to make.
SELECT audit.make_partition(date_trunc('month', now(), 'UTC') - make_interval(months => back))
FROM generate_series(1, 12) AS back;

-- What audit.append() would have written, so many events for one organization, evenly over a year.
CREATE FUNCTION benchmark.chain(organization uuid, number bigint, wanted bigint)
RETURNS SETOF audit.events LANGUAGE plpgsql
AS $$
DECLARE
    event audit.events;
    link bytea := decode(repeat('00', 32), 'hex');
    beginning CONSTANT timestamptz := now() - interval '365 days';
    pace CONSTANT interval := interval '365 days' / wanted;
BEGIN
    FOR place IN 1..wanted LOOP
        event.organization_id := organization;
        event.sequence := place;
        event.occurred_at := beginning + pace * (place - 1);
        event.actor_id := benchmark.id(2, number + place %% 20);
        event.actor_role := 'researchflow_orchestrator';
        event.action := (ARRAY['run.started', 'run.finished', 'dataset.read', 'manuscript.changed'])[1 + place %% 4];
        event.outcome := 'success';
        event.subject_type := 'run';
        event.subject_id := 'run-' || place / 4;
        event.details := jsonb_build_object('place', place, 'from', 'benchmark');
        event.previous_hash := link;
        event.hash := audit.event_hash(event);
        link := event.hash;
        RETURN NEXT event;
    END LOOP;
END
$$;
