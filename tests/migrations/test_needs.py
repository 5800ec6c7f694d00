"""Extensions and roles that a script takes for granted, and words that only look like them."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from tests.migrations.conftest import Scratch

from rfdata.migrations.lexer import SqlError
from rfdata.migrations.migration import Script
from rfdata.migrations.needs import Needed, needs


def script(text: str) -> Script:
    return Script(Path("0001_a.sql"), text, "")


def roles(text: str) -> list[str]:
    return [role.name for role in needs(script(text)).roles]


ROLES = {
    'GRANT SELECT (a, b), INSERT ON ALL TABLES IN SCHEMA x, y TO a, GROUP "B c", PUBLIC': ["a", "B c"],
    "GRANT USAGE ON SCHEMA s TO a WITH GRANT OPTION GRANTED BY g": ["a", "g"],
    "GRANT EXECUTE ON FUNCTION f(int), g(text, int) TO A": ["a"],
    "GRANT a, b TO c": ["a", "b", "c"],
    "REVOKE ALL ON t FROM PUBLIC, a CASCADE": ["a"],
    "REVOKE GRANT OPTION FOR SELECT ON t FROM a, b": ["a", "b"],
    "REVOKE ADMIN OPTION FOR a FROM b": ["a", "b"],
    "GRANT SELECT ON t TO CURRENT_USER, SESSION_USER, CURRENT_ROLE": [],
    'GRANT SELECT ON t TO "current_user", "PUBLIC"': ["current_user", "PUBLIC"],
    'GRANT SELECT ON t TO "public"': [],
    'GRANT SELECT ON t TO U&"d\\0061ta"': ["data"],
    'ALTER TABLE a.b OWNER TO "Own"': ["Own"],
    "ALTER FUNCTION f(a int, b text) OWNER TO x": ["x"],
    "ALTER TABLE t ADD COLUMN a int, OWNER TO x": ["x"],
    "ALTER DEFAULT PRIVILEGES FOR ROLE a, b IN SCHEMA c REVOKE ALL ON TABLES FROM d": ["a", "b", "d"],
    "ALTER DEFAULT PRIVILEGES FOR USER a GRANT SELECT ON TABLES TO PUBLIC": ["a"],
    "ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO a": ["a"],
    "CREATE POLICY p ON t FOR SELECT TO a, b USING (c = 'TO d')": ["a", "b"],
    "CREATE POLICY p ON t USING (true)": [],
    "ALTER POLICY p ON t TO a": ["a"],
    "CREATE SCHEMA AUTHORIZATION a": ["a"],
    "CREATE SCHEMA IF NOT EXISTS s AUTHORIZATION a": ["a"],
    "REASSIGN OWNED BY a, b TO c": ["a", "b", "c"],
    "DROP OWNED BY a CASCADE": ["a"],
    "SET ROLE a": ["a"],
    "SET LOCAL ROLE 'a b'": ["a b"],
    "SET ROLE = a": ["a"],
    "SET SESSION AUTHORIZATION a": ["a"],
    "SET ROLE NONE": [],
    "SET x TO y": [],
    "ALTER TABLE t RENAME COLUMN owner TO a": [],
    "ALTER TABLE t RENAME owner TO a": [],
    "ALTER TABLE t RENAME TO owner": [],
    "ALTER POLICY p ON t RENAME TO q": [],
    "ALTER SEQUENCE s OWNED BY t.c": [],
    "COMMENT ON TABLE t IS 'GRANT SELECT ON t TO a'": [],
    "-- GRANT SELECT ON t TO a\nSELECT 1": [],
    "DO $$ BEGIN EXECUTE 'GRANT a TO b'; END $$": [],
    "GRANT": [],
    "GRANT SELECT ON t TO": [],
    "GRANT SELECT ON t TO a,": ["a"],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ROLES.items(), ids=ROLES)
def test_roles_are_named(text: str, expected: list[str]) -> None:
    assert roles(text) == expected
    assert needs(script(text)).extensions == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CREATE EXTENSION vector", "vector"),
        ('create extension if not exists "uuid-ossp" WITH SCHEMA x CASCADE', "uuid-ossp"),
        ("CREATE EXTENSION PG_TRGM SCHEMA x", "pg_trgm"),
    ],
)
def test_extensions_are_named(text: str, name: str) -> None:
    assert [extension.name for extension in needs(script(text)).extensions] == [name]
    assert roles(text) == []


def test_each_name_is_told_once_with_its_first_place() -> None:
    text = "CREATE EXTENSION a;\n\nGRANT SELECT ON t TO\n  ä, b;\nGRANT INSERT ON t TO b, c;"
    found = needs(script(text))
    assert found.extensions == (Needed("a", 1, 18),)
    assert found.roles == (Needed("ä", 4, 3), Needed("b", 4, 6), Needed("c", 5, 25))


def test_a_quote_that_is_not_closed_is_said() -> None:
    with pytest.raises(SqlError):
        needs(script("GRANT SELECT ON t TO a; SELECT '"))


SERVED = [
    "GRANT SELECT (a), INSERT ON t TO GROUP nobody_here",
    "REVOKE GRANT OPTION FOR SELECT ON t FROM nobody_here CASCADE",
    "ALTER TABLE t ADD COLUMN b int, OWNER TO nobody_here",
    "ALTER DEFAULT PRIVILEGES FOR ROLE nobody_here IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM nobody_here",
    "CREATE POLICY p ON t TO nobody_here USING (true)",
    "CREATE SCHEMA s AUTHORIZATION nobody_here",
    "REASSIGN OWNED BY CURRENT_USER TO nobody_here",
    "SET LOCAL ROLE 'nobody_here'",
]  # fmt: skip


@pytest.mark.parametrize("text", SERVED)
def test_the_server_misses_the_role_that_we_name(blank: Scratch, text: str) -> None:
    with blank.superuser() as session:
        session.execute("CREATE TABLE t (a int)")
        with pytest.raises(psycopg.Error, match='role "nobody_here" does not exist'):
            session.execute(text.encode())
    assert roles(text) == ["nobody_here"]
