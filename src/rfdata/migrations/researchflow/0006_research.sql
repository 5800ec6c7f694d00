-- Projects, workflows with versions that never change, and runs over the 20 stages of research.
--
-- A run and each attempt at a stage are in one state. Which state may follow which is data
-- (run_transitions, stage_transitions). Services move them through research.move_run and
-- research.move_stage; triggers hold the same rules against everyone who writes past those.

CREATE FUNCTION research.required_organization() RETURNS uuid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := identity.current_organization();
BEGIN
    IF organization IS NULL THEN
        RAISE EXCEPTION 'no organization is set for this transaction'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Call identity.enter(organization, user) first in the same transaction.';
    END IF;
    RETURN organization;
END
$$;
COMMENT ON FUNCTION research.required_organization() IS
    'The organization of this transaction, or an error: functions that pass row-level security ask it first.';

CREATE FUNCTION research.digest(content jsonb) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sha256(convert_to(content::text, 'UTF8'));
COMMENT ON FUNCTION research.digest(jsonb) IS
    'SHA-256 of a document as jsonb prints it: keys in one order, no spaces of the sender''s.';


-- Projects.

CREATE TABLE research.projects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    title text NOT NULL CHECK (title <> ''),
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    created_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id)
);
CREATE INDEX projects_created_by_idx ON research.projects (created_by);
COMMENT ON TABLE research.projects IS 'A piece of research; everything else belongs to one.';
COMMENT ON COLUMN research.projects.id IS 'Random, so that it says nothing of how many there are.';
COMMENT ON COLUMN research.projects.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.projects.title IS 'As people call it.';
COMMENT ON COLUMN research.projects.description IS 'What it is about, for people.';
COMMENT ON COLUMN research.projects.status IS
    'Archived projects stay readable. Projects are not deleted: their history is evidence.';
COMMENT ON COLUMN research.projects.created_by IS 'Who began it.';
COMMENT ON COLUMN research.projects.created_at IS 'When it was begun.';
COMMENT ON COLUMN research.projects.updated_at IS 'Stamped by a trigger on every change.';

CREATE TRIGGER stamp BEFORE UPDATE ON research.projects
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE research.project_members (
    organization_id uuid NOT NULL DEFAULT identity.current_organization(),
    project_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL DEFAULT 'member' CHECK (role IN ('lead', 'member', 'observer')),
    added_by uuid DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    added_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, project_id, user_id),
    FOREIGN KEY (organization_id, project_id) REFERENCES research.projects (organization_id, id),
    FOREIGN KEY (organization_id, user_id)
        REFERENCES identity.memberships (organization_id, user_id)
);
CREATE INDEX project_members_user_idx ON research.project_members (organization_id, user_id);
CREATE INDEX project_members_added_by_idx ON research.project_members (added_by);
COMMENT ON TABLE research.project_members IS
    'Who works on a project: members of its organization only.';
COMMENT ON COLUMN research.project_members.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.project_members.project_id IS 'A project of the same organization.';
COMMENT ON COLUMN research.project_members.user_id IS 'A member of the same organization.';
COMMENT ON COLUMN research.project_members.role IS
    'Their part in this project; what they may do at all is their role in the organization.';
COMMENT ON COLUMN research.project_members.added_by IS 'Who added them; null for the system.';
COMMENT ON COLUMN research.project_members.added_at IS 'Since when.';


-- Workflows.

CREATE TABLE research.workflows (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    name text NOT NULL CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'archived')),
    created_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, name)
);
CREATE INDEX workflows_created_by_idx ON research.workflows (created_by);
COMMENT ON TABLE research.workflows IS 'A way of working under one name; what it says is in its versions.';
COMMENT ON COLUMN research.workflows.id IS 'Stays the same through all versions.';
COMMENT ON COLUMN research.workflows.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.workflows.name IS 'Unique in its organization.';
COMMENT ON COLUMN research.workflows.description IS 'What it is for, for people.';
COMMENT ON COLUMN research.workflows.status IS 'Archived ones start no new runs in the services; old runs keep theirs.';
COMMENT ON COLUMN research.workflows.created_by IS 'Who made it.';
COMMENT ON COLUMN research.workflows.created_at IS 'When it was made.';
COMMENT ON COLUMN research.workflows.updated_at IS 'Stamped by a trigger on every change.';

