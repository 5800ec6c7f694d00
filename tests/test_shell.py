"""The one place that runs programs: real ones, well-behaved and not."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from time import monotonic, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfdata.errors import ProgramFailed, ProgramMissing, ProgramTimedOut, UsageError
from rfdata.secrets import REDACTED, Secret
from rfdata.shell import SAFE_PATH, TAIL_LENGTH, TAIL_LINES, Command, Completed, run, start

Ordinary = Callable[[], AbstractContextManager[None]]
Fork = Callable[[Callable[[], object]], int]

PASSWORD = "hunter2-correct-horse-battery"


def sh(script: str, **options: object) -> Command:
    return Command(("sh", "-c", script), **options)  # type: ignore[arg-type]


def failure(command: Command) -> str:
    with pytest.raises(ProgramFailed) as raised:
        run(command)
    assert raised.value.exit_code == 4
    return raised.value.message + raised.value.hint


def alive(pid: int) -> bool:
    """Whether a process lives; one that has ended but isn't waited for doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + 10
    while not condition():
        assert monotonic() < deadline
        sleep(0.005)


def test_a_program_gives_its_code_and_both_outputs() -> None:
    done = run(sh("echo out; echo err >&2; exit 3"), check=False)
    assert (done.code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert run(Command(("true",))).code == 0


def test_arguments_arrive_as_they_are() -> None:
    arguments = ("two words", "", "$HOME", "*", "a'b\"c", "--", "zwei\nZeilen", "漢")
    done = run(
        Command((sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", *arguments))
    )
    assert done.stdout.strip() == ascii(list(arguments))


def test_input_arrives_and_none_is_an_end_at_once() -> None:
    assert run(Command(("cat",), stdin="é\r\n漢")).stdout.encode() == "é\n漢".encode()
    assert run(Command(("wc", "-c"), stdin=Secret(PASSWORD))).stdout.strip() == str(len(PASSWORD))
    assert run(Command(("cat",), timeout=10)).stdout == ""


def test_a_program_that_does_not_read_its_input_is_no_trouble() -> None:
    assert run(Command(("true",), stdin="x" * 1_000_000)).code == 0


def test_only_a_clean_environment_is_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PATH", "/nowhere")
    clean = run(Command(("/usr/bin/env",), env={"A": "1", "B": Secret("2")})).stdout.splitlines()
    assert sorted(clean) == ["A=1", "B=2", "LC_ALL=C.UTF-8", f"PATH={SAFE_PATH}"]
    whole = run(Command(("/usr/bin/env",), env={"A": "1"}, inherit_env=True)).stdout.splitlines()
    assert {"A=1", "PATH=/nowhere", f"PGPASSWORD={PASSWORD}"} <= set(whole)


def test_it_runs_where_it_is_told_to(tmp_path: Path) -> None:
    assert run(Command(("pwd",), cwd=tmp_path)).stdout.strip() == str(tmp_path.resolve())


def test_secrets_are_in_no_argument_that_others_can_see(tmp_path: Path, fork: Fork) -> None:
    """The process list holds neither what goes into the environment nor what goes into the input."""
    shown = tmp_path / "shown"
    command = sh(
        f"tr '\\0' ' ' < /proc/$$/cmdline > {shlex.quote(str(shown))}; cat > /dev/null",
        env={"PGPASSWORD": Secret(PASSWORD)},
        stdin=Secret(PASSWORD),
    )
    run(command)
    assert "cmdline" in shown.read_text()
    assert PASSWORD not in shown.read_text() + str(command) + repr(command)


def test_a_secret_as_an_argument_is_refused() -> None:
    with pytest.raises(TypeError) as raised:
        run(Command(("echo", Secret(PASSWORD))))  # type: ignore[arg-type]
    assert PASSWORD not in str(raised.value)


LEAKS = {
    "its environment": sh("env >&2; exit 1", env={"PGPASSWORD": Secret(PASSWORD)}),
    "its input": sh("cat >&2; exit 1", stdin=Secret(f"{PASSWORD}\n")),
    "one line of its input": sh(
        "head -n 2 | tail -n 1; exit 1", stdin=Secret(f"user\n{PASSWORD}\nx\n")
    ),
    "a word of its input": sh(
        f"echo \"ERROR near '{PASSWORD}'\" >&2; exit 1",
        stdin=Secret(f"ALTER ROLE app PASSWORD '{PASSWORD}';\n"),
    ),
    "the password of its URL": sh(
        f"echo 'bad password {PASSWORD}'; exit 1",
        env={"DATABASE_URL": Secret(f"postgresql://app:{PASSWORD}@h:1/d")},
    ),
    "the decoded password of its URL": sh(
        "echo 'bad password a/b%c-and-more'; exit 1",
        env={"DATABASE_URL": Secret("postgresql://app:a%2Fb%25c-and-more@h:1/d")},
    ),
    "a line of a key": sh(
        "printf '%s' \"$KEY\" | tail -n 1; exit 1",
        env={"KEY": Secret(f"-----BEGIN-----\n{PASSWORD}\n")},
    ),
    "a password with a space at its end": sh(
        f"echo '{PASSWORD} '; exit 1", env={"A": Secret(f"{PASSWORD} ")}
    ),
    "one of two alike": sh(
        f"echo {PASSWORD}-longer; exit 1",
        env={"A": Secret(PASSWORD), "B": Secret(f"{PASSWORD}-longer")},
    ),
}


@pytest.mark.parametrize("what", LEAKS)
def test_a_program_that_prints_its_secrets_is_not_quoted_with_them(what: str) -> None:
    message = failure(LEAKS[what])
    assert REDACTED in message
    for plain in (PASSWORD, "a/b%c-and-more", "a%2Fb%25c", "-longer"):
        assert plain not in message
    done = run(LEAKS[what], check=False)
    assert PASSWORD not in done.tail + repr(done)
    assert REDACTED in done.tail


def test_what_is_no_secret_stays_readable() -> None:
    message = failure(
        sh(
            "echo 'ERROR: role app does not exist' >&2; exit 1",
            stdin=Secret("ALTER ROLE app PASSWORD 'xyz-xyz-xyz';"),
        )
    )
    assert message == "sh ended with 1: ERROR: role app does not exist"


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.text(max_size=20),
    st.text(max_size=20),
)
def test_no_secret_that_a_program_was_given_is_in_its_tail(
    secret: str, before: str, after: str
) -> None:
    whole = f"🔑{secret}"  # so that what stands around it can't be the same by chance
    done = Completed(1, "", f"{before}{whole}{after}", (Secret(whole),))
    assert whole not in done.tail


def test_a_timeout_does_not_tell_what_was_printed() -> None:
    with pytest.raises(ProgramTimedOut) as raised:
        run(sh("env; sleep 60", env={"PGPASSWORD": Secret(PASSWORD)}, timeout=0.2))
    assert raised.value.__cause__ is None
    assert PASSWORD not in raised.value.message


def test_an_error_quotes_the_end_of_what_was_said() -> None:
    message = failure(sh("seq 1 100 >&2; echo ignored; exit 9"))
    assert message.splitlines()[0] == f"sh ended with 9: {101 - TAIL_LINES}"
    assert message.splitlines()[-1] == "100"
    assert failure(sh("echo only this; exit 1")) == "sh ended with 1: only this"
    assert len(failure(sh("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1"))) < TAIL_LENGTH + 100


def test_death_by_a_signal_is_a_failure() -> None:
    assert failure(sh("kill -9 $$")).startswith("sh ended with -9")


def test_output_that_is_not_utf_8_is_still_shown() -> None:
    done = run(sh(r"printf 'caf\351 \377 ok'"))
    assert done.stdout == "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER} ok"


def test_a_great_deal_of_output_on_both_sides_is_read_to_the_end() -> None:
    size = 20_000_000
    done = run(sh(f"head -c {size} /dev/zero & head -c {size} /dev/zero >&2; wait"))
    assert (len(done.stdout), len(done.stderr)) == (size, size)


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "./relative"])
def test_a_missing_program_is_named(program: str) -> None:
    with pytest.raises(ProgramMissing) as raised:
        run(Command((program, "x")))
    assert raised.value.message == f"{program} is not on this machine"
    assert raised.value.exit_code == 3
    assert raised.value.hint


