"""Opening a deployment directory: either a Config, or a UsageError that says which file and what to do."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rfdata.config.env import SECRETS
from rfdata.config.load import ENV, TOML, load
from rfdata.errors import UsageError
from rfdata.init import Wish, init

Deploy = Callable[..., Path]
Ordinary = Callable[[], AbstractContextManager[None]]


def refusal(directory: Path) -> UsageError:
    with pytest.raises(UsageError) as raised:
        load(directory)
    assert raised.value.exit_code == 2
    assert raised.value.hint
    return raised.value


def test_what_init_wrote_can_be_opened(deploy: Deploy) -> None:
    directory = deploy()
    config = load(directory)
    assert (config.directory, config.profile, config.target) == (directory, "prod", "native")
    assert config.production
    assert config.ca_file == directory / "certs" / "ca.crt"
    assert {name: len(config.secret(name)) for name in SECRETS} == dict.fromkeys(SECRETS, 43)
    assert config.env_text.reveal() == (directory / ENV).read_text(encoding="utf-8")


def test_a_relative_directory_is_made_absolute(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = deploy()
    monkeypatch.chdir(directory)
    assert load(Path()).directory == directory
    monkeypatch.chdir(directory.parent)
    assert load(Path("deployment")) == load(directory)


def test_the_configuration_is_frozen(deploy: Deploy) -> None:
    with pytest.raises(FrozenInstanceError):
        load(deploy()).directory = Path("/")  # type: ignore[misc]


def test_the_configuration_never_shows_a_secret(deploy: Deploy) -> None:
    config = load(deploy())
    shown = f"{config!r} {config} {config.env} {config.env_text}"
    assert not [name for name in SECRETS if config.secret(name).reveal() in shown]


def test_the_digest_follows_every_setting_and_no_secret(deploy: Deploy) -> None:
    first, second = deploy("first"), deploy("second")
    (second / TOML).write_text((first / TOML).read_text())
    assert load(first).env != load(second).env
    assert load(first).digest == load(second).digest
    for before, after in (
        ("port = 6380", "port = 6381"),
        ('"10min"', '"11min"'),
        ("cpus = 4.0", "cpus = 4.5"),
    ):
        text = (first / TOML).read_text()
        assert before in text
        (second / TOML).write_text(text.replace(before, after))
        assert load(first).digest != load(second).digest


@pytest.mark.parametrize("name", [TOML, ENV])
def test_a_missing_file_is_named_with_what_makes_it(deploy: Deploy, name: str) -> None:
    directory = deploy()
    (directory / name).unlink()
    error = refusal(directory)
    assert error.message == f"{directory / name} is missing"
    assert "rfdata init" in error.hint


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere").message == f"{tmp_path}/nowhere/{TOML} is missing"


def test_a_file_in_the_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = refusal(tmp_path / "file")
    assert error.message == f"{tmp_path}/file is not a folder"
    assert "-C" in error.hint


@pytest.mark.parametrize("name", [TOML, ENV])
def test_a_folder_in_the_place_of_a_file_is_named(deploy: Deploy, name: str) -> None:
    directory = deploy()
    (directory / name).unlink()
    (directory / name).mkdir()
    assert refusal(directory).message == f"{directory / name} is a folder"


@pytest.fixture(params=["pipe", "socket", "device"])
def not_regular(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Reading a pipe would wait for ever, reading /dev/zero would never end."""
    path = tmp_path / "special"
    if request.param == "pipe":
        os.mkfifo(path)
        yield path
    elif request.param == "device":
        yield Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            yield path


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [TOML, ENV])
def test_what_is_no_regular_file_is_refused_unread(
    deploy: Deploy, name: str, not_regular: Path
) -> None:
    directory = deploy()
    (directory / name).unlink()
    (directory / name).symlink_to(not_regular)
    assert refusal(directory).message == f"{directory / name} is not a regular file"


