"""`rfdata init` in real folders: what it writes, what it leaves alone, what it refuses beforehand."""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from time import sleep

import psycopg.conninfo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfdata.config import env as dotenv
from rfdata.config.env import SECRETS
from rfdata.config.load import ENV, TOML, load, parse_settings
from rfdata.config.schema import GB, MB, Settings
from rfdata.errors import UsageError
from rfdata.init import Wish, Written, example, init, set_value
from rfdata.migrations.shipped import shipped
from rfdata.secrets import Secret
from rfdata.targets.deployment import parse_url

Ordinary = Callable[[], AbstractContextManager[None]]
Fork = Callable[[Callable[[], object]], int]

FILES = (TOML, ENV, ".env.example", ".env.production.template", ".gitignore")


def usual(server: str, port: int) -> int:
    return port


def unasked(server: str, port: int) -> int:
    raise AssertionError(f"asked for a port of {server}")


def outcomes(written: tuple[Written, ...]) -> dict[str, str]:
    return {entry.path.name: entry.outcome for entry in written}


def secrets_of(directory: Path) -> Mapping[str, Secret]:
    return {name: value for name, value in load(directory).env.items() if name in SECRETS}


def everything(directory: Path) -> dict[str, tuple[bytes, int, int]]:
    """Content, mode and time of every file."""
    return {
        str(path.relative_to(directory)): (
            path.read_bytes(),
            path.stat().st_mode,
            path.stat().st_mtime_ns,
        )
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def any_umask() -> Iterator[Callable[[int], None]]:
    before = os.umask(0o022)

    def choose(mask: int) -> None:
        os.umask(mask)

    yield choose
    os.umask(before)


def test_a_fresh_deployment_can_be_opened(tmp_path: Path) -> None:
    directory = tmp_path / "some" / "where"
    written = init(directory, Wish(), usual)
    assert outcomes(written) == dict.fromkeys([*FILES, "migrations"], "written")
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        [*FILES, "certs", "migrations"]
    )
    config = load(directory)
    assert (config.profile, config.target) == ("prod", "native")
    assert set(config.env) == set(dotenv.derived(config.settings, directory, config.env)) | set(
        SECRETS
    )


def test_only_the_folder_of_the_data_differs_from_the_defaults(tmp_path: Path) -> None:
    init(tmp_path / "d", Wish(), usual)
    found = load(tmp_path / "d").settings
    state = found.native.state
    assert found.model_copy(update={"native": Settings().native}) == Settings()
    if os.geteuid() == 0:
        assert re.fullmatch(r"/var/lib/rfdata/researchflow-[0-9a-f]{6}", state)
    else:
        assert state == ""


def test_comments_of_the_example_stay(tmp_path: Path) -> None:
    init(tmp_path / "d", Wish(profile="dev", name="x"), lambda server, port: port + 1)
    mine, shipped = (tmp_path / "d" / TOML).read_text().splitlines(), example().splitlines()
    assert len(mine) == len(shipped)
    comments = [line.partition("#")[2] for line in shipped]
    assert [line.partition("#")[2] for line in mine] == comments


def test_secrets_are_43_url_safe_characters_and_all_different(tmp_path: Path) -> None:
    drawn: list[str] = []
    for name in ("first", "second"):
        init(tmp_path / name, Wish(), usual)
        drawn += [value.reveal() for value in secrets_of(tmp_path / name).values()]
    assert len(drawn) == len(set(drawn)) == 2 * len(SECRETS)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", value) for value in drawn)


def test_again_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    before = everything(tmp_path)
    assert set(outcomes(init(tmp_path, Wish(), unasked)).values()) == {"unchanged"}
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "missing",
    [set(some) for n in range(1, 6) for some in itertools.combinations(FILES, n)],
    ids=lambda some: "+".join(sorted(some)),
)
def test_half_finished_is_completed_and_the_rest_left_alone(
    tmp_path: Path, missing: set[str]
) -> None:
    init(tmp_path, Wish(), usual)
    before = everything(tmp_path)
    for name in missing:
        (tmp_path / name).unlink()
    found = outcomes(init(tmp_path, Wish(), usual))
    assert found == {
        name: "written" if name in missing else "unchanged" for name in (*FILES, "migrations")
    }
    after = everything(tmp_path)
    assert {name: after[name] for name in before if name not in missing} == {
        name: state for name, state in before.items() if name not in missing
    }
    assert load(tmp_path).settings.deployment.name == "researchflow"


