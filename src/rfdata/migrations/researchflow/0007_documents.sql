-- What research makes: artifacts and where they came from, manuscripts, datasets, approvals.
--
-- No bytes of artifacts and no text of patients is stored here: versions name their content by
-- hash and place, findings of health information by place and a keyed fingerprint.


-- Artifacts.

CREATE TABLE research.artifacts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    project_id uuid NOT NULL,
    run_id uuid,
    name text NOT NULL CHECK (name <> ''),
    kind text NOT NULL CHECK (kind IN (
        'document', 'data', 'code', 'figure', 'table', 'model', 'log', 'other'
    )),
    created_by uuid DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES research.projects (organization_id, id),
    FOREIGN KEY (organization_id, run_id) REFERENCES research.runs (organization_id, id)
);
CREATE INDEX artifacts_project_idx ON research.artifacts (organization_id, project_id, created_at DESC);
CREATE INDEX artifacts_run_idx ON research.artifacts (organization_id, run_id);
CREATE INDEX artifacts_created_by_idx ON research.artifacts (created_by);
COMMENT ON TABLE research.artifacts IS 'Something that research made or took in; what it consists of is in its versions.';
COMMENT ON COLUMN research.artifacts.id IS 'Stays the same through all versions.';
COMMENT ON COLUMN research.artifacts.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.artifacts.project_id IS 'A project of the same organization.';
COMMENT ON COLUMN research.artifacts.run_id IS 'The run that made it first; null for what people brought in.';
COMMENT ON COLUMN research.artifacts.name IS 'As people call it; need not be unique.';
COMMENT ON COLUMN research.artifacts.kind IS 'What sort of thing it is, for showing and filtering.';
COMMENT ON COLUMN research.artifacts.created_by IS 'Who brought it in; null for the system.';
COMMENT ON COLUMN research.artifacts.created_at IS 'When it was first known.';

CREATE TABLE research.artifact_versions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    artifact_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    byte_size bigint NOT NULL CHECK (byte_size >= 0),
    media_type text NOT NULL CHECK (media_type ~ '^[a-z]+/[a-z0-9][a-z0-9.+-]*(;.*)?$'),
    storage_uri text NOT NULL
        CHECK (storage_uri ~ '^[a-z][a-z0-9+.-]*:.' AND storage_uri !~ '^[^/]*//[^/]*@'),
    stage_run_id uuid,
    created_by uuid REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, artifact_id, number),
    FOREIGN KEY (organization_id, artifact_id) REFERENCES research.artifacts (organization_id, id),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id)
);
CREATE INDEX artifact_versions_stage_run_idx ON research.artifact_versions (organization_id, stage_run_id);
CREATE INDEX artifact_versions_content_idx ON research.artifact_versions (organization_id, sha256);
CREATE INDEX artifact_versions_created_by_idx ON research.artifact_versions (created_by);
COMMENT ON TABLE research.artifact_versions IS
    'One content of an artifact: its hash and where the bytes lie, never the bytes. Never changed.';
COMMENT ON COLUMN research.artifact_versions.id IS 'A node of the graph in artifact_edges.';
COMMENT ON COLUMN research.artifact_versions.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.artifact_versions.artifact_id IS 'An artifact of the same organization.';
COMMENT ON COLUMN research.artifact_versions.number IS 'Counts from 1 in each artifact, without gaps.';
COMMENT ON COLUMN research.artifact_versions.sha256 IS 'Of the bytes, 32 bytes: the same content is recognised wherever it turns up.';
COMMENT ON COLUMN research.artifact_versions.byte_size IS 'A second check on what storage gives back.';
COMMENT ON COLUMN research.artifact_versions.media_type IS 'As HTTP names it, lower case.';
COMMENT ON COLUMN research.artifact_versions.storage_uri IS 'Where the bytes lie, without credentials.';
COMMENT ON COLUMN research.artifact_versions.stage_run_id IS 'The attempt that made it; null for what people brought in.';
COMMENT ON COLUMN research.artifact_versions.created_by IS 'Who added it; null for the system. Can''t approve it.';
COMMENT ON COLUMN research.artifact_versions.created_at IS 'When it was added.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.artifact_versions
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.artifact_versions
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.add_artifact_version(
    to_artifact uuid, content_sha256 bytea, content_size bigint, content_type text,
    content_uri text, by_stage_run uuid DEFAULT NULL,
    OUT version_id uuid, OUT version_number bigint
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    newest research.artifact_versions;
BEGIN
    PERFORM FROM research.artifacts AS a
    WHERE a.id = to_artifact AND a.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'artifact % does not exist here', to_artifact USING ERRCODE = 'no_data_found';
    END IF;
    SELECT v.* INTO newest FROM research.artifact_versions AS v
    WHERE v.organization_id = organization AND v.artifact_id = to_artifact
    ORDER BY v.number DESC LIMIT 1;
    IF newest.sha256 = content_sha256 THEN
        version_id := newest.id;
        version_number := newest.number;
        RETURN;
    END IF;
    INSERT INTO research.artifact_versions (
        organization_id, artifact_id, number, sha256, byte_size, media_type, storage_uri,
        stage_run_id, created_by
    )
    VALUES (
        organization, to_artifact, coalesce(newest.number, 0) + 1, content_sha256, content_size,
        content_type, content_uri, by_stage_run, identity.current_user_id()
    )
    RETURNING id, number INTO version_id, version_number;
END
$$;
COMMENT ON FUNCTION research.add_artifact_version(uuid, bytea, bigint, text, text, uuid) IS
    'Adds a version under a lock on the artifact, so that numbers have no gaps; the same content as the newest adds none, so that a retried job does no harm.';

CREATE TABLE research.artifact_edges (
    organization_id uuid NOT NULL DEFAULT identity.current_organization(),
    from_version_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('derived_from', 'supersedes', 'cites', 'describes', 'uses')),
    to_version_id uuid NOT NULL,
    created_by uuid DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, from_version_id, kind, to_version_id),
    CHECK (from_version_id <> to_version_id),
    FOREIGN KEY (organization_id, from_version_id)
        REFERENCES research.artifact_versions (organization_id, id),
    FOREIGN KEY (organization_id, to_version_id)
        REFERENCES research.artifact_versions (organization_id, id)
);
CREATE INDEX artifact_edges_to_idx ON research.artifact_edges (organization_id, to_version_id, kind);
CREATE INDEX artifact_edges_created_by_idx ON research.artifact_edges (created_by);
COMMENT ON TABLE research.artifact_edges IS
    'How versions hang together, read as a sentence: from derived_from to. Two kinds have no cycles: derived_from and supersedes.';
