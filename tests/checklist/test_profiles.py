"""The same facts judged for development, and for servers that someone else runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.checklist.breaking import entry, having
from tests.checklist.breaks import setting
from tests.checklist.healthy import (
    EXTERNAL,
    GB,
    NOW,
    external_config,
    external_facts,
    healthy_config,
    healthy_facts,
)

from rfdata.checklist import catalogue
from rfdata.checklist.decide import decide_lines, run_checks
from rfdata.config.load import Config
from rfdata.model.facts import Facts, Limits, paths, with_fact
from rfdata.model.verdict import Outcome, Verdict

DIRECTORY = Path("/srv/researchflow")
DEV = """
[deployment]
profile = "dev"
[redis]
maxmemory = "2GB"
[redis.limits]
cpus = 1.0
memory = "3GB"
memory_reservation = "256MB"
"""
EXTERNAL_DEV = '[deployment]\ntarget = "external"\nprofile = "dev"\n'
NATIVE = healthy_config(DIRECTORY)


def verdicts(config: Config, facts: Facts) -> dict[str, Verdict]:
    return {r.item.id: r.verdict for r in run_checks(catalogue.CHECKS, config, facts)}


def changed(facts: Facts, path: str, change: Callable[[object], object]) -> Facts:
    old = paths(facts)[path]
    new: Facts = with_fact(facts, path, replace(old, content=change(old.content)))
    return new


def outcome(config: Config, facts: Facts, id: str) -> Outcome:
    return verdicts(config, facts)[id].outcome


def test_a_healthy_development_layer_passes() -> None:
    config = healthy_config(DIRECTORY, DEV)
    found = verdicts(config, healthy_facts(config))
    assert found.pop("migrations.rehearsed").outcome is Outcome.NOT_APPLICABLE
    assert {v.outcome for v in found.values()} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("length", "dev", "prod"), [(11, False, False), (12, True, False), (32, True, True)]
)
def test_passwords_may_be_shorter_in_development(length: int, dev: bool, prod: bool) -> None:
    for toml, good in ((DEV, dev), ("", prod)):
        config = healthy_config(DIRECTORY, toml)
        facts = changed(
            healthy_facts(config), "env.strengths", entry("REDIS_PASSWORD", having(length=length))
        )
        expected = Outcome.PASS if good else Outcome.FAIL
        assert outcome(config, facts, "env.redis_password") is expected
        assert outcome(config, facts, "env.password_lengths") is expected


def test_the_checklists_figures_are_floors_in_production_only() -> None:
    small = '[deployment]\nprofile = "{}"\n[postgres]\nmax_connections = 50\n'
    dev, prod = (healthy_config(DIRECTORY, small.format(name)) for name in ("dev", "prod"))
    assert outcome(dev, healthy_facts(dev), "postgres.max_connections") is Outcome.PASS
    found = verdicts(prod, healthy_facts(prod))["postgres.max_connections"]
    assert found.outcome is Outcome.FAIL
    assert found.note == "rfdata.toml asks for 50"


def test_automatic_tuning_may_go_beyond_what_is_configured() -> None:
    config = healthy_config(DIRECTORY, '[postgres]\ntuning = "auto"\n')
    facts = setting("shared_buffers", "262144")[0].apply(healthy_facts(config))
    assert outcome(config, facts, "postgres.shared_buffers") is Outcome.PASS
    assert outcome(NATIVE, facts, "postgres.shared_buffers") is Outcome.FAIL
    facts = setting("shared_buffers", "16384")[0].apply(healthy_facts(config))
    assert outcome(config, facts, "postgres.shared_buffers") is Outcome.FAIL


def test_a_cache_of_one_gigabyte_is_too_small_for_development() -> None:
    config = healthy_config(DIRECTORY, '[deployment]\nprofile = "dev"\n')
    found = verdicts(config, healthy_facts(config))
    assert found["redis.maxmemory"].outcome is Outcome.FAIL
    assert found["redis-durable.maxmemory"].outcome is Outcome.PASS


def test_limits_that_the_host_does_not_allow_are_not_applicable() -> None:
    facts = changed(healthy_facts(NATIVE), "host.limits_possible", lambda _: False)
    for server in ("postgres", "redis", "redis-durable"):
        facts = changed(facts, f"host.limits.{server}", lambda _: Limits(None, None, None))
    found = verdicts(NATIVE, facts)
    skipped = {id for id, v in found.items() if v.outcome is Outcome.NOT_APPLICABLE}
    assert len(skipped) == 9
    assert all(id.endswith(("_limit", "_reservation")) for id in skipped)
    assert {v.outcome for v in found.values()} == {Outcome.PASS, Outcome.NOT_APPLICABLE}
    lines = decide_lines(
        catalogue.LINES, NATIVE, run_checks(catalogue.CHECKS, NATIVE, facts), facts.statements, NOW
    )
    (line,) = (line for line in lines if line.id == "8.1")
    assert line.outcome is Outcome.NOT_APPLICABLE
    assert "control groups" in line.reason


def test_a_tighter_limit_around_us_is_one_too() -> None:
    facts = changed(
        healthy_facts(NATIVE), "host.limits.postgres", lambda _: Limits(2.0, 6 * GB, 2 * GB)
    )
    found = verdicts(NATIVE, facts)
    for name in ("cpu_limit", "memory_limit"):
        assert found[f"host.postgres_{name}"].outcome is Outcome.PASS
        assert "allows less" in found[f"host.postgres_{name}"].note


def test_an_agent_without_systemd_is_no_failure() -> None:
    facts = changed(healthy_facts(NATIVE), "host.watch", having(by="agent", survives_reboot=False))
    assert outcome(NATIVE, facts, "host.watch_after_reboot") is Outcome.NOT_APPLICABLE


def test_assembled_programs_pass_with_a_note() -> None:
    facts = changed(healthy_facts(NATIVE), "host.programs.postgres", having(origin="assembled"))
    found = verdicts(NATIVE, facts)["host.postgres_program"]
    assert found.outcome is Outcome.PASS
    assert "for trying and testing" in found.note


def test_require_passes_with_a_note() -> None:
    facts = changed(
        healthy_facts(NATIVE), "env.urls", entry("DATABASE_URL", having(sslmode="require"))
    )
    found = verdicts(NATIVE, facts)["env.database_sslmode"]
    assert found.outcome is Outcome.PASS
    assert "verify-full" in found.note


def test_outside_of_git_nothing_can_be_committed() -> None:
    facts = changed(healthy_facts(NATIVE), "env.git", having(repository=False, ignored=False))
    for id in ("env.git_ignored", "env.never_committed"):
        assert outcome(NATIVE, facts, id) is Outcome.NOT_APPLICABLE


def test_a_stopped_server_is_one_failure_and_many_unknowns() -> None:
    facts = changed(healthy_facts(NATIVE), "host.processes.postgres", lambda _: "stopped")
    found = verdicts(NATIVE, facts)
    assert found["host.postgres_running"].outcome is Outcome.FAIL
    for name in ("host.postgres_data_owner", "host.postgres_system_user", "tls.postgres_key_file"):
        assert found[name].outcome is Outcome.UNKNOWN
        assert "stopped" in found[name].note


def test_a_server_that_was_never_polled_is_unknown() -> None:
    facts = changed(healthy_facts(NATIVE), "host.watch", having(health={}))
    found = verdicts(NATIVE, facts)["host.redis_health"]
    assert found.outcome is Outcome.UNKNOWN
    assert "not polled" in found.note


def test_someone_elses_healthy_servers_have_no_failure() -> None:
    config = external_config(DIRECTORY)
    facts = external_facts(config)
    found = verdicts(config, facts)
    assert {id: v for id, v in found.items() if v.outcome is Outcome.FAIL} == {}
    assert {id: v for id, v in found.items() if v.outcome is Outcome.UNKNOWN} == {}
    for check in catalogue.CHECKS:
        if check.item.host:
            assert found[check.item.id].outcome in (Outcome.ATTEST, Outcome.NOT_APPLICABLE)
    attest = {id for id, v in found.items() if v.outcome is Outcome.ATTEST}
    assert attest - {c.item.id for c in catalogue.CHECKS if c.item.host} == {
        "env.postgres_password",
        "env.redis_password",
        "env.redis-durable_password",
        "postgres.passwords_scram",
        "migrations.applied",
        "migrations.finished",
        "migrations.unedited",
        "migrations.failures_recorded",
        "migrations.verified",
        "migrations.rehearsed",
        "migrations.ledger_private",
        "migrations.foundations",
    }


def test_a_host_check_never_judges_someone_elses_host() -> None:
    """Not even when the facts were there: they would be those of another machine."""
    config = external_config(DIRECTORY)
    found = verdicts(config, healthy_facts(config))
    for check in catalogue.CHECKS:
        if check.item.host:
            assert found[check.item.id].outcome in (Outcome.ATTEST, Outcome.NOT_APPLICABLE)


def test_without_a_durable_redis_only_that_is_said() -> None:
    config = external_config(DIRECTORY, durable=False)
    found = verdicts(config, external_facts(config))
    assert found.pop("env.redis-durable_url").outcome is Outcome.FAIL
    durable = {id: v for id, v in found.items() if "redis-durable" in id}
    assert {v.outcome for v in durable.values()} == {Outcome.NOT_APPLICABLE}
    assert {v.note for v in durable.values()} == {
        "REDIS_DURABLE_URL is not set, so there is no durable Redis to look at"
    }


def test_someone_elses_development_server_may_go_without_tls() -> None:
    config = external_config(DIRECTORY, EXTERNAL_DEV)
    facts = external_facts(config)
    facts = setting("ssl", "off")[0].apply(facts)
    facts = changed(facts, "postgres.probes.plaintext", having(accepted=True))
    facts = changed(facts, "redis.settings", lambda old: {**dict(old), "port": "6379"})  # type: ignore[call-overload]
    facts = changed(facts, "redis.settings", lambda old: {**dict(old), "maxmemory": str(2 * GB)})  # type: ignore[call-overload]
    found = verdicts(config, facts)
    assert {id for id, v in found.items() if v.outcome is Outcome.FAIL} == set()
    for id in ("postgres.ssl", "probe.postgres_plaintext_refused", "redis.plaintext_port"):
        assert found[id].outcome is Outcome.NOT_APPLICABLE


def test_someone_elses_production_server_may_not() -> None:
    config = external_config(DIRECTORY)
    facts = changed(external_facts(config), "postgres.probes.plaintext", having(accepted=True))
    assert outcome(config, facts, "probe.postgres_plaintext_refused") is Outcome.FAIL


def test_someone_elses_services_role_must_not_be_a_superuser() -> None:
    config = external_config(DIRECTORY)
    facts = changed(
        external_facts(config), "postgres.roles", entry("researchflow_user", having(superuser=True))
    )
    assert outcome(config, facts, "postgres.role_app") is Outcome.FAIL


@pytest.mark.parametrize("toml", [EXTERNAL, EXTERNAL_DEV])
def test_someone_elses_figures_are_held_to_the_checklist_only(toml: str) -> None:
    config = external_config(DIRECTORY, toml)
    facts = external_facts(config)
    facts = setting("max_connections", "500")[0].apply(facts)
    facts = setting("log_min_duration_statement", "250")[0].apply(facts)
    facts = changed(facts, "redis.settings", entry("maxmemory", str(4 * GB)))
    found = verdicts(config, facts)
    for id in (
        "postgres.max_connections",
        "postgres.log_min_duration_statement",
        "redis.maxmemory",
    ):
        assert found[id].outcome is Outcome.PASS
