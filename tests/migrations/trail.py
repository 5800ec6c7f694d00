"""An audit trail to look at, and to tamper with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from tests.migrations.conftest import Scratch
from tests.migrations.people import (
    WORKER,
    Organization,
    make_organization,
)

if TYPE_CHECKING:
    pass

ONE = "WHERE organization_id = %s AND sequence = %s"


def append(place: Scratch, organization: UUID | None, times: int, role: str = WORKER) -> list[int]:
    """Add events as a service; returns their sequences."""
    with place.acting_as(role, organization) as session:
        return [
            session.execute(
                "SELECT audit.append('dataset.read', 'dataset', %s, '{\"rows\": 12}')", [str(n)]
            ).fetchall()[0][0]
            for n in range(times)
        ]


def verify(place: Scratch, organization: UUID, start: int = 1) -> list[tuple[int, str]]:
    """The first bad event with the reason, cut off at the colon."""
    found = place.run("SELECT * FROM audit.verify_chain(%s, %s)", organization, start)
    return [(sequence, reason.partition(":")[0]) for sequence, reason in found]


def tamper(place: Scratch, change: str, *parameters: object) -> None:
    """As somebody would who has every right and turns the triggers off."""
    with place.superuser() as session:
        session.execute("SET session_replication_role = replica")
        assert session.execute(change.encode(), parameters).rowcount == 1, change


def chain_of(place: Scratch, events: int = 6) -> Organization:
    home = make_organization(place)
    append(place, home.id, events)
    return home