COMMENT ON COLUMN research.artifact_edges.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.artifact_edges.from_version_id IS 'The later one, of which something is said.';
COMMENT ON COLUMN research.artifact_edges.kind IS 'What is said of it.';
COMMENT ON COLUMN research.artifact_edges.to_version_id IS 'What it refers to; of the same organization, never itself.';
COMMENT ON COLUMN research.artifact_edges.created_by IS 'Who said so; null for the system.';
COMMENT ON COLUMN research.artifact_edges.created_at IS 'When it was said.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.artifact_edges
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.artifact_edges
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.refuse_cycle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- With LATERAL and OFFSET 0 below: one look into the index for each version, also while the statistics
-- are out of date. Joined freely, the planner read all edges for each: 54 s for 10,000.
SET enable_seqscan = off
AS $$
DECLARE
    most CONSTANT bigint := 10000;
    reached bigint;
    closes boolean;
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        RAISE EXCEPTION 'edges of kind % are not added under REPEATABLE READ', NEW.kind
            USING ERRCODE = 'feature_not_supported',
                  DETAIL = 'Its snapshot hides the edges that others have just added.',
                  HINT = 'Use READ COMMITTED or SERIALIZABLE.';
    END IF;
    PERFORM pg_advisory_xact_lock(
        hashtextextended('research.artifact_edges ' || NEW.kind, 0)
        # hashtextextended(NEW.organization_id::text, 0)
    );
    WITH RECURSIVE reachable (id) AS (
        SELECT NEW.to_version_id
        UNION
        SELECT step.to_version_id
        FROM reachable AS r
        CROSS JOIN LATERAL (
            SELECT e.to_version_id FROM research.artifact_edges AS e
            WHERE e.organization_id = NEW.organization_id AND e.from_version_id = r.id
                AND e.kind = NEW.kind
            OFFSET 0
        ) AS step
    )
    SELECT count(*), coalesce(bool_or(seen.id = NEW.from_version_id), false) INTO reached, closes
    FROM (SELECT r.id FROM reachable AS r LIMIT most + 1) AS seen;
    IF closes THEN
        RAISE EXCEPTION 'version % can''t be % version %: that closes a cycle',
            NEW.from_version_id, NEW.kind, NEW.to_version_id
            USING ERRCODE = 'integrity_constraint_violation',
                  HINT = 'The second already goes back to the first.';
    END IF;
    IF reached > most THEN
        RAISE EXCEPTION 'more than % versions lie behind version %', most, NEW.to_version_id
            USING ERRCODE = 'program_limit_exceeded',
                  HINT = 'Refer to a version that sums them up.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION research.refuse_cycle() IS
    'Nothing may come from itself. One writer a kind and organization at a time, so that two edges which close a cycle together can''t pass each other; it looks at 10,000 versions at most.';

CREATE TRIGGER refuse_cycle AFTER INSERT ON research.artifact_edges
    FOR EACH ROW WHEN (NEW.kind IN ('derived_from', 'supersedes'))
    EXECUTE FUNCTION research.refuse_cycle();


-- Manuscripts: a chain of versions that shows every change made past it.