def script(path: Path, text: str, mode: int = 0o755) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "starter", [run, lambda command: start(command, output=Path("/dev/null"))], ids=["run", "start"]
)
class TestWhatCannotBeRun:
    def test_a_file_that_is_not_executable(
        self, tmp_path: Path, starter: Callable[[Command], object]
    ) -> None:
        path = script(tmp_path / "plain", "#!/bin/sh\n", 0o644)
        with pytest.raises(ProgramMissing, match="plain: not allowed to run it"):
            starter(Command((str(path),)))

    def test_a_folder(self, tmp_path: Path, starter: Callable[[Command], object]) -> None:
        with pytest.raises(ProgramMissing, match="not allowed to run it"):
            starter(Command((str(tmp_path),)))

    def test_a_file_that_is_no_program(
        self, tmp_path: Path, starter: Callable[[Command], object]
    ) -> None:
        path = script(tmp_path / "noise", "\x00\x01\x02")
        with pytest.raises(ProgramMissing, match="noise can't be run: Exec format error"):
            starter(Command((str(path),)))

    def test_a_script_whose_interpreter_is_missing(
        self, tmp_path: Path, starter: Callable[[Command], object]
    ) -> None:
        path = script(tmp_path / "script", "#!/no/such/interpreter\n")
        with pytest.raises(
            ProgramMissing, match="the interpreter that its first line names is missing"
        ):
            starter(Command((str(path),)))

    def test_a_path_through_a_file(
        self, tmp_path: Path, starter: Callable[[Command], object]
    ) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ProgramMissing, match="can't be run: Not a directory"):
            starter(Command((str(tmp_path / "file" / "program"),)))

    def test_a_missing_working_directory(
        self, tmp_path: Path, starter: Callable[[Command], object]
    ) -> None:
        with pytest.raises(ProgramMissing, match=r"its working directory .*/gone does not exist"):
            starter(Command(("true",), cwd=tmp_path / "gone"))

    def test_more_arguments_than_the_kernel_takes(
        self, starter: Callable[[Command], object]
    ) -> None:
        with pytest.raises(ProgramMissing, match="true can't be run: Argument list too long"):
            starter(Command(("true", *["x" * 100_000] * 100)))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as others")
    def test_a_user_that_does_not_exist(self, starter: Callable[[Command], object]) -> None:
        with pytest.raises(UsageError, match="there is no system user 'nobody-by-this-name'"):
            starter(Command(("true",), user="nobody-by-this-name"))


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(tmp_path: Path) -> None:
    """The child, its child, and one that doesn't listen to requests."""
    pids = tmp_path / "pids"
    stubborn = "trap '' TERM; while :; do sleep 0.05; done"
    began = monotonic()
    with pytest.raises(ProgramTimedOut, match=r"sh did not end within 0\.5 s") as raised:
        run(
            sh(
                f'echo $$ > {pids}; sleep 60 & echo $! >> {pids}; sh -c "{stubborn}" & echo $! >> {pids}; wait',
                timeout=0.5,
            )
        )
    assert monotonic() - began < 5
    assert raised.value.exit_code == 3
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 3
    wait_for(lambda: not any(alive(pid) for pid in found))


