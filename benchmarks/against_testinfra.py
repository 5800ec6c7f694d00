"""pytest-testinfra with forty of rfdata's checks, on the same deployment."""

from __future__ import annotations

import json
import os
import pwd
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.deployment import RFDATA, SERVERS, Deployment
from benchmarks.measure import BenchmarkError, Sample, run

SUITE = Path(__file__).with_name("testinfra_suite") / "test_layer.py"
CHECKS = 40
NO_TESTS_RUN = 5
_PYTEST = (sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider")
_PLUGIN = ("-p", "testinfra.plugin", "--hosts", "local://")


@dataclass(frozen=True)
class Suite:
    """The tests, ready to run: only the plugin that they need is loaded."""

    environment: dict[str, str]
    folder: Path

    def checks(self) -> Sample:
        """All of them; BenchmarkError unless all forty pass."""
        sample = self._pytest()
        if not re.search(rf"^{CHECKS} passed", sample.output, re.M):
            raise BenchmarkError(f"not {CHECKS} passed:\n{sample.output}")
        return sample

    def nothing(self) -> Sample:
        """Starting, importing and collecting, but no check."""
        return self._pytest("-k", "none_of_them", accept=(NO_TESTS_RUN,))

    def ids(self) -> frozenset[str]:
        """rfdata's names of the checks that the tests are equivalents of."""
        listed = self._pytest("--collect-only").output
        return frozenset(re.findall(r"\[local-([a-z-]+\.[a-z_-]+)\]", listed))

    def _pytest(self, *options: str, accept: tuple[int, ...] = (0,)) -> Sample:
        argv = (*_PYTEST, *_PLUGIN, *options, str(SUITE))
        return run(argv, env=self.environment, cwd=self.folder, accept=accept)


@contextmanager
def suite(deployment: Deployment) -> Iterator[Suite]:
    """The forty checks for this deployment; refuses to begin unless each is one of rfdata's own."""
    with TemporaryDirectory(prefix="rfdata-benchmark-") as folder:
        layer = Path(folder) / "layer.json"
        layer.write_text(json.dumps(_layer(deployment)), encoding="utf-8")
        environment = {
            **os.environ,
            **deployment.env(),
            "LAYER": str(layer),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        }
        found = Suite(environment, Path(folder))
        ids = found.ids()
        if len(ids) != CHECKS or (strange := ids - decided(deployment)):
            raise BenchmarkError(f"{len(ids)} checks, and rfdata does not decide {strange}")
        yield found


def decided(deployment: Deployment) -> frozenset[str]:
    """The checks that rfdata decided here: what did not apply doesn't count for its speed."""
    checks = deployment.json("verify", accept=(0, 1))["checks"]
    return frozenset(check["id"] for check in checks if check["outcome"] in ("pass", "fail"))


def _layer(deployment: Deployment) -> dict[str, object]:
    state = deployment.state
    runtime = json.loads(run((RFDATA, "runtime", "show", "--format", "json")).output)
    owners = {server: (state / server / "data").stat().st_uid for server in SERVERS}
    return {
        "state": str(state),
        "ca": str(deployment.folder / "certs" / "ca.crt"),
        "env": str(deployment.folder / ".env"),
        "ports": {name: str(port) for name, port in deployment.ports.items()},
        "bin": runtime["postgres"]["bin"],
        "socket": str(next(state.glob("postgres/run/.s.PGSQL.*[0-9]")).parent),
        "database": deployment.env()["POSTGRES_DB"],
        "users": {server: pwd.getpwuid(uid).pw_name for server, uid in owners.items()},
    }
