-- Papers, their chunks, and one search over both by word and by meaning.
--
-- The search functions are SECURITY DEFINER and filter by organization themselves. Under row-level
-- security the planner may not use the full-text index at all: @@ is not leakproof, so it would
-- run after the policy, row by row. The tables keep their policies for everyone who reads them
-- directly.
--
-- Which way a vector search goes is not left to the planner either. It takes a vector for a value
-- that lies in its row, but 6 kB are fetched and unpacked for each: at 30,000 chunks it read them all,
-- in 700 ms, where the index took 3 ms. So the function decides. The index holds every
-- organization's chunks, and its scan is iterative (pgvector 0.8): it goes on until enough of them are
-- the organization's own, which is after wanted * all / own chunks. Comparing all of the organization's
-- own is exact, and a chunk costs about half of that there. So it compares them up to
-- sqrt(2 * wanted * all) chunks (of 100,000, for 40: 2,800) and takes the index beyond. Where
-- the index gives up, after 20,000 chunks, it compares after all.
--
-- The index's choices, for 100,000 chunks of 1,536 dimensions:
--   m = 16              links of each node. Recall at this size is bought more cheaply with ef_search
--                       than with more links, which every insert and every page pay for.
--   ef_construction     twice the default of 64: a better graph, for a slower build and insert; there
--       = 128           is one insert for thousands of searches.
--   ef_search = 100     and never less than is asked for; an argument of the functions, so that a call
--                       can buy recall with time.

CREATE TABLE knowledge.papers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization()
        REFERENCES identity.organizations (id),
    doi text CHECK (doi ~ '^10\.[0-9]{4,9}/\S+$' AND doi = lower(doi)),
    title text NOT NULL CHECK (title <> ''),
    authors text[] NOT NULL DEFAULT '{}',
    abstract text NOT NULL DEFAULT '',
    year bigint CHECK (year BETWEEN 1400 AND 2200),
    source text NOT NULL,
    license text NOT NULL,
    added_by uuid DEFAULT identity.current_user_id() REFERENCES identity.users (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, id),
    UNIQUE (organization_id, doi)
);
CREATE INDEX papers_added_by_idx ON knowledge.papers (added_by);
COMMENT ON TABLE knowledge.papers IS
    'What an organization has read. Each keeps its own: what somebody reads says what they work on.';
COMMENT ON COLUMN knowledge.papers.id IS 'What chunks refer to.';
COMMENT ON COLUMN knowledge.papers.organization_id IS 'Whose it is; row-level security goes by it.';
COMMENT ON COLUMN knowledge.papers.doi IS 'Without the resolver''s address, lower case: DOIs don''t tell cases apart. Null where there is none.';
COMMENT ON COLUMN knowledge.papers.title IS 'As published.';
COMMENT ON COLUMN knowledge.papers.authors IS 'In the order of the paper.';
COMMENT ON COLUMN knowledge.papers.abstract IS 'As published; empty where there is none.';
COMMENT ON COLUMN knowledge.papers.year IS 'Of publication.';
COMMENT ON COLUMN knowledge.papers.source IS 'Where it was taken from, for example "pubmed" or "upload".';
COMMENT ON COLUMN knowledge.papers.license IS 'What it allows; "unknown" must be said.';
COMMENT ON COLUMN knowledge.papers.added_by IS 'Who added it; null for the system.';
COMMENT ON COLUMN knowledge.papers.created_at IS 'When it was added.';
COMMENT ON COLUMN knowledge.papers.updated_at IS 'Kept by a trigger.';
CREATE TRIGGER stamp BEFORE UPDATE ON knowledge.papers
    FOR EACH ROW EXECUTE FUNCTION governance.stamp_updated_at();

CREATE TABLE knowledge.chunks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL DEFAULT identity.current_organization(),
    paper_id uuid NOT NULL,
    position bigint NOT NULL CHECK (position >= 0),
    content text NOT NULL CHECK (content <> ''),
    embedding public.vector(1536) CHECK (public.vector_norm(embedding) > 0),
    model text CHECK (model <> ''),
    tsv tsvector NOT NULL
        GENERATED ALWAYS AS (to_tsvector('pg_catalog.english'::regconfig, content)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (organization_id, paper_id, position),
    FOREIGN KEY (organization_id, paper_id)
        REFERENCES knowledge.papers (organization_id, id) ON DELETE CASCADE,
    CHECK ((embedding IS NULL) = (model IS NULL))
);
CREATE INDEX chunks_embedding_idx ON knowledge.chunks
    USING hnsw (embedding public.vector_cosine_ops) WITH (m = 16, ef_construction = 128);