def test_a_program_that_takes_too_long_may_clean_up(tmp_path: Path) -> None:
    made = tmp_path / "half-made"
    with pytest.raises(ProgramTimedOut):
        run(sh(f"touch {made}; trap 'rm {made}; exit 1' TERM; sleep 60 & wait", timeout=0.3))
    assert not made.exists()


def test_what_was_left_behind_holding_the_output_does_not_hold_us(tmp_path: Path) -> None:
    """A daemon that keeps its starter's output open: the usual way to hang for ever."""
    pid = tmp_path / "pid"
    began = monotonic()
    with pytest.raises(ProgramTimedOut):
        run(sh(f"sleep 60 & echo $! > {pid}", timeout=0.3))
    assert monotonic() - began < 5
    wait_for(lambda: not alive(int(pid.read_text())))


def test_an_interruption_ends_the_program_too(tmp_path: Path, fork: Fork) -> None:
    pid = tmp_path / "pid"

    def work() -> None:
        with suppress(KeyboardInterrupt):
            run(sh(f"echo $$ > {pid}; sleep 60 & wait"))

    signal_handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = fork(work)
    signal.signal(signal.SIGINT, signal_handler)
    wait_for(lambda: pid.exists() and pid.read_text() != "")
    sleep(0.2)  # until it waits for the program
    os.kill(child, signal.SIGINT)
    assert os.waitpid(child, 0)[1] == 0
    assert not alive(int(pid.read_text()))


