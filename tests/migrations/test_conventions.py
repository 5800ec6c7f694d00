"""What holds for the whole schema, read from the catalogue: each query returns what breaks the rule."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.migrations.conftest import OWNER, RESEARCHFLOW, Scratch, scratch
from tests.postgres.conftest import Cluster

from rfdata.config.services import GROUPS

OURS = "('identity', 'session', 'research', 'audit', 'knowledge', 'governance')"

RULES = {
    "every schema, table, column, view and function has a comment": f"""
        SELECT nspname::text FROM pg_namespace AS n
        WHERE nspname IN {OURS} AND obj_description(n.oid, 'pg_namespace') IS NULL
        UNION ALL
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p', 'v', 'm')
            AND obj_description(c.oid, 'pg_class') IS NULL
        UNION ALL
        SELECT c.oid::regclass || '.' || a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p', 'v', 'm')
            AND col_description(c.oid, a.attnum) IS NULL
        UNION ALL
        SELECT p.oid::regprocedure::text FROM pg_proc AS p
        WHERE p.pronamespace::regnamespace::text IN {OURS}
            AND obj_description(p.oid, 'pg_proc') IS NULL
    """,
    "every foreign key has an index that leads with its columns": f"""
        SELECT k.conrelid::regclass || ': ' || k.conname FROM pg_constraint AS k
        WHERE k.contype = 'f' AND k.connamespace::regnamespace::text IN {OURS}
            AND NOT EXISTS (
                SELECT FROM pg_index AS i
                WHERE i.indrelid = k.conrelid AND i.indisvalid
                    AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '%IS NOT NULL%')
                    AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
            )
    """,
    "every table of organizations' rows is isolated by organization": f"""
        SELECT c.oid::regclass::text FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'organization_id'
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p')
            AND NOT (c.relrowsecurity AND EXISTS (
                SELECT FROM pg_policy AS p
                WHERE p.polrelid = c.oid AND p.polname = 'organization_isolation' AND p.polpermissive
                    AND pg_get_expr(p.polqual, c.oid) LIKE '(organization_id = ( SELECT identity.current_organization()%'
            ))
    """,
    "no other policy opens a table of organizations' rows to another organization": f"""
        SELECT c.oid::regclass || ': ' || p.polname FROM pg_policy AS p
        JOIN pg_class AS c ON c.oid = p.polrelid
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'organization_id'
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND p.polpermissive
            AND p.polname <> 'organization_isolation'
    """,
    "a key between organizations' tables carries the organization": f"""
        SELECT k.conrelid::regclass || ': ' || k.conname FROM pg_constraint AS k
        JOIN pg_attribute AS child ON child.attrelid = k.conrelid AND child.attname = 'organization_id'
        JOIN pg_attribute AS parent ON parent.attrelid = k.confrelid AND parent.attname = 'organization_id'
        WHERE k.contype = 'f' AND k.connamespace::regnamespace::text IN {OURS}
            AND NOT child.attnum = ANY (k.conkey)
    """,
    "nobody but the owner and the groups has a privilege": f"""
        SELECT c.oid::regclass || ' to ' || coalesce(r.rolname, 'PUBLIC')
        FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE c.relnamespace::regnamespace::text IN {OURS}
            AND coalesce(r.rolname, 'PUBLIC') <> ALL (%(grantees)s)
        UNION ALL
        SELECT p.oid::regprocedure || ' to ' || coalesce(r.rolname, 'PUBLIC')
        FROM pg_proc AS p
        CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
        LEFT JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE p.pronamespace::regnamespace::text IN {OURS}
            AND coalesce(r.rolname, 'PUBLIC') <> ALL (%(grantees)s)
    """,
    "all of it is the owner's": f"""
        SELECT oid::regclass::text FROM pg_class
        WHERE relnamespace::regnamespace::text IN {OURS} AND pg_get_userbyid(relowner) <> %(owner)s
        UNION ALL
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace::regnamespace::text IN {OURS} AND pg_get_userbyid(proowner) <> %(owner)s
    """,
    "whoever runs with the owner's rights says where names are looked up": f"""
        SELECT oid::regprocedure::text FROM pg_proc
        WHERE pronamespace::regnamespace::text IN {OURS} AND prosecdef
            AND NOT coalesce(proconfig @> ARRAY['search_path=pg_catalog, pg_temp'], false)
    """,
    "times have zones, texts have no length": f"""
        SELECT c.oid::regclass || '.' || a.attname FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p')
            AND a.atttypid::regtype::text IN (
                'timestamp without time zone', 'time without time zone', 'character varying',
                'character', 'json', 'money'
            )
    """,
    "ids are random uuids": f"""
        SELECT c.oid::regclass::text FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'id'
        LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p')
            AND (a.atttypid::regtype::text, pg_get_expr(d.adbin, d.adrelid))
                IS DISTINCT FROM ('uuid', 'gen_random_uuid()')
    """,
    "every table has a primary key": f"""
        SELECT c.oid::regclass::text FROM pg_class AS c
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND c.relkind IN ('r', 'p')
            AND NOT EXISTS (
                SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary
            )
    """,
    "no group that only reads may write": f"""
        SELECT c.oid::regclass || ': ' || a.privilege_type || ' to ' || r.rolname
        FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE c.relnamespace::regnamespace::text IN {OURS}
            AND r.rolname LIKE 'rf\\_%%\\_read' AND a.privilege_type <> 'SELECT'
    """,
    "nobody truncates, and nobody hangs triggers or keys on our tables": f"""
        SELECT c.oid::regclass || ': ' || a.privilege_type
        FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
        WHERE c.relnamespace::regnamespace::text IN {OURS} AND a.grantee <> c.relowner
            AND a.privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES')
    """,
}


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all rules: they only read."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def broken(place: Scratch, rule: str) -> list[str]:
    values = {"grantees": [OWNER, *GROUPS], "owner": OWNER}
    query = RULES[rule]
    with place.superuser() as session:
        rows = (
            session.execute(query.encode(), values)
            if "%(" in query
            else session.execute(query.replace("%%", "%").encode())
        ).fetchall()
    return [str(found) for (found,) in rows]


@pytest.mark.parametrize("rule", RULES)
def test_nothing_breaks_the_rule(place: Scratch, rule: str) -> None:
    assert broken(place, rule) == []


BREAKS = {
    "every schema, table, column, view and function has a comment": (
        "COMMENT ON COLUMN identity.users.email IS NULL"
    ),
    "every foreign key has an index that leads with its columns": (
        "DROP INDEX identity.memberships_role_idx"
    ),
    "every table of organizations' rows is isolated by organization": (
        "ALTER TABLE identity.quotas DISABLE ROW LEVEL SECURITY"
    ),
    "no other policy opens a table of organizations' rows to another organization": (
        "CREATE POLICY everybody ON identity.quotas FOR SELECT USING (true)"
    ),
    "a key between organizations' tables carries the organization": (
        "ALTER TABLE identity.consents ADD FOREIGN KEY (text_id)"
        " REFERENCES identity.consent_texts (id)"
    ),
    "nobody but the owner and the groups has a privilege": (
        "GRANT SELECT ON identity.users TO PUBLIC"
    ),
    "all of it is the owner's": "ALTER TABLE identity.users OWNER TO postgres",
    "whoever runs with the owner's rights says where names are looked up": (
        "ALTER FUNCTION identity.leave() RESET ALL"
    ),
    "times have zones, texts have no length": (
        "ALTER TABLE identity.users ALTER COLUMN created_at TYPE timestamp"
    ),
    "ids are random uuids": "ALTER TABLE identity.users ALTER COLUMN id DROP DEFAULT",
    "every table has a primary key": "ALTER TABLE identity.quotas DROP CONSTRAINT quotas_pkey",
    "no group that only reads may write": ("GRANT DELETE ON identity.quotas TO rf_identity_read"),
    "nobody truncates, and nobody hangs triggers or keys on our tables": (
        "GRANT TRUNCATE ON identity.quotas TO rf_identity_write"
    ),
}
"""For each rule, something that breaks it."""


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_can_be_broken(migrated: Scratch, rule: str) -> None:
    migrated.run(BREAKS[rule])
    assert broken(migrated, rule) != []


@pytest.mark.parametrize(
    "file", sorted((RESEARCHFLOW / "verify").glob("*.sql")), ids=lambda f: f.stem
)
def test_what_each_migration_promises_is_true(place: Scratch, file: object) -> None:
    text = (RESEARCHFLOW / "verify" / str(file).rpartition("/")[2]).read_text(encoding="utf-8")
    with place.superuser() as session:
        session.execute(f"SET ROLE {OWNER}".encode())
        session.execute("SET default_transaction_read_only = on")
        cursor = session.execute(text.encode())
        proved = []
        while True:
            assert cursor.description is not None
            proved.append((cursor.description[0].name, cursor.fetchall()))
            if not cursor.nextset():
                break
    assert [name for name, rows in proved if rows != [(True,)]] == []
