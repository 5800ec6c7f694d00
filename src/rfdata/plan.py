"""Plans: what has to change for the facts to become what is desired. Pure."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rfdata.config import env as dotenv
from rfdata.config.load import ENV, Config
from rfdata.config.quantities import format_size
from rfdata.errors import StalePlan, Unreachable, UsageError
from rfdata.model.facts import SERVERS, Facts, FileState, Limits, RedisFacts, Server
from rfdata.model.plan import (
    CreateSystemUser,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    MakeDirectory,
    Plan,
    ReloadServer,
    ResetSetting,
    RestartServer,
    SetAccess,
    SetLimits,
    SetRedisSetting,
    StartServer,
    StartWatch,
    Step,
    WriteFile,
)
from rfdata.postgres import roles
from rfdata.postgres.settings import differences as postgres_differences
from rfdata.redis.settings import differences as redis_differences
from rfdata.targets.base import Desired

DIFF_LINES = 40
"""A longer diff is cut, with a line that says how much was left out."""


def make_plan(config: Config, desired: Desired, facts: Facts) -> Plan:
    """The ordered steps from facts to what is desired; no steps when nothing has to change.

    Raises Unreachable when a fact that a plan needs could not be read: nothing is planned blindly.
    """
    running = {server: _running(facts, server) for server in SERVERS}
    steps = [
        *_users(desired, facts),
        *_folders(desired, facts),
        *_env(config),
        *_certificates(config, desired, facts, facts.gathered_at),
        *_files(desired.files, facts),
        *_initdb(desired, facts),
        *_files(desired.data_files, facts),
        *_limits(desired, facts),
    ]
    written = frozenset(step.action.path for step in steps if isinstance(step.action, WriteFile))
    renewed = frozenset(
        step.action.server for step in steps if isinstance(step.action, IssueCertificate)
    )
    for server in ("redis", "redis-durable"):
        steps += _redis(desired, facts, server, running[server], written, server in renewed)
    steps += _postgres(config, desired, facts, running["postgres"], written, "postgres" in renewed)
    steps += _watch(config, facts, bool(steps))
    return Plan(config.digest, tuple(steps))


def to_json(plan: Plan) -> dict[str, Any]:
    """A plan for people and programs; holds no secret, so it can't be applied from here alone."""
    return {
        "schema": "rfdata/plan/1",
        "digest": plan.digest,
        "config_digest": plan.config_digest,
        "steps": [
            {
                "group": step.group,
                "action": type(step.action).__name__,
                "summary": step.summary,
                "detail": list(step.detail),
                "reversal": step.reversal,
            }
            for step in plan.steps
        ],
    }


def refuse_other(plan: Plan, kept: Path) -> None:
    """Raise StalePlan unless the plan is the one kept in this file."""
    try:
        digest = json.loads(kept.read_text(encoding="utf-8"))["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{kept}: not a plan that can be read", hint="`rfdata plan --out FILE` writes one") from error
    if digest != plan.digest:
        raise StalePlan(
            f"{kept}: the layer or its configuration has changed since this plan was made; nothing was done",
            hint="run `rfdata plan --out` again and look at what is different",
        )


def _running(facts: Facts, server: Server) -> bool:
    found = facts.host.processes[server]
    if found.content is None:
        raise Unreachable(f"{server}: whether it runs could not be read ({found.trouble})")
    return found.content != "stopped"


def _users(desired: Desired, facts: Facts) -> Iterator[Step]:
    there = facts.host.users.content
    if there is None:
        raise Unreachable(f"system users could not be read: {facts.host.users.trouble}")
    for user in desired.users:
        if user not in there:
            yield Step(
                "files",
                f"create the system user {user}, without a login",
                f"userdel {user}",
                CreateSystemUser(user),
            )


def _folders(desired: Desired, facts: Facts) -> Iterator[Step]:
    for folder in desired.folders:
        state = _state(facts, folder.path)
        if not state.exists:
            summary = f"make {folder.path} (mode {folder.mode:04o}{_owned(folder.user)})"
            yield Step("files", summary, f"rmdir {folder.path}", folder)
        elif access := _access(folder, state):
            yield access


def _files(wanted: tuple[WriteFile, ...], facts: Facts) -> Iterator[Step]:
    for file in wanted:
        state = _state(facts, file.path)
        if not state.exists:
            summary = f"write {file.path} (mode {file.mode:04o}{_owned(file.user)})"
            yield Step("files", summary, f"rm {file.path}", file)
        elif state.sha256 != digest_of(file):
            yield Step(
                "files", f"change {file.path}", "put the old lines back", file, _diff(file, state)
            )
        elif access := _access(file, state):
            yield access


def digest_of(file: WriteFile) -> str:
    """SHA-256 of what a file is going to hold."""
    content = file.content if isinstance(file.content, str) else file.content.reveal()
    return hashlib.sha256(content.encode()).hexdigest()


