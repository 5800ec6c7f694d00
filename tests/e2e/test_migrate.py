"""`rfdata migrate`, as people and services call it: on a production layer, and raced, and killed."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata.migrations.shipped import shipped

NEW = "add_orcid"
FORWARD = "ALTER TABLE identity.users ADD COLUMN orcid text;\n\nCOMMENT ON COLUMN identity.users.orcid IS 'Where a person is known worldwide.';\n"
BACK = "ALTER TABLE identity.users DROP COLUMN orcid;\n"
PROOF = """\
SELECT count(*) = 1 AS there_is_a_column
FROM information_schema.columns
WHERE table_schema = 'identity' AND table_name = 'users' AND column_name = 'orcid';
"""
COUNT = sum("/" not in name for name in shipped())
REASON = "pg_dump taken by hand"


def write(found: Deployment, name: str, forward: str, back: str = "", proof: str = "") -> str:
    """A migration with the next number; returns its name."""
    folder = found.directory / "migrations"
    number = 1 + max(int(path.name[:4]) for path in folder.glob("*.sql"))
    name = f"{number:04}_{name}"
    for part, text in (("", forward), ("rollback", back), ("verify", proof)):
        if text:
            (folder / part / f"{name}.sql").write_text(text)
    return name


def states(found: Deployment, code: int = 0) -> dict[str, str]:
    listed = found.rfdata("migrate", "status", "--format", "json", code=code).json
    return {row["name"]: row["state"] for row in listed["migrations"]}


@pytest.fixture
def schema(live: Deployment, tmp_path: Path) -> Iterator[Deployment]:
    """The live layer; what a test adds to its schema is taken back again."""
    kept = tmp_path / "migrations"
    shutil.copytree(live.directory / "migrations", kept)
    yield live
    live.rfdata("migrate", "down", "--to", str(COUNT), "--without-backup", "test", "--yes")
    shutil.rmtree(live.directory / "migrations")
    shutil.copytree(kept, live.directory / "migrations")
    assert set(states(live).values()) == {"applied"}


def test_up_leaves_the_whole_schema_applied_and_rehearsed(calm: Deployment) -> None:
    listed = calm.rfdata("migrate", "status", "--format", "json").json
    assert listed["problems"] == []
    assert [row["state"] for row in listed["migrations"]] == ["applied"] * COUNT
    assert all(row["rehearsed"] and row["rollback"] for row in listed["migrations"])
    text = calm.rfdata("migrate", "status").out
    assert f"{COUNT} applied" in text


def test_nothing_to_do_is_said_the_long_way_and_the_short_way(schema: Deployment) -> None:
    (schema.directory / ".settled").unlink(missing_ok=True)
    for _ in range(2):
        assert "nothing to do" in schema.rfdata("migrate", "up").out
    assert (schema.directory / ".settled").exists()


def test_the_short_way_sees_what_somebody_did_to_the_ledger(schema: Deployment) -> None:
    schema.rfdata("migrate", "up")
    with schema.operator() as session:
        session.execute("UPDATE rfdata.migrations SET checksum = repeat('0', 64) WHERE number = 3")
    try:
        ended = schema.rfdata("migrate", "up", code=2)
        assert "0003_session.sql was edited after it was applied" in ended.err
    finally:
        with schema.operator() as session:
            true = schema.rfdata("migrate", "status", "--format", "json", code=1)
            assert states(schema, 1)["0003_session"] == "edited", true
            session.execute(
                "UPDATE rfdata.migrations SET checksum = %s WHERE number = 3", [checksum(schema)]
            )


def checksum(found: Deployment) -> str:
    import hashlib

    text = (found.directory / "migrations" / "0003_session.sql").read_bytes()
    return hashlib.sha256(text).hexdigest()


def test_a_change_from_idea_to_production_and_back(schema: Deployment) -> None:
    written = schema.rfdata("migrate", "new", NEW, "--format", "json").json
    assert len(written) == 3
    schema.rfdata("migrate", "lint", code=1)  # nothing in it yet
    for path, text in zip(written, (FORWARD, BACK, PROOF), strict=True):
        Path(path).write_text(text)
    name = Path(written[0]).stem
    schema.rfdata("migrate", "lint")
    assert states(schema, 1)[name] == "pending"

    assert "not rehearsed" in schema.rfdata("migrate", "up", "--yes", code=2).err
    rehearsal = schema.rfdata("migrate", "rehearse", "--format", "json").json
    assert rehearsal["passed"] is True
    assert list(rehearsal["checksums"]) == [name]
    assert "no fresh backup" in schema.rfdata("migrate", "up", "--yes", code=2).err
    done = schema.rfdata(
        *("migrate", "up", "--yes", "--without-backup", REASON, "--format", "json")
    ).json
    assert done["migrations"] == [name]
    (said,) = [r for r in layer.records(schema) if r["kind"] == "overridden"][-1:]
    assert said["data"] == {"verb": "migrate up", "without": {"backup": REASON}}
    layer.assert_all_good(schema.verify())

    assert "no fresh backup" in schema.rfdata("migrate", "down", "--yes", code=2).err
    schema.rfdata("migrate", "down", "--yes", "--without-backup", REASON)
    assert states(schema, 1)[name] == "pending"


def test_up_leaves_a_production_schema_alone_and_says_what_is_missing(schema: Deployment) -> None:
    forward = FORWARD.replace("orcid", "ror")
    name = write(schema, NEW, forward, BACK.replace("orcid", "ror"))
    ended = schema.rfdata("up", "--yes", code=1)
    assert f"not rehearsed as they are now: {name}" in ended.err
    assert states(schema, 1)[name] == "pending"


def test_a_rehearsal_that_fails_is_on_record_and_the_database_untouched(schema: Deployment) -> None:
    name = write(schema, NEW, FORWARD, "SELECT 1;\n")
    ended = schema.rfdata("migrate", "rehearse", code=4)
    assert "identity.users" in ended.err
    assert "orcid" in ended.err
    assert states(schema, 1)[name] == "pending"
    newest = [r for r in layer.records(schema) if r["kind"] == "drill"][-1]
    assert newest["data"]["passed"] is False


def test_everything_can_be_rehearsed_at_any_time(schema: Deployment) -> None:
    found = schema.rfdata("migrate", "rehearse", "--format", "json").json
    assert found["passed"] is True
    assert len(found["checksums"]) == COUNT
    with schema.operator() as session:
        names = [row[0] for row in session.execute("SELECT datname FROM pg_database").fetchall()]
    assert not [name for name in names if "rehearsal" in name]


def leave() -> tuple[str, ...]:
    return ("--yes", "--without-backup", REASON, "--without-rehearsal", REASON)


def test_ten_at_once_apply_it_exactly_once(schema: Deployment) -> None:
    name = write(schema, "once", "CREATE TABLE public.once (n int);\n", "DROP TABLE public.once;\n")
    racing = [schema.begin("migrate", "up", *leave()) for _ in range(10)]
    told = [process.communicate(timeout=layer.PATIENCE) for process in racing]
    assert [process.returncode for process in racing] == [0] * 10, told
    assert states(schema)[name] == "applied"


def test_bad_sql_names_the_place_and_leaves_nothing(schema: Deployment) -> None:
    name = write(schema, "bad", "CREATE TABLE public.half (n int);\n\nSELECT 1 +;\n", "SELECT 1;\n")
    ended = schema.rfdata("migrate", "up", *leave(), code=4)
    assert f"{name}.sql:3:11" in ended.err
    assert "syntax error" in ended.err
    with schema.operator() as session:
        assert session.execute("SELECT to_regclass('public.half')").fetchone() == (None,)


def test_killed_in_the_middle_nothing_is_half_done(schema: Deployment) -> None:
    forward = "CREATE TABLE public.slow (n int);\nSELECT pg_sleep(600);\n"
    name = write(schema, "slow", forward, "DROP TABLE public.slow;\n")
    process = schema.begin("migrate", "up", *leave())
    with schema.operator() as session:
        session.autocommit = True
        sleeping = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        layer.wait_for("the migration to sleep", lambda: session.execute(sleeping).fetchone())
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=layer.PATIENCE)
        for (pid,) in session.execute(sleeping).fetchall():
            session.execute("SELECT pg_terminate_backend(%s)", [pid])
        layer.wait_for("the server to end it", lambda: not session.execute(sleeping).fetchall())
        assert session.execute("SELECT to_regclass('public.slow')").fetchone() == (None,)
    path = schema.directory / "migrations" / f"{name}.sql"
    path.write_text(forward.splitlines()[0] + "\n")
    schema.rfdata("migrate", "up", *leave())
    assert states(schema)[name] == "applied"


def test_what_fails_outside_of_a_transaction_says_how_to_go_on(schema: Deployment) -> None:
    forward = "-- rfdata: no-transaction\nCREATE TABLE public.twice (n int);\nSELECT 1 / 0;\n"
    name = write(schema, "twice", forward, "DROP TABLE public.twice;\n")
    schema.rfdata("migrate", "up", *leave(), code=4)
    assert states(schema, 1)[name] == "failed"
    refused = schema.rfdata("migrate", "up", *leave(), code=2)
    assert f"--resume {name[:4]}" in refused.err
    said = schema.rfdata("migrate", "resolve", name[:4], "--as", "applied")
    assert f"{name} is applied now" in said.out
    assert states(schema)[name] == "applied"


def test_the_schema_as_a_document(calm: Deployment, tmp_path: Path) -> None:
    calm.rfdata("migrate", "schema", "--out", str(tmp_path / "pages"))
    pages = {path.suffix for path in (tmp_path / "pages").rglob("*") if path.is_file()}
    assert pages == {".md", ".svg"}
    assert "identity" in calm.rfdata("migrate", "schema").out
