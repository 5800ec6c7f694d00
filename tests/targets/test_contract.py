"""The laws of a target, the same for every kind: ours, and servers that someone else runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, cast

import pytest
from tests.checklist.healthy import healthy_config, healthy_facts
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata.config.load import Config, load
from rfdata.errors import UsageError
from rfdata.model.facts import SERVERS, Facts, Limits, Privilege, paths
from rfdata.model.plan import (
    Action,
    AlterRole,
    CreateDatabase,
    CreateExtension,
    CreateRole,
    CreateSystemUser,
    Grant,
    GrantRole,
    InitDatabase,
    IssueAuthority,
    IssueCertificate,
    MakeDirectory,
    Migrate,
    Rehearse,
    ReloadServer,
    ResetSetting,
    RestartServer,
    Revoke,
    RevokeRole,
    RollBack,
    SetAccess,
    SetLimits,
    SetOwner,
    SetPassword,
    SetRedisSetting,
    SetRoleSetting,
    StartServer,
    StartWatch,
    WriteFile,
)
from rfdata.plan.make import make_plan
from rfdata.secrets import Secret
from rfdata.targets.base import Target
from rfdata.targets.open import open_target

URLS = ("DATABASE_URL", "REDIS_URL", "REDIS_DURABLE_URL", "TLS_CA_FILE")
KINDS = ("native", "external")
SLACK = 5.0
"""Seconds beyond the time limit of a fact, on a busy machine."""


def quiet(_: str) -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True)
class Place:
    """A target, the deployment that it belongs to, and the one whose servers it is about."""

    deployment: Deployment
    servers: Deployment

    @property
    def config(self) -> Config:
        return load(self.deployment.directory)

    @property
    def target(self) -> Target:
        return open_target(self.config)

    def gather(self) -> Facts:
        return self.target.gather(self.config)


def pointing_at(servers: Deployment, directory: Path, *profile: str) -> Deployment:
    """An external deployment with nothing but what a service gets: URLs and the CA's certificate."""
    layer.call("-C", directory, "init", "--target=external", *profile)
    found = Deployment(directory, servers.ports)
    lines = [
        f"{name}={servers.env[name]}" if (name := line.partition("=")[0]) in URLS else line
        for line in found.env_file.read_text(encoding="utf-8").splitlines()
    ]
    found.env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    base = tmp_path_factory.mktemp("contract")
    with layer.deployment(base / "native") as native:
        native.rfdata("up", "--yes")
        external = pointing_at(native, base / "external")
        yield {"native": Place(native, native), "external": Place(external, native)}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, places: dict[str, Place]) -> Place:
    return places[request.param]


@pytest.fixture
def external(places: dict[str, Place]) -> Place:
    return places["external"]


def inside(servers: Deployment) -> dict[str, Any]:
    """What is in the servers and how they are set, as their operator sees it."""
    found: dict[str, Any] = {}
    with servers.operator() as connection:
        for table in ("pg_settings", "pg_roles", "pg_class", "pg_auth_members", "pg_default_acl"):
            columns = "name, setting" if table == "pg_settings" else "*"
            rows = connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1".encode())
            found[table] = [str(row[:2]) for row in rows if "xact" not in str(row[0])]
    for server in SERVERS[1:]:
        found[server] = [
            servers.admin(server, *words.split())
            for words in ("CONFIG GET *", "ACL LIST", "DBSIZE", "INFO keyspace")
        ]
    return found


# --- every target


def test_it_is_the_target_that_the_configuration_names(place: Place) -> None:
    assert place.target.kind == place.config.target
    assert place.target.can_change is (place.config.target == "native")


def test_gathering_gives_every_fact_or_says_why_not(place: Place, tmp_path: Path) -> None:
    complete = set(paths(healthy_facts(healthy_config(tmp_path))))
    found = paths(place.gather())
    assert set(found) == complete
    for path, fact in found.items():
        assert fact.read_from, path
        assert fact.known or fact.trouble, path
        assert fact.started_at <= fact.finished_at, path


def test_gathering_changes_nothing(place: Place) -> None:
    conf = [place.servers.state / server / "conf" for server in SERVERS]
    before = inside(place.servers)
    with layer.nothing_changes(place.deployment.directory, *conf):
        place.gather()
        place.gather()
    assert inside(place.servers) == before


def test_gathering_keeps_to_its_time_limit(place: Place) -> None:
    started = monotonic()
    place.gather()
    assert monotonic() - started < place.config.settings.verify.fact_timeout + SLACK


def test_facts_hold_no_secret(place: Place) -> None:
    text = repr(place.gather())
    secrets = {**place.servers.secrets, **place.deployment.secrets}
    assert [name for name, secret in secrets.items() if secret in text] == []


def test_a_login_with_tls_is_seen_and_everything_else_is_refused(place: Place) -> None:
    facts = place.gather()
    for probes in (facts.postgres.probes, facts.redis.probes, facts.redis_durable.probes):
        assert probes.login.value.accepted
        assert probes.login.value.tls_version in ("TLSv1.2", "TLSv1.3")
        for name in ("plaintext", "wrong_password", "no_password", "foreign_ca", "old_tls"):
            assert not getattr(probes, name).value.accepted, name


