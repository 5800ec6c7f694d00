"""What the server lacks is told before the first migration is run."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.migrations.conftest import Scratch
from tests.migrations.running import Database, migration, table

from rfdata.errors import UsageError
from rfdata.migrations.preflight import preflight


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


def test_extensions_and_roles_that_are_not_there(database: Database) -> None:
    bad = migration(
        "0002_bad",
        "CREATE EXTENSION IF NOT EXISTS postgis;\nCREATE TABLE t ();\n"
        "GRANT SELECT ON t TO rf_job, rf_jobs, PUBLIC;",
    )
    with pytest.raises(UsageError) as caught:
        database.up(table(1), bad)
    assert caught.value.message.splitlines() == [
        "migrations/0002_bad.sql:1:32: the server does not have the extension postgis",
        "migrations/0002_bad.sql:3:22: there is no role rf_job",
    ]
    assert "pg_available_extensions" in caught.value.hint
    assert "rf_jobs" in caught.value.hint
    assert database.tables() == set()
    assert database.entries() == ()


def test_what_is_there_is_no_problem(database: Database) -> None:
    good = migration("0001_a", "CREATE EXTENSION IF NOT EXISTS vector; GRANT rf_jobs TO postgres;")
    with database.session() as session:
        assert preflight(session, [good]) == ()


def test_roles_of_a_file_that_makes_some_are_not_looked_for(database: Database) -> None:
    text = "CREATE ROLE somebody; GRANT rf_jobs TO somebody;"
    with database.session() as session:
        made = migration("0001_a", text)
        assert [problem.rule for problem in preflight(session, [made])] == ["role-missing"]
        waived = replace(made, directives=replace(made.directives, waived={"role": "external"}))
        assert preflight(session, [waived]) == ()
