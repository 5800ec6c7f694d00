"""Settings with their history, the mode, feature flags."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from uuid import uuid4

import pytest
from psycopg import errors
from psycopg.types.json import Jsonb
from tests.migrations.conftest import OWNER, Scratch, scratch
from tests.migrations.people import (
    COLLAB,
    GUIDELINES,
    ORCHESTRATOR,
    READONLY,
    WORKER,
    at_once,
    make_organization,
    refused,
)
from tests.postgres.conftest import Cluster

READERS = (WORKER, COLLAB, GUIDELINES, READONLY)


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for the tests that leave what is the whole deployment's alone."""
    with scratch(pristine, schema_template.name) as made:
        yield made


# Settings.


def test_a_change_leaves_who_when_and_both_values(migrated: Scratch) -> None:
    home = make_organization(migrated)
    change = "UPDATE governance.settings SET value = %s WHERE key = 'session.idle_minutes'"
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        for minutes in (15, 15, 20):
            session.execute(change.encode(), [Jsonb(minutes)])
    history = migrated.run(
        "SELECT old_value, new_value, changed_by, changed_as FROM governance.setting_history"
        " WHERE key = 'session.idle_minutes' ORDER BY changed_at"
    )
    assert [row[:3] for row in history] == [
        (None, 30, None),
        (30, 15, home.admin),
        (15, 20, home.admin),
    ]
    assert [row[3] for row in history[1:]] == [ORCHESTRATOR] * 2


def test_a_setting_that_goes_leaves_its_history(migrated: Scratch) -> None:
    migrated.run("DELETE FROM governance.settings WHERE key = 'ai.enabled'")
    history = migrated.run(
        "SELECT old_value, new_value FROM governance.setting_history"
        " WHERE key = 'ai.enabled' ORDER BY changed_at"
    )
    assert history == [(None, True), (True, None)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session.idle_minutes", 1),
        ("session.idle_minutes", 1441),
        ("session.idle_minutes", 10.5),
        ("session.idle_minutes", "10"),
        ("session.idle_minutes", None),
        ("session.idle_minutes", [10]),
        ("ai.enabled", "true"),
        ("ai.enabled", 1),
        ("ai.monthly_cost_limit", -0.01),
        ("identity.mfa", "sometimes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(place: Scratch, key: str, value: object) -> None:
    with place.acting_as(ORCHESTRATOR) as session, refused(errors.CheckViolation, "settings_value"):
        session.execute(
            "UPDATE governance.settings SET value = %s WHERE key = %s", [Jsonb(value), key]
        )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session.idle_minutes", 10),
        ("session.idle_minutes", 10.0),
        ("ai.enabled", False),
        ("ai.monthly_cost_limit", 99.5),
        ("identity.mfa", "everybody"),
    ],
)
def test_a_value_that_fits_is_taken(place: Scratch, key: str, value: object) -> None:
    with place.acting_as(ORCHESTRATOR) as session:
        session.execute(
            "UPDATE governance.settings SET value = %s WHERE key = %s", [Jsonb(value), key]
        )
        found = session.execute("SELECT value FROM governance.settings WHERE key = %s", [key])
        assert found.fetchall() == [(value,)]


def test_which_settings_there_are_is_not_a_services_to_say(place: Scratch) -> None:
    with place.acting_as(ORCHESTRATOR) as session:
        for statement in (
            "INSERT INTO governance.settings (key) VALUES ('a.b')",
            "DELETE FROM governance.settings",
            "UPDATE governance.settings SET maximum = NULL",
            "INSERT INTO governance.setting_history (key) VALUES ('a.b')",
        ):
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(statement.encode())


