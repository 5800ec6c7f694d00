"""Rehearsals on a real server: what they find, what they measure, and that the original never notices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.migrations.conftest import OWNER, RESEARCHFLOW, Scratch
from tests.migrations.laboratory import Laboratory
from tests.migrations.running import AUTHOR, IDENTITY, migration

from rfdata.errors import UsageError
from rfdata.evidence import log
from rfdata.migrations import runner
from rfdata.migrations.catalogue import differences, snapshot
from rfdata.migrations.folder import read_folder
from rfdata.migrations.rehearse import MANY, Rehearsed
from rfdata.migrations.rehearsed import rehearsals
from rfdata.model.migrations import rehearsed, rehearsed_as

if TYPE_CHECKING:
    pass

GOOD = migration(
    "0001_more",
    "ALTER TABLE lab.notes ADD more text;\nCREATE INDEX by_note ON lab.notes (note);",
    "DROP INDEX lab.by_note;\nALTER TABLE lab.notes DROP more;",
)
SLEEPS = migration("0001_sleeps", "SELECT pg_sleep(600);", "SELECT 1;")


@pytest.fixture
def laboratory(blank: Scratch) -> Laboratory:
    return Laboratory(blank)


def ran(result: Rehearsed) -> list[str]:
    return [f"{each.direction} {each.name}" for each in result.ran]


def locks(result: Rehearsed, direction: str = "up") -> set[str]:
    return {
        f"{held.mode} on {held.relation}"
        for each in result.ran
        if each.direction == direction
        for held in each.locks
    }


def test_every_shipped_migration_can_be_taken_back(blank: Scratch, tmp_path: Path) -> None:
    """The proof of the schema: up, down and up again, each leaving the catalogue as it should be."""
    migrations = read_folder(RESEARCHFLOW).migrations
    with blank.superuser() as session:
        before = snapshot(session)
    bare = Laboratory(blank, content="SELECT 1")
    result = bare.rehearse_all(migrations)
    assert result.trouble == ""
    assert result.one_way == ()
    names = [each.name for each in migrations]
    assert ran(result) == [
        *(f"up {name}" for name in names),
        *(f"down {name}" for name in reversed(names)),
        *(f"up again {name}" for name in names),
    ]
    with blank.superuser() as session:
        assert differences(before, snapshot(session)) == ()
    assert bare.copies() == []
    assert len(json.dumps(result.to_data())) < 20_000

    log.append(tmp_path, "drill", {"drill": "restore", "passed": True}, by="a@b", version="1")
    log.append(tmp_path, "drill", result.to_data(), by=AUTHOR.by, version=AUTHOR.version)
    (found,) = rehearsals(tmp_path)
    assert (found.by, found.method, found.trouble) == (AUTHOR.by, "template", "")
    for each in migrations:
        assert rehearsed(each.as_file(), (found,)) == found


def test_what_is_measured(laboratory: Laboratory) -> None:
    result = laboratory.rehearse(GOOD)
    assert result.trouble == ""
    assert result.passed
    assert result.method == "template"
    assert {"ACCESS EXCLUSIVE on lab.notes", "SHARE on lab.notes"} <= locks(result)
    assert "ACCESS EXCLUSIVE on lab.notes" in locks(result, "down")
    assert all(each.seconds > 0 for each in result.ran)
    data = result.to_data()
    assert data["checksums"] == {
        GOOD.name: rehearsed_as(GOOD.script.checksum, GOOD.rollback.checksum)  # type: ignore[union-attr]
    }
    assert data["locks"][GOOD.name]["up"][0]["blocks"] == "nobody reads or writes"
    assert set(data["timings"][GOOD.name]) == {"up", "down", "up again"}


def test_the_load_waits_for_the_lock(laboratory: Laboratory) -> None:
    slow = migration(
        "0001_slow", "LOCK lab.people; SELECT pg_sleep(0.3);", "DROP TABLE IF EXISTS lab.none;"
    )
    result = laboratory.rehearse(slow)
    assert result.trouble == ""
    (up,) = (each for each in result.ran if each.direction == "up")
    assert up.locks[0].seconds >= 0.3
    assert up.waits.worst > up.waits.median > 0


@pytest.mark.parametrize(
    ("up", "down", "line"),
    [
        (
            "CREATE INDEX by_note ON lab.notes (note); CREATE TABLE lab.more (id int);",
            "DROP TABLE lab.more;",
            "0001_it, taken back: index lab.by_note: was left behind",
        ),
        (
            "ALTER TABLE lab.notes ALTER note TYPE varchar(9);",
            "ALTER TABLE lab.notes ALTER note TYPE char(9);",
            "0001_it, taken back: column lab.notes.note: type text before, character(9) after",
        ),
        (
            "GRANT SELECT ON lab.people TO rf_jobs;",
            "SELECT 1;",
            f"0001_it, taken back: table lab.people: privileges: rf_jobs=r/{OWNER} was left behind",
        ),
        (
            "ALTER TABLE lab.people ADD old text;",
            "ALTER TABLE lab.people DROP old, DROP name CASCADE;",
            "0001_it, taken back: column lab.people.name: is gone",
        ),
        (
            "SELECT 1;",
            "DELETE FROM lab.notes WHERE id > 40;",
            "all taken back: rows of lab.notes: 50 before, 40 after",
        ),
        (
            "INSERT INTO lab.people VALUES (0, 'everybody');",
            "SELECT 1;",
            "all taken back: rows of lab.people: 100 before, 101 after",
        ),
    ],
)
def test_a_rollback_that_forgets_something(
    laboratory: Laboratory, up: str, down: str, line: str
) -> None:
    result = laboratory.rehearse(migration("0001_it", up, down))
    assert line in result.trouble.splitlines()
    assert not result.passed
    assert "up again 0001_it" not in ran(result)


def test_the_rollback_that_forgot_is_named_also_where_another_cleans_up(
    laboratory: Laboratory,
) -> None:
    result = laboratory.rehearse(
        migration("0001_t", "CREATE TABLE lab.t (id int);", "DROP TABLE lab.t;"),
        migration("0002_i", "CREATE INDEX i ON lab.t (id);", "SELECT 1;"),
        migration("0003_c", "ALTER TABLE lab.t ADD c int;", "ALTER TABLE lab.t DROP c;"),
    )
    assert result.trouble == "0002_i, taken back: index lab.i: was left behind"


def test_of_very_many_only_the_ends_are_compared(laboratory: Laboratory) -> None:
    many = [
        migration(f"{number:04}_t", f"CREATE TABLE lab.t{number} ();", f"DROP TABLE lab.t{number};")
        for number in range(1, MANY + 1)
    ]
    assert laboratory.rehearse_all(many).passed
    forgets = migration(
        "9999_i", "CREATE TABLE lab.last (); CREATE VIEW lab.v AS SELECT 1;", "DROP TABLE lab.last;"
    )
    result = laboratory.rehearse(*many, forgets)
    assert result.trouble == "all taken back: view lab.v: was left behind"


def test_a_second_up_that_fails(laboratory: Laboratory) -> None:
    laboratory.scratch.run(
        "CREATE SEQUENCE lab.once; ALTER SEQUENCE lab.once OWNER TO researchflow_owner"
    )
    once = migration("0001_once", "SELECT 1 / (2 - nextval('lab.once'));", "SELECT 1;")
    result = laboratory.rehearse(once)
    assert "division by zero" in result.trouble
    assert ran(result) == ["up 0001_once", "down 0001_once"]


def test_a_second_up_that_ends_elsewhere(laboratory: Laboratory) -> None:
    laboratory.scratch.run(
        "CREATE SEQUENCE lab.turn; ALTER SEQUENCE lab.turn OWNER TO researchflow_owner"
    )
    text = "DO $$BEGIN EXECUTE 'COMMENT ON TABLE lab.notes IS ' || nextval('lab.turn'); END$$;"
    turn = migration(
        "0001_turn",
        text.replace("' || nextval('lab.turn')", "' || quote_literal(nextval('lab.turn')::text)"),
        "COMMENT ON TABLE lab.notes IS NULL;",
    )
    result = laboratory.rehearse(turn)
    assert result.trouble == (
        "applied for the second time: table lab.notes: comment 1 before, 2 after"
    )


def test_a_migration_that_fails_is_a_result(laboratory: Laboratory) -> None:
    bad = migration("0002_bad", "SELECT 1;\nSELECT nothing;", "SELECT 1;")
    result = laboratory.rehearse(GOOD, bad)
    assert not result.passed
    assert "0002_bad.sql:2:8" in result.trouble
    assert ran(result) == [f"up {GOOD.name}"]
    assert laboratory.copies() == []


def test_a_rollback_that_fails_is_a_result(laboratory: Laboratory) -> None:
    bad = migration("0001_bad", "SELECT 1;", "DROP TABLE lab.nothing;")
    assert "rollback/0001_bad.sql:1" in laboratory.rehearse(bad).trouble


def test_without_a_rollback_it_only_goes_up(laboratory: Laboratory) -> None:
    """What lies before it can't be taken back either, so its rollback is not said to be rehearsed."""
    first = migration("0001_a", "CREATE TABLE lab.a (id int);", "DROP TABLE lab.a;")
    second = migration("0002_b", "CREATE TABLE lab.b (id int);")
    third = migration("0003_c", "CREATE TABLE lab.c (id int);", "DROP TABLE lab.c;")
    result = laboratory.rehearse(first, second, third)
    assert result.trouble == ""
    assert result.one_way == ("0001_a", "0002_b")
    assert ran(result) == ["up 0001_a", "up 0002_b", "up 0003_c", "down 0003_c", "up again 0003_c"]
    assert result.checksums["0001_a"] == rehearsed_as(first.script.checksum, "")
    assert result.checksums["0003_c"].endswith(third.rollback.checksum)  # type: ignore[union-attr]


