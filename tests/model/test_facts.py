"""Facts by their paths: found, replaced, taken away."""

from __future__ import annotations

import copy
import typing
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from rfdata.model.evidence import Statement, Statements
from rfdata.model.fact import Fact, FactUnread, read, unread
from rfdata.model.facts import SERVERS, Facts, paths, with_fact, without

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


def build(kind: Any, path: str = "") -> Any:
    """Facts whose every reading says its own path."""
    if kind is datetime:
        return MOMENT
    if kind is Statements:
        return Statements({"2.1": Statement("2.1", "ada", "seen", MOMENT, MOMENT)}, {})
    if typing.get_origin(kind) is Fact:
        return read(path, f"where {path} is")
    if typing.get_origin(kind) is Mapping:
        return {server: build(typing.get_args(kind)[1], f"{path}.{server}") for server in SERVERS}
    hints = typing.get_type_hints(kind)
    prefix = f"{path}." if path else ""
    return kind(
        **{field.name: build(hints[field.name], prefix + field.name) for field in fields(kind)}
    )


@pytest.fixture(scope="module")
def facts() -> Facts:
    built: Facts = build(Facts)
    return built


ALL = sorted(paths(build(Facts)))


def test_every_fact_is_found_by_its_own_path(facts: Facts) -> None:
    found = paths(facts)
    assert {path: fact.value for path, fact in found.items()} == {path: path for path in found}
    assert found["postgres.probes.login"] is facts.postgres.probes.login
    assert found["host.disks.redis-durable"] is facts.host.disks["redis-durable"]
    assert found["redis_durable.acl"] is facts.redis_durable.acl
    assert len(found) > 80


def test_no_fact_lies_where_paths_does_not_look(facts: Facts) -> None:
    def count(value: object) -> int:
        if isinstance(value, Fact):
            return 1
        if isinstance(value, Mapping):
            return sum(map(count, value.values()))
        if is_dataclass(value):
            return sum(count(getattr(value, field.name)) for field in fields(value))
        return 0

    assert count(facts) == len(ALL)


def test_a_part_has_paths_of_its_own(facts: Facts) -> None:
    assert set(paths(facts.redis.probes)) == {
        path.removeprefix("redis.probes.") for path in ALL if path.startswith("redis.probes.")
    }


@pytest.mark.parametrize("path", ALL)
def test_one_fact_is_replaced_and_nothing_else(facts: Facts, path: str) -> None:
    before = paths(facts)
    new = read("new", "elsewhere")
    after = paths(with_fact(facts, path, new))
    assert after.pop(path) is new
    assert list(after) == [each for each in before if each != path]
    assert all(after[each] is before[each] for each in after)
    assert paths(facts) == before


@pytest.mark.parametrize("path", ALL)
def test_one_fact_is_taken_away_and_nothing_else(facts: Facts, path: str) -> None:
    before = paths(facts)
    changed = without(facts, path, "the wire was cut")
    gone = paths(changed)[path]
    assert (gone.known, gone.trouble, gone.read_from) == (
        False,
        "the wire was cut",
        f"where {path} is",
    )
    with pytest.raises(FactUnread, match="the wire was cut"):
        _ = gone.value
    assert [each for each, fact in paths(changed).items() if fact is not before[each]] == [path]
    assert before[path].known
    assert (changed.gathered_at, changed.statements) == (facts.gathered_at, facts.statements)


@pytest.mark.parametrize(
    "path", ["", "nowhere", "postgres", "postgres.nowhere", "host.disks.mysql", "redis.info.x"]
)
def test_a_path_that_is_none_is_a_defect(facts: Facts, path: str) -> None:
    with pytest.raises(KeyError):
        without(facts, path, "x")


def test_facts_are_frozen(facts: Facts) -> None:
    with pytest.raises(FrozenInstanceError):
        facts.gathered_at = MOMENT  # type: ignore[misc]
    assert copy.deepcopy(facts) == facts


def test_a_fact_that_was_not_read_says_why() -> None:
    fact: Fact[str] = unread("no socket", "the socket")
    with pytest.raises(FactUnread, match="no socket") as raised:
        _ = fact.value
    assert raised.value.fact is fact
    assert fact.started_at.tzinfo is UTC
    assert fact.started_at <= fact.finished_at


def test_times_of_a_fact_are_those_of_its_reading() -> None:
    fact = read(1, "x", MOMENT)
    assert fact.started_at == MOMENT
    assert fact.finished_at.tzinfo is UTC
    assert unread("x", "y", MOMENT).started_at == MOMENT


def test_a_statement_holds_until_its_end() -> None:
    statement = Statement("2.1", "ada", "seen", MOMENT, MOMENT.replace(year=2031))
    assert statement.holds(MOMENT)
    assert not statement.holds(MOMENT.replace(year=2031))
