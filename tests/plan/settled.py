"""A layer that is exactly as desired, as facts: the plan for it is empty. Nothing is read."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.checklist.healthy import fact, healthy_config, healthy_facts

from rfdata.config import env as dotenv
from rfdata.config.load import Config
from rfdata.model.facts import SERVERS, AclUser, Facts, FileState, Role, Setting, paths, with_fact
from rfdata.model.plan import Plan, WriteFile
from rfdata.plan.make import make_plan
from rfdata.postgres.desired_roles import privileges, roles
from rfdata.postgres.roles import NEW_ROLE
from rfdata.redis.acl import RULES
from rfdata.redis.settings import normal
from rfdata.secrets import Secret
from rfdata.targets.base import Desired
from rfdata.targets.native.target import NativeTarget


def settled_config(directory: Path, toml: str = "") -> Config:
    """A configuration whose .env already follows from rfdata.toml."""
    config = healthy_config(directory, toml)
    derived = dotenv.derived(config.settings, config.directory, config.env)
    text = dotenv.update(config.env_text.reveal(), derived)
    variables = dotenv.parse(text.reveal(), directory / ".env")
    return Config(config.directory, config.settings, variables, Secret(text.reveal()))


def desired(config: Config, facts: Facts) -> Desired:
    return NativeTarget(config).desired(config, facts)


def settled_facts(config: Config) -> Facts:
    """Healthy facts, with files, settings and names as the native target wants them."""
    facts = healthy_facts(config)
    wanted = desired(config, facts)
    changes: dict[str, Any] = {
        "deployment.files": _files(config, wanted),
        "postgres.settings": {
            name: Setting(found.value, "", "user", "configuration file", pending_restart=False)
            for name, found in wanted.postgres.items()
        },
        "postgres.roles": _roles(config, facts),
        "postgres.privileges": privileges(config),
        "host.users": frozenset(wanted.users),
        "certs.ca_key": FileState(True, wanted.ca_key.mode, wanted.ca_key.user),
    }
    for server, path in (("redis", "redis"), ("redis-durable", "redis_durable")):
        settings = wanted.redis[server]  # type: ignore[index]
        changes[f"{path}.acl"] = {
            name: AclUser(True, False, True, " ".join(rules)) for name, rules in RULES.items()
        }
        changes[f"{path}.settings"] = {n: normal(n, s.value) for n, s in settings.items()}
    for server in SERVERS:
        changes[f"host.limits.{server}"] = wanted.limits[server]
        key = wanted.keys[server]
        changes[f"certs.keys.{server}"] = FileState(True, key.mode, key.user)
        stored = replace(
            facts.certs.on_disk[server].value, names=frozenset(wanted.certificates[server])
        )
        changes |= {f"certs.{where}.{server}": stored for where in ("on_disk", "served")}
    for path, content in changes.items():
        facts = changed(facts, path, content)
    return facts


def changed(facts: Facts, path: str, content: Any) -> Facts:
    """The same facts with one of them reading otherwise."""
    found: Facts = with_fact(facts, path, fact(content, paths(facts)[path].read_from))
    return found


def plan(config: Config, facts: Facts) -> Plan:
    return make_plan(config, desired(config, facts), facts)


def _roles(config: Config, facts: Facts) -> dict[str, Role]:
    there = dict(facts.postgres.roles.value)
    for name, role in roles(config).items():
        there[name] = replace(
            there.get(name, NEW_ROLE),
            login=role.login,
            replication=role.replication,
            bypass_rls=role.bypass_rls,
            connection_limit=role.connection_limit,
            member_of=role.member_of,
            settings=role.settings or {},
        )
    return there


def _files(config: Config, wanted: Desired) -> dict[str, FileState]:
    states = {
        str(folder.path): FileState(True, folder.mode, folder.user, folder.user, directory=True)
        for folder in wanted.folders
    }
    for file in (*wanted.files, *wanted.data_files):
        states[str(file.path)] = _state(file)
    return states | {str(config.directory / "certs" / "ca.crt"): FileState(True, 0o644)}


def _state(file: WriteFile) -> FileState:
    text = file.content if isinstance(file.content, str) else file.content.reveal()
    digest = hashlib.sha256(text.encode()).hexdigest()
    shown = file.content if isinstance(file.content, str) else None
    return FileState(True, file.mode, file.user, file.user, sha256=digest, text=shown)