CREATE TABLE research.manuscripts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    project_id uuid NOT NULL,
    title text NOT NULL CHECK (title <> ''),
    status text NOT NULL DEFAULT 'draft' CHECK (status IN ('draft', 'submitted', 'published', 'archived')),
    head_number bigint NOT NULL DEFAULT 0 CHECK (head_number >= 0),
    head_hash bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(head_hash) = 32),
    created_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES research.projects (organization_id, id)
);
CREATE INDEX manuscripts_project_idx ON research.manuscripts (organization_id, project_id);
CREATE INDEX manuscripts_created_by_idx ON research.manuscripts (created_by);
COMMENT ON TABLE research.manuscripts IS 'A text that people write together, and where its chain of versions ends.';
COMMENT ON COLUMN research.manuscripts.id IS 'Goes into every hash: no version can be moved to another manuscript.';
COMMENT ON COLUMN research.manuscripts.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.manuscripts.project_id IS 'A project of the same organization.';
COMMENT ON COLUMN research.manuscripts.title IS 'The working title.';
COMMENT ON COLUMN research.manuscripts.status IS 'How far it is; archived ones take no more versions.';
COMMENT ON COLUMN research.manuscripts.head_number IS 'The newest version''s number; 0 before the first.';
COMMENT ON COLUMN research.manuscripts.head_hash IS
    'The newest version''s hash, so that a version cut off at the end is missed; zeros before the first.';
COMMENT ON COLUMN research.manuscripts.created_by IS 'Who began it.';
COMMENT ON COLUMN research.manuscripts.created_at IS 'When it was begun.';
COMMENT ON COLUMN research.manuscripts.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON research.manuscripts
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE research.manuscript_versions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    manuscript_id uuid NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    content text NOT NULL,
    note text NOT NULL DEFAULT '',
    author_id uuid NOT NULL REFERENCES identity.users (id),
    created_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, manuscript_id, number),
    FOREIGN KEY (organization_id, manuscript_id) REFERENCES research.manuscripts (organization_id, id)
);
CREATE INDEX manuscript_versions_author_idx ON research.manuscript_versions (author_id);
COMMENT ON TABLE research.manuscript_versions IS
    'What a manuscript said at a time, and who wrote it; each version''s hash covers the one before. Never changed.';
COMMENT ON COLUMN research.manuscript_versions.id IS 'What approvals refer to.';
COMMENT ON COLUMN research.manuscript_versions.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.manuscript_versions.manuscript_id IS 'A manuscript of the same organization.';
COMMENT ON COLUMN research.manuscript_versions.number IS 'Counts from 1 in each manuscript, without gaps.';
COMMENT ON COLUMN research.manuscript_versions.content IS 'The whole text, in whatever form the editor keeps it.';
COMMENT ON COLUMN research.manuscript_versions.note IS 'What was changed and why.';
COMMENT ON COLUMN research.manuscript_versions.author_id IS 'Who added it; the user in context. Can''t approve it.';
COMMENT ON COLUMN research.manuscript_versions.created_at IS 'When, by the server''s clock, under the lock.';
COMMENT ON COLUMN research.manuscript_versions.previous_hash IS 'The hash of the version before; zeros for the first.';
COMMENT ON COLUMN research.manuscript_versions.hash IS 'research.manuscript_hash() of this row and previous_hash.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.manuscript_versions
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.manuscript_versions
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.manuscript_hash(version research.manuscript_versions) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(
    version.previous_hash
    || sha256(convert_to(version.content, 'UTF8'))
    || convert_to(
        jsonb_build_array(
            version.organization_id, version.manuscript_id, version.number, version.author_id,
            trunc(extract(epoch FROM version.created_at) * 1000000), version.note
        )::text,
        'UTF8'
    )
);
COMMENT ON FUNCTION research.manuscript_hash(research.manuscript_versions) IS
    'SHA-256 over the hash before (32 bytes), the text''s own SHA-256 (32 bytes), and a JSON array of organization, manuscript, number, author, microseconds since 1970 and note. Takes no session''s time zone into account.';

