"""What could not be read is never planned around: each fact, one at a time, and any of them together."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.plan.settled import plan, settled_config, settled_facts

from rfdata.errors import Unreachable
from rfdata.model.facts import Facts, paths, without
from rfdata.model.plan import RestartServer

CONFIG = settled_config(Path("/srv/deployment"))
FACTS = settled_facts(CONFIG)
PATHS = sorted(paths(FACTS))


def nothing_is_planned(facts: Facts) -> bool:
    """Either the fact isn't needed for a plan, or the plan is refused."""
    try:
        return plan(CONFIG, facts).steps == ()
    except Unreachable:
        return True


@pytest.mark.parametrize("path", PATHS)
def test_a_fact_that_was_not_read_in_time_leads_to_no_step(path: str) -> None:
    assert nothing_is_planned(without(FACTS, path, "not read within 5 s"))


@given(st.lists(st.sampled_from(PATHS), min_size=2, max_size=6, unique=True))
def test_several_facts_that_were_not_read_cut_nobody_off(missing: list[str]) -> None:
    facts = FACTS
    for path in missing:
        facts = without(facts, path, "not read within 5 s")
    try:
        steps = plan(CONFIG, facts).steps
    except Unreachable:
        return
    assert not [step for step in steps if isinstance(step.action, RestartServer)]
