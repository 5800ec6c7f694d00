"""The verb `apply`: runs exactly the plan that was shown, and says how far it came."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import rfdata
from rfdata.config.load import Config
from rfdata.errors import ChangeFailed, RfdataError, StalePlan
from rfdata.evidence import log
from rfdata.model.facts import Facts, Server
from rfdata.model.plan import Plan
from rfdata.plan.make import make_plan
from rfdata.targets.base import Progress, Target
from rfdata.targets.deployment import evidence_folder
from rfdata.verify import author

ROUNDS = 4
"""A stopped server shows what is inside only once it runs, so a second plan may follow the first."""


@dataclass(frozen=True)
class Converged:
    """What `converge` did, and the facts after the last step."""

    plans: tuple[Plan, ...]
    facts: Facts

    @property
    def steps(self) -> int:
        return sum(len(plan.steps) for plan in self.plans)


Approve = Callable[[Plan], bool]
"""Shows a plan; True applies it. Raises to stop. The answer says whether time passed meanwhile."""


def converge(config: Config, target: Target, *, approve: Approve, progress: Progress) -> Converged:
    """Plan, let it be approved, apply; again until the plan is empty.

    `approve` returns True when a person was asked: facts may have changed while they read, so they
    are read again and a plan that no longer fits is refused (StalePlan).
    """
    plans: list[Plan] = []
    for _ in range(ROUNDS):
        progress("reading what is there")
        facts = target.gather(config)
        plan = make_plan(config, target.desired(config, facts), facts)
        if plan.empty:
            return Converged(tuple(plans), facts)
        if approve(plan):
            refuse_stale(config, target, plan)
        apply(config, target, plan, progress)
        plans.append(plan)
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
        raise StalePlan(
            "the layer or its configuration has changed since the plan was shown; nothing was done",
            hint="run `rfdata plan` and look again",
        )


def apply(config: Config, target: Target, plan: Plan, progress: Progress) -> None:
    """Run every step in order. The evidence log has a record before the first and after the last."""
    folder = evidence_folder(config)
    who, version = author(), rfdata.__version__
    summaries = [step.summary for step in plan.steps]
    data = {"plan": plan.digest, "steps": summaries}
    log.append(folder, "applying", data, by=who, version=version)
    started = monotonic()
    for number, step in enumerate(plan.steps, start=1):
        progress(f"{number}/{len(plan.steps)}  {step.summary}")
        try:
            target.execute(config, step.action, progress)
        except (RfdataError, OSError) as error:
            failure = {**data, "done": number - 1, "failed": step.summary, "error": str(error)}
            log.append(folder, "failed", failure, by=who, version=version)
            hint = getattr(error, "hint", "") or f"to take the step back: {step.reversal}"
            raise ChangeFailed(
                f"step {number} of {len(plan.steps)} ({step.summary}): {error}",
                hint=f"{hint}\nmend the cause, then run `rfdata up` again: it goes on from here",
            ) from error
    seconds = round(monotonic() - started, 3)
    log.append(folder, "applied", {**data, "seconds": seconds}, by=who, version=version)


def stop(config: Config, target: Target, progress: Progress) -> tuple[Server, ...]:
    """Stop the servers, keep the data, and put on record which were running."""
    stopped = target.stop(config, progress)
    if stopped:
        data = {"servers": list(stopped)}
        log.append(
            evidence_folder(config), "stopped", data, by=author(), version=rfdata.__version__
        )
    return stopped