def _access(wanted: MakeDirectory | WriteFile, state: FileState) -> Step | None:
    owner_differs = bool(wanted.user) and state.user != wanted.user
    if state.mode == wanted.mode and not owner_differs:
        return None
    detail = (
        f"- mode {state.mode:04o}, owner {state.user}",
        f"+ mode {wanted.mode:04o}, owner {wanted.user or state.user}",
    )
    return Step(
        "files",
        f"correct the access to {wanted.path}",
        f"chmod {state.mode:04o} {wanted.path}; chown {state.user} {wanted.path}",
        SetAccess(wanted.path, wanted.mode, wanted.user),
        detail,
    )


def _diff(file: WriteFile, state: FileState) -> tuple[str, ...]:
    if not isinstance(file.content, str) or state.text is None:
        return ("~ its content, which holds secrets",)
    lines = list(
        difflib.unified_diff(state.text.splitlines(), file.content.splitlines(), lineterm="", n=0)
    )[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    shown = changed[:DIFF_LINES]
    if len(changed) > len(shown):
        shown.append(f"  … {len(changed) - len(shown)} more lines")
    return tuple(shown)


def _env(config: Config) -> Iterator[Step]:
    """Hosts, ports and URLs in .env follow rfdata.toml; passwords are never touched."""
    values = dotenv.derived(config.settings, config.directory, config.env)
    text = dotenv.update(config.env_text.reveal(), values)
    if text == config.env_text:
        return
    changed = [n for n, v in values.items() if n not in config.env or config.env[n] != v]
    names = changed or ["quoting"]
    yield Step(
        "files",
        f"bring .env in line with rfdata.toml: {', '.join(names)}",
        "change rfdata.toml back and run `rfdata up`",
        WriteFile(config.directory / ENV, text, 0o600, ""),
        ("~ derived values only; passwords stay",),
    )


def _certificates(config: Config, desired: Desired, facts: Facts, moment: datetime) -> Iterator[Step]:
    tls = config.settings.tls
    ca, key = facts.certs.ca, facts.certs.ca_key
    fresh = not ca.known
    if fresh and key.known and not _ca_file(facts, config).exists:
        yield Step(
            "files",
            f"make the internal CA in {config.directory / 'certs'} (ECDSA P-256, {tls.ca_days} days)",
            f"rm {config.directory / 'certs'}/ca.*: every certificate would need a new CA",
            IssueAuthority(tls.ca_days),
        )
    elif fresh:
        raise Unreachable(f"the CA could not be read: {ca.trouble}", hint=f"look at {config.ca_file}")
    for server, names in desired.certificates.items():
        if why := _certificate_due(facts, server, names, moment, timedelta(days=tls.renew_before_days), fresh):
            yield Step(
                "files",
                f"issue a certificate for {server} ({tls.certificate_days} days): {why}",
                "the one before stays beside it",
                IssueCertificate(server, names, tls.certificate_days),
                tuple(f"+ {name}" for name in names),
            )


def _ca_file(facts: Facts, config: Config) -> FileState:
    return _state(facts, config.directory / "certs" / "ca.crt")


def _certificate_due(
    facts: Facts, server: Server, names: tuple[str, ...], moment: datetime, ahead: timedelta, new_ca: bool
) -> str:
    found = facts.certs.on_disk[server]
    if new_ca or found.content is None:
        return "there is none yet" if not new_ca or found.content is None else "the CA is new"
    if not found.content.issued_by_ca:
        return "the present one is not from our CA"
    if found.content.not_after - moment <= ahead:
        return f"the present one ends on {found.content.not_after:%Y-%m-%d}"
    missing = sorted(set(names) - found.content.names)
    return f"the present one lacks {', '.join(missing)}" if missing else ""


def _initdb(desired: Desired, facts: Facts) -> Iterator[Step]:
    data = facts.host.data["postgres"]
    if data.value.exists:
        return
    yield Step(
        "processes",
        f"initdb: make a new database cluster in {data.read_from}",
        "none needed: it is empty",
        InitDatabase(desired.initdb_arguments),
        tuple(f"+ {argument}" for argument in desired.initdb_arguments),
    )


def _limits(desired: Desired, facts: Facts) -> Iterator[Step]:
    if facts.host.limits_possible.content is not True:
        return
    for server, wanted in desired.limits.items():
        now = facts.host.limits[server].content
        if now != wanted:
            yield Step(
                "settings",
                f"limit {server} to {_limits_text(wanted)}",
                f"limit {server} to {_limits_text(now)}",
                SetLimits(server, wanted),
                (f"- {_limits_text(now)}", f"+ {_limits_text(wanted)}"),
            )


def _limits_text(limits: Limits | None) -> str:
    if limits is None or limits == Limits(None, None, None):
        return "nothing"
    memory = "any memory" if limits.memory is None else f"{format_size(limits.memory)} memory"
    kept = "" if limits.memory_reservation is None else f" ({format_size(limits.memory_reservation)} kept)"
    return f"{limits.cpus or 'all'} CPUs, {memory}{kept}"


def _redis(
    desired: Desired,
    facts: Facts,
    server: Server,
    running: bool,
    written: frozenset[Path],
    renewed: bool,
) -> Iterator[Step]:
    if not running:
        yield _start(server)
        return
    found: RedisFacts = facts.redis if server == "redis" else facts.redis_durable
    changes = redis_differences(desired.redis[server], found.settings.value)
    restart = [change for change in changes if change.effect == "restart"]
    for change in changes:
        if change.effect == "set":
            yield Step(
                "settings",
                f"{server}: set {change.name} = {change.new}, live (CONFIG SET)",
                f"set {change.name} = {change.old}",
                SetRedisSetting(server, change.name, change.new),
                (f"- {change.name} {change.old}", f"+ {change.name} {change.new}"),
            )
    if restart:
        yield _restart(server, restart)
    elif renewed or desired.acl_files[server] in written or _acl_differs(found) or _stale(facts, server):
        yield _reload(server, "takes up users and certificates; connections stay")


def _acl_differs(found: RedisFacts) -> bool:
    users = found.acl.value
    ours = ("default", "admin", "monitor")
    return any(name not in users or not users[name].password_matches for name in ours)


def _postgres(
    config: Config,
    desired: Desired,
    facts: Facts,
    running: bool,
    written: frozenset[Path],
    renewed: bool,
) -> Iterator[Step]:
    fresh = not facts.host.data["postgres"].value.exists
    if not running:
        yield _start("postgres")
        if fresh:
            yield from roles.steps(config, None)
        return
    changes = postgres_differences(desired.postgres, facts.postgres.settings.value)
    recreate = [change for change in changes if change.effect == "recreate"]
    if recreate:
        names = ", ".join(f"{c.name} ({c.old} -> {c.new})" for c in recreate)
        raise UsageError(
            f"settings that only a new database cluster can have: {names}",
            hint="dump, make a new deployment with these settings, restore into it",
        )
    for change in changes:
        if change.overridden:
            yield Step(
                "settings",
                f"postgres: take back ALTER SYSTEM SET {change.name} (= {change.old})",
                f"ALTER SYSTEM SET {change.name} = '{change.old}'",
                ResetSetting(change.name),
            )
    if restart := [change for change in changes if change.effect == "restart"]:
        yield _restart("postgres", restart)
    elif changes or renewed or _stale(facts, "postgres") or _access_written(desired, written):
        lines = tuple(x for c in changes for x in (f"- {c.name} = {c.old}", f"+ {c.name} = {c.new}"))
        yield _reload("postgres", "takes up settings, access rules and certificates", lines)
    yield from roles.steps(config, facts.postgres)


def _access_written(desired: Desired, written: frozenset[Path]) -> bool:
    return any(file.path in written for file in desired.data_files)


def _stale(facts: Facts, server: Server) -> bool:
    served, stored = facts.certs.served[server].content, facts.certs.on_disk[server].content
    return bool(served and stored and served.fingerprint != stored.fingerprint)


def _start(server: Server) -> Step:
    return Step("processes", f"start {server}", "`rfdata down`", StartServer(server))


def _restart(server: Server, changes: list[Any]) -> Step:
    lines = tuple(x for c in changes for x in (f"- {c.name} = {c.old}", f"+ {c.name} = {c.new}"))
    names = ", ".join(change.name for change in changes)
    return Step(
        "processes",
        f"RESTART {server}: {names} can't be changed while it runs; connections are cut",
        "change the settings back and run `rfdata up`",
        RestartServer(server),
        lines,
    )


def _reload(server: Server, why: str, lines: tuple[str, ...] = ()) -> Step:
    return Step("settings", f"reload {server}: it {why}", "none needed", ReloadServer(server), lines)


def _watch(config: Config, facts: Facts, changing: bool) -> Iterator[Step]:
    health = config.settings.health
    watch = facts.host.watch.content
    wanted = (health.interval, health.timeout, health.retries, health.start_period)
    if watch is not None and watch.alive:
        if (watch.interval, watch.timeout, watch.retries, watch.start_period) == wanted:
            return
        why = "health polling was configured anew"
    else:
        why = "nobody watches the servers yet" if changing else "whoever watched the servers has ended"
    yield Step("processes", f"start the watch: {why}", "`rfdata down`", StartWatch())


def _state(facts: Facts, path: Path) -> FileState:
    states = facts.deployment.files.content
    if states is None:
        raise Unreachable(f"files could not be read: {facts.deployment.files.trouble}")
    return states.get(str(path), FileState(exists=False))


def _owned(user: str) -> str:
    return f", owner {user}" if user else ""