CREATE TRIGGER stamp BEFORE UPDATE ON research.workflows
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE research.workflow_versions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    workflow_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    definition jsonb NOT NULL CHECK (jsonb_typeof(definition) = 'object'),
    sha256 bytea NOT NULL GENERATED ALWAYS AS (research.digest(definition)) STORED,
    created_by uuid REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, workflow_id, number),
    FOREIGN KEY (organization_id, workflow_id) REFERENCES research.workflows (organization_id, id)
);
CREATE INDEX workflow_versions_created_by_idx ON research.workflow_versions (created_by);
COMMENT ON TABLE research.workflow_versions IS
    'What a workflow said at a time. Never changed, so that a run can always be repeated as it was.';
COMMENT ON COLUMN research.workflow_versions.id IS 'What runs refer to.';
COMMENT ON COLUMN research.workflow_versions.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.workflow_versions.workflow_id IS 'A workflow of the same organization.';
COMMENT ON COLUMN research.workflow_versions.number IS 'Counts from 1 in each workflow, without gaps.';
COMMENT ON COLUMN research.workflow_versions.definition IS 'The whole of it, as an object.';
COMMENT ON COLUMN research.workflow_versions.sha256 IS 'Computed by the server from the definition; nobody can claim another.';
COMMENT ON COLUMN research.workflow_versions.created_by IS 'Who wrote it; null for the system.';
COMMENT ON COLUMN research.workflow_versions.created_at IS 'When it was added.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.workflow_versions
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.workflow_versions
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.add_workflow_version(
    to_workflow uuid, new_definition jsonb, OUT version_id uuid, OUT version_number bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    newest research.workflow_versions;
BEGIN
    PERFORM FROM research.workflows AS w
    WHERE w.id = to_workflow AND w.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow % does not exist here', to_workflow USING ERRCODE = 'no_data_found';
    END IF;
    SELECT v.* INTO newest FROM research.workflow_versions AS v
    WHERE v.organization_id = organization AND v.workflow_id = to_workflow
    ORDER BY v.number DESC LIMIT 1;
    IF newest.sha256 = research.digest(new_definition) THEN
        version_id := newest.id;
        version_number := newest.number;
        RETURN;
    END IF;
    INSERT INTO research.workflow_versions (organization_id, workflow_id, number, definition, created_by)
    VALUES (
        organization, to_workflow, coalesce(newest.number, 0) + 1, new_definition,
        identity.current_user_id()
    )
    RETURNING id, number INTO version_id, version_number;
END
$$;
COMMENT ON FUNCTION research.add_workflow_version(uuid, jsonb) IS
    'Adds a version under a lock on the workflow, so that numbers have no gaps; the same definition as the newest adds none.';


-- Stages and states.

CREATE TABLE research.stages (
    number bigint PRIMARY KEY CHECK (number BETWEEN 1 AND 20),
    key text NOT NULL UNIQUE CHECK (key ~ '^[a-z][a-z_]*$'),
    title text NOT NULL,
    purpose text NOT NULL
);
COMMENT ON TABLE research.stages IS 'The 20 stages that research goes through. Reference data: migrations change it, services read it.';
COMMENT ON COLUMN research.stages.number IS 'Its place in the pipeline.';
COMMENT ON COLUMN research.stages.key IS 'What code calls it.';
COMMENT ON COLUMN research.stages.title IS 'What people read.';
COMMENT ON COLUMN research.stages.purpose IS 'What has been reached when it is over.';

INSERT INTO research.stages (number, key, title, purpose) VALUES
    (1, 'topic_declaration', 'Topic declaration', 'The topic, its field and who is responsible are on record.'),
    (2, 'literature_search', 'Literature search', 'The search strategy has been run on the chosen sources.'),
    (3, 'literature_screening', 'Literature screening', 'Each paper is in or out, with the reason.'),
    (4, 'evidence_synthesis', 'Evidence synthesis', 'What is known and what is missing is summarised.'),
    (5, 'research_question', 'Research question', 'Question, hypotheses and endpoints are fixed.'),
    (6, 'protocol', 'Protocol and analysis plan', 'Design, sample size and analyses are planned before data are seen.'),
    (7, 'ethics_review', 'Ethics review', 'The approval, or why none is needed, is on record.'),
    (8, 'data_acquisition', 'Data acquisition', 'The data are here, with where they came from.'),
    (9, 'phi_screening', 'PHI screening', 'Health information of persons is found, removed or protected.'),
    (10, 'data_cleaning', 'Data cleaning', 'Implausible and missing values are dealt with, traceably.'),
    (11, 'cohort_definition', 'Cohort definition', 'Who is in the study follows from written criteria.'),
    (12, 'exploratory_analysis', 'Exploratory analysis', 'The data are described.'),
    (13, 'statistical_analysis', 'Statistical analysis', 'The planned analyses have been run.'),
    (14, 'sensitivity_analysis', 'Sensitivity analysis', 'It is known how much the results depend on choices.'),
    (15, 'figures_and_tables', 'Figures and tables', 'Results are shown, each made from an analysis.'),
    (16, 'manuscript_drafting', 'Manuscript drafting', 'A whole draft exists.'),
    (17, 'guideline_check', 'Reporting guideline check', 'The draft reports what its guideline asks for.'),
    (18, 'internal_review', 'Internal review', 'The authors have approved the text.'),
    (19, 'submission', 'Submission and peer review', 'It was submitted; reviewers are answered.'),
    (20, 'publication_and_archive', 'Publication and archive', 'Published, with data, code and text archived.');

CREATE TABLE research.run_transitions (
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE research.run_transitions IS 'Which state of a run may follow which; what is not here is refused. Reference data.';
COMMENT ON COLUMN research.run_transitions.from_state IS 'The state that is left.';
COMMENT ON COLUMN research.run_transitions.to_state IS 'The state that may follow it.';

INSERT INTO research.run_transitions (from_state, to_state) VALUES
    ('created', 'queued'),
    ('created', 'cancelled'),
    ('queued', 'running'),
    ('queued', 'cancelled'),
    ('running', 'paused'),
    ('running', 'awaiting_approval'),
    ('running', 'succeeded'),
    ('running', 'failed'),
    ('running', 'cancelled'),
    ('paused', 'queued'),
    ('paused', 'cancelled'),
    ('awaiting_approval', 'running'),
    ('awaiting_approval', 'failed'),
    ('awaiting_approval', 'cancelled'),
    ('failed', 'queued');

CREATE TABLE research.stage_transitions (
    from_state text NOT NULL,
    to_state text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE research.stage_transitions IS
    'The same for an attempt at a stage. A failed one stays failed: the next attempt is a row of its own.';
COMMENT ON COLUMN research.stage_transitions.from_state IS 'The state that is left.';
COMMENT ON COLUMN research.stage_transitions.to_state IS 'The state that may follow it.';

INSERT INTO research.stage_transitions (from_state, to_state) VALUES
    ('pending', 'running'),
    ('pending', 'skipped'),
    ('pending', 'cancelled'),
    ('running', 'awaiting_approval'),
    ('running', 'succeeded'),
    ('running', 'failed'),
    ('running', 'cancelled'),
    ('awaiting_approval', 'running'),
    ('awaiting_approval', 'succeeded'),
    ('awaiting_approval', 'failed'),
    ('awaiting_approval', 'cancelled');


-- Runs.

CREATE TABLE research.runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    project_id uuid NOT NULL,
    workflow_version_id uuid NOT NULL,
    parameters jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(parameters) = 'object'),
    state text NOT NULL DEFAULT 'created' CHECK (state IN (
        'created', 'queued', 'running', 'paused', 'awaiting_approval', 'succeeded', 'failed', 'cancelled'
    )),
    created_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES research.projects (organization_id, id),
    FOREIGN KEY (organization_id, workflow_version_id)
        REFERENCES research.workflow_versions (organization_id, id)
);
CREATE INDEX runs_project_idx ON research.runs (organization_id, project_id, created_at DESC);
CREATE INDEX runs_workflow_version_idx ON research.runs (organization_id, workflow_version_id);
CREATE INDEX runs_created_by_idx ON research.runs (created_by);
CREATE INDEX runs_open_idx ON research.runs (organization_id, state, created_at)
    WHERE state IN ('queued', 'running', 'paused', 'awaiting_approval');
COMMENT ON TABLE research.runs IS 'One passage of a project through the stages, by one version of a workflow.';
COMMENT ON COLUMN research.runs.id IS 'Random, so that it says nothing of how many there are.';
COMMENT ON COLUMN research.runs.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.runs.project_id IS 'A project of the same organization.';
COMMENT ON COLUMN research.runs.workflow_version_id IS 'What it follows, fixed at its start.';
COMMENT ON COLUMN research.runs.parameters IS 'What was chosen for this run.';
COMMENT ON COLUMN research.runs.state IS 'Where it stands; changed through research.move_run only.';
COMMENT ON COLUMN research.runs.created_by IS 'Who began it.';
COMMENT ON COLUMN research.runs.created_at IS 'When it was asked for.';
COMMENT ON COLUMN research.runs.started_at IS 'When it first ran; stamped by a trigger.';
COMMENT ON COLUMN research.runs.finished_at IS 'When it ended; null again after a retry.';

CREATE TABLE research.run_moves (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    from_state text,
    to_state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    moved_by uuid REFERENCES identity.users (id),
    moved_as text NOT NULL DEFAULT session_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, run_id, number),
    FOREIGN KEY (organization_id, run_id) REFERENCES research.runs (organization_id, id)
);
CREATE INDEX run_moves_moved_by_idx ON research.run_moves (moved_by);
COMMENT ON TABLE research.run_moves IS 'Every change of state of every run, written by a trigger whoever makes it.';
COMMENT ON COLUMN research.run_moves.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.run_moves.run_id IS 'Which run.';
COMMENT ON COLUMN research.run_moves.number IS 'Counts from 1 in each run.';
COMMENT ON COLUMN research.run_moves.from_state IS 'Null for its creation.';
COMMENT ON COLUMN research.run_moves.to_state IS 'The state since then.';
COMMENT ON COLUMN research.run_moves.reason IS 'Why, in the words of whoever moved it.';
COMMENT ON COLUMN research.run_moves.moved_by IS 'The user it was done for; null for the system.';
COMMENT ON COLUMN research.run_moves.moved_as IS 'The role that was logged in: which service did it.';
COMMENT ON COLUMN research.run_moves.moved_at IS 'The time of the change itself, not of its transaction''s begin.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.run_moves
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.run_moves
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE TABLE research.stage_runs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    stage bigint NOT NULL REFERENCES research.stages (number),
    attempt bigint NOT NULL CHECK (attempt > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN (
        'pending', 'running', 'awaiting_approval', 'succeeded', 'failed', 'skipped', 'cancelled'
    )),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, run_id, stage, attempt),
    FOREIGN KEY (organization_id, run_id) REFERENCES research.runs (organization_id, id)
);
CREATE UNIQUE INDEX stage_runs_one_that_counts_key ON research.stage_runs (run_id, stage)
    WHERE state NOT IN ('failed', 'cancelled');
