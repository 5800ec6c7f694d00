"""A plan's digest: the same for the same changes, another for any other, and nothing to learn from it."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import typing
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.model import plan as module
from rfdata.model.facts import Limits, Privilege
from rfdata.model.plan import Action, Plan, RestartServer, StartServer, StartWatch, Step, WriteFile
from rfdata.secrets import Secret

PASSWORD = "hunter2-correct-horse"
ACTIONS: tuple[type[Any], ...] = typing.get_args(Action)

VALUES: dict[str, tuple[Any, Any]] = {
    "str": ("one", "two"),
    "int": (1, 7),
    "Path": (Path("/srv/one"), Path("/srv/two")),
    "str | Secret": (Secret(PASSWORD), Secret("another")),
    "Secret": (Secret(PASSWORD), Secret("another")),
    "tuple[str, ...]": (("one", "two"), ("one two",)),
    "tuple[tuple[str, str], ...]": ((("one", "two"),), (("one", "three"),)),
    "bool": (False, True),
    "Server": ("postgres", "redis"),
    "Limits": (Limits(1.0, 2, 3), Limits(1.0, 2, None)),
    "Privilege": (Privilege("a", "b", "c", "d"), Privilege("a", "b", "c", "e")),
    "Literal['database', 'schema']": ("database", "schema"),
}
"""Two values of each type that a field of an action has."""


def type_of(field: Any) -> str:
    return str(field.type).replace('"', "'")


def make(action: type[Any]) -> Action:
    made: Action = action(**{field.name: VALUES[type_of(field)][0] for field in fields(action)})
    return made


def of(*actions: Action) -> Plan:
    return Plan("config", tuple(Step("files", "do it", "undo it", action) for action in actions))


def changed(value: Any) -> Iterator[tuple[str, Any]]:
    """The same dataclass with one field changed, for every field however deep."""
    for field in fields(value):
        old = getattr(value, field.name)
        if is_dataclass(old):
            for name, new in changed(old):
                yield f"{field.name}.{name}", replace(value, **{field.name: new})
        else:
            yield field.name, replace(value, **{field.name: other(old)})


def other(value: Any) -> Any:
    match value:
        case Secret():
            return Secret(value.reveal() + "x")
        case str():
            return value + "x"
        case tuple():
            return (*value, "x")
        case Path():
            return value / "x"
        case None:
            return 1
        case _:
            return value + 1


def test_every_action_is_known_to_this_test() -> None:
    ours = {
        each
        for each in vars(module).values()
        if isinstance(each, type) and is_dataclass(each) and each.__module__ == module.__name__
    }
    assert ours - {Step, Plan} == set(ACTIONS)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_the_digest_changes_with_any_field_of_any_step(action: type[Any]) -> None:
    step = Step("files", "do it", "undo it", make(action), ("- a", "+ b"))
    plan = Plan("config", (step,))
    digests = {"as it is": plan.digest}
    for name, new in changed(step):
        digests[name] = replace(plan, steps=(new,)).digest
    for field in fields(action):
        second = replace(step.action, **{field.name: VALUES[type_of(field)][1]})
        digests[f"{field.name}, second value"] = replace(
            plan, steps=(replace(step, action=second),)
        ).digest
    assert len(set(digests.values())) == len(digests)


def test_the_digest_changes_with_the_configuration_the_order_and_the_number_of_steps() -> None:
    one, two = StartServer("postgres"), StartServer("redis")
    plans = [
        of(),
        of(one),
        of(two),
        of(one, two),
        of(two, one),
        of(one, one),
        replace(of(one), config_digest="x"),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)


def test_actions_of_different_kinds_with_the_same_fields_differ() -> None:
    digests = [of(make(action)).digest for action in ACTIONS]
    assert len(set(digests)) == len(ACTIONS)
    assert of(StartServer("redis")).digest != of(RestartServer("redis")).digest


def test_text_and_a_secret_of_the_same_content_differ() -> None:
    contents: tuple[str | Secret, ...] = ("abc", Secret("abc"))
    assert len({of(WriteFile(Path("/x"), content, 0o600, "")).digest for content in contents}) == 2


def test_a_line_can_not_move_between_fields_unseen() -> None:
    step = Step("files", "a", "b", StartWatch(), ("c", "d"))
    assert Plan("x", (step,)).digest != Plan("x", (replace(step, detail=("c\nd",)),)).digest
    assert (
        Plan("x", (step,)).digest != Plan("x", (replace(step, summary="b", reversal="a"),)).digest
    )


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(["files", "settings", "roles", "processes"]),
        st.text(),
        st.text(),
        st.builds(
            WriteFile,
            st.just(Path("/x")),
            st.text() | st.builds(Secret, st.text()),
            st.integers(),
            st.text(),
        ),
        st.lists(st.text(), max_size=3).map(tuple),
    ),
    max_size=3,
).map(tuple)


@given(STEPS, STEPS)
def test_plans_have_one_digest_exactly_when_they_are_equal(
    one: tuple[Step, ...], two: tuple[Step, ...]
) -> None:
    first, again, second = Plan("x", one), Plan("x", (*one,)), Plan("x", two)
    assert first.digest == again.digest
    assert (first.digest == second.digest) is (first == second)
    assert first.empty is (one == ())


SCRIPT = """
from pathlib import Path
from rfdata.model.facts import Limits, Privilege
from rfdata.model.plan import *
from rfdata.secrets import Secret
actions = (SetLimits("redis", Limits(0.1, 2, None)), Grant(Privilege("a", "b", "c", "d")),
           SetPassword("app", Secret("x")), AlterRole("app", ("LOGIN", "NOCREATEDB")))
print(Plan("c", tuple(Step("files", "ä", "b", action) for action in actions)).digest)
"""


def test_the_digest_is_the_same_in_every_process() -> None:
    """A plan is shown by one process and applied by another."""
    seen = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(seen) == 1
    assert re.fullmatch(r"[0-9a-f]{64}\n", seen.pop())


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.__name__)
def test_no_plan_shows_a_secret(action: type[Any]) -> None:
    plan = of(make(action))
    assert PASSWORD not in f"{plan} {plan!r} {plan.digest} {plan.steps[0].action}"


def test_what_is_hashed_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even on its way into the digest: there, the secret's own SHA-256 stands for it."""
    seen: list[str] = []
    dumps = json.dumps

    def watch(value: object, **options: Any) -> str:
        seen.append(dumps(value, **options))
        return seen[-1]

    monkeypatch.setattr(json, "dumps", watch)
    plan = of(*(make(action) for action in ACTIONS))
    assert re.fullmatch("[0-9a-f]{64}", plan.digest)
    assert len(seen) == 1
    assert PASSWORD not in seen[0]
    assert hashlib.sha256(PASSWORD.encode()).hexdigest() in seen[0]


def test_plans_are_frozen_and_know_when_they_are_empty() -> None:
    plan = of(StartWatch())
    with pytest.raises(FrozenInstanceError):
        plan.config_digest = "y"  # type: ignore[misc]
    assert not plan.empty
    assert of().empty