@pytest.mark.parametrize("table", ["setting_history", "mode_history"])
def test_history_is_changed_by_nobody(migrated: Scratch, table: str) -> None:
    migrated.run("SELECT governance.set_mode('LIVE')")
    for role in ("postgres", OWNER):
        with migrated.superuser() as session:
            session.execute(f"SET ROLE {role}".encode())
            for statement in (
                f"UPDATE governance.{table} SET changed_as = 'me'",
                f"DELETE FROM governance.{table}",
                f"TRUNCATE governance.{table}",
            ):
                with refused(errors.InsufficientPrivilege, "append-only"):
                    session.execute(statement.encode())


@pytest.mark.parametrize("role", READERS)
def test_readers_read(place: Scratch, role: str) -> None:
    with place.acting_as(role) as session:
        for table in ("settings", "setting_history", "mode", "mode_history", "feature_flags"):
            session.execute(f"SELECT * FROM governance.{table}".encode())
        if role == READONLY:
            session.execute("SET default_transaction_read_only = off")
        for statement in (
            "UPDATE governance.settings SET value = 'false' WHERE key = 'ai.enabled'",
            "SELECT governance.set_mode('LIVE')",
            "INSERT INTO governance.feature_flags (key, description) VALUES ('x', 'x')",
        ):
            with refused(errors.InsufficientPrivilege, "permission denied"):
                session.execute(statement.encode())


# The mode.


def test_a_deployment_begins_as_a_demonstration(place: Scratch) -> None:
    assert place.run("SELECT mode FROM governance.mode") == [("DEMO",)]


def test_there_is_one_mode_and_one_way_to_change_it(migrated: Scratch) -> None:
    for second in ("true", "false", "NULL"):
        with refused(errors.IntegrityError):
            migrated.run(f"INSERT INTO governance.mode VALUES ({second}, 'LIVE')")
    with (
        migrated.acting_as(ORCHESTRATOR) as session,
        refused(errors.InsufficientPrivilege, "permission denied"),
    ):
        session.execute("UPDATE governance.mode SET mode = 'LIVE'")


def test_back_to_demo_takes_a_reason(migrated: Scratch) -> None:
    home = make_organization(migrated)
    with migrated.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        assert session.execute("SELECT governance.set_mode('LIVE')").fetchall() == [(True,)]
        assert session.execute("SELECT governance.set_mode('LIVE')").fetchall() == [(False,)]
        for reason in (None, "", "  \n"):
            with refused(errors.InvalidParameterValue, "takes a reason"):
                session.execute("SELECT governance.set_mode('DEMO', %s)", [reason])
        with refused(errors.CheckViolation):
            session.execute("SELECT governance.set_mode('TEST', 'why not')")
        back = session.execute("SELECT governance.set_mode('DEMO', 'training day')")
        assert back.fetchall() == [(True,)]
    history = migrated.run(
        "SELECT old_mode, new_mode, reason, changed_by, changed_as"
        " FROM governance.mode_history ORDER BY changed_at"
    )
    assert history == [
        ("DEMO", "LIVE", None, home.admin, ORCHESTRATOR),
        ("LIVE", "DEMO", "training day", home.admin, ORCHESTRATOR),
    ]


def test_no_mode_is_no_mode(migrated: Scratch) -> None:
    with refused(errors.NotNullViolation):
        migrated.run("SELECT governance.set_mode(NULL)")


def test_the_mode_changes_once_when_many_change_it_at_once(migrated: Scratch) -> None:
    def go_live() -> bool:
        with migrated.acting_as(ORCHESTRATOR) as session:
            [(changed,)] = session.execute("SELECT governance.set_mode('LIVE')").fetchall()
        return bool(changed)

    assert sorted(at_once([go_live] * 6), key=bool) == [False] * 5 + [True]
    assert migrated.run("SELECT count(*) FROM governance.mode_history") == [(1,)]


# Feature flags.


def set_flag(place: Scratch, key: str, enabled: bool, percent: float = 100) -> None:
    with place.acting_as(ORCHESTRATOR) as session:
        session.execute(
            "INSERT INTO governance.feature_flags (key, description, enabled, rollout_percent)"
            " VALUES (%s, 'x', %s, %s) ON CONFLICT (key) DO UPDATE"
            " SET enabled = excluded.enabled, rollout_percent = excluded.rollout_percent",
            [key, enabled, percent],
        )


