"""Whatever a migration can leave behind is in the catalogue, and out of it once it is taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.drifts import BASE, DRIFTS, Drift
from tests.postgres.conftest import Cluster

from rfdata.migrations.catalogue import PARTS, Catalogue, differences, snapshot
from rfdata.migrations.queries import query

if TYPE_CHECKING:
    from rfdata.migrations.migration import Session

NOT_READ = {
    "pg_init_privs": "extensions' own privileges",
    "pg_replication_origin": "belongs to the cluster's replication",
    "pg_shdepend": "follows from what is read",
    "pg_statistic": "measured",
    "pg_statistic_ext_data": "measured",
    "pg_subscription_rel": "progress",
}
"""Catalogues of PostgreSQL that no query names, and why."""


@pytest.fixture(scope="module")
def laboratory(pristine: Cluster) -> Iterator[Scratch]:
    """A database with something of every kind in it."""
    with scratch(pristine) as made:
        made.run(BASE)
        yield made


@pytest.fixture
def session(laboratory: Scratch) -> Iterator[Session]:
    with laboratory.superuser() as connected:
        yield connected


def run(session: Session, statements: str) -> None:
    session.execute(statements.replace("{database}", session.info.dbname).encode())


@pytest.mark.parametrize("drift", DRIFTS, ids=lambda drift: drift.name)
def test_every_kind_of_trace_is_found(session: Session, drift: Drift) -> None:
    before = snapshot(session)
    run(session, drift.do)
    try:
        left = differences(before, snapshot(session))
    finally:
        run(session, drift.undo)
    assert [line for line in left if drift.shown in line], left
    assert "hidden" not in "".join(left)
    assert differences(before, snapshot(session)) == ()


def test_what_is_gone_is_found_as_well(session: Session) -> None:
    full = snapshot(session)
    inside = sum(entry.of == "schema lab" for entry in full.entries.values())
    left = differences(full, Catalogue())
    assert inside > 10
    assert f"schema lab: is gone, with {inside} objects in it" in left
    assert not [line for line in left if " lab." in line]


def test_of_a_table_left_behind_only_the_table_is_named(session: Session) -> None:
    before = snapshot(session)
    run(
        session,
        "CREATE TABLE lab.more (id int PRIMARY KEY CHECK (id > 0));"
        " COMMENT ON COLUMN lab.more.id IS 'x'",
    )
    left = differences(before, snapshot(session))
    run(session, "DROP TABLE lab.more")
    assert left == ("table lab.more: was left behind",)


def test_the_same_schema_made_twice_has_the_same_catalogue(
    session: Session, pristine: Cluster
) -> None:
    """Nothing in it depends on OIDs or on the names of what PostgreSQL makes for itself."""
    with scratch(pristine) as twin, twin.superuser() as other:
        run(other, "CREATE TABLE public.moves_all_oids (a text); DROP TABLE public.moves_all_oids")
        run(other, BASE)
        assert differences(snapshot(session), snapshot(other)) == ()


def test_grants_taken_back_leave_nothing(session: Session) -> None:
    """GRANT turns an empty privilege list into an explicit one, and REVOKE doesn't turn it back."""
    before = snapshot(session)
    run(
        session, "GRANT SELECT ON lab.parents TO rf_jobs; REVOKE SELECT ON lab.parents FROM rf_jobs"
    )
    assert differences(before, snapshot(session)) == ()


def test_extensions_and_the_ledger_are_left_out(session: Session) -> None:
    assert not [key for key in snapshot(session).entries if "vector(" in key or "rfdata" in key]
    before = snapshot(session)
    run(session, "CREATE SCHEMA rfdata; CREATE TABLE rfdata.migrations (number int)")
    after = snapshot(session)
    run(session, "DROP SCHEMA rfdata CASCADE")
    assert differences(before, after) == ()


def test_no_catalogue_of_postgresql_is_forgotten(session: Session) -> None:
    """A table of pg_catalog is named in one of our queries, or in NOT_READ with the reason."""
    texts = b" ".join(query(f"catalogue_{part}") for part in (*PARTS, "notes")).decode()
    named = set(re.findall(r"pg_\w+", texts))
    rows = session.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'pg_catalog'::regnamespace"
    )
    assert {name for (name,) in rows} - named == NOT_READ.keys()