def test_outside_of_a_transaction(laboratory: Laboratory) -> None:
    """CREATE INDEX CONCURRENTLY waits for old snapshots: those who look on must not have one."""
    concurrently = migration(
        "0001_index",
        "-- rfdata: no-transaction\nCREATE INDEX CONCURRENTLY by_note ON lab.notes (note);",
        "-- rfdata: no-transaction\nDROP INDEX CONCURRENTLY lab.by_note;",
    )
    result = laboratory.rehearse(concurrently)
    assert result.trouble == ""
    assert locks(result) == {"SHARE UPDATE EXCLUSIVE on lab.notes"}
    assert "SHARE UPDATE EXCLUSIVE on lab.notes" in locks(result, "down")


def test_only_what_is_pending(laboratory: Laboratory) -> None:
    """The copy has the ledger, so that what is applied there is not applied again."""
    first = migration("0001_a", "CREATE TABLE lab.a (id int);", "DROP TABLE lab.a;")
    second = migration("0002_b", "ALTER TABLE lab.a ADD b int;", "ALTER TABLE lab.a DROP b;")
    with laboratory.scratch.superuser() as session:
        runner.up(session, (first,), identity=IDENTITY, author=AUTHOR)
    result = laboratory.rehearse(second)
    assert result.trouble == ""
    assert "ACCESS EXCLUSIVE on lab.a" in locks(result)


