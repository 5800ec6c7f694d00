"""Adopting a database that had its schema before rfdata came."""

from __future__ import annotations

import pytest
from tests.migrations.conftest import Scratch
from tests.migrations.running import Database, folder, migration, table

from rfdata.errors import UsageError
from rfdata.migrations.baseline import baseline
from rfdata.migrations.migration import Migration

PROVED = migration(
    "0002_b", "CREATE TABLE b (id int)", "DROP TABLE b", "SELECT count(*) = 0 AS empty FROM b"
)
FILES = (table(1), PROVED, table(3))


@pytest.fixture
def database(blank: Scratch) -> Database:
    return Database(blank)


def adopt(database: Database, to: str, files: tuple[Migration, ...] = FILES) -> tuple[str, ...]:
    with database.session() as session:
        return baseline(session, folder(files), to, **database.how({}))


def test_everything_up_to_is_there_and_the_rest_is_applied(database: Database) -> None:
    database.scratch.run("CREATE TABLE t1 (id int)")
    database.scratch.run("CREATE TABLE b (id int); GRANT SELECT ON b TO researchflow_owner")
    assert adopt(database, "2") == ("0001_t1", "0002_b")
    assert database.states() == {"0001_t1": "baseline", "0002_b": "baseline"}
    assert {entry.seconds for entry in database.entries()} == {0}
    assert database.up(*FILES) == ("0003_t3",)
    assert database.down(*FILES) == ("0003_t3",)
    with pytest.raises(UsageError, match="adopted"):
        database.down(*FILES)


def test_what_is_not_so_is_not_adopted(database: Database) -> None:
    database.scratch.run("CREATE TABLE b AS SELECT 1 AS id; GRANT SELECT ON b TO PUBLIC")
    with pytest.raises(UsageError, match=r"verify/0002_b.sql, line 1: not true: empty"):
        adopt(database, "0003_t3")
    database.scratch.run("DROP TABLE b; CREATE TABLE other ()")
    with pytest.raises(UsageError, match=r'verify/0002_b.sql, .*"b" does not exist'):
        adopt(database, "3")
    assert database.entries() == ()
    assert adopt(database, "1") == ("0001_t1",)


def test_only_once_and_only_what_is_there(database: Database) -> None:
    with pytest.raises(UsageError, match="the database is empty"):
        adopt(database, "1")
    database.up(table(1))
    with pytest.raises(UsageError, match="the ledger has entries already, 0001_t1"):
        adopt(database, "1")
    with pytest.raises(UsageError, match="no migration 9"):
        adopt(database, "9")