-- fastupdate off: a search never has to read through a list of entries that are not in the index yet.
CREATE INDEX chunks_tsv_idx ON knowledge.chunks USING gin (tsv) WITH (fastupdate = off);
COMMENT ON TABLE knowledge.chunks IS 'A paper''s text in pieces, small enough for a model to take in.';
COMMENT ON COLUMN knowledge.chunks.id IS 'What a search returns.';
COMMENT ON COLUMN knowledge.chunks.organization_id IS 'Whose it is; row-level security and the searches go by it.';
COMMENT ON COLUMN knowledge.chunks.paper_id IS 'A paper of the same organization; its chunks go with it.';
COMMENT ON COLUMN knowledge.chunks.position IS 'Its place in the paper.';
COMMENT ON COLUMN knowledge.chunks.content IS 'The text. A new text is a new chunk: an embedding never outlives what it was made of.';
COMMENT ON COLUMN knowledge.chunks.embedding IS
    'Its meaning as a direction; null until it is embedded. Zero has no direction and is refused.';
COMMENT ON COLUMN knowledge.chunks.model IS 'Which model made the embedding: those of different ones are not comparable.';
COMMENT ON COLUMN knowledge.chunks.tsv IS 'Its words as English stems, kept by the server.';
COMMENT ON COLUMN knowledge.chunks.created_at IS 'When it was added.';


-- Search.