def test_servers_that_are_gone_are_unread_and_not_refused(
    place: Place, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A copy of the deployment that is pointed at ports where nobody listens."""
    config = place.config
    gone = layer.reserve_ports()
    ports = {
        place.servers.ports.postgres: gone.postgres,
        place.servers.ports.redis: gone.redis,
        place.servers.ports.redis_durable: gone.redis_durable,
    }
    text = place.deployment.env_file.read_text(encoding="utf-8")
    toml = place.deployment.toml.read_text(encoding="utf-8")
    for old, new in ports.items():
        text, toml = text.replace(f":{old}", f":{new}"), toml.replace(f"= {old}", f"= {new}")
    state = f'state = "{layer.STATES}/none-{gone.postgres}"'
    toml = "\n".join(state if line.startswith("state =") else line for line in toml.splitlines())
    (tmp_path / ".env").write_text(text, encoding="utf-8")
    (tmp_path / ".env").chmod(0o600)
    (tmp_path / "rfdata.toml").write_text(toml, encoding="utf-8")
    elsewhere = load(tmp_path)
    facts = open_target(elsewhere).gather(elsewhere)
    for probes in (facts.postgres.probes, facts.redis.probes, facts.redis_durable.probes):
        unread = [getattr(probes, n) for n in ("login", "plaintext", "wrong_password", "old_tls")]
        assert not [fact for fact in unread if fact.known]
    assert config.target == elsewhere.target


# --- a target that may change


def test_every_step_can_be_done_twice(tmp_path: Path) -> None:
    """An interrupted run is continued by doing again what may have been done already."""
    with layer.deployment(tmp_path / "deployment") as found:
        config = load(found.directory)
        target = open_target(config)
        facts = target.gather(config)
        for step in make_plan(config, target.desired(config, facts), facts).steps:
            target.execute(config, step.action, quiet)
            target.execute(config, step.action, quiet)
        assert found.plan() == []
        layer.assert_all_good(found.verify())
        assert target.stop(config, quiet) == SERVERS
        assert target.stop(config, quiet) == ()


def test_a_step_that_it_does_not_know_is_refused_by_name(places: dict[str, Place]) -> None:
    native = places["native"]
    with pytest.raises(Exception, match=r"Nonsense"):
        native.target.execute(native.config, cast(Action, Nonsense()), quiet)


class Nonsense:
    """No action at all."""


# --- a target that may not

ACTIONS: tuple[Action, ...] = (
    CreateSystemUser("someone"),
    MakeDirectory(Path("/var/lib/rfdata/never"), 0o755, ""),
    SetAccess(Path("/etc/passwd"), 0o777, ""),
    WriteFile(Path("/var/lib/rfdata/never"), "text", 0o644, ""),
    IssueAuthority(10),
    IssueCertificate("postgres", ("localhost",), 10),
    InitDatabase(()),
    StartServer("redis"),
    RestartServer("redis"),
    ReloadServer("postgres"),
    SetLimits("redis", Limits(1.0, None, None)),
    StartWatch(),
    ResetSetting("work_mem"),
    SetRedisSetting("redis", "maxmemory", "1"),
    CreateRole("someone"),
    AlterRole("researchflow_user", ("NOLOGIN",)),
    SetRoleSetting("researchflow_user", "work_mem", "1MB"),
    SetPassword("researchflow_user", Secret("another")),
    GrantRole("pg_monitor", "researchflow_user"),
    RevokeRole("pg_monitor", "researchflow_user"),
    CreateDatabase("another", "researchflow_owner"),
    SetOwner("schema", "public", "researchflow_user"),
    CreateExtension("vector"),
    Grant(Privilege("schema", "public", "CREATE", "PUBLIC")),
    Revoke(Privilege("schema", "public", "USAGE", "researchflow_user")),
    Migrate((("0001_first", "0" * 64),)),
    RollBack((("0001_first", "0" * 64),)),
    Rehearse((("0001_first", "0" * 64),)),
)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_no_step_is_taken_on_someone_elses_servers(external: Place, action: Action) -> None:
    with pytest.raises(UsageError, match="someone else"):
        external.target.execute(external.config, action, quiet)


def test_every_kind_of_step_is_tried() -> None:
    assert {type(action) for action in ACTIONS} == set(kinds(Action))


def kinds(union: Any) -> Iterator[type]:
    """The classes of a union, unions inside it included."""
    for part in union.__args__:
        yield from kinds(part) if hasattr(part, "__args__") else (part,)


def test_someone_elses_servers_are_not_stopped(external: Place) -> None:
    before = external.servers.pids()
    with pytest.raises(UsageError, match="someone else"):
        external.target.stop(external.config, quiet)
    assert external.servers.pids() == before


CHANGING = (
    ("up", "--yes"),
    ("up",),
    ("down", "--yes"),
    ("plan",),
    ("certs", "renew"),
    ("migrate", "up"),
    ("migrate", "down", "--yes"),
    ("migrate", "rehearse"),
    ("migrate", "baseline", "--to", "1", "--yes"),
    ("migrate", "resolve", "1", "--as", "applied"),
)


@pytest.mark.parametrize("verb", CHANGING, ids=" ".join)
def test_every_verb_that_changes_refuses_someone_elses_servers(
    external: Place, verb: tuple[str, ...]
) -> None:
    before = inside(external.servers), external.servers.pids()
    with layer.nothing_changes(external.deployment.directory, leave_out=()):
        refused = external.deployment.rfdata(*verb, code=2)
    assert "someone else" in refused.err
    assert "rfdata verify" in refused.err or verb[0] == "certs"
    assert (inside(external.servers), external.servers.pids()) == before


# --- verify on someone else's servers


NOT_ALLOWED = ("no permissions", "would need", "not among what was read", "permission denied")
"""How a reading says that the services' user may not see something."""


@pytest.fixture(scope="module")
def verified(places: dict[str, Place]) -> dict[str, Any]:
    return places["external"].deployment.verify(code=(0, 3))


def test_everything_that_a_service_may_see_is_decided(verified: dict[str, Any]) -> None:
    """What it may not see is unknown, which is exit code 3; nothing fails for that."""
    lines, checks = layer.outcomes(verified)
    assert len(lines) == layer.LINES
    assert {name for name, found in checks.items() if found == "fail"} == set()
    strange = [
        (check["id"], check["note"])
        for check in verified["checks"]
        if check["outcome"] == "unknown" and not any(w in check["note"] for w in NOT_ALLOWED)
    ]
    assert strange == []
    for check in (
        "postgres.version",
        "postgres.max_connections",
        "postgres.pgvector",
        "redis.version",
        "probe.postgres_login",
        "probe.redis_plaintext_refused",
        "probe.redis-durable_login",
        "tls.postgres_chain",
        "tls.redis_days_left",
        "env.file_mode",
    ):
        assert checks[check] == "pass", check


def test_what_only_the_host_shows_waits_for_its_operators_word(
    external: Place, verified: dict[str, Any]
) -> None:
    checks = layer.outcomes(verified)[1]
    assert checks["host.redis_data_mode"] == "attest"
    waiting = [
        line["id"]
        for line in verified["lines"]
        if line["outcome"] == "attest" and any(by.startswith("host.") for by in line["decided_by"])
    ]
    assert waiting
    deployment = external.deployment
    deployment.rfdata("attest", waiting[0], "--by=Their Operator", "--note=ticket 17", "--days=3")
    after = deployment.rfdata("verify", "--line", waiting[0], "--format", "json", code=None).json
    assert layer.outcomes(after)[0][waiting[0]] == "attested"


def test_status_and_reports_work_on_someone_elses_servers(
    external: Place, verified: dict[str, Any]
) -> None:
    status = external.deployment.rfdata("status", "--format", "json").json
    assert status["target"] == "external"
    assert status["all_reached"] is True
    ports = external.servers.ports
    assert [row["address"] for row in status["servers"]] == [
        f"127.0.0.1:{port}" for port in (ports.postgres, ports.redis, ports.redis_durable)
    ]
    external.deployment.rfdata("report", "--format", "html", code=(0, 3))
    external.deployment.rfdata("evidence", "verify")
    external.deployment.rfdata("certs", "show", code=(0, 1))


def test_no_command_on_someone_elses_servers_shows_a_secret(external: Place) -> None:
    for verb in ("verify", "status", "plan", "doctor"):
        said = external.deployment.rfdata(verb, code=None).said
        assert [n for n, secret in external.servers.secrets.items() if secret in said] == []


def test_without_a_durable_redis_its_checks_do_not_apply(
    places: dict[str, Place], tmp_path: Path
) -> None:
    one = pointing_at(places["native"].servers, tmp_path / "one")
    kept = [
        line for line in one.env_file.read_text().splitlines() if "REDIS_DURABLE_URL" not in line
    ]
    one.env_file.write_text("\n".join(kept) + "\n")
    _, checks = layer.outcomes(one.verify(code=1))
    durable = {outcome for name, outcome in checks.items() if name.startswith("redis-durable.")}
    assert durable == {"not_applicable"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "mysql://root@localhost/x"),
        ("DATABASE_URL", "postgresql://u:p@[::1/x"),
        ("REDIS_URL", "rediss://:p@localhost:notaport/0"),
        ("REDIS_URL", "http://localhost"),
        ("TLS_CA_FILE", "/nowhere/ca.crt"),
    ],
)
def test_a_url_that_leads_nowhere_is_told_and_never_green(
    places: dict[str, Place], tmp_path: Path, name: str, value: str
) -> None:
    found = pointing_at(places["native"].servers, tmp_path / "wrong")
    lines = found.env_file.read_text(encoding="utf-8").splitlines()
    changed = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in lines]
    found.env_file.write_text("\n".join(changed) + "\n", encoding="utf-8")
    found.rfdata("verify", code=(1, 2, 3))