def test_all_from_an_empty_database_on(laboratory: Laboratory) -> None:
    """What is applied can be rehearsed only where it isn't; the extensions are there."""
    first = migration(
        "0001_a",
        "CREATE SCHEMA a; CREATE TABLE a.b (c public.vector(3));",
        "DROP SCHEMA a CASCADE;",
    )
    with laboratory.scratch.superuser() as session:
        runner.up(session, (first,), identity=IDENTITY, author=AUTHOR)
    with pytest.raises(UsageError, match="0001_a is already applied"):
        laboratory.rehearse(first, tools=laboratory.tools)
    result = laboratory.rehearse(first, empty=True)
    assert result.trouble == ""
    assert result.method == "empty"
    assert len(result.ran) == 3
    assert "lab.people" not in str(result)
    assert laboratory.copies() == []


def test_nothing_to_rehearse(laboratory: Laboratory) -> None:
    with pytest.raises(UsageError, match="nothing to rehearse"):
        laboratory.rehearse()


def test_the_original_never_notices(laboratory: Laboratory) -> None:
    everything = migration(
        "0001_all",
        "DROP TABLE lab.notes; DELETE FROM lab.people; CREATE SCHEMA other;",
        "DROP SCHEMA other;",
    )
    with laboratory.scratch.superuser() as session:
        before = snapshot(session)
    assert not laboratory.rehearse(everything).passed
    with laboratory.scratch.superuser() as session:
        assert differences(before, snapshot(session)) == ()
        assert session.execute("SELECT count(*) FROM lab.people").fetchall() == [(100,)]
    assert laboratory.copies() == []


def test_a_migration_that_names_the_database_is_refused(laboratory: Laboratory) -> None:
    name = laboratory.scratch.name
    named = migration("0001_it", f"SELECT 1;\nALTER DATABASE {name} SET work_mem = '9MB';", "")
    with pytest.raises(UsageError, match=r"0001_it\.sql:2:16: names the database"):
        laboratory.rehearse(named)
    fine = migration("0001_it", f"COMMENT ON SCHEMA lab IS 'of {name}';", None)
    assert laboratory.rehearse(fine).passed


def test_a_migration_that_finds_the_database_is_caught(laboratory: Laboratory) -> None:
    found = migration(
        "0001_it",
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''9MB''',"
        " split_part(current_database(), '_rehearsal_', 1)); END$$;",
        "SELECT 1;",
    )
    assert "itself changed meanwhile" in laboratory.rehearse(found).trouble
