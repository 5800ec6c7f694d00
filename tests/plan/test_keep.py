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

from rfdata.errors import UsageError
from rfdata.model.plan import Plan
from rfdata.plan.keep import read_digest, to_json

CONFIG = settled_config(Path("/srv/deployment"))
FACTS = settled_facts(CONFIG)


def drifted(maxmemory: str) -> Plan:
    found = {**FACTS.redis.settings.value, "maxmemory": maxmemory}
    return plan(CONFIG, changed(FACTS, "redis.settings", found))


def kept(folder: Path, found: Plan) -> Path:
    path = folder / "plan.json"
    path.write_text(json.dumps(to_json(found)), encoding="utf-8")
    return path


def test_the_same_plan_has_the_digest_of_the_file(tmp_path: Path) -> None:
    assert read_digest(kept(tmp_path, drifted("1"))) == drifted("1").digest


def test_a_plan_from_another_value_is_another_plan(tmp_path: Path) -> None:
    assert read_digest(kept(tmp_path, drifted("1"))) != drifted("2").digest


def test_a_plan_of_another_configuration_is_another_plan(tmp_path: Path) -> None:
    other = replace(drifted("1"), config_digest="0" * 64)
    assert read_digest(kept(tmp_path, drifted("1"))) != other.digest


def test_the_file_shows_what_a_person_agrees_to() -> None:
    [step] = to_json(drifted("1"))["steps"]
    assert step["action"] == "SetRedisSetting"
    assert "maxmemory" in step["summary"]
    assert step["detail"][0] == "- maxmemory = 1"
    assert step["reversal"]


@given(st.binary(max_size=80))
@example(b"[" * 100_000)
@example(b'{"digest": null}')
@example(b"\xff")
def test_whatever_else_the_file_holds_is_refused(content: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with pytest.raises(UsageError):
            read_digest(Path(file.name))
