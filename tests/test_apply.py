"""Applying: exactly what was approved, put on record, and told how far it came when it fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata import apply
from rfdata.config.load import Config, load
from rfdata.errors import ChangeFailed, StalePlan, UsageError
from rfdata.model.plan import Plan
from rfdata.targets.base import Target
from rfdata.targets.open import open_target


def quiet(_: str) -> None:
    """Nobody watches the progress."""


def yes(_: Plan, __: bool) -> bool:
    """Approved beforehand."""
    return False


def nobody(plan: Plan, _: bool) -> bool:
    raise UsageError(f"{len(plan.steps)} steps, and nobody says yes")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Deployment]:
    with layer.deployment(tmp_path / "deployment") as found:
        yield found


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with layer.deployment(tmp_path_factory.mktemp("apply") / "deployment") as found:
        found.rfdata("up", "--yes")
        yield found


def opened(found: Deployment) -> tuple[Config, Target]:
    config = load(found.directory)
    return config, open_target(config)


def kinds(found: Deployment) -> list[str]:
    """What is on record of applying plans; a rehearsal has a record of its own."""
    records = layer.records(found) if found.evidence_log.exists() else []
    return [record["kind"] for record in records if record["kind"] != "drill"]


def test_what_nobody_approves_is_not_begun(fresh: Deployment) -> None:
    config, target = opened(fresh)
    with layer.nothing_changes(fresh.directory), pytest.raises(UsageError, match="nobody says yes"):
        apply.converge(config, target, approve=nobody, progress=quiet)
    assert not fresh.state.exists()
    assert kinds(fresh) == []


def test_what_changed_while_a_person_read_is_refused(fresh: Deployment) -> None:
    """The person says yes to a plan; meanwhile somebody makes the first folder by hand."""
    config, target = opened(fresh)

    def read_slowly(_: Plan, __: bool) -> bool:
        fresh.state.mkdir(parents=True)
        fresh.state.chmod(0o711)
        return True

    with pytest.raises(StalePlan, match="nothing was done"):
        apply.converge(config, target, approve=read_slowly, progress=quiet)
    assert list(fresh.state.iterdir()) == []
    assert kinds(fresh) == []


def test_a_step_that_fails_is_named_recorded_and_gone_on_from(fresh: Deployment) -> None:
    config, target = opened(fresh)
    conf = fresh.state / "redis" / "conf"
    obstacle = conf / "redis.conf"
    obstacle.mkdir(parents=True)
    for folder in (fresh.state, conf.parent, conf, obstacle):
        folder.chmod(0o755)
    said: list[str] = []
    with pytest.raises(ChangeFailed) as failure:
        apply.converge(config, target, approve=yes, progress=said.append)
    assert "redis.conf" in failure.value.message
    assert "rfdata up" in failure.value.hint
    assert kinds(fresh) == ["applying", "failed"]
    data = layer.records(fresh)[-1]["data"]
    assert "redis.conf" in data["failed"]
    assert data["error"]
    assert 0 < data["done"] < len(data["steps"])
    assert any(f"/{len(data['steps'])}  " in line and "redis.conf" in line for line in said)

    obstacle.rmdir()
    done = apply.converge(*opened(fresh), approve=yes, progress=quiet)
    assert done.steps == sum(len(plan.steps) for plan in done.plans)
    assert kinds(fresh)[2:] == ["applying", "applied"] * len(done.plans)
    assert fresh.plan() == []


def test_nothing_to_do_asks_nobody_and_leaves_no_record(standing: Deployment) -> None:
    before = layer.records(standing)
    done = apply.converge(*opened(standing), approve=nobody, progress=quiet)
    assert (done.plans, done.steps) == ((), 0)
    assert layer.records(standing) == before


def test_what_is_undone_again_and_again_is_given_up_and_named(standing: Deployment) -> None:
    """Another tool that manages the same folder, say."""
    config, target = opened(standing)
    folder = standing.places.agent

    def undo(sentence: str) -> None:
        if sentence.startswith("reading"):
            folder.chmod(0o755)

    with pytest.raises(ChangeFailed, match=r"still needed: correct the access to .*agent"):
        apply.converge(config, target, approve=yes, progress=undo)
    assert kinds(standing)[-2 * apply.ROUNDS :] == ["applying", "applied"] * apply.ROUNDS
    apply.converge(*opened(standing), approve=yes, progress=quiet)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_record_tells_the_plan_its_steps_and_who(standing: Deployment) -> None:
    standing.places.agent.chmod(0o755)
    done = apply.converge(*opened(standing), approve=yes, progress=quiet)
    [plan] = done.plans
    begun, ended = layer.records(standing)[-2:]
    for record in (begun, ended):
        assert record["data"]["plan"] == plan.digest
        assert record["data"]["steps"] == [step.summary for step in plan.steps]
        assert record["by"].endswith(f"@{os.uname().nodename}")


def test_stopping_is_on_record_only_when_something_ran(standing: Deployment) -> None:
    stopped = apply.stop(*opened(standing), quiet)
    assert stopped == ("postgres", "redis", "redis-durable")
    assert layer.records(standing)[-1]["data"] == {"servers": list(stopped)}
    length = len(layer.records(standing))
    assert apply.stop(*opened(standing), quiet) == ()
    assert len(layer.records(standing)) == length
    apply.converge(*opened(standing), approve=yes, progress=quiet)
