"""Verify files on a real server: what counts as true, and that they can do nothing but look."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.migrations.conftest import OWNER, Scratch

from rfdata.errors import NotPermitted, Unreachable
from rfdata.migrations.migration import Script
from rfdata.migrations.proof import untrue
from rfdata.postgres.client import operator


def proof(scratch: Scratch, text: str, *, role: str = OWNER, seconds: float = 10.0) -> str:
    script = Script(Path("verify/0001_first.sql"), text, "")
    cluster = scratch.cluster
    with operator(cluster.paths.socket, cluster.port, scratch.name, read_only=True) as session:
        return untrue(session, script, seconds, role=role)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT true AS it_is",
        "-- both\nSELECT true AS one; SELECT 1 = 1 AS two;\n",
        "VALUES (true), (true)",
        "WITH x AS (SELECT 1) SELECT count(*) = 1 AS one FROM x",
        "(SELECT true AS it_is)",
        "SELECT true AS one, true AS two",
        "SELECT '100%' LIKE '100%' AS a_percent_sign_is_one",
    ],
)
def test_what_is_true_is_not_untrue(blank: Scratch, text: str) -> None:
    assert proof(blank, text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT true;\n\nSELECT false AS it_is", "line 3: not true: it_is"),
        ("SELECT NULL::boolean AS it_is", "line 1: not true: it_is"),
        ("SELECT 1 AS one", "line 1: not true: one"),
        ("SELECT 't' AS text", "line 1: not true: text"),
        ("SELECT true AS good, false AS bad", "line 1: not true: bad"),
        ("VALUES (true), (false)", "line 1: not true: column1"),
        ("SELECT true WHERE false", "line 1: no row"),
        ("SELECT", "line 1: no row"),
        ("-- nothing", "there is no query in it"),
        ("SELECT true;\nSELECT 'open", "line 2: the quoted string is not closed"),
        ("SELECT true FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1 / 0 = 1 AS it_is", "division by zero"),
    ],
)
def test_everything_else_says_what_is_wrong(blank: Scratch, text: str, why: str) -> None:
    assert proof(blank, text) == why


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (id int)",
        "SELECT set_config('role', 'postgres', true) = 'postgres'; RESET ROLE; SELECT true",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "DO $$ BEGIN END $$",
        "COMMIT; SELECT true",
        "SET transaction_read_only = off",
        "SELECT set_config('transaction_read_only', 'off', true) = 'off' AS writes",
        "WITH made AS (INSERT INTO pg_description VALUES (1, 1, 1, 'x') RETURNING 1) SELECT true FROM made",
        "SELECT lo_create(0) > 0 AS made",
        "SELECT pg_read_file('PG_VERSION') = '16' AS reads_files",
    ],
)
def test_it_can_do_nothing_but_look_and_has_no_more_rights_than_the_owner(
    blank: Scratch, text: str
) -> None:
    assert proof(blank, text) != ""
    assert blank.run("SELECT count(*) FROM pg_largeobject_metadata") == [(0,)]
    assert blank.run("SELECT to_regclass('t')") == [(None,)]


def test_what_takes_too_long_is_no_answer(blank: Scratch) -> None:
    with pytest.raises(Unreachable, match="statement timeout"):
        proof(blank, "SELECT pg_sleep(60) IS NOT NULL AS slept", seconds=0.05)
    with pytest.raises(Unreachable, match="statement timeout"):
        proof(blank, "SELECT pg_sleep(60) IS NOT NULL AS slept", seconds=-1)


def test_a_session_that_may_not_look_is_not_proof_of_anything(blank: Scratch) -> None:
    blank.run("CREATE TABLE public.t (id int)")
    script = Script(Path("verify/0001_first.sql"), "SELECT count(*) = 0 FROM public.t", "")
    with (
        blank.acting_as("researchflow_readonly") as session,
        pytest.raises(NotPermitted, match="0001_first"),
    ):
        untrue(session, script, 10.0)
    assert "permission denied" in proof(blank, script.text, role="researchflow_readonly")
