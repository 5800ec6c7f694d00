-- The ledger, in the layout that this rfdata writes. Nobody but its owner may see it.
CREATE SCHEMA IF NOT EXISTS rfdata;
COMMENT ON SCHEMA rfdata IS 'What rfdata itself keeps here. No service has a right to it.';
REVOKE ALL ON SCHEMA rfdata FROM PUBLIC;

CREATE TABLE rfdata.layout (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version integer NOT NULL CHECK (version > 0)
);
COMMENT ON TABLE rfdata.layout IS 'How the tables of this schema are laid out, so that an older rfdata leaves a newer one''s alone.';
COMMENT ON COLUMN rfdata.layout.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN rfdata.layout.version IS 'Counts from 1.';
INSERT INTO rfdata.layout (version) VALUES (1);

CREATE TABLE rfdata.migrations (
    number bigint PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    state text NOT NULL,
    direction text NOT NULL DEFAULT 'up',
    statements integer NOT NULL DEFAULT 0,
    statements_done integer NOT NULL DEFAULT 0,
    done_checksum text NOT NULL DEFAULT '',
    error text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT statement_timestamp(),
    seconds double precision NOT NULL DEFAULT 0,
    by text NOT NULL,
    version text NOT NULL,
    -- one constraint, and a short one: the server reads and prepares it anew for every migration
    CONSTRAINT migrations_sound CHECK (
        number >= 0
        AND length(checksum) = 64
        AND state = ANY ('{applying,applied,failed,baseline}')
        AND (error = '' OR state = ANY ('{applying,failed}'))
        AND direction = ANY ('{up,down}')
        AND statements_done BETWEEN 0 AND statements
        AND seconds >= 0
    )
);
COMMENT ON TABLE rfdata.migrations IS 'One row for each migration that this database has, or has begun. rfdata migrate writes it; mend it with rfdata migrate resolve, never by hand.';
COMMENT ON COLUMN rfdata.migrations.number IS 'The number that the file begins with; migrations are applied in its order.';
COMMENT ON COLUMN rfdata.migrations.name IS 'The file''s name without .sql.';
COMMENT ON COLUMN rfdata.migrations.checksum IS 'SHA-256 of the file as it was applied, with LF line ends and without a byte order mark.';
COMMENT ON COLUMN rfdata.migrations.state IS 'applying: begun outside of a transaction and not known to have ended. failed: the same, ended with an error. baseline: adopted, never run here.';
COMMENT ON COLUMN rfdata.migrations.direction IS 'Which script an unfinished row speaks of: the migration (up) or its rollback (down).';
COMMENT ON COLUMN rfdata.migrations.statements IS 'How many statements that script has; 0 where it ran in a transaction.';
COMMENT ON COLUMN rfdata.migrations.statements_done IS 'How many of them are known to have ended well.';
COMMENT ON COLUMN rfdata.migrations.done_checksum IS 'SHA-256 of those, so that the script may only be mended behind them before it goes on.';
COMMENT ON COLUMN rfdata.migrations.error IS 'What the server said; empty unless it failed.';
COMMENT ON COLUMN rfdata.migrations.at IS 'When it was begun.';
COMMENT ON COLUMN rfdata.migrations.seconds IS 'How long it took, by the server''s clock.';
COMMENT ON COLUMN rfdata.migrations.by IS 'user@host of whoever ran rfdata.';
COMMENT ON COLUMN rfdata.migrations.version IS 'rfdata''s.';
REVOKE ALL ON rfdata.layout, rfdata.migrations FROM PUBLIC;
