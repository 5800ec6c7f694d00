"""The whole plan, in the order in which it is applied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rfdata.config.load import Config
from rfdata.errors import Unreachable
from rfdata.model.fact import FactUnread
from rfdata.model.facts import SERVERS, Facts
from rfdata.model.plan import IssueAuthority, IssueCertificate, Plan, Stage, Step, WriteFile
from rfdata.plan import files, identity, migrations, servers
from rfdata.plan.servers import Changed
from rfdata.targets.base import Desired


def make_plan(config: Config, desired: Desired, facts: Facts) -> Plan:
    """The ordered steps from facts to what is desired; no steps when nothing has to change.

    Raises Unreachable when a fact that a plan needs could not be read: nothing is planned blindly.
    """
    try:
        return Plan(config.digest, tuple(_steps(config, desired, facts)))
    except FactUnread as error:
        raise Unreachable(
            f"nothing can be planned: {error.fact.read_from}: {error}",
            hint="`rfdata status` and `rfdata doctor` show what is wrong",
        ) from error


def _steps(config: Config, desired: Desired, facts: Facts) -> list[Step]:
    place = [
        *files.users(desired, facts),
        *files.folders(desired, facts),
        *identity.env(config),
        *identity.authority(config, desired, facts),
        *files.files(desired.files, facts),
    ]
    new_ca = any(isinstance(step.action, IssueAuthority) for step in place)
    written = _written(place)
    lanes: list[Step] = []
    for server in SERVERS:
        prepared = [
            *identity.certificate(config, desired, facts, server, new_ca=new_ca),
            *(servers.initdb(desired, facts) if server == "postgres" else ()),
            *(files.files(desired.data_files, facts) if server == "postgres" else ()),
            *servers.limits(desired, facts, server),
        ]
        changed = Changed(
            files=written | _written(prepared),
            certificate=any(isinstance(step.action, IssueCertificate) for step in prepared),
        )
        brought_up = servers.bring_up(config, desired, facts, server, changed)
        lanes += _in("servers", server, (*prepared, *brought_up))
    inside = _in(
        "inside",
        "postgres",
        (*servers.inside(config, facts), *migrations.steps(config, facts)),
    )
    changing = bool(place or lanes or inside)
    return [
        *place,
        *lanes,
        *inside,
        *_in("inside", "watch", servers.watch(facts, changing=changing)),
    ]


def _in(stage: Stage, lane: str, steps: Iterable[Step]) -> list[Step]:
    return [replace(step, stage=stage, lane=lane) for step in steps]


def _written(steps: Iterable[Step]) -> frozenset[Path]:
    return frozenset(step.action.path for step in steps if isinstance(step.action, WriteFile))