@pytest.mark.parametrize("name", [TOML, ENV])
@pytest.mark.parametrize("data", [b"\xff\xfea\x00", b"A=caf\xe9\n", b"A=\xed\xa0\x80\n"])
def test_what_is_not_utf_8_is_refused_with_its_place(
    deploy: Deploy, name: str, data: bytes
) -> None:
    directory = deploy()
    (directory / name).write_bytes(data)
    error = refusal(directory)
    assert error.message.startswith(f"{directory / name}: not UTF-8 text (byte ")
    assert error.hint == "save it as UTF-8"


@pytest.mark.parametrize("name", [TOML, ENV])
def test_a_byte_order_mark_is_named_since_nobody_sees_it(deploy: Deploy, name: str) -> None:
    directory = deploy()
    (directory / name).write_bytes(b"\xef\xbb\xbf" + (directory / name).read_bytes())
    assert refusal(directory).message == f"{directory / name} begins with a byte order mark"


def test_windows_line_ends_change_nothing(deploy: Deploy) -> None:
    directory = deploy()
    before = load(directory)
    for name in (TOML, ENV):
        path = directory / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(directory) == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o666, 0o610, 0o601])
def test_secrets_that_others_can_read_are_refused(deploy: Deploy, mode: int) -> None:
    directory = deploy("it's mine")
    (directory / ENV).chmod(mode)
    error = refusal(directory)
    assert (
        error.message == f"{directory / ENV}: others can read the secrets in it (mode {mode:04o})"
    )
    assert shlex.split(error.hint) == ["chmod", "600", str(directory / ENV)]


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secrets_that_only_we_can_read_are_taken(deploy: Deploy, mode: int) -> None:
    directory = deploy()
    (directory / ENV).chmod(mode)
    assert load(directory).directory == directory


def test_a_link_to_the_secrets_is_followed_and_its_target_judged(
    deploy: Deploy, tmp_path: Path
) -> None:
    directory = deploy()
    store = tmp_path / "store.env"
    (directory / ENV).rename(store)
    (directory / ENV).symlink_to(store)
    assert load(directory).env
    store.chmod(0o644)
    assert "others can read the secrets" in refusal(directory).message
    store.unlink()
    assert refusal(directory).message == f"{directory / ENV} is missing"


@pytest.mark.parametrize("name", [TOML, ENV])
def test_a_link_to_itself_is_refused(deploy: Deploy, name: str) -> None:
    directory = deploy()
    (directory / name).unlink()
    (directory / name).symlink_to(name)
    assert refusal(directory).message.startswith(
        f"{directory / name}: Too many levels of symbolic links"
    )


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert "File name too long" in refusal(tmp_path / ("x" * 300)).message


def test_a_file_that_we_may_not_read_is_refused(open_place: Path, ordinary: Ordinary) -> None:
    directory = open_place / "deployment"
    init(directory, Wish(), lambda server, usual: usual)
    for name in (ENV, TOML):
        (directory / name).chmod(0)
        with ordinary():
            error = refusal(directory)
        assert error.message == f"{directory / name}: not allowed to read it"
        assert error.hint == "run as its owner"


def test_a_folder_that_we_may_not_enter_is_refused(open_place: Path, ordinary: Ordinary) -> None:
    directory = open_place / "deployment"
    init(directory, Wish(), lambda server, usual: usual)
    directory.chmod(0)
    try:
        with ordinary():
            assert refusal(directory).message == f"{directory / TOML}: not allowed to read it"
    finally:
        directory.chmod(0o755)


@pytest.mark.parametrize("name", ["two\nlines", "tab\there", "esc\x1b[2J", b"caf\xe9", "c1\x85"])
def test_a_path_that_no_file_could_name_is_refused(tmp_path: Path, name: str | bytes) -> None:
    directory = tmp_path / os.fsdecode(name)
    directory.mkdir()
    error = refusal(directory)
    assert "the path holds a control character or is not UTF-8" in error.message
    assert error.message.isprintable()


