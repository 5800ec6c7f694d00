"""What hangs on a user or an organization: second factors, consents, quotas."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    ORCHESTRATOR,
    WORKER,
    at_once,
    furnish,
    make_organization,
    refused,
)
from tests.postgres.conftest import Cluster


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for all tests here: each works in organizations of its own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


def test_second_factors_are_the_users_own_and_sealed(place: Scratch) -> None:
    home = make_organization(place)
    enrol = (
        "INSERT INTO identity.mfa_enrolments (user_id, kind, label, secret_sealed, sealed_with)"
        " VALUES (%s, 'totp', 'phone', %s, 'key 1')"
    )
    with place.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        session.execute(enrol.encode(), [home.viewer, b"s" * 48])
        with refused(errors.InsufficientPrivilege):
            session.execute(enrol.encode(), [home.admin, b"s" * 48])
        with refused(errors.CheckViolation, "no_plain_secret"):
            session.execute(enrol.encode(), [home.viewer, b"s" * 20])
        with refused(errors.CheckViolation, "no_plain_secret"):
            session.execute(
                "INSERT INTO identity.mfa_enrolments (user_id, kind, label)"
                " VALUES (%s, 'webauthn', 'key')",
                [home.viewer],
            )
        session.execute(
            "INSERT INTO identity.mfa_enrolments"
            " (user_id, kind, label, credential_id, public_key, sign_count)"
            " VALUES (%s, 'webauthn', 'key', %s, %s, 0)",
            [home.viewer, b"i" * 16, b"k" * 77],
        )
    counted = "SELECT count(*) FROM identity.mfa_enrolments"
    for user, expected in ((home.viewer, 2), (home.admin, 0), (None, 0)):
        with place.acting_as(ORCHESTRATOR, home.id, user) as session:
            assert session.execute(counted.encode()).fetchall() == [(expected,)]
    with place.acting_as(WORKER) as session, refused(errors.InsufficientPrivilege):
        session.execute(counted.encode())


def test_a_consent_is_given_by_oneself_to_words_that_do_not_change(place: Scratch) -> None:
    home = make_organization(place)
    with place.acting_as(ORCHESTRATOR, home.id, home.viewer) as session:
        [(text,)] = session.execute(
            "INSERT INTO identity.consent_texts (organization_id, kind, version, body)"
            " VALUES (%s, 'data_processing', 1, 'We read it.') RETURNING id",
            [home.id],
        ).fetchall()
        give = (
            "INSERT INTO identity.consents (organization_id, user_id, text_id) VALUES (%s, %s, %s)"
        )
        session.execute(give.encode(), [home.id, home.viewer, text])
        with refused(errors.UniqueViolation):
            session.execute(give.encode(), [home.id, home.viewer, text])
        with refused(errors.InsufficientPrivilege):
            session.execute(give.encode(), [home.id, home.admin, text])
        withdraw = "UPDATE identity.consents SET withdrawn_at = %s"
        assert session.execute(withdraw.encode(), ["now"]).rowcount == 1
        for undone in (None, "tomorrow"):
            with refused(errors.CheckViolation, "stays withdrawn"):
                session.execute(withdraw.encode(), [undone])
        session.execute(give.encode(), [home.id, home.viewer, text])
    with place.acting_as(ORCHESTRATOR, home.id, home.admin) as session:
        withdrawn = session.execute(
            "UPDATE identity.consents SET withdrawn_at = now() WHERE withdrawn_at IS NULL"
        )
        assert withdrawn.rowcount == 0
    for change in ("UPDATE identity.consent_texts SET body = 'We sell it.'",):
        with refused(errors.InsufficientPrivilege, "append-only"):
            place.run(change)


def test_a_quota_is_never_overdrawn_and_used_to_the_last(place: Scratch) -> None:
    home = make_organization(place)
    furnish(place, home)

    def take() -> int:
        with place.acting_as(WORKER, home.id, home.researcher) as session:
            taken = [
                session.execute("SELECT identity.consume_quota('runs', 3)").fetchall()
                for _ in range(3)
            ]
        return taken.count([(True,)])

    outcomes = at_once([take] * 6)
    assert sum(outcome for outcome in outcomes if isinstance(outcome, int)) == 3
    assert place.run("SELECT used FROM identity.quotas WHERE organization_id = %s", home.id) == [
        (9,)
    ]
    with place.acting_as(WORKER, home.id) as session:
        assert session.execute("SELECT identity.consume_quota('runs')").fetchall() == [(True,)]
        assert session.execute("SELECT identity.consume_quota('runs')").fetchall() == [(False,)]
        session.execute("SELECT identity.release_quota('runs', 4)")
    assert place.run("SELECT used FROM identity.quotas WHERE organization_id = %s", home.id) == [
        (6,)
    ]


def test_a_quota_renews_when_its_period_is_over(place: Scratch) -> None:
    home = make_organization(place)
    place.run(
        "INSERT INTO identity.quotas"
        " (organization_id, resource, allowed, used, renewed_every, renewed_at)"
        " VALUES (%s, 'ai.tokens', 100, 100, '30 days', now() - interval '29 days')",
        home.id,
    )
    take = "SELECT identity.consume_quota('ai.tokens', 60)"
    with place.acting_as(WORKER, home.id) as session:
        assert session.execute(take.encode()).fetchall() == [(False,)]
        place.run(
            "UPDATE identity.quotas SET renewed_at = now() - interval '31 days'"
            " WHERE organization_id = %s",
            home.id,
        )
        assert session.execute(take.encode()).fetchall() == [(True,)]
        assert session.execute(take.encode()).fetchall() == [(False,)]
    assert place.run("SELECT used FROM identity.quotas WHERE organization_id = %s", home.id) == [
        (60,)
    ]


def test_a_quota_that_is_not_there_is_an_error_not_a_gift(place: Scratch) -> None:
    home, away = make_organization(place), make_organization(place)
    furnish(place, away)
    with place.acting_as(WORKER, home.id) as session:
        for call in ("consume_quota('runs')", "release_quota('runs')"):
            with refused(errors.NoDataFound, "no quota for runs"):
                session.execute(f"SELECT identity.{call}".encode())
    with place.acting_as(WORKER, away.id) as session:
        for call in ("consume_quota('runs', -1)", "release_quota('runs', -1)"):
            with refused(errors.InvalidParameterValue):
                session.execute(f"SELECT identity.{call}".encode())
