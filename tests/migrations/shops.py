"""A small schema with one of everything that the catalogue knows, names that nobody should choose included."""

from __future__ import annotations

ODD = 'we"ird <name>&|`*'

SHOP = r"""
CREATE SCHEMA shop;
COMMENT ON SCHEMA shop IS 'What is sold, and to whom.';
CREATE SCHEMA "Shop";
CREATE TYPE shop.mood AS ENUM ('glad', 'so-so', 'angry');
COMMENT ON TYPE shop.mood IS 'How they left.';
CREATE DOMAIN shop.price AS numeric(10, 2) NOT NULL CONSTRAINT positive CHECK (VALUE > 0);
CREATE TYPE shop.size AS (wide int, high int);
CREATE TYPE shop.days AS RANGE (subtype = date);

CREATE TABLE shop.customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    number bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    name text NOT NULL CONSTRAINT named CHECK (name <> ''),
    loud text GENERATED ALWAYS AS (upper(name)) STORED,
    born timestamptz(3),
    mood shop.mood,
    likes vector(3),
    referred_by uuid REFERENCES shop.customers
);
COMMENT ON TABLE shop.customers IS 'People | who *buy*.';
COMMENT ON COLUMN shop.customers.name IS E'As they say it,\nnot as the passport does.';
COMMENT ON CONSTRAINT named ON shop.customers IS 'Nobody is called nothing.';
CREATE INDEX customers_likes ON shop.customers USING hnsw (likes vector_cosine_ops);
CREATE INDEX customers_mood ON shop.customers (mood) WHERE mood IS NOT NULL;
COMMENT ON INDEX shop.customers_mood IS 'The angry ones are called first.';
ALTER TABLE shop.customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.customers TO rf_research_read
    USING (id::text = current_setting('app.user_id', true));
GRANT USAGE ON SCHEMA shop TO rf_research_read;
GRANT SELECT ON shop.customers TO rf_research_read;
GRANT SELECT, INSERT, UPDATE ON shop.customers TO rf_research_write;
GRANT UPDATE (mood, born) ON shop.customers TO rf_jobs;

CREATE TABLE shop.addresses (
    customer_id uuid PRIMARY KEY REFERENCES shop.customers ON DELETE CASCADE,
    line text NOT NULL
);
CREATE TABLE shop.sales (
    id uuid DEFAULT gen_random_uuid(),
    sold_at timestamptz NOT NULL,
    customer_id uuid REFERENCES shop.customers,
    price shop.price,
    PRIMARY KEY (id, sold_at)
) PARTITION BY RANGE (sold_at);
CREATE TABLE shop.sales_1 PARTITION OF shop.sales
    FOR VALUES FROM ('2024-12-01 00:00+00') TO ('2025-01-01 00:00+00');
CREATE TABLE shop.sales_2 PARTITION OF shop.sales
    FOR VALUES FROM ('2025-01-01 00:00+00') TO ('2025-02-01 00:00+00');
CREATE TABLE shop.sales_rest PARTITION OF shop.sales DEFAULT;
CREATE INDEX sales_sold_at ON shop.sales (sold_at);

CREATE TABLE "Shop"."we""ird <name>&|`*" (
    "we""ird <name>&|`*" uuid PRIMARY KEY,
    "→ a column with a name that is as long as PostgreSQL allows" varchar(9),
    customer_id uuid NOT NULL REFERENCES shop.customers
);
COMMENT ON COLUMN "Shop"."we""ird <name>&|`*".customer_id IS '<script>alert(1)</script> | `x`';
CREATE TABLE public.loose (id int);
CREATE VIEW shop.names AS SELECT name FROM shop.customers;
CREATE MATERIALIZED VIEW shop.counted AS SELECT count(*) AS customers FROM shop.customers;

CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.stamp();
COMMENT ON TRIGGER stamp ON shop.customers IS 'Does nothing.';
CREATE FUNCTION shop.raise(what text, by numeric DEFAULT 1.5) RETURNS SETOF shop.customers
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'SELECT * FROM shop.customers';
COMMENT ON FUNCTION shop.raise IS 'Prices only ever rise.';
REVOKE ALL ON FUNCTION shop.raise FROM PUBLIC;
GRANT EXECUTE ON FUNCTION shop.raise TO rf_jobs;
CREATE PROCEDURE shop.close() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE shop.total (numeric) (sfunc = numeric_add, stype = numeric);

CREATE SCHEMA rfdata;
CREATE TABLE rfdata.migrations (number bigint PRIMARY KEY);
CREATE FUNCTION rfdata.nothing() RETURNS int LANGUAGE sql RETURN 1;
"""
