"""The verb `apply`: runs exactly the plan that was shown, and says how far it came."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import rfdata
from rfdata.config.load import Config, load
from rfdata.errors import ChangeFailed, StalePlan
from rfdata.evidence import log
from rfdata.model.facts import Facts, Server
from rfdata.model.plan import Plan, Step
from rfdata.plan.make import make_plan
from rfdata.targets.base import Progress, Target
from rfdata.targets.deployment import evidence_folder

ROUNDS = 4
"""A stopped server shows what is inside only once it runs, so a second plan may follow the first."""


@dataclass(frozen=True)
class Converged:
    """What `converge` did, and the configuration and facts after the last step."""

    config: Config
    plans: tuple[Plan, ...]
    facts: Facts

    @property
    def steps(self) -> int:
        return sum(len(plan.steps) for plan in self.plans)


Approve = Callable[[Plan, bool], bool]
"""Shows a plan and raises unless it may be applied; True when a person was asked, so that time
passed. The second argument says whether another plan was applied before it."""


def converge(
    config: Config,
    target: Target,
    *,
    approve: Approve,
    progress: Progress,
    kept: str | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> Converged:
    """Plan, let it be approved, apply; again until the plan is empty.

    `kept` is the digest of a plan that was approved before: that one is applied, or nothing. What
    shows only afterwards needs an approval of its own.

    `approve` returns True when a person was asked: facts may have changed while they read, so they
    are read again and a plan that no longer fits is refused (StalePlan). `meanwhile` is called once
    while servers start: the time for what the caller needs afterwards.
    """
    plans: list[Plan] = []
    for _ in range(ROUNDS):
        progress("reading what is there")
        facts = target.gather(config)
        plan = make_plan(config, target.desired(config, facts), facts)
        approved = kept is not None and not plans
        if approved and plan.digest != kept:
            raise _stale("since this plan was made")
        if plan.empty:
            return Converged(config, tuple(plans), facts)
        if not approved and approve(plan, bool(plans)):
            refuse_stale(config, target, plan)
        apply(config, target, plan, progress, meanwhile)
        plans.append(plan)
        config = load(config.directory)  # a step may have brought .env in line
    last = "; ".join(step.summary for step in plans[-1].steps)
    raise ChangeFailed(
        f"after {ROUNDS} rounds these steps are still needed: {last}",
        hint="something undoes them; look at `rfdata plan`, and at the servers' logs",
    )


def refuse_stale(config: Config, target: Target, plan: Plan) -> None:
    """Raise StalePlan unless the same plan follows from what is there now."""
    facts = target.gather(config)
    current = make_plan(config, target.desired(config, facts), facts)
    if current.digest != plan.digest:
        raise _stale("since the plan was shown")


def _stale(since: str) -> StalePlan:
    return StalePlan(
        f"the layer or its configuration has changed {since}; nothing was done",
        hint="run `rfdata plan` and look again",
    )


def apply(
    config: Config,
    target: Target,
    plan: Plan,
    progress: Progress,
    meanwhile: Callable[[], None] = lambda: None,
    again: str = "rfdata up",
) -> None:
    """Run every step: stages one after another, the lanes of a stage side by side.

    The evidence log has a record before the first step and after the last. When a step fails, the
    other lanes end the step that they are at.
    """
    folder = evidence_folder(config)
    who, version = log.author(), rfdata.__version__
    data: dict[str, Any] = {"plan": plan.digest, "steps": [step.summary for step in plan.steps]}
    log.append(folder, "applying", data, by=who, version=version)
    started = monotonic()
    work = _Work(config, target, plan, progress)
    for lanes in plan.lanes:
        work.side_by_side(lanes, meanwhile if len(lanes) > 1 else lambda: None)
        if work.failure is not None:
            step, error = work.failure
            told = {"done": work.done, "failed": step.summary, "error": str(error)}
            log.append(folder, "failed", {**data, **told}, by=who, version=version)
            hint = getattr(error, "hint", "") or f"to take the step back: {step.reversal}"
            raise ChangeFailed(
                f"step {work.numbers[id(step)]} of {len(plan.steps)} ({step.summary}): {error}",
                hint=f"{hint}\nmend the cause, then run `{again}` again: it goes on from here",
            ) from error
    seconds = round(monotonic() - started, 3)
    log.append(folder, "applied", {**data, "seconds": seconds}, by=who, version=version)


class _Work:
    """A plan being applied: how many steps are done, and the first that failed."""

    def __init__(self, config: Config, target: Target, plan: Plan, progress: Progress) -> None:
        self.config, self.target, self.progress = config, target, progress
        self.numbers = {id(step): number for number, step in enumerate(plan.steps, start=1)}
        self.done = 0
        self.failure: tuple[Step, Exception] | None = None
        self._counting = threading.Lock()

    def side_by_side(
        self, lanes: tuple[tuple[Step, ...], ...], meanwhile: Callable[[], None]
    ) -> None:
        """Each lane in a thread of its own; Ctrl-C leaves them where they are, like a kill would."""
        threads = [threading.Thread(target=self._lane, args=(lane,), daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        meanwhile()
        for thread in threads:
            thread.join()

    def _lane(self, lane: tuple[Step, ...]) -> None:
        for step in lane:
            if self.failure is not None:
                return
            self.progress(f"{self.numbers[id(step)]}/{len(self.numbers)}  {step.summary}")
            try:
                self.target.execute(self.config, step.action, self.progress)
            except Exception as error:  # noqa: BLE001 - told by the main thread, whatever it is
                with self._counting:
                    if self.failure is None:
                        self.failure = (step, error)
                return
            with self._counting:
                self.done += 1


def stop(config: Config, target: Target, progress: Progress) -> tuple[Server, ...]:
    """Stop the servers, keep the data, and put on record which were running."""
    stopped = target.stop(config, progress)
    if stopped:
        data = {"servers": list(stopped)}
        log.append(
            evidence_folder(config), "stopped", data, by=log.author(), version=rfdata.__version__
        )
    return stopped
