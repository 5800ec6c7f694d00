"""Every check: green on a healthy layer, red for each thing that may break, unknown when blind."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.checklist.breaking import Break
from tests.checklist.breaks import BREAKS
from tests.checklist.healthy import healthy_config, healthy_facts

from rfdata.checklist import catalogue
from rfdata.checklist.decide import run_checks
from rfdata.config.load import Config
from rfdata.model.facts import Facts, paths, without
from rfdata.model.verdict import Outcome, Verdict

CONFIG = healthy_config(Path("/srv/researchflow"))
FACTS = healthy_facts(CONFIG)
BLIND = {path: without(FACTS, path, "timed out") for path in paths(FACTS)}
"""The healthy facts with one of them unread, by its path."""
IDS = [check.item.id for check in catalogue.CHECKS]


def verdict(id: str, facts: Facts, config: Config = CONFIG) -> Verdict:
    (result,) = run_checks([catalogue.check(id)], config, facts)
    return result.verdict


@pytest.mark.parametrize("id", IDS)
def test_passes_on_a_healthy_layer(id: str) -> None:
    found = verdict(id, FACTS)
    assert found.outcome is Outcome.PASS, found
    assert found.expected
    assert found.actual
    assert found.read_from
    assert found.started_at is not None
    assert found.finished_at is not None


def test_every_check_can_break() -> None:
    assert set(BREAKS) == set(IDS)


@pytest.mark.parametrize(
    ("id", "number"), [(id, n) for id, breaks in BREAKS.items() for n in range(len(breaks))]
)
def test_fails_when_broken(id: str, number: int) -> None:
    broken: Break = BREAKS[id][number]
    found = verdict(id, broken.apply(FACTS))
    assert found.outcome is Outcome.FAIL, found
    assert found.expected != found.actual
    assert found.started_at is not None


@pytest.mark.parametrize("id", IDS)
def test_unknown_when_a_fact_is_unread(id: str) -> None:
    """No unread fact may leave it green that a break of the same fact makes red."""
    depends = {
        path for path, facts in BLIND.items() if verdict(id, facts).outcome is not Outcome.PASS
    }
    broken = {one.path for one in BREAKS[id]} | {also.path for b in BREAKS[id] for also in b.also}
    assert depends, "it reads nothing"
    assert broken <= depends
    for path in depends:
        found = verdict(id, BLIND[path])
        assert found.outcome is Outcome.UNKNOWN
        assert found.note == "timed out"
        assert found.read_from.startswith(paths(FACTS)[path].read_from)


def test_every_item_says_why_and_what_to_do() -> None:
    for check in catalogue.CHECKS:
        assert len(check.item.why) > 40, check.item.id
        assert check.item.why[-1] in '.":', check.item.id
        assert len(check.item.remedy) > 10, check.item.id


def test_the_same_facts_give_the_same_verdicts() -> None:
    """Checks are pure: nothing but the facts decides, not even the clock."""
    assert run_checks(catalogue.CHECKS, CONFIG, FACTS) == run_checks(
        catalogue.CHECKS, CONFIG, FACTS
    )


def test_no_secret_reaches_a_verdict() -> None:
    everything = repr(run_checks(catalogue.CHECKS, CONFIG, FACTS))
    for name, secret in CONFIG.env.items():
        if "PASSWORD" in name or name.endswith("URL"):
            assert secret.reveal() not in everything