CREATE FUNCTION research.append_manuscript_version(
    to_manuscript uuid, new_content text, new_note text DEFAULT '',
    expected_number bigint DEFAULT NULL,
    OUT version_id uuid, OUT version_number bigint, OUT version_hash bytea
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    head research.manuscripts;
    version research.manuscript_versions;
BEGIN
    SELECT m.* INTO head FROM research.manuscripts AS m
    WHERE m.id = to_manuscript AND m.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'manuscript % does not exist here', to_manuscript
            USING ERRCODE = 'no_data_found';
    END IF;
    IF head.status = 'archived' THEN
        RAISE EXCEPTION 'manuscript % is archived', to_manuscript
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF head.head_number <> expected_number THEN
        RAISE EXCEPTION 'manuscript % is at version % already, not %',
            to_manuscript, head.head_number, expected_number
            USING ERRCODE = 'serialization_failure',
                  HINT = 'Somebody was faster: merge with their version and append again.';
    END IF;
    version.id := gen_random_uuid();
    version.organization_id := organization;
    version.manuscript_id := to_manuscript;
    version.number := head.head_number + 1;
    version.content := new_content;
    version.note := coalesce(new_note, '');
    version.author_id := identity.current_user_id();
    version.created_at := clock_timestamp();
    version.previous_hash := head.head_hash;
    version.hash := research.manuscript_hash(version);
    INSERT INTO research.manuscript_versions SELECT version.*;
    UPDATE research.manuscripts
    SET head_number = version.number, head_hash = version.hash
    WHERE id = to_manuscript;
    version_id := version.id;
    version_number := version.number;
    version_hash := version.hash;
END
$$;
COMMENT ON FUNCTION research.append_manuscript_version(uuid, text, text, bigint) IS
    'Adds a version by the user in context under a lock on the head, so that a chain can''t fork. With expected_number it is refused (40001) when somebody else was faster.';

CREATE FUNCTION research.verify_manuscript(of_manuscript uuid, OUT number bigint, OUT problem text)
RETURNS SETOF record
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    head research.manuscripts;
    version research.manuscript_versions;
    hash_before bytea := decode(repeat('00', 32), 'hex');
    number_before bigint := 0;
BEGIN
    SELECT m.* INTO head FROM research.manuscripts AS m WHERE m.id = of_manuscript;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'manuscript % does not exist here', of_manuscript
            USING ERRCODE = 'no_data_found', HINT = 'Is the organization set? See identity.enter().';
    END IF;
    FOR version IN
        SELECT v.* FROM research.manuscript_versions AS v
        WHERE v.organization_id = head.organization_id AND v.manuscript_id = of_manuscript
        ORDER BY v.number
    LOOP
        number := number_before + 1;
        problem := CASE
            WHEN version.number <> number THEN 'is missing'
            WHEN version.previous_hash <> hash_before THEN 'does not follow the version before it'
            WHEN version.hash IS DISTINCT FROM research.manuscript_hash(version)
                THEN 'was changed after it was added'
            WHEN version.number = head.head_number AND version.hash <> head.head_hash
                THEN 'is not the one that the manuscript ends with'
            WHEN version.number > head.head_number THEN 'was added past the manuscript''s end'
        END;
        IF problem IS NOT NULL THEN
            RETURN NEXT;
            RETURN;
        END IF;
        number_before := version.number;
        hash_before := version.hash;
    END LOOP;
    IF number_before < head.head_number THEN
        number := number_before + 1;
        problem := 'is missing';
        RETURN NEXT;
    END IF;
END
$$;
COMMENT ON FUNCTION research.verify_manuscript(uuid) IS
    'The first version at which the chain is broken, and how; no row when all is well.';


-- Datasets, and the health information of persons that is found in them.

CREATE TABLE research.datasets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    project_id uuid NOT NULL,
    artifact_version_id uuid,
    name text NOT NULL CHECK (name <> ''),
    source text NOT NULL DEFAULT '',
    classification text NOT NULL DEFAULT 'CONFIDENTIAL'
        CHECK (classification IN ('PUBLIC', 'INTERNAL', 'CONFIDENTIAL', 'PHI')),
    classification_reason text NOT NULL DEFAULT '',
    classified_by uuid REFERENCES identity.users (id),
    classified_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, project_id) REFERENCES research.projects (organization_id, id),
    FOREIGN KEY (organization_id, artifact_version_id)
        REFERENCES research.artifact_versions (organization_id, id)
);
CREATE INDEX datasets_project_idx ON research.datasets (organization_id, project_id);
CREATE INDEX datasets_artifact_version_idx ON research.datasets (organization_id, artifact_version_id);
CREATE INDEX datasets_classified_by_idx ON research.datasets (classified_by);
CREATE INDEX datasets_created_by_idx ON research.datasets (created_by);
COMMENT ON TABLE research.datasets IS 'Data that a project works on, and how sensitive they are.';
COMMENT ON COLUMN research.datasets.id IS 'What findings and approvals refer to.';
COMMENT ON COLUMN research.datasets.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.datasets.project_id IS 'A project of the same organization.';
COMMENT ON COLUMN research.datasets.artifact_version_id IS 'Where the data lie; null until they are stored.';
COMMENT ON COLUMN research.datasets.name IS 'As people call it.';
COMMENT ON COLUMN research.datasets.source IS 'Where the data came from, for people.';
COMMENT ON COLUMN research.datasets.classification IS
    'Confidential until somebody says otherwise; PHI as soon as a finding is open, and as long as one is open or confirmed.';
