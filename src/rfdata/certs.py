"""The verb `certs`: how long each certificate lasts, and new ones from the same CA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import rfdata
from rfdata.config.load import Config
from rfdata.errors import Unreachable, UsageError
from rfdata.evidence import log
from rfdata.model.fact import Fact, now
from rfdata.model.facts import SERVERS, Certificate, Facts, Server
from rfdata.model.plan import IssueCertificate, ReloadServer
from rfdata.targets.base import Progress, Target
from rfdata.targets.deployment import evidence_folder


@dataclass(frozen=True)
class Row:
    """One certificate for the table. `days` is None when it could not be read."""

    name: str
    days: int | None
    until: str
    state: str
    good: bool

    @property
    def days_text(self) -> str:
        return "-" if self.days is None else f"{self.days} days"

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "days_left": self.days, "until": self.until, "state": self.state}


def table(config: Config, facts: Facts) -> tuple[Row, ...]:
    """The CA and what each server presents to clients now."""
    soon = config.settings.tls.renew_before_days
    rows = [_row("ca", facts.certs.ca, "", soon)]
    for server in SERVERS:
        served, stored = facts.certs.served[server], facts.certs.on_disk[server]
        shown = served if served.known else stored
        remark = "" if served.known else "not presented now: the server does not answer"
        if served.known and stored.known and served.value.fingerprint != stored.value.fingerprint:
            remark = "the server still presents an older one: `rfdata up` reloads it"
        rows.append(_row(server, shown, remark, soon))
    return tuple(rows)


def renew(config: Config, target: Target, only: str, progress: Progress) -> tuple[Server, ...]:
    """New certificates for one server or all, from the same CA, taken up without a restart."""
    chosen = tuple(server for server in SERVERS if only in ("", server))
    if not chosen:
        raise UsageError(f"--server {only}: no such server", hint=f"one of {', '.join(SERVERS)}")
    if not target.can_change:
        raise UsageError("these servers are run by someone else; nothing is changed on them")
    facts = target.gather(config)
    if not facts.certs.ca.known:
        raise Unreachable(
            f"the CA can't be read: {facts.certs.ca.trouble}",
            hint="`rfdata up` makes a missing one",
        )
    names = target.desired(config, facts).certificates
    days = config.settings.tls.certificate_days
    for server in chosen:
        progress(f"a new certificate for {server}")
        target.execute(config, IssueCertificate(server, names[server], days), progress)
        if facts.host.processes[server].content not in (None, "stopped"):
            target.execute(config, ReloadServer(server), progress)
    data = {"steps": [f"renewed the certificate of {server}" for server in chosen]}
    log.append(
        evidence_folder(config), "applied", data, by=log.author(), version=rfdata.__version__
    )
    return chosen


def _row(name: str, fact: Fact[Certificate], remark: str, soon: int) -> Row:
    if fact.content is None:
        return Row(name, None, "", fact.trouble or "not there", good=False)
    days = (fact.content.not_after - now()).days
    until = fact.content.not_after.strftime("until %Y-%m-%d")
    due = "due: renew it (`rfdata certs renew`)" if days <= soon else "good"
    return Row(name, days, until, remark or due, good=days > soon and not remark)