STARTER = """
import os, sys
from pathlib import Path
from rfdata import files
from rfdata.shell import Command, start
os.set_inheritable(os.open(sys.argv[1] + "/held", os.O_CREAT), True)
with files.lock(Path(sys.argv[1]) / ".lock", purpose="test"):
    print(start(Command(("sh", "-c", sys.argv[2])), output=Path(sys.argv[1]) / "log"), flush=True)
"""


def outlive(folder: Path, what: str) -> int:
    """The process id of a program whose starter has ended."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STARTER, str(folder), what],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return int(done.stdout)


def test_what_was_started_outlives_us_with_nothing_of_ours(tmp_path: Path) -> None:
    pid = outlive(tmp_path, "echo begun; echo trouble >&2; exec sleep 60")
    try:
        wait_for(lambda: (tmp_path / "log").read_text() == "begun\ntrouble\n")
        assert alive(pid)
        proc = Path(f"/proc/{pid}")
        descriptors = {int(link.name): str(link.readlink()) for link in (proc / "fd").iterdir()}
        log = str((tmp_path / "log").resolve())
        assert descriptors == {0: "/dev/null", 1: log, 2: log}
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        assert (int(fields[2]), int(fields[3])) == (pid, pid), "a group and a session of its own"
        assert (proc / "environ").read_bytes().count(b"\0") <= 4
    finally:
        os.kill(pid, signal.SIGKILL)


def test_output_of_what_was_started_is_appended_and_private(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for word in ("one", "two"):
        pid = start(Command(("echo", word)), output=log)
        os.waitpid(pid, 0)
    assert log.read_text() == "one\ntwo\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_what_was_started_leaves_no_warning_when_it_is_forgotten(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pid = start(Command(("sleep", "60")), output=tmp_path / "log")
        gc.collect()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert [str(warning.message) for warning in caught] == []


def test_starting_a_missing_program_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(ProgramMissing):
            start(Command(("no-such-program",)), output=tmp_path / "log")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as others")
def test_root_runs_programs_as_someone_else_with_none_of_its_groups(open_place: Path) -> None:
    done = run(Command(("sh", "-c", "id -un; id -Gn; pwd"), user="nobody", cwd=open_place))
    assert done.stdout.split("\n")[:2] == ["nobody", "nogroup"]
    assert done.stdout.split("\n")[2] == str(open_place)


def test_an_ordinary_user_runs_programs_as_itself(ordinary: Ordinary) -> None:
    with ordinary():
        uid = os.geteuid()
        assert run(Command(("id", "-u"), user="root")).stdout.strip() == str(uid)
