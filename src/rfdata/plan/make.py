"""The whole plan, in the order in which it is applied."""

from __future__ import annotations

from rfdata.config.load import Config
from rfdata.errors import Unreachable
from rfdata.model.fact import FactUnread
from rfdata.model.facts import SERVERS, Facts
from rfdata.model.plan import IssueCertificate, Plan, Step, WriteFile
from rfdata.plan import files, identity, servers
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
    running = {server: servers.running(facts, server) for server in SERVERS}
    steps = [
        *files.users(desired, facts),
        *files.folders(desired, facts),
        *identity.env(config),
        *identity.certificates(config, desired, facts, facts.gathered_at),
        *files.files(desired.files, facts),
        *servers.initdb(desired, facts),
        *files.files(desired.data_files, facts),
        *servers.limits(desired, facts),
    ]
    written = frozenset(step.action.path for step in steps if isinstance(step.action, WriteFile))
    renewed = frozenset(
        step.action.server for step in steps if isinstance(step.action, IssueCertificate)
    )
    for server in ("redis", "redis-durable"):
        steps += servers.redis(desired, facts, server, running[server], written, server in renewed)
    steps += servers.postgres(
        config, desired, facts, running["postgres"], written, "postgres" in renewed
    )
    steps += servers.watch(facts, changing=bool(steps))
    return steps