@pytest.mark.parametrize("folder", ["certs", "migrations"])
def test_a_missing_folder_is_made_again(tmp_path: Path, folder: str) -> None:
    init(tmp_path, Wish(), usual)
    before = everything(tmp_path)
    shutil.rmtree(tmp_path / folder)
    init(tmp_path, Wish(), usual)
    assert everything(tmp_path).keys() == before.keys()


def test_folders_that_are_there_keep_their_mode(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    directory.mkdir(mode=0o700)
    (directory / "certs").mkdir(mode=0o700)
    init(directory, Wish(), usual)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "certs").stat().st_mode) == 0o700


def test_variables_that_are_missing_are_added_and_the_others_stay(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    env = tmp_path / ENV
    own = [
        line
        for line in env.read_text().splitlines()
        if not line.startswith(("REDIS_PASSWORD=", "DATABASE_URL=", "POSTGRES_PASSWORD="))
    ]
    env.write_text("\n".join(["# mine", "export POSTGRES_PASSWORD='my own, p#ss'", *own, "MINE=1"]))
    env.chmod(0o600)
    before = env.read_bytes()
    found = init(tmp_path, Wish(), unasked)
    assert outcomes(found)[ENV] == "completed"
    config = load(tmp_path)
    assert config.secret("POSTGRES_PASSWORD").reveal() == "my own, p#ss"
    assert len(config.secret("REDIS_PASSWORD")) == 43
    assert config.env["MINE"].reveal() == "1"
    url = parse_url(
        "DATABASE_URL", config.secret("DATABASE_URL"), config.secret("POSTGRES_PASSWORD")
    )
    assert url.password_matches
    assert env.read_text().startswith("# mine\nexport POSTGRES_PASSWORD=")
    copy = tmp_path / ".env.bak"
    assert copy.read_bytes() == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert copy.name in next(entry.note for entry in found if entry.path == env)


def test_an_empty_env_is_filled_in(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    (tmp_path / ENV).write_text("")
    assert outcomes(init(tmp_path, Wish(), unasked))[ENV] == "completed"
    assert {len(value) for value in secrets_of(tmp_path).values()} == {43}


@pytest.mark.parametrize("damage", [None, "REDIS_PASSWORD"])
def test_secrets_that_others_could_read_are_closed_and_so_is_their_copy(
    tmp_path: Path, damage: str | None
) -> None:
    init(tmp_path, Wish(), usual)
    env = tmp_path / ENV
    if damage:
        env.write_text(re.sub(rf"^{damage}=.*$", f"{damage}=", env.read_text(), flags=re.M))
    env.chmod(0o644)
    assert outcomes(init(tmp_path, Wish(), unasked))[ENV] == "completed"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (env, *tmp_path.glob(".env.bak*"))} == {
        0o600
    }
    assert load(tmp_path).env
    assert outcomes(init(tmp_path, Wish(), unasked))[ENV] == "unchanged"


@pytest.mark.parametrize("name", [".env.example", ".env.production.template", ".gitignore"])
def test_a_changed_file_is_kept(tmp_path: Path, name: str) -> None:
    init(tmp_path, Wish(), usual)
    (tmp_path / name).write_bytes(b"mine \xff")
    found = init(tmp_path, Wish(), unasked)
    assert outcomes(found)[name] == "kept"
    assert "--force" in next(entry.note for entry in found if entry.path.name == name)
    assert (tmp_path / name).read_bytes() == b"mine \xff"


@pytest.mark.parametrize("name", [".env.example", ".env.production.template", ".gitignore"])
def test_force_replaces_a_changed_file_and_keeps_every_copy(tmp_path: Path, name: str) -> None:
    init(tmp_path, Wish(), usual)
    shipped = (tmp_path / name).read_bytes()
    for number, content in enumerate((b"mine \xff", b"mine again"), start=1):
        (tmp_path / name).write_bytes(content)
        found = init(tmp_path, Wish(force=True), unasked)
        assert outcomes(found)[name] == "replaced"
        assert (tmp_path / name).read_bytes() == shipped
        copy = tmp_path / f"{name}.bak{number if number > 1 else ''}"
        assert copy.read_bytes() == content
        assert {outcome for each, outcome in outcomes(found).items() if each != name} == {
            "unchanged"
        }


def test_my_settings_are_kept_without_force(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    toml = tmp_path / TOML
    toml.write_text("# mine\n[postgres]\nport = 7000\n")
    init(tmp_path, Wish(profile="dev", name="other", ports={"redis": 1}), unasked)
    assert toml.read_text() == "# mine\n[postgres]\nport = 7000\n"


def test_force_keeps_secrets_ports_and_the_folder_of_the_data(tmp_path: Path) -> None:
    init(tmp_path, Wish(ports={"postgres": 7000, "redis": 7001, "redis_durable": 7002}), unasked)
    toml = tmp_path / TOML
    mine = set_value(toml.read_text(), "native", "state", '"/srv/the data"')
    toml.write_text(mine + "\n# mine\n")
    secrets, env = secrets_of(tmp_path), (tmp_path / ENV).read_bytes()
    found = init(tmp_path, Wish(force=True, ports={"redis": 7003}), unasked)
    assert outcomes(found) == {
        name: "replaced" if name == TOML else "unchanged" for name in (*FILES, "migrations")
    }
    assert (tmp_path / f"{TOML}.bak").read_text() == mine + "\n# mine\n"
    after = load(tmp_path).settings
    assert after.native.state == "/srv/the data"
    assert (after.postgres.port, after.redis.port, after.redis_durable.port) == (7000, 7003, 7002)
    assert secrets_of(tmp_path) == secrets
    assert (tmp_path / ENV).read_bytes() == env


def test_force_twice_changes_nothing_more(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    before = everything(tmp_path)
    assert set(outcomes(init(tmp_path, Wish(force=True), unasked)).values()) == {"unchanged"}
    assert everything(tmp_path) == before


def test_force_gets_a_broken_configuration_out_of_the_way(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    secrets = secrets_of(tmp_path)
    (tmp_path / TOML).write_bytes(b"not = [toml \xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        init(tmp_path, Wish(), usual)
    assert outcomes(init(tmp_path, Wish(force=True), usual))[TOML] == "replaced"
    assert (tmp_path / f"{TOML}.bak").read_bytes() == b"not = [toml \xff"
    assert secrets_of(tmp_path) == secrets


@pytest.mark.parametrize(
    ("name", "content", "force"),
    [
        (TOML, b"colour = 1", False),
        (TOML, b"\xff", False),
        (ENV, b"POSTGRES_PASSWORD='never closed", False),
        (ENV, b"POSTGRES_PASSWORD='never closed", True),
        (ENV, b"\xff", True),
    ],
)
def test_a_file_that_can_not_be_understood_stops_before_anything_is_written(
    tmp_path: Path, name: str, content: bytes, force: bool
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(str(tmp_path / name))):
        init(tmp_path, Wish(force=force), usual)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_dev_profile_has_more_memory_for_the_cache(tmp_path: Path) -> None:
    init(tmp_path, Wish(profile="dev", name="mine"), usual)
    config = load(tmp_path)
    assert not config.production
    assert config.settings.deployment.name == "mine"
    assert (config.settings.redis.maxmemory, config.settings.redis.limits.memory) == (
        2 * GB,
        3 * GB,
    )
    durable = config.settings.redis_durable
    assert (durable.maxmemory, durable.limits.memory) == (GB, 1536 * MB)


def test_ports_are_asked_for_only_where_none_was_named(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    def choose(server: str, port: int) -> int:
        asked.append((server, port))
        return port + 1000

    init(tmp_path, Wish(ports={"redis": 7000}), choose)
    assert asked == [("postgres", 5432), ("redis_durable", 6380)]
    config = load(tmp_path)
    assert config.settings.postgres.port == 6432
    assert config.settings.redis.port == 7000
    assert config.env["REDIS_DURABLE_PORT"].reveal() == "7380"
    url = parse_url("REDIS_URL", config.secret("REDIS_URL"), config.secret("REDIS_PASSWORD"))
    assert (url.port, url.password_matches) == (7000, True)


def test_someone_elses_servers_get_nothing_that_we_drew(tmp_path: Path) -> None:
    written = init(tmp_path, Wish(target="external"), unasked)
    assert next(entry.note for entry in written if entry.path.name == ENV) == "fill it in"
    found = dotenv.parse((tmp_path / ENV).read_text(), tmp_path / ENV)
    assert not [name for name, value in found.items() if len(value)]
    assert stat.S_IMODE((tmp_path / ENV).stat().st_mode) == 0o600
    assert load_error(tmp_path) == f"{tmp_path / ENV}: DATABASE_URL, REDIS_URL missing or empty"
    (tmp_path / ENV).write_text("DATABASE_URL=postgresql://u:p@h/d\nREDIS_URL=rediss://:p@h/0\n")
    before = everything(tmp_path)
    assert set(outcomes(init(tmp_path, Wish(), unasked)).values()) == {"unchanged"}
    assert everything(tmp_path) == before


def load_error(directory: Path) -> str:
    with pytest.raises(UsageError) as raised:
        load(directory)
    return raised.value.message


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        (Wish(profile="production"), "deployment.profile"),
        (Wish(target="docker"), "deployment.target"),
        (Wish(name="Research Flow"), "deployment.name"),
        (Wish(name='x"\nprofile = "dev'), "deployment.name"),
        (Wish(name="\\"), "deployment.name"),
        (Wish(name=""), "deployment.name"),
        (Wish(ports={"postgres": 70000}), "postgres.port"),
        (Wish(ports={"redis": -1}), "redis.port"),
        (
            Wish(ports={"redis": 5432}),
            "postgres.port, redis.port and redis_durable.port must differ",
        ),
    ],
)
def test_a_wish_that_can_not_be_is_refused_before_anything_is_written(
    tmp_path: Path, wish: Wish, key: str
) -> None:
    with pytest.raises(UsageError) as raised:
        init(tmp_path / "d", wish, usual)
    assert key in raised.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(
    tmp_path: Path, any_umask: Callable[[int], None], mask: int
) -> None:
    if mask == 0o777 and os.geteuid() != 0:
        pytest.skip("nobody but root could enter the folders that it makes")
    any_umask(mask)
    init(tmp_path / "a" / "d", Wish(), usual)
    any_umask(0o022)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a").rglob("*")}
    assert modes == {
        **dict.fromkeys(FILES, 0o644),
        **{Path(name).name: 0o644 for name in shipped()},
        **dict.fromkeys({str(Path(name).parent) for name in shipped()} - {"."}, 0o755),
        ENV: 0o600,
        **dict.fromkeys(("d", "certs", "migrations"), 0o755),
    }
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_secrets_are_never_readable_by_others_not_even_for_a_moment(
    tmp_path: Path, any_umask: Callable[[int], None]
) -> None:
    """Somebody looks at every file all the time, while init runs again and again under umask 0."""
    any_umask(0)
    stop = threading.Event()
    seen: set[tuple[str, int]] = set()

    def look() -> None:
        while not stop.is_set():
            for entry in os.scandir(tmp_path):
                if (
                    "env" in entry.name
                    and "example" not in entry.name
                    and "template" not in entry.name
                ):
                    try:
                        seen.add((entry.name, stat.S_IMODE(entry.stat().st_mode)))
                    except FileNotFoundError:
                        continue

    watcher = threading.Thread(target=look)
    watcher.start()
    for _ in range(25):
        (tmp_path / ENV).unlink(missing_ok=True)
        init(tmp_path, Wish(), usual)
        (tmp_path / ENV).write_text("")
        init(tmp_path, Wish(), usual)
    stop.set()
    watcher.join()
    assert {mode for _, mode in seen} == {0o600}
    assert ENV in {name for name, _ in seen}


HOSTILE = (
    "two words",
    "it's",
    'say "hi"',
    "'\"",
    "Größe 漢字 🔑",
    "a#b #c",
    "100%41",
    "$HOME `id` $(id)",
    "back\\slash",
    "a=b&c;d|e",
    "*?[x]{y}~!",
    "-C",
    "\N{NO-BREAK SPACE}",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_any_folder_name_will_do(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    init(directory, Wish(), usual)
    config = load(directory)
    ca = str(directory / "certs" / "ca.crt")
    assert config.env["TLS_CA_FILE"].reveal() == ca
    options = psycopg.conninfo.conninfo_to_dict(config.secret("DATABASE_URL").reveal())
    assert (options["sslrootcert"], options["sslmode"]) == (ca, "verify-full")
    script = f'set -ae; . {shlex.quote(str(directory / ENV))}; printf %s "$TLS_CA_FILE"'
    assert (
        subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout.decode() == ca
    )
    assert set(outcomes(init(directory, Wish(), unasked)).values()) == {"unchanged"}


@pytest.mark.parametrize("name", ["two\nlines", "tab\t", "\x1b[2J", os.fsdecode(b"caf\xe9")])
def test_a_folder_name_that_env_could_not_hold_is_refused_beforehand(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(
        UsageError, match="the path holds a control character or is not UTF-8"
    ) as raised:
        init(tmp_path / name / "d", Wish(), usual)
    assert raised.value.message.isprintable()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("deeper", ["", "d", "d/e"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path, deeper: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path}/file is not a folder")):
        init(tmp_path / "file" / deeper, Wish(), usual)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("name", ["certs", "migrations"])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_file_where_an_inner_folder_should_be_is_named(
    tmp_path: Path, name: str, dangling: bool
) -> None:
    if dangling:
        (tmp_path / name).symlink_to("nowhere")
    else:
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match=re.escape(f"{tmp_path / name} is not a folder")):
        init(tmp_path, Wish(), usual)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("what", ["folder", "dangling link", "pipe"])
@pytest.mark.parametrize("force", [False, True])
def test_what_stands_in_a_files_place_is_named(
    tmp_path: Path, name: str, what: str, force: bool
) -> None:
    """A link to nothing may be one to a store that isn't mounted: secrets are not drawn anew over it."""
    path = tmp_path / name
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")
    with pytest.raises(UsageError, match=re.escape(f"{path} is neither a file nor a link to one")):
        init(tmp_path, Wish(force=force), usual)
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("mode", [0o000, 0o555, 0o666])
def test_a_folder_that_we_may_not_write_is_named(
    open_place: Path, ordinary: Ordinary, mode: int
) -> None:
    closed = open_place / "closed"
    closed.mkdir()
    closed.chmod(mode)
    for directory in (closed, closed / "inner" / "d"):
        with ordinary(), pytest.raises(UsageError, match="not allowed to write in it") as raised:
            init(directory, Wish(), usual)
        assert raised.value.message.startswith(f"{closed}")
    closed.chmod(0o755)
    assert not list(closed.iterdir())


def test_secrets_that_we_may_not_read_are_not_drawn_anew(
    open_place: Path, ordinary: Ordinary
) -> None:
    directory = open_place / "d"
    init(directory, Wish(), usual)
    (directory / ENV).chmod(0)
    directory.chmod(0o777)
    before = everything_but_env(directory)
    with ordinary(), pytest.raises(UsageError, match=r"\.env: not allowed to read it"):
        init(directory, Wish(), usual)
    assert everything_but_env(directory) == before
    assert not list(directory.glob(".env.bak*"))


def everything_but_env(directory: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in directory.iterdir()
        if path.is_file() and path.name != ENV
    }


def git(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", *identity, "-C", str(directory), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("inner", ["", "deep/er"])
def test_git_takes_the_structure_and_never_a_secret(tmp_path: Path, inner: str) -> None:
    directory = tmp_path / inner
    git(tmp_path, "init", "--quiet")
    init(directory, Wish(), usual)
    for name in (
        ".env.bak",
        ".env.bak2",
        f".{ENV}.rfdata-new",
        "certs/ca.key",
        "var/x",
        "evidence/log",
        ".lock",
    ):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("secret")
    (directory / "migrations" / "9001_first.sql").write_text("SELECT 1;")
    assert git(directory, "check-ignore", ENV).returncode == 0
    git(directory, "add", "--all")
    staged = git(directory, "ls-files", "--full-name").stdout.split()
    expected = (
        TOML,
        ".env.example",
        ".env.production.template",
        ".gitignore",
        *(f"migrations/{name}" for name in shipped()),
        "migrations/9001_first.sql",
    )
    assert sorted(staged) == sorted(str(Path(inner) / name) for name in expected)


def test_killed_at_any_moment_the_next_init_completes_it(tmp_path: Path, fork: Fork) -> None:
    """SIGKILL at random moments; secrets that were written once are never drawn again."""
    for number in range(12):
        directory = tmp_path / str(number)

        def work(directory: Path = directory) -> None:
            init(directory, Wish(), usual)

        pid = fork(work)
        sleep(number * 0.0006)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        kept = (directory / ENV).read_bytes() if (directory / ENV).exists() else None
        init(directory, Wish(), usual)
        assert kept in (None, (directory / ENV).read_bytes())
        assert sorted(path.name for path in directory.iterdir()) == sorted(
            [*FILES, "certs", "migrations"]
        )
        assert load(directory).env
        assert set(outcomes(init(directory, Wish(), unasked)).values()) == {"unchanged"}


def test_a_wish_that_an_existing_deployment_does_not_grant_is_named(tmp_path: Path) -> None:
    init(tmp_path, Wish(profile="dev"), usual)
    toml, *_ = init(tmp_path, Wish(profile="prod", target="native"), unasked)
    assert (toml.outcome, toml.note) == (
        "kept",
        'it says profile = "dev": change it there, or --force',
    )
    toml, *_ = init(tmp_path, Wish(), unasked)
    assert (toml.outcome, toml.note) == ("unchanged", "")


def test_the_schema_is_written_once_and_completed(tmp_path: Path) -> None:
    init(tmp_path, Wish(), usual)
    folder = tmp_path / "migrations"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.sql")} == set(shipped())
    first, second, *_ = shipped()
    (folder / first).unlink()
    assert outcomes(init(tmp_path, Wish(), unasked))["migrations"] == "completed"
    (folder / second).write_text("-- mine\n")
    assert outcomes(init(tmp_path, Wish(force=True), unasked))["migrations"] == "kept"
    assert (folder / second).read_text() == "-- mine\n"


def test_migrations_of_ones_own_stay_alone(tmp_path: Path) -> None:
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "001_mine.sql").write_text("SELECT 1;\n")
    assert outcomes(init(tmp_path, Wish(), usual))["migrations"] == "kept"
    assert [path.name for path in (tmp_path / "migrations").iterdir()] == ["001_mine.sql"]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("native", "port"),
        ("postgres", "colour"),
        ("nowhere", "port"),
        ("postgres.limits", "max_size"),
    ],
)
def test_a_key_that_the_section_lacks_is_not_changed_in_another(section: str, key: str) -> None:
    with pytest.raises(KeyError, match=f"\\[{section}\\] {key}"):
        set_value(example(), section, key, "1")


@settings(max_examples=50)
@given(
    st.sampled_from(["postgres", "redis", "redis_durable"]),
    st.integers(1, 65535).filter(lambda port: port not in (5432, 6379, 6380)),
)
def test_one_key_of_one_section_is_changed(section: str, port: int) -> None:
    found = parse_settings(set_value(example(), section, "port", str(port)), Path(TOML))
    wanted = Settings().model_dump()
    wanted[section]["port"] = port
    assert found.model_dump() == wanted