CREATE INDEX stage_runs_stage_idx ON research.stage_runs (stage);
COMMENT ON TABLE research.stage_runs IS 'One attempt at one stage of a run.';
COMMENT ON INDEX research.stage_runs_one_that_counts_key IS
    'A stage has one attempt that is under way or has done its work; only failed and cancelled ones leave room for the next.';
COMMENT ON COLUMN research.stage_runs.id IS 'What checkpoints, jobs and approvals refer to.';
COMMENT ON COLUMN research.stage_runs.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.stage_runs.run_id IS 'A run of the same organization.';
COMMENT ON COLUMN research.stage_runs.stage IS 'Which of the 20 stages.';
COMMENT ON COLUMN research.stage_runs.attempt IS 'Counts from 1 in each stage of each run.';
COMMENT ON COLUMN research.stage_runs.state IS 'Where it stands; changed through research.move_stage only.';
COMMENT ON COLUMN research.stage_runs.created_at IS 'When the attempt was asked for.';
COMMENT ON COLUMN research.stage_runs.started_at IS 'When it first ran; stamped by a trigger.';
COMMENT ON COLUMN research.stage_runs.finished_at IS 'When it ended; stamped by a trigger.';

CREATE TABLE research.stage_moves (
    organization_id uuid NOT NULL,
    stage_run_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    from_state text,
    to_state text NOT NULL,
    reason text NOT NULL DEFAULT '',
    moved_by uuid REFERENCES identity.users (id),
    moved_as text NOT NULL DEFAULT session_user,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, stage_run_id, number),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id)
);
CREATE INDEX stage_moves_moved_by_idx ON research.stage_moves (moved_by);
COMMENT ON TABLE research.stage_moves IS 'Every change of state of every attempt, written by a trigger whoever makes it.';
COMMENT ON COLUMN research.stage_moves.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.stage_moves.stage_run_id IS 'Which attempt.';
COMMENT ON COLUMN research.stage_moves.number IS 'Counts from 1 in each attempt.';
COMMENT ON COLUMN research.stage_moves.from_state IS 'Null for its creation.';
COMMENT ON COLUMN research.stage_moves.to_state IS 'The state since then.';
COMMENT ON COLUMN research.stage_moves.reason IS 'Why, in the words of whoever moved it.';
COMMENT ON COLUMN research.stage_moves.moved_by IS 'The user it was done for; null for the system.';
COMMENT ON COLUMN research.stage_moves.moved_as IS 'The role that was logged in: which service did it.';
COMMENT ON COLUMN research.stage_moves.moved_at IS 'The time of the change itself, not of its transaction''s begin.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.stage_moves
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.stage_moves
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();