COMMENT ON COLUMN research.datasets.classification_reason IS 'Why it is classified so.';
COMMENT ON COLUMN research.datasets.classified_by IS 'Who said so; null for the system.';
COMMENT ON COLUMN research.datasets.classified_at IS 'Since when it is classified so.';
COMMENT ON COLUMN research.datasets.created_by IS 'Who brought it in. Can''t approve it.';
COMMENT ON COLUMN research.datasets.created_at IS 'When it was brought in.';
COMMENT ON COLUMN research.datasets.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON research.datasets
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE research.phi_findings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization(),
    dataset_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN (
        'name', 'geography', 'date', 'age', 'phone', 'fax', 'email', 'social_security_number',
        'medical_record_number', 'health_plan_number', 'account_number', 'license_number',
        'vehicle_identifier', 'device_identifier', 'url', 'ip_address', 'biometric', 'photograph',
        'other_identifier'
    )),
    location jsonb NOT NULL CHECK (
        jsonb_typeof(location) = 'object' AND octet_length(location::text) <= 1000
        AND location - ARRAY['file', 'sheet', 'column', 'row', 'page', 'line', 'offset', 'length'] = '{}'
    ),
    confidence numeric NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    detector text NOT NULL CHECK (detector <> ''),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    resolution text NOT NULL DEFAULT 'open'
        CHECK (resolution IN ('open', 'confirmed', 'removed', 'false_positive')),
    resolution_note text NOT NULL DEFAULT '',
    resolved_by uuid REFERENCES identity.users (id),
    resolved_at timestamptz,
    found_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, dataset_id, kind, location, fingerprint),
    FOREIGN KEY (organization_id, dataset_id) REFERENCES research.datasets (organization_id, id),
    CHECK ((resolution = 'open') = (resolved_at IS NULL)),
    CHECK ((resolved_at IS NULL) = (resolved_by IS NULL))
);
CREATE INDEX phi_findings_resolved_by_idx ON research.phi_findings (resolved_by);
CREATE INDEX phi_findings_standing_idx ON research.phi_findings (organization_id, dataset_id)
    WHERE resolution IN ('open', 'confirmed');
COMMENT ON TABLE research.phi_findings IS
    'Where health information of a person was found. What was found is never stored: a second copy of it would be a second leak.';
COMMENT ON COLUMN research.phi_findings.id IS 'What logs name it by.';
COMMENT ON COLUMN research.phi_findings.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.phi_findings.dataset_id IS 'A dataset of the same organization.';
COMMENT ON COLUMN research.phi_findings.kind IS 'The identifiers of the HIPAA Safe Harbor rule, and ages over 89.';
COMMENT ON COLUMN research.phi_findings.location IS
    'Where in the dataset; only the keys that the check lists, so that no detector puts text around the match here.';
COMMENT ON COLUMN research.phi_findings.confidence IS 'The detector''s own, from 0 to 1.';
COMMENT ON COLUMN research.phi_findings.detector IS 'Which detector, with its version.';
COMMENT ON COLUMN research.phi_findings.fingerprint IS
    'HMAC-SHA-256 of what matched, under a key that is not in this database: equal values can be told, guessed ones can''t be confirmed.';
COMMENT ON COLUMN research.phi_findings.resolution IS 'What people made of it; open or confirmed ones keep the dataset PHI.';
COMMENT ON COLUMN research.phi_findings.resolution_note IS 'Why, without quoting what was found.';
COMMENT ON COLUMN research.phi_findings.resolved_by IS 'Who resolved it.';
COMMENT ON COLUMN research.phi_findings.resolved_at IS 'When; null while it is open.';
COMMENT ON COLUMN research.phi_findings.found_at IS 'When it was found first; finding it again adds no row.';

CREATE FUNCTION research.guard_classification() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.classification <> 'PHI' AND EXISTS (
        SELECT FROM research.phi_findings AS f
        WHERE f.organization_id = NEW.organization_id AND f.dataset_id = NEW.id
            AND f.resolution IN ('open', 'confirmed')
    ) THEN
        RAISE EXCEPTION 'dataset % has findings that are open or confirmed: it stays PHI', NEW.id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Resolve them first: research.resolve_phi_finding().';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION research.guard_classification() IS
    'BEFORE UPDATE: a dataset isn''t called harmless while something says that it isn''t.';
CREATE TRIGGER guard_classification BEFORE UPDATE ON research.datasets
    FOR EACH ROW WHEN (NEW.classification IS DISTINCT FROM OLD.classification)
    EXECUTE FUNCTION research.guard_classification();

CREATE FUNCTION research.raise_classification() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Written even where it is PHI already: whoever lowers it at the same time waits, then sees this finding.
    UPDATE research.datasets
    SET classification = 'PHI',
        classification_reason = CASE
            WHEN classification = 'PHI' THEN classification_reason
            ELSE 'A finding of health information is open or confirmed.'
        END,
        classified_by = CASE WHEN classification = 'PHI' THEN classified_by END,
        classified_at = CASE WHEN classification = 'PHI' THEN classified_at ELSE now() END
    WHERE organization_id = NEW.organization_id AND id = NEW.dataset_id;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION research.raise_classification() IS
    'AFTER INSERT OR UPDATE: an open or confirmed finding makes its dataset PHI in the same transaction.';
CREATE TRIGGER raise_classification AFTER INSERT OR UPDATE ON research.phi_findings
    FOR EACH ROW WHEN (NEW.resolution IN ('open', 'confirmed'))
    EXECUTE FUNCTION research.raise_classification();