def test_a_folder_that_was_removed_under_us_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert refusal(Path()).message == "the current folder no longer exists"


@pytest.mark.parametrize("name", SECRETS)
def test_each_missing_or_empty_secret_is_named(deploy: Deploy, name: str) -> None:
    directory = deploy()
    text = (directory / ENV).read_text()
    lines = [f"{name}=" if line.startswith(f"{name}=") else line for line in text.splitlines()]
    (directory / ENV).write_text("\n".join(lines))
    assert refusal(directory).message == f"{directory / ENV}: {name} missing or empty"
    (directory / ENV).write_text("\n".join(line for line in lines if line != f"{name}="))
    error = refusal(directory)
    assert error.message == f"{directory / ENV}: {name} missing or empty"
    assert "rfdata init" in error.hint


def test_a_password_over_two_lines_is_refused_with_its_line(deploy: Deploy) -> None:
    directory = deploy()
    text = (directory / ENV).read_text()
    (directory / ENV).write_text(text.replace("REDIS_PASSWORD=", "REDIS_PASSWORD='half\n", 1))
    error = refusal(directory)
    assert f"{directory / ENV}, line " in error.message
    assert "REDIS_PASSWORD: the quote is never closed" in error.message
    assert "half" not in error.message


def test_someone_elses_servers_need_only_their_urls(deploy: Deploy, tmp_path: Path) -> None:
    directory = deploy(target="external")
    error = refusal(directory)
    assert error.message == f"{directory / ENV}: DATABASE_URL, REDIS_URL missing or empty"
    assert "rfdata init" not in error.hint
    (directory / ENV).write_text(
        "DATABASE_URL=postgresql://u:p@h/d?a=b&c=d\nREDIS_URL=rediss://:p@h:1/0\n"
    )
    assert load(directory).ca_file == directory / "certs" / "ca.crt"
    with (directory / ENV).open("a") as stream:
        stream.write(f"TLS_CA_FILE='{tmp_path}/their ca.crt'\n")
    assert load(directory).ca_file == tmp_path / "their ca.crt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment whose files Hypothesis overwrites again and again."""
    directory = tmp_path_factory.mktemp("any") / "deployment"
    init(directory, Wish(), lambda server, usual: usual)
    (directory / "kept.toml").write_bytes((directory / TOML).read_bytes())
    (directory / "kept.env").write_bytes((directory / ENV).read_bytes())
    return directory


def put(directory: Path, toml: bytes | None, env: bytes | None) -> str:
    """Open a deployment with these files (None: good ones); "" or the message."""
    (directory / TOML).write_bytes((directory / "kept.toml").read_bytes() if toml is None else toml)
    (directory / ENV).write_bytes((directory / "kept.env").read_bytes() if env is None else env)
    try:
        load(directory)
    except UsageError as error:
        return error.message
    return ""


NOISE = st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode())


@given(NOISE)
def test_any_bytes_as_configuration_are_taken_or_refused(folder: Path, data: bytes) -> None:
    message = put(folder, data, None)
    assert not message or message.startswith(str(folder / TOML))


@given(NOISE)
def test_any_bytes_as_secrets_are_refused_without_a_traceback(folder: Path, data: bytes) -> None:
    assert put(folder, None, data).startswith(str(folder / ENV))


@settings(max_examples=80)
@given(st.data())
def test_any_damage_to_either_file_is_taken_or_refused(folder: Path, data: st.DataObject) -> None:
    for name, kept in ((TOML, "kept.toml"), (ENV, "kept.env")):
        whole = (folder / kept).read_bytes()
        start = data.draw(st.integers(0, len(whole)))
        end = start + data.draw(st.integers(0, 20))
        damaged = whole[:start] + data.draw(NOISE) + whole[end:]
        message = put(folder, damaged, None) if name == TOML else put(folder, None, damaged)
        assert not message or message.startswith(str(folder / name))
