"""A plan on paper: what is in the file, and what is held against it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.plan.settled import changed, plan, settled_config, settled_facts

from rfdata.errors import StalePlan, UsageError
from rfdata.model.plan import Plan
from rfdata.plan.keep import refuse_other, to_json

CONFIG = settled_config(Path("/srv/deployment"))
FACTS = settled_facts(CONFIG)


def drifted(maxmemory: str) -> Plan:
    found = {**FACTS.redis.settings.value, "maxmemory": maxmemory}
    return plan(CONFIG, changed(FACTS, "redis.settings", found))


def kept(folder: Path, found: Plan) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(to_json(found)), encoding="utf-8")
    return path


def test_the_same_plan_is_let_through(tmp_path: Path) -> None:
    refuse_other(drifted("1"), kept(tmp_path, drifted("1")))


def test_a_plan_from_another_value_is_another_plan(tmp_path: Path) -> None:
    path = kept(tmp_path, drifted("1"))
    with pytest.raises(StalePlan, match=r"nothing was done"):
        refuse_other(drifted("2"), path)


def test_a_plan_of_another_configuration_is_another_plan(tmp_path: Path) -> None:
    path = kept(tmp_path, drifted("1"))
    with pytest.raises(StalePlan):
        refuse_other(replace(drifted("1"), config_digest="0" * 64), path)


def test_the_file_shows_what_a_person_agrees_to() -> None:
    [step] = to_json(drifted("1"))["steps"]
    assert step["action"] == "SetRedisSetting"
    assert "maxmemory" in step["summary"]
    assert step["detail"][0] == "- maxmemory = 1"
    assert step["reversal"]


@given(st.binary(max_size=80))
@example(b"[" * 100_000)
@example(b'{"digest": null}')
@example(b'{"digest": "' + b"0" * 64 + b'"}')
@example(b"\xff")
def test_whatever_else_the_file_holds_is_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with pytest.raises(UsageError):
            refuse_other(drifted("1"), Path(file.name))