CREATE FUNCTION research.classify_dataset(of_dataset uuid, as_class text, because text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    actor CONSTANT uuid := identity.current_user_id();
    class_before text;
BEGIN
    IF actor IS NULL OR NOT identity.has_permission(actor, organization, 'dataset.classify') THEN
        RAISE EXCEPTION 'classifying a dataset takes the permission dataset.classify'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT d.classification INTO class_before FROM research.datasets AS d
    WHERE d.id = of_dataset AND d.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'dataset % does not exist here', of_dataset USING ERRCODE = 'no_data_found';
    END IF;
    UPDATE research.datasets
    SET classification = as_class, classification_reason = because, classified_by = actor,
        classified_at = now()
    WHERE id = of_dataset;
    RETURN class_before;
END
$$;
COMMENT ON FUNCTION research.classify_dataset(uuid, text, text) IS
    'Says how sensitive a dataset is, and why; returns what it was classified as before.';

CREATE FUNCTION research.resolve_phi_finding(of_finding uuid, as_resolution text, because text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    actor CONSTANT uuid := identity.current_user_id();
    resolution_before text;
BEGIN
    IF actor IS NULL OR NOT identity.has_permission(actor, organization, 'dataset.classify') THEN
        RAISE EXCEPTION 'resolving a finding takes the permission dataset.classify'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT f.resolution INTO resolution_before FROM research.phi_findings AS f
    WHERE f.id = of_finding AND f.organization_id = organization FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'finding % does not exist here', of_finding USING ERRCODE = 'no_data_found';
    END IF;
    UPDATE research.phi_findings
    SET resolution = as_resolution,
        resolution_note = because,
        resolved_by = CASE WHEN as_resolution <> 'open' THEN actor END,
        resolved_at = CASE WHEN as_resolution <> 'open' THEN now() END
    WHERE id = of_finding;
    RETURN resolution_before;
END
$$;
COMMENT ON FUNCTION research.resolve_phi_finding(uuid, text, text) IS
    'Says what a finding turned out to be, or opens it again; returns what was said before.';


-- Approvals.

CREATE TABLE research.approval_gates (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    stage_run_id uuid,
    artifact_version_id uuid,
    manuscript_version_id uuid,
    dataset_id uuid,
    title text NOT NULL CHECK (title <> ''),
    required_role text NOT NULL DEFAULT 'STEWARD' REFERENCES identity.roles (name),
    required_approvals bigint NOT NULL DEFAULT 1 CHECK (required_approvals BETWEEN 1 AND 20),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'rejected', 'cancelled')),
    requested_by uuid NOT NULL DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    UNIQUE (organization_id, id),
    FOREIGN KEY (organization_id, stage_run_id) REFERENCES research.stage_runs (organization_id, id),
    FOREIGN KEY (organization_id, artifact_version_id)
        REFERENCES research.artifact_versions (organization_id, id),
    FOREIGN KEY (organization_id, manuscript_version_id)
        REFERENCES research.manuscript_versions (organization_id, id),
    FOREIGN KEY (organization_id, dataset_id) REFERENCES research.datasets (organization_id, id),
    CHECK (num_nonnulls(stage_run_id, artifact_version_id, manuscript_version_id, dataset_id) = 1),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE INDEX approval_gates_stage_run_idx ON research.approval_gates (organization_id, stage_run_id);
CREATE INDEX approval_gates_artifact_version_idx
    ON research.approval_gates (organization_id, artifact_version_id);
CREATE INDEX approval_gates_manuscript_version_idx
    ON research.approval_gates (organization_id, manuscript_version_id);
CREATE INDEX approval_gates_dataset_idx ON research.approval_gates (organization_id, dataset_id);
CREATE INDEX approval_gates_required_role_idx ON research.approval_gates (required_role);
CREATE INDEX approval_gates_requested_by_idx ON research.approval_gates (requested_by);
COMMENT ON TABLE research.approval_gates IS
    'Something that waits for people''s approval. It stands for one exact version: a newer one needs a gate of its own.';
COMMENT ON COLUMN research.approval_gates.id IS 'What decisions refer to.';
COMMENT ON COLUMN research.approval_gates.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.approval_gates.stage_run_id IS 'An attempt at a stage; one of the four is set.';
COMMENT ON COLUMN research.approval_gates.artifact_version_id IS 'A version of an artifact; one of the four is set.';
COMMENT ON COLUMN research.approval_gates.manuscript_version_id IS 'A version of a manuscript; one of the four is set.';
COMMENT ON COLUMN research.approval_gates.dataset_id IS 'A dataset; one of the four is set.';
COMMENT ON COLUMN research.approval_gates.title IS 'What is asked of the approvers.';
COMMENT ON COLUMN research.approval_gates.required_role IS
    'The lowest role whose decision counts; the permission approve is needed besides.';
COMMENT ON COLUMN research.approval_gates.required_approvals IS 'How many people must approve.';
COMMENT ON COLUMN research.approval_gates.state IS 'Follows from the decisions: rejected by the first rejection, approved by the last approval that is needed.';
COMMENT ON COLUMN research.approval_gates.requested_by IS 'Who asked; the user in context. Can''t decide.';
COMMENT ON COLUMN research.approval_gates.created_at IS 'When it was asked.';
COMMENT ON COLUMN research.approval_gates.closed_at IS 'When it was decided or cancelled; null while it is open.';

CREATE TABLE research.approval_decisions (
    organization_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    decided_by uuid NOT NULL REFERENCES identity.users (id),
    decision text NOT NULL CHECK (decision IN ('approve', 'reject')),
    decided_role text NOT NULL REFERENCES identity.roles (name),
    comment text NOT NULL DEFAULT '',
    decided_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, gate_id, decided_by),
    FOREIGN KEY (organization_id, gate_id) REFERENCES research.approval_gates (organization_id, id),
    CHECK (decision = 'approve' OR comment <> '')
);
CREATE INDEX approval_decisions_decided_by_idx ON research.approval_decisions (decided_by);
CREATE INDEX approval_decisions_decided_role_idx ON research.approval_decisions (decided_role);
COMMENT ON TABLE research.approval_decisions IS 'What one person decided, once. Never changed.';
COMMENT ON COLUMN research.approval_decisions.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN research.approval_decisions.gate_id IS 'A gate of the same organization.';
COMMENT ON COLUMN research.approval_decisions.decided_by IS 'Who; the user in context.';
COMMENT ON COLUMN research.approval_decisions.decision IS 'Yes or no.';
COMMENT ON COLUMN research.approval_decisions.decided_role IS 'Their highest role at that time, lent ones included.';
COMMENT ON COLUMN research.approval_decisions.comment IS 'Why; whoever rejects must say.';
COMMENT ON COLUMN research.approval_decisions.decided_at IS 'When.';

CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON research.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION governance.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON research.approval_decisions
    FOR EACH STATEMENT EXECUTE FUNCTION governance.refuse_change();

CREATE FUNCTION research.authors_of(gate research.approval_gates) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT ARRAY[gate.requested_by]
        || ARRAY(SELECT v.created_by FROM research.artifact_versions AS v WHERE v.id = gate.artifact_version_id)
        || ARRAY(SELECT v.author_id FROM research.manuscript_versions AS v WHERE v.id = gate.manuscript_version_id)
        || ARRAY(SELECT d.created_by FROM research.datasets AS d WHERE d.id = gate.dataset_id)
        || ARRAY(
            SELECT r.created_by FROM research.stage_runs AS s
            JOIN research.runs AS r ON r.organization_id = s.organization_id AND r.id = s.run_id
            WHERE s.id = gate.stage_run_id
        );
$$;
COMMENT ON FUNCTION research.authors_of(research.approval_gates) IS
    'Who can''t decide at this gate: whoever asked, and whoever made what it is about.';

CREATE FUNCTION research.state_of(gate research.approval_gates) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN bool_or(d.decision = 'reject') THEN 'rejected'
        WHEN count(*) FILTER (WHERE d.decision = 'approve') >= gate.required_approvals THEN 'approved'
        ELSE 'open'
    END
    FROM research.approval_decisions AS d
    WHERE d.organization_id = gate.organization_id AND d.gate_id = gate.id;
$$;
COMMENT ON FUNCTION research.state_of(research.approval_gates) IS
    'What the decisions so far amount to.';

CREATE FUNCTION research.guard_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    derived CONSTANT text[] := ARRAY['state', 'closed_at'];
BEGIN
    IF to_jsonb(NEW) - derived <> to_jsonb(OLD) - derived THEN
        RAISE EXCEPTION 'what gate % asks for can''t be changed', OLD.id
            USING ERRCODE = 'insufficient_privilege', HINT = 'Cancel it and open another.';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
        OLD.state = 'open' AND NEW.state IN ('cancelled', research.state_of(NEW))
    ) THEN
        RAISE EXCEPTION 'gate % can''t go from % to %: its decisions don''t say so',
            OLD.id, OLD.state, NEW.state USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION research.guard_gate() IS
    'BEFORE UPDATE: a gate''s state follows from its decisions, also for the owner; nothing else of it changes.';
CREATE TRIGGER guard_gate BEFORE UPDATE ON research.approval_gates
    FOR EACH ROW EXECUTE FUNCTION research.guard_gate();

CREATE FUNCTION research.guard_decision() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gate research.approval_gates;
BEGIN
    SELECT g.* INTO gate FROM research.approval_gates AS g
    WHERE g.organization_id = NEW.organization_id AND g.id = NEW.gate_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'gate % does not exist here', NEW.gate_id USING ERRCODE = 'no_data_found';
    END IF;
    IF gate.state <> 'open' THEN
        RAISE EXCEPTION 'gate % is % already', NEW.gate_id, gate.state
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    IF NEW.decided_by = ANY (research.authors_of(gate)) THEN
        RAISE EXCEPTION 'nobody decides about what they asked for or made themselves'
            USING ERRCODE = 'insufficient_privilege', HINT = 'Somebody else has to.';
    END IF;
    SELECT r.name INTO NEW.decided_role
    FROM identity.roles AS r
    WHERE identity.has_permission(NEW.decided_by, NEW.organization_id, 'approve')
        AND r.rank >= (SELECT least.rank FROM identity.roles AS least WHERE least.name = gate.required_role)
        AND r.name IN (
            SELECT m.role FROM identity.memberships AS m
            WHERE m.organization_id = NEW.organization_id AND m.user_id = NEW.decided_by
                AND m.status = 'active'
            UNION ALL
            SELECT lent.role FROM identity.role_grants AS lent
            WHERE lent.organization_id = NEW.organization_id AND lent.user_id = NEW.decided_by
                AND lent.granted_at <= now() AND lent.expires_at > now() AND lent.revoked_at IS NULL
        )
    ORDER BY r.rank DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deciding at gate % takes the role % or a higher one, and the permission approve',
            NEW.gate_id, gate.required_role USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION research.guard_decision() IS
    'BEFORE INSERT, under a lock on the gate: it is open, the person may decide, and didn''t make what is decided about.';