-- The rules, whoever writes.

CREATE FUNCTION research.guard_run_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'created' THEN
            RAISE EXCEPTION 'a run begins as created, not as %', NEW.state
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Insert it without a state, then call research.move_run.';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM research.run_transitions AS t
        WHERE t.from_state = OLD.state AND t.to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'a run can''t go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('From %s it may go to: %s.', OLD.state, coalesce((
                      SELECT string_agg(t.to_state, ', ' ORDER BY t.to_state)
                      FROM research.run_transitions AS t WHERE t.from_state = OLD.state
                  ), 'nowhere, that is an end'));
    END IF;
    IF NEW.state = 'succeeded' AND EXISTS (
        SELECT FROM research.stage_runs AS s
        WHERE s.organization_id = NEW.organization_id AND s.run_id = NEW.id
            AND s.state IN ('pending', 'running', 'awaiting_approval')
    ) THEN
        RAISE EXCEPTION 'run % can''t succeed while a stage of it is under way', NEW.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Finish, skip or cancel its stages first.';
    END IF;
    IF NEW.state = 'running' THEN
        NEW.started_at := coalesce(NEW.started_at, now());
    END IF;
    NEW.finished_at := CASE WHEN NEW.state IN ('succeeded', 'failed', 'cancelled') THEN now() END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION research.guard_run_state() IS
    'Refuses a state that run_transitions does not allow, also to the owner; stamps start and end.';