CREATE FUNCTION knowledge.search_text(query text, at_most bigint DEFAULT 20)
RETURNS TABLE (chunk_id uuid, rank bigint, score double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 40
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    organization CONSTANT uuid := identity.current_organization();
    words CONSTANT tsquery := websearch_to_tsquery('pg_catalog.english'::regconfig, query);
BEGIN
    IF organization IS NULL OR words IS NULL OR numnode(words) = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT best.id, row_number() OVER (ORDER BY best.weight DESC, best.id), best.weight
    FROM (
        -- 1: divided by the logarithm of the chunk's length, or long ones would always win.
        SELECT c.id, ts_rank(c.tsv, words, 1)::double precision AS weight
        FROM knowledge.chunks AS c
        WHERE c.organization_id = organization AND c.tsv @@ words
        ORDER BY weight DESC, c.id
        LIMIT least(greatest(at_most, 1), 1000)
    ) AS best
    ORDER BY 2;
END
$$;
COMMENT ON FUNCTION knowledge.search_text(text, bigint) IS
    'The organization''s chunks that have all these words, best first; takes "quoted phrases", or, and -not, and never fails on what people type.';

CREATE FUNCTION knowledge.compare_all(
    of_organization uuid, query_embedding public.vector, at_most bigint, of_model text,
    OUT ids uuid[], OUT distances double precision[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- "+ 0" is no expression of the index.
    SELECT array_agg(n.id ORDER BY n.distance, n.id), array_agg(n.distance ORDER BY n.distance, n.id)
    INTO ids, distances
    FROM (
        SELECT c.id, c.embedding OPERATOR(public.<=>) query_embedding AS distance
        FROM knowledge.chunks AS c
        WHERE c.organization_id = of_organization AND c.embedding IS NOT NULL
            AND (of_model IS NULL OR c.model = of_model)
        ORDER BY (c.embedding OPERATOR(public.<=>) query_embedding) + 0, c.id
        LIMIT at_most
    ) AS n;
END
$$;
COMMENT ON FUNCTION knowledge.compare_all(uuid, public.vector, bigint, text) IS
    'The nearest of an organization, by comparing every chunk that it has. For knowledge.search_vector() only.';

CREATE FUNCTION knowledge.follow_index(
    of_organization uuid, query_embedding public.vector, at_most bigint, of_model text,
    ef_search bigint, OUT ids uuid[], OUT distances double precision[]
)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
-- Everything else is dearer than it looks. Without jit, which takes a price that stands for
-- "never" at its word.
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    ef_before CONSTANT text := current_setting('hnsw.ef_search', true);
    scan_before CONSTANT text := current_setting('hnsw.iterative_scan', true);
BEGIN
    -- Not as SET above: restoring a dump, that takes the extension loaded or a superuser.
    PERFORM set_config('hnsw.ef_search', least(greatest(ef_search, at_most, 1), 1000)::text, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true);
    SELECT array_agg(n.id ORDER BY n.distance, n.id), array_agg(n.distance ORDER BY n.distance, n.id)
    INTO ids, distances
    FROM (
        SELECT c.id, c.embedding OPERATOR(public.<=>) query_embedding AS distance
        FROM knowledge.chunks AS c
        WHERE c.organization_id = of_organization AND c.embedding IS NOT NULL
            AND (of_model IS NULL OR c.model = of_model)
        ORDER BY c.embedding OPERATOR(public.<=>) query_embedding
        LIMIT at_most
    ) AS n;
    PERFORM set_config('hnsw.ef_search', ef_before, true),
        set_config('hnsw.iterative_scan', scan_before, true);
END
$$;
COMMENT ON FUNCTION knowledge.follow_index(uuid, public.vector, bigint, text, bigint) IS
    'The nearest of an organization that the index finds before it gives up. For knowledge.search_vector() only.';

CREATE FUNCTION knowledge.search_vector(
    query_embedding public.vector, at_most bigint DEFAULT 20, of_model text DEFAULT NULL,
    ef_search bigint DEFAULT 100
) RETURNS TABLE (chunk_id uuid, rank bigint, distance double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 40
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    organization CONSTANT uuid := identity.current_organization();
    wanted CONSTANT bigint := least(greatest(at_most, 1), 1000);
    few CONSTANT bigint := (
        SELECT greatest(500, sqrt(2.0 * wanted * greatest(t.reltuples, 0)))
        FROM pg_class AS t WHERE t.oid = 'knowledge.chunks'::regclass
    );
    own bigint;
    ids uuid[];
    distances double precision[];
BEGIN
    IF organization IS NULL OR query_embedding IS NULL THEN
        RETURN;
    END IF;
    SELECT count(*) INTO own
    FROM (SELECT FROM knowledge.chunks AS c WHERE c.organization_id = organization LIMIT few + 1) AS counted;
    IF own > few THEN
        SELECT f.ids, f.distances INTO ids, distances
        FROM knowledge.follow_index(organization, query_embedding, wanted, of_model, ef_search) AS f;
    END IF;
    IF coalesce(cardinality(ids), 0) < wanted THEN
        SELECT a.ids, a.distances INTO ids, distances
        FROM knowledge.compare_all(organization, query_embedding, wanted, of_model) AS a;
    END IF;
    RETURN QUERY
    SELECT found.id, found.place, found.distance
    FROM unnest(ids, distances) WITH ORDINALITY AS found (id, distance, place)
    ORDER BY found.place;
END
$$;
COMMENT ON FUNCTION knowledge.search_vector(public.vector, bigint, text, bigint) IS
    'The organization''s chunks nearest in meaning, by cosine distance, nearest first. Give of_model where several models have been used. At most 1,000.';

CREATE FUNCTION knowledge.search(
    query text, query_embedding public.vector, at_most bigint DEFAULT 10,
    of_model text DEFAULT NULL, ef_search bigint DEFAULT 100
) RETURNS TABLE (
    chunk_id uuid, paper_id uuid, title text, chunk_position bigint, content text,
    score double precision, text_rank bigint, vector_rank bigint, distance double precision
)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    wanted CONSTANT bigint := least(greatest(at_most, 1), 200);
    from_each CONSTANT bigint := greatest(wanted * 4, 40);
BEGIN
    -- Reciprocal rank fusion: ranks are comparable where scores are not. 60 is the constant of
    -- those who proposed it (Cormack, Clarke, Büttcher 2009): to be found by both weighs more than
    -- one first place.
    RETURN QUERY
    WITH fused AS MATERIALIZED (
        SELECT
            coalesce(t.chunk_id, v.chunk_id) AS id,
            (coalesce(1.0 / (60 + t.rank), 0) + coalesce(1.0 / (60 + v.rank), 0))::double precision AS weight,
            t.rank AS place_by_text,
            v.rank AS place_by_vector,
            v.distance AS how_far
        FROM knowledge.search_text(query, from_each) AS t
        FULL JOIN knowledge.search_vector(query_embedding, from_each, of_model, ef_search) AS v
            ON v.chunk_id = t.chunk_id
        ORDER BY 2 DESC, 1
        LIMIT wanted
    )
    SELECT
        c.id, c.paper_id, p.title, c.position, c.content, f.weight, f.place_by_text,
        f.place_by_vector, f.how_far
    FROM fused AS f
    JOIN knowledge.chunks AS c ON c.id = f.id
    JOIN knowledge.papers AS p ON p.organization_id = c.organization_id AND p.id = c.paper_id
    WHERE c.organization_id = identity.current_organization()
    ORDER BY f.weight DESC, c.id;
END
$$;
COMMENT ON FUNCTION knowledge.search(text, public.vector, bigint, text, bigint) IS
    'The organization''s best chunks by word and by meaning together, in an order that stays the same; at most 200. Either may be null or empty: then the other alone counts. Without an organization set, nothing is found.';


-- Isolation and rights.

ALTER TABLE knowledge.papers ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON knowledge.papers
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));
ALTER TABLE knowledge.chunks ENABLE ROW LEVEL SECURITY;
CREATE POLICY organization_isolation ON knowledge.chunks
    USING (organization_id = (SELECT identity.current_organization()))
    WITH CHECK (organization_id = (SELECT identity.current_organization()));

-- For the type's name: who stores or compares embeddings writes ::vector.
GRANT USAGE ON SCHEMA public TO rf_knowledge_read, rf_knowledge_write;
GRANT SELECT ON knowledge.papers, knowledge.chunks TO rf_knowledge_read, rf_knowledge_write;
GRANT INSERT (id, organization_id, doi, title, authors, abstract, year, source, license),
    UPDATE (doi, title, authors, abstract, year, source, license), DELETE
    ON knowledge.papers TO rf_knowledge_write;
GRANT INSERT (id, organization_id, paper_id, position, content, embedding, model),
    UPDATE (embedding, model), DELETE ON knowledge.chunks TO rf_knowledge_write;
GRANT EXECUTE ON FUNCTION
    knowledge.search_text(text, bigint),
    knowledge.search_vector(public.vector, bigint, text, bigint),
    knowledge.search(text, public.vector, bigint, text, bigint)
TO rf_knowledge_read, rf_knowledge_write;