CREATE TRIGGER guard_decision BEFORE INSERT ON research.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION research.guard_decision();

CREATE FUNCTION research.close_gate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE research.approval_gates AS g
    SET state = research.state_of(g), closed_at = now()
    WHERE g.organization_id = NEW.organization_id AND g.id = NEW.gate_id
        AND research.state_of(g) <> 'open';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION research.close_gate() IS 'AFTER INSERT: closes the gate when this decision settles it.';
CREATE TRIGGER close_gate AFTER INSERT ON research.approval_decisions
    FOR EACH ROW EXECUTE FUNCTION research.close_gate();

CREATE FUNCTION research.decide(at_gate uuid, with_decision text, because text DEFAULT '')
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
    actor CONSTANT uuid := identity.current_user_id();
BEGIN
    IF actor IS NULL THEN
        RAISE EXCEPTION 'only a person decides' USING ERRCODE = 'insufficient_privilege',
            HINT = 'Call identity.enter(organization, user) first in the same transaction.';
    END IF;
    -- The guard puts the role in.
    INSERT INTO research.approval_decisions (organization_id, gate_id, decided_by, decision, comment)
    VALUES (organization, at_gate, actor, with_decision, coalesce(because, ''));
    RETURN (SELECT g.state FROM research.approval_gates AS g WHERE g.id = at_gate);
END
$$;
COMMENT ON FUNCTION research.decide(uuid, text, text) IS
    'The user in context approves or rejects; returns the gate''s state after that.';

CREATE FUNCTION research.cancel_gate(of_gate uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := research.required_organization();
BEGIN
    UPDATE research.approval_gates AS g SET state = 'cancelled', closed_at = now()
    WHERE g.organization_id = organization AND g.id = of_gate AND g.state = 'open'
        AND g.requested_by = identity.current_user_id();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'gate % is not open, or not yours to cancel', of_gate
            USING ERRCODE = 'insufficient_privilege';
    END IF;
END
$$;
COMMENT ON FUNCTION research.cancel_gate(uuid) IS 'Whoever asked takes it back, while it is open.';


-- Isolation and rights.

ALTER TABLE research.artifacts ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.artifacts
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.artifact_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.artifact_versions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.artifact_edges ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.artifact_edges
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.manuscripts ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.manuscripts
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.manuscript_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.manuscript_versions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.datasets ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.datasets
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.phi_findings ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.phi_findings
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.approval_gates ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.approval_gates
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE research.approval_decisions ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON research.approval_decisions
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
GRANT SELECT ON
    research.artifacts, research.artifact_versions, research.artifact_edges, research.manuscripts,
    research.manuscript_versions, research.datasets, research.phi_findings,
    research.approval_gates, research.approval_decisions
TO rf_research_read, rf_research_write;
GRANT EXECUTE ON FUNCTION
    research.verify_manuscript(uuid), research.manuscript_hash(research.manuscript_versions)
TO rf_research_read, rf_research_write;

-- No say in who it was, in classifications, heads and states: that goes through the functions.
GRANT INSERT (id, organization_id, project_id, run_id, name, kind), UPDATE (name)
    ON research.artifacts TO rf_research_write;
GRANT INSERT (organization_id, from_version_id, kind, to_version_id)
    ON research.artifact_edges TO rf_research_write;
GRANT INSERT (id, organization_id, project_id, title), UPDATE (title, status)
    ON research.manuscripts TO rf_research_write;
GRANT INSERT (id, organization_id, project_id, artifact_version_id, name, source),
    UPDATE (artifact_version_id, name, source) ON research.datasets TO rf_research_write;
GRANT INSERT (organization_id, dataset_id, kind, location, confidence, detector, fingerprint)
    ON research.phi_findings TO rf_research_write;
GRANT INSERT (
    id, organization_id, stage_run_id, artifact_version_id, manuscript_version_id, dataset_id,
    title, required_role, required_approvals
) ON research.approval_gates TO rf_research_write;
GRANT EXECUTE ON FUNCTION
    research.add_artifact_version(uuid, bytea, bigint, text, text, uuid),
    research.classify_dataset(uuid, text, text), research.resolve_phi_finding(uuid, text, text),
    research.decide(uuid, text, text), research.cancel_gate(uuid)
TO rf_research_write;
GRANT EXECUTE ON FUNCTION research.append_manuscript_version(uuid, text, text, bigint)
    TO rf_research_write, rf_manuscript_write;