CREATE TRIGGER guard_state_first BEFORE INSERT ON research.runs
    FOR EACH ROW EXECUTE FUNCTION research.guard_run_state();
CREATE TRIGGER guard_state BEFORE UPDATE ON research.runs
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION research.guard_run_state();

CREATE FUNCTION research.record_run_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO research.run_moves (
        organization_id, run_id, number, from_state, to_state, reason, moved_by
    )
    SELECT
        NEW.organization_id, NEW.id, coalesce(max(m.number), 0) + 1,
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state,
        coalesce(current_setting('app.reason', true), ''), identity.current_user_id()
    FROM research.run_moves AS m
    WHERE m.organization_id = NEW.organization_id AND m.run_id = NEW.id;
    IF NEW.state IN ('failed', 'cancelled') THEN
        UPDATE research.stage_runs AS s SET state = 'cancelled'
        WHERE s.organization_id = NEW.organization_id AND s.run_id = NEW.id
            AND s.state IN ('pending', 'running', 'awaiting_approval');
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION research.record_run_move() IS
    'Writes the history, with the reason in app.reason; cancels the open stages of a run that failed or was cancelled.';

CREATE TRIGGER record_creation AFTER INSERT ON research.runs
    FOR EACH ROW EXECUTE FUNCTION research.record_run_move();