def enabled_for(place: Scratch, key: str, subjects: list[str]) -> set[str]:
    with place.acting_as(COLLAB) as session:
        return {
            subject
            for (subject,) in session.execute(
                "SELECT s FROM unnest(%s::text[]) AS s WHERE governance.flag_enabled(%s, s)",
                [subjects, key],
            ).fetchall()
        }


def test_a_share_is_as_large_as_it_says_and_only_grows(place: Scratch) -> None:
    subjects = [str(n) for n in range(4000)]
    before: set[str] = set()
    for percent in (0, 0.5, 10, 50, 99, 100):
        set_flag(place, "new_editor", True, percent)
        now = enabled_for(place, "new_editor", subjects)
        assert before <= now
        assert abs(len(now) - 40 * percent) < 100, percent
        before = now
    assert before == set(subjects)


def test_two_flags_do_not_hit_the_same_ones(place: Scratch) -> None:
    subjects = [str(n) for n in range(2000)]
    for key in ("one", "two"):
        set_flag(place, key, True, 50)
    both = enabled_for(place, "one", subjects) & enabled_for(place, "two", subjects)
    assert 400 < len(both) < 600


def test_a_share_is_reckoned_the_same_in_every_language(place: Scratch) -> None:
    subjects = ["somebody", "", "grüße", "a:b", str(uuid4())]
    for subject in subjects:
        digest = hashlib.sha256(f"new_editor:{subject}".encode()).digest()
        expected = int.from_bytes(digest[:4], "big") % 10000
        found = place.run("SELECT governance.rollout_position('new_editor', %s)", subject)
        assert found == [(expected,)]


def test_off_is_off_and_so_is_what_does_not_exist(place: Scratch) -> None:
    set_flag(place, "dark", False)
    assert enabled_for(place, "dark", ["a", "b"]) == set()
    assert enabled_for(place, "no_such_flag", ["a", "b"]) == set()


def test_an_exception_goes_before_the_share_and_stays_in_its_organization(
    place: Scratch,
) -> None:
    home, away = make_organization(place), make_organization(place)
    set_flag(place, "early", False)
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        add = (
            "INSERT INTO governance.feature_flag_exceptions"
            " (organization_id, flag, enabled, reason) VALUES (%s, 'early', true, 'pilot')"
        )
        session.execute(add.encode(), [home.id])
        with refused(errors.InsufficientPrivilege, "row-level security"):
            session.execute(add.encode(), [away.id])
        with refused(errors.InsufficientPrivilege):
            session.execute(
                "UPDATE governance.feature_flag_exceptions SET organization_id = %s", [away.id]
            )
    asked = "SELECT governance.flag_enabled('early'), governance.flag_enabled('early', 'anybody')"
    seen = "SELECT count(*) FROM governance.feature_flag_exceptions"
    for organization, expected in ((home.id, True), (away.id, False), (None, False)):
        for role in (*READERS, ORCHESTRATOR):
            with place.acting_as(role, organization) as session:
                assert session.execute(asked.encode()).fetchall() == [(expected, expected)]
                assert session.execute(seen.encode()).fetchall() == [(int(expected),)]


def test_all_of_an_organization_see_the_same(place: Scratch) -> None:
    set_flag(place, "halfway", True, 50)
    organizations = [make_organization(place).id for _ in range(8)]
    for organization in organizations:
        digest = hashlib.sha256(f"halfway:{organization}".encode()).digest()
        expected = int.from_bytes(digest[:4], "big") % 10000 < 5000
        with place.acting_as(WORKER, organization) as session:
            found = session.execute("SELECT governance.flag_enabled('halfway')").fetchall()
        assert found == [(expected,)]
