"""From a configuration to the place that it names."""

from __future__ import annotations

from rfdata.config.load import Config
from rfdata.targets.base import Target


def open_target(config: Config) -> Target:
    """The target that `deployment.target` names; nothing is contacted yet."""
    if config.target == "external":
        from rfdata.targets.external import ExternalTarget

        return ExternalTarget()
    from rfdata.targets.native.target import NativeTarget

    return NativeTarget(config)