CREATE TRIGGER record_move AFTER UPDATE ON research.runs
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION research.record_run_move();

CREATE FUNCTION research.guard_stage_state() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    state_of_run text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'pending' THEN
            RAISE EXCEPTION 'an attempt at a stage begins as pending, not as %', NEW.state
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Call research.begin_stage, then research.move_stage.';
        END IF;
        RETURN NEW;
    END IF;
    IF NOT EXISTS (
        SELECT FROM research.stage_transitions AS t
        WHERE t.from_state = OLD.state AND t.to_state = NEW.state
    ) THEN
        RAISE EXCEPTION 'an attempt at a stage can''t go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = format('From %s it may go to: %s.', OLD.state, coalesce((
                      SELECT string_agg(t.to_state, ', ' ORDER BY t.to_state)
                      FROM research.stage_transitions AS t WHERE t.from_state = OLD.state
                  ), 'nowhere, that is an end'));
    END IF;
    IF NEW.state = 'running' THEN
        SELECT r.state INTO state_of_run FROM research.runs AS r
        WHERE r.organization_id = NEW.organization_id AND r.id = NEW.run_id FOR SHARE;
        IF state_of_run NOT IN ('running', 'awaiting_approval') THEN
            RAISE EXCEPTION 'a stage can''t run while its run is %', state_of_run
                USING ERRCODE = 'object_not_in_prerequisite_state',
                      HINT = 'Move the run first.';
        END IF;
        NEW.started_at := coalesce(NEW.started_at, now());
    END IF;
    NEW.finished_at := CASE
        WHEN NEW.state IN ('succeeded', 'failed', 'skipped', 'cancelled') THEN now()
    END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION research.guard_stage_state() IS
    'Refuses a state that stage_transitions does not allow, also to the owner; stamps start and end.';

CREATE TRIGGER guard_state_first BEFORE INSERT ON research.stage_runs
    FOR EACH ROW EXECUTE FUNCTION research.guard_stage_state();
CREATE TRIGGER guard_state BEFORE UPDATE ON research.stage_runs
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION research.guard_stage_state();

CREATE FUNCTION research.record_stage_move() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO research.stage_moves (
        organization_id, stage_run_id, number, from_state, to_state, reason, moved_by
    )
    SELECT
        NEW.organization_id, NEW.id, coalesce(max(m.number), 0) + 1,
        CASE WHEN TG_OP = 'UPDATE' THEN OLD.state END, NEW.state,
        coalesce(current_setting('app.reason', true), ''), identity.current_user_id()
    FROM research.stage_moves AS m
    WHERE m.organization_id = NEW.organization_id AND m.stage_run_id = NEW.id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION research.record_stage_move() IS 'Writes the history, with the reason in app.reason.';

