"""No secret of .env leaves its place: not on a screen, in a file, or in the list of processes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from urllib.parse import quote

import pytest
from tests.e2e import layer
from tests.e2e.layer import Deployment

from rfdata.model.facts import SERVERS

REPORTS = ("text", "json", "markdown", "junit", "html")
LOOKING = (
    ("plan",),
    ("plan", "--format", "json"),
    ("up", "--yes", "-v"),
    ("up", "--yes", "--format", "json"),
    ("verify",),
    ("verify", "--format", "json"),
    ("verify", "--section", "9"),
    ("verify", "--check", "env.password_lengths"),
    ("status",),
    ("status", "--format", "json"),
    ("doctor",),
    ("doctor", "--format", "json"),
    ("certs", "show"),
    ("certs", "show", "--format", "json"),
    ("certs", "renew"),
    ("evidence", "verify"),
    ("evidence", "list"),
    ("evidence", "list", "--format", "json"),
    *(("report", "--format", form) for form in REPORTS),
    ("init",),
    ("init", "--format", "json"),
    ("runtime", "show"),
    ("checks", "list"),
)
ODD = 'od"d pa$$ w%rd\\ ünï#cödé é&=:/?@ 1234567890'
"""A password that a person may choose, with everything that has to be quoted somewhere."""


def forms(secrets: Mapping[str, str]) -> dict[bytes, str]:
    """Each secret as it stands in .env and as it stands in a URL, with its name."""
    return {
        form.encode(): name
        for name, secret in secrets.items()
        for form in (secret, quote(secret, safe=""), quote(secret))
    }


def found_in(content: bytes, wanted: Mapping[bytes, str]) -> set[str]:
    return {name for secret, name in wanted.items() if secret in content}


@contextmanager
def watching_processes(secrets: Mapping[str, str]) -> Iterator[set[str]]:
    """Look at every process's arguments and environment, again and again, until the end."""
    wanted, seen, stop = forms(secrets), set[str](), threading.Event()

    def look() -> None:
        while not stop.is_set():
            for entry in Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                for part in ("cmdline", "environ"):
                    with suppress(OSError):
                        names = found_in((entry / part).read_bytes(), wanted)
                        seen.update(f"{name} in {part} of a process" for name in names)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def files_with_secrets(found: Deployment, *folders: Path) -> dict[str, set[str]]:
    """Every file that holds a secret, by its path."""
    wanted = forms(found.secrets)
    everywhere = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {
        str(path): names for path in everywhere if (names := found_in(path.read_bytes(), wanted))
    }


def test_no_secret_is_seen_among_the_processes_while_a_layer_is_built(
    make: Callable[..., Deployment],
) -> None:
    found = make()
    with watching_processes(found.secrets) as seen:
        up = found.rfdata("up", "--yes", "-v")
        found.rfdata("certs", "renew")
        found.rfdata("verify")
        found.rfdata("down", "--yes")
        found.rfdata("up", "--yes")
    assert seen == set()
    assert found_in(up.said.encode(), forms(found.secrets)) == set()


def test_a_look_at_the_processes_would_see_one(calm: Deployment) -> None:
    """The test above would find something, if there were something."""
    secret = next(iter(calm.secrets.values()))
    for words, env in ((("sleep", "60"), {"X": secret}), (("sh", "-c", "sleep 60", secret), {})):
        with watching_processes(calm.secrets) as seen:
            with subprocess.Popen(words, env={"PATH": "/usr/bin:/bin", **env}) as process:
                sleep(0.5)
                process.kill()
            assert len(seen) == 1


@pytest.mark.parametrize("verb", LOOKING, ids=" ".join)
def test_no_verb_shows_a_secret(calm: Deployment, verb: tuple[str, ...]) -> None:
    ended = calm.rfdata(*verb, code=(0, 3) if verb[0] == "doctor" else 0)
    assert found_in(ended.said.encode(), forms(calm.secrets)) == set()


def test_no_file_but_env_holds_a_secret(live: Deployment, tmp_path: Path) -> None:
    live.rfdata("plan", "--out", tmp_path / "plan.json")
    for form in REPORTS:
        live.rfdata("report", "--format", form, "--out", tmp_path / f"report.{form}")
    held = files_with_secrets(live, live.directory, live.state, tmp_path)
    assert set(held) == {str(live.env_file)}


def test_neither_drift_nor_errors_nor_their_plan_show_a_secret(
    live: Deployment, tmp_path: Path
) -> None:
    """Wrong passwords on the servers, other passwords in .env: every message about them is read."""
    old, said = live.secrets, []
    text = live.env_file.read_text(encoding="utf-8")
    for secret in old.values():
        text = text.replace(secret, secret[::-1])
    live.env_file.write_text(text, encoding="utf-8")
    both = {**{f"old {name}": secret for name, secret in old.items()}, **live.secrets}
    said.append(live.rfdata("verify", code=None))
    said.append(live.rfdata("verify", "--format", "json", code=None))
    said.append(live.rfdata("status", code=None))
    said.append(live.rfdata("plan", "--out", tmp_path / "plan.json", code=None))
    said.append(live.rfdata("plan", "--format", "json", code=None))
    with watching_processes(both) as seen:
        said.append(live.rfdata("up", "--yes", "-v", code=None))
    shown = {str(e.arguments[2:]): found_in(e.said.encode(), forms(both)) for e in said}
    assert {verb: names for verb, names in shown.items() if names} == {}
    assert seen == set()
    logs = [live.state / server / "log" for server in SERVERS]
    assert (
        files_with_secrets(live, live.directory / "evidence", live.directory / "reports", *logs)
        == {}
    )


def test_odd_passwords_work_everywhere_and_are_shown_nowhere(
    make: Callable[..., Deployment],
) -> None:
    found = make()
    lines = [
        f"{name}='{odd_for(name)}'" if "PASSWORD" in name else line
        for line in found.env_file.read_text(encoding="utf-8").splitlines()
        for name in [line.partition("=")[0]]
    ]
    found.env_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found.env_file.chmod(0o600)
    with watching_processes(found.secrets) as seen:
        up = found.rfdata("up", "--yes", "-v", code=(0, 1))
    assert seen == set()
    assert found_in(up.said.encode(), forms(found.secrets)) == set()
    _, checks = layer.outcomes(found.verify(code=(0, 1)))
    for server in SERVERS:
        assert checks[f"probe.{server}_login"] == "pass"
    assert found.plan() == []
    with found.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with found.redis() as client:
        assert client.ping()
    held = files_with_secrets(found, found.directory, found.state)
    assert set(held) == {str(found.env_file)}


def odd_for(name: str) -> str:
    return f"{ODD} {name}"
