"""Whatever is done to the audit trail behind its back, the first bad event is named."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from psycopg import errors
from tests.migrations.conftest import Scratch, scratch
from tests.migrations.people import (
    at_once,
    make_organization,
    refused,
)
from tests.migrations.trail import ONE, append, chain_of, tamper, verify
from tests.postgres.conftest import Cluster

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def place(pristine: Cluster, schema_template: Scratch) -> Iterator[Scratch]:
    """One database for the tests that add events of organizations of their own."""
    with scratch(pristine, schema_template.name) as made:
        yield made


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE audit.events SET details = '{\"rows\": 0}'", (3, "hash differs")),
        ("UPDATE audit.events SET actor_id = gen_random_uuid()", (3, "hash differs")),
        (
            "UPDATE audit.events SET occurred_at = occurred_at + interval '1 second'",
            (3, "hash differs"),
        ),
        ("UPDATE audit.events SET hash = sha256(hash)", (3, "hash differs")),
        ("UPDATE audit.events SET previous_hash = sha256(hash)", (3, "link differs")),
        ("DELETE FROM audit.events", (3, "sequence gap")),
        ("UPDATE audit.events SET sequence = 2", (2, "sequence gap")),
        ("UPDATE audit.events SET organization_id = gen_random_uuid()", (3, "sequence gap")),
    ],
)
def test_a_tampered_event_is_named(place: Scratch, change: str, found: tuple[int, str]) -> None:
    home = chain_of(place)
    tamper(place, f"{change} {ONE}", home.id, 3)
    assert verify(place, home.id) == [found]
    assert verify(place, home.id, 5) == []


def test_an_event_that_was_moved_is_named_where_it_was(place: Scratch) -> None:
    home = chain_of(place)
    tamper(place, f"UPDATE audit.events SET sequence = 30 {ONE}", home.id, 3)
    assert verify(place, home.id) == [(3, "sequence gap")]
    assert verify(place, home.id, 5) == [(7, "sequence gap")]


def test_an_event_whose_hash_was_made_to_fit_breaks_the_link_after_it(place: Scratch) -> None:
    home = chain_of(place)
    tamper(place, f"UPDATE audit.events SET action = 'nothing.happened' {ONE}", home.id, 3)
    tamper(place, f"UPDATE audit.events AS e SET hash = audit.event_hash(e) {ONE}", home.id, 3)
    assert verify(place, home.id) == [(4, "link differs")]


@pytest.mark.parametrize("sequence", [1, 3, 6])
def test_a_removed_event_is_named_wherever_it_was(place: Scratch, sequence: int) -> None:
    home = chain_of(place)
    tamper(place, f"DELETE FROM audit.events {ONE}", home.id, sequence)
    reason = "removed at the end (head differs)" if sequence == 6 else "sequence gap"
    assert verify(place, home.id) == [(sequence, reason)]


def test_a_head_that_was_moved_is_found(place: Scratch) -> None:
    moved = {
        "sequence = sequence + 1": (7, "removed at the end (head differs)"),
        "sequence = sequence - 1": (6, "head differs"),
        "hash = sha256(hash)": (6, "head differs"),
    }
    for change, found in moved.items():
        home = chain_of(place)
        tamper(place, f"UPDATE audit.chains SET {change} WHERE organization_id = %s", home.id)
        assert verify(place, home.id) == [found]
    home = chain_of(place)
    tamper(place, "DELETE FROM audit.chains WHERE organization_id = %s", home.id)
    assert verify(place, home.id) == [(1, "head differs")]


def test_a_whole_trail_that_was_removed_is_found(place: Scratch) -> None:
    home = chain_of(place, 1)
    tamper(place, "DELETE FROM audit.events WHERE organization_id = %s", home.id)
    assert verify(place, home.id) == [(1, "removed at the end (head differs)")]


def test_where_to_begin(place: Scratch) -> None:
    home = chain_of(place)
    assert [verify(place, home.id, start) for start in (1, 2, 6, 7)] == [[], [], [], []]
    assert verify(place, home.id, 9) == [(8, "sequence gap")]
    with refused(errors.InvalidParameterValue):
        verify(place, home.id, 0)
    assert verify(place, make_organization(place).id) == []


def test_events_that_are_added_meanwhile_do_not_disturb(place: Scratch) -> None:
    home = chain_of(place, 20)
    with place.superuser() as session, session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT 1 FROM audit.chains LIMIT 1")
        append(place, home.id, 5)
        found = session.execute("SELECT * FROM audit.verify_chain(%s)", [home.id]).fetchall()
        assert found == []
    outcomes = at_once([lambda: append(place, home.id, 20), *[lambda: verify(place, home.id)] * 3])
    assert outcomes[1:] == [[], [], []]