CREATE TRIGGER record_creation AFTER INSERT ON research.stage_runs
    FOR EACH ROW EXECUTE FUNCTION research.record_stage_move();
CREATE TRIGGER record_move AFTER UPDATE ON research.stage_runs
    FOR EACH ROW WHEN (NEW.state IS DISTINCT FROM OLD.state)
    EXECUTE FUNCTION research.record_stage_move();


-- How services move.

CREATE FUNCTION research.move_run(of_run uuid, into_state text, because text DEFAULT '')
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    left_state text;
BEGIN
    SELECT r.state INTO left_state FROM research.runs AS r
    WHERE r.id = of_run AND r.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % does not exist here', of_run USING ERRCODE = 'no_data_found';
    END IF;
    IF left_state = into_state THEN
        RAISE EXCEPTION 'run % is % already', of_run, into_state
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Somebody else may have moved it: read it again.';
    END IF;
    PERFORM set_config('app.reason', coalesce(because, ''), true);
    UPDATE research.runs SET state = into_state WHERE id = of_run;
    PERFORM set_config('app.reason', '', true);
    RETURN left_state;
END
$$;
COMMENT ON FUNCTION research.move_run(uuid, text, text) IS
    'Moves a run of this organization into a state that may follow its own, and records who and why; returns the state it left.';

CREATE FUNCTION research.begin_stage(of_run uuid, at_stage bigint, because text DEFAULT '')
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    state_of_run text;
    begun uuid;
BEGIN
    SELECT r.state INTO state_of_run FROM research.runs AS r
    WHERE r.id = of_run AND r.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % does not exist here', of_run USING ERRCODE = 'no_data_found';
    END IF;
    IF state_of_run <> 'running' THEN
        RAISE EXCEPTION 'a stage can''t begin while its run is %', state_of_run
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Move the run to running first.';
    END IF;
    PERFORM set_config('app.reason', coalesce(because, ''), true);
    INSERT INTO research.stage_runs (organization_id, run_id, stage, attempt)
    SELECT organization, of_run, at_stage, coalesce(max(s.attempt), 0) + 1
    FROM research.stage_runs AS s
    WHERE s.organization_id = organization AND s.run_id = of_run AND s.stage = at_stage
    RETURNING id INTO begun;
    PERFORM set_config('app.reason', '', true);
    RETURN begun;
END
$$;
COMMENT ON FUNCTION research.begin_stage(uuid, bigint, text) IS
    'Adds the next attempt at a stage, pending. Refused while an earlier attempt is open or has done the work.';

CREATE FUNCTION research.move_stage(of_stage_run uuid, into_state text, because text DEFAULT '')
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    left_state text;
BEGIN
    -- The run before the stage: the order in which research.move_run locks them too.
    PERFORM FROM research.runs AS r
    JOIN research.stage_runs AS s ON s.organization_id = r.organization_id AND s.run_id = r.id
    WHERE s.id = of_stage_run AND s.organization_id = organization FOR SHARE OF r;
    SELECT s.state INTO left_state FROM research.stage_runs AS s
    WHERE s.id = of_stage_run AND s.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stage run % does not exist here', of_stage_run
            USING ERRCODE = 'no_data_found';
    END IF;
    IF left_state = into_state THEN
        RAISE EXCEPTION 'stage run % is % already', of_stage_run, into_state
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Somebody else may have moved it: read it again.';
    END IF;
    PERFORM set_config('app.reason', coalesce(because, ''), true);
    UPDATE research.stage_runs SET state = into_state WHERE id = of_stage_run;
    PERFORM set_config('app.reason', '', true);
    RETURN left_state;
END
$$;
COMMENT ON FUNCTION research.move_stage(uuid, text, text) IS
    'Moves an attempt at a stage into a state that may follow its own, and records who and why; returns the state it left.';


-- Checkpoints.

CREATE TABLE research.checkpoints (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    stage_run_id uuid NOT NULL,
    sequence bigint NOT NULL CHECK (sequence > 0),
    state jsonb NOT NULL,
    sha256 bytea NOT NULL GENERATED ALWAYS AS (research.digest(state)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, stage_run_id, sequence),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id)
);
COMMENT ON TABLE research.checkpoints IS
    'From where an attempt goes on after its worker died. The newest of a stage run is what counts; none is ever changed.';
COMMENT ON COLUMN research.checkpoints.id IS 'What logs and errors name it by.';
COMMENT ON COLUMN research.checkpoints.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.checkpoints.stage_run_id IS 'Which attempt at which stage.';
COMMENT ON COLUMN research.checkpoints.sequence IS 'Counts from 1 in each attempt, without gaps.';
COMMENT ON COLUMN research.checkpoints.state IS 'What the worker needs to go on; references to artifacts, never data of patients.';
COMMENT ON COLUMN research.checkpoints.sha256 IS 'Computed by the server: a worker that restores it can tell that it is whole.';
COMMENT ON COLUMN research.checkpoints.created_at IS 'When it was taken.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.checkpoints
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.save_checkpoint(of_stage_run uuid, new_state jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    state_of_stage text;
    saved bigint;
BEGIN
    SELECT s.state INTO state_of_stage FROM research.stage_runs AS s
    WHERE s.id = of_stage_run AND s.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'stage run % does not exist here', of_stage_run
            USING ERRCODE = 'no_data_found';
    END IF;
    IF state_of_stage <> 'running' THEN
        RAISE EXCEPTION 'stage run % is %: only a running one takes checkpoints',
            of_stage_run, state_of_stage
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Stop: somebody has ended or paused this attempt.';
    END IF;
    INSERT INTO research.checkpoints (organization_id, stage_run_id, sequence, state)
    SELECT organization, of_stage_run, coalesce(max(c.sequence), 0) + 1, new_state
    FROM research.checkpoints AS c
    WHERE c.organization_id = organization AND c.stage_run_id = of_stage_run
    RETURNING sequence INTO saved;
    RETURN saved;
END
$$;
COMMENT ON FUNCTION research.save_checkpoint(uuid, jsonb) IS
    'Adds a checkpoint under a lock on the stage run; returns its sequence. A worker whose attempt was ended learns it here.';


-- Isolation and rights.

ALTER TABLE research.projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.projects
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.project_members ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.project_members
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.workflows ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.workflows
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.workflow_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.workflow_versions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.runs
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.run_moves ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.run_moves
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.stage_runs ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.stage_runs
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.stage_moves ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.stage_moves
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.checkpoints ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.checkpoints
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));

GRANT SELECT ON
    research.projects, research.project_members, research.workflows, research.workflow_versions,
    research.stages, research.run_transitions, research.stage_transitions, research.runs,
    research.run_moves, research.stage_runs, research.stage_moves, research.checkpoints
TO rf_research_read, rf_research_write;

-- No DELETE but of members; no states, and no say in who it was: that is the user in context.
GRANT INSERT (id, organization_id, title, description),
    UPDATE (title, description, status) ON research.projects TO rf_research_write;
GRANT INSERT (organization_id, project_id, user_id, role), UPDATE (role), DELETE
    ON research.project_members TO rf_research_write;
GRANT INSERT (id, organization_id, name, description),
    UPDATE (name, description, status) ON research.workflows TO rf_research_write;
GRANT INSERT (id, organization_id, project_id, workflow_version_id, parameters)
    ON research.runs TO rf_research_write;
GRANT EXECUTE ON FUNCTION
    research.add_workflow_version(uuid, jsonb), research.move_run(uuid, text, text),
    research.begin_stage(uuid, bigint, text), research.move_stage(uuid, text, text),
    research.save_checkpoint(uuid, jsonb)
TO rf_research_write;
GRANT EXECUTE ON FUNCTION research.digest(jsonb) TO rf_research_read, rf_research_write;
