"""What is read of a deployment directory itself, on every target."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rfdata.config import variables
from rfdata.config.env import SECRETS, SERVICE_URLS, URLS
from rfdata.config.load import ENV, TOML, Config, load
from rfdata.errors import Unreachable, UsageError
from rfdata.init import Wish, init
from rfdata.model.fact import Fact
from rfdata.model.facts import EnvFacts, FileState, GitState
from rfdata.readings import take
from rfdata.targets.deployment import (
    build_env,
    env_chains,
    file_state,
    folder_chains,
    statements,
    user_name,
)

Deploy = Callable[..., Path]
Ordinary = Callable[[], AbstractContextManager[None]]

NOT_A_REPOSITORY = GitState(repository=False, ignored=False, tracked=False, in_history=False)


def env_facts(config: Config) -> EnvFacts:
    return build_env(take(env_chains(config), 10))


def set_variable(directory: Path, name: str, value: str) -> None:
    path = directory / ENV
    lines = path.read_text(encoding="utf-8").splitlines()
    changed = [f"{name}={value}" if line.startswith(f"{name}=") else line for line in lines]
    path.write_text("\n".join(changed) + "\n", encoding="utf-8")


def git(directory: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(
        ["git", *identity, "-C", str(directory), *arguments], capture_output=True, check=True
    )


def test_a_fresh_deployment_reads_as_it_was_made(deploy: Deploy) -> None:
    config = load(deploy())
    facts = env_facts(config)
    assert facts.file.value.mode == 0o600
    assert facts.file.value.user == user_name(os.geteuid())
    assert facts.names.value == frozenset(variables.NAMES)
    assert facts.example_names.value == facts.template_names.value == frozenset(variables.NAMES)
    assert facts.template_secrets.value == frozenset()
    assert facts.public.value["POSTGRES_PORT"] == "5432"
    assert set(facts.strengths.value) == set(SECRETS)
    assert {found.length for found in facts.strengths.value.values()} == {43}
    assert all(
        found.url_safe and found.entropy_bits > 128 for found in facts.strengths.value.values()
    )
    assert {name: (url.port, url.password_matches) for name, url in facts.urls.value.items()} == {
        "DATABASE_URL": (5432, True),
        **dict.fromkeys(SERVICE_URLS.values(), (5432, True)),
        "REDIS_URL": (6379, True),
        "REDIS_DURABLE_URL": (6380, True),
    }
    assert facts.git.value == NOT_A_REPOSITORY


def test_no_fact_holds_a_secret(deploy: Deploy) -> None:
    config = load(deploy())
    shown = repr(env_facts(config))
    for name in (*SECRETS, *URLS):
        assert config.secret(name).reveal() not in shown


def test_a_password_changed_without_its_url_is_seen(deploy: Deploy) -> None:
    directory = deploy()
    set_variable(directory, "REDIS_PASSWORD", "'short, %#'")
    facts = env_facts(load(directory))
    assert [name for name, url in facts.urls.value.items() if not url.password_matches] == [
        "REDIS_URL"
    ]
    strength = facts.strengths.value["REDIS_PASSWORD"]
    assert (strength.length, strength.url_safe) == (9, False)


def test_a_broken_url_spoils_only_the_urls_and_is_not_shown(deploy: Deploy) -> None:
    directory = deploy()
    set_variable(directory, "REDIS_URL", "rediss://:hunter2/hunter2@h:1/0")
    facts = env_facts(load(directory))
    assert not facts.urls.known
    assert facts.urls.trouble == ".env: REDIS_URL is not a URL that can be read"
    assert facts.strengths.known


def test_an_empty_variable_has_no_name_among_the_set_ones(deploy: Deploy) -> None:
    directory = deploy()
    set_variable(directory, "TLS_CA_FILE", "")
    assert set(variables.NAMES) - env_facts(load(directory)).names.value == {"TLS_CA_FILE"}


@pytest.mark.parametrize("name", [".env.example", ".env.production.template"])
def test_a_secret_in_a_template_is_found(deploy: Deploy, name: str) -> None:
    directory = deploy()
    with (directory / name).open("a") as stream:
        stream.write("JWT_SECRET=real\n")
    assert env_facts(load(directory)).template_secrets.value == {"JWT_SECRET"}


def test_a_missing_template_explains_nothing_and_holds_nothing(deploy: Deploy) -> None:
    """That is a finding, not something that could not be read."""
    directory = deploy()
    for name in (".env.example", ".env.production.template"):
        (directory / name).unlink()
    facts = env_facts(load(directory))
    assert facts.example_names.value == facts.template_names.value == frozenset()
    assert facts.template_secrets.value == frozenset()


@pytest.mark.parametrize("damage", [b"\xff", b"NOT A VARIABLE", b"A='"])
def test_a_template_that_can_not_be_read_is_unread_not_empty(deploy: Deploy, damage: bytes) -> None:
    directory = deploy()
    (directory / ".env.example").write_bytes(damage)
    facts = env_facts(load(directory))
    assert not facts.example_names.known
    assert not facts.template_secrets.known
    assert ".env.example" in (facts.example_names.trouble or "")
    assert facts.template_names.known


def git_state(directory: Path) -> Fact[GitState]:
    return env_facts(load(directory)).git


@pytest.fixture(params=["at its top", "deep inside", "in a second working tree"])
def in_git(request: pytest.FixtureRequest, deploy: Deploy, tmp_path: Path) -> Path:
    """A deployment in a repository: as its top folder, deep inside, or in a `git worktree`."""
    if request.param == "in a second working tree":
        main = tmp_path / "main"
        main.mkdir()
        git(main, "init", "--quiet")
        git(main, "commit", "--quiet", "--allow-empty", "--message", "first")
        git(main, "worktree", "add", "--quiet", str(tmp_path / "other"))
        return deploy("other")
    directory = deploy("a/b/c")
    git(directory if request.param == "at its top" else tmp_path, "init", "--quiet")
    return directory


def test_what_init_wrote_is_ignored(in_git: Path) -> None:
    assert git_state(in_git).value == GitState(
        repository=True, ignored=True, tracked=False, in_history=False
    )


def test_secrets_that_git_would_take_are_seen(in_git: Path) -> None:
    (in_git / ".gitignore").unlink()
    assert git_state(in_git).value == GitState(
        repository=True, ignored=False, tracked=False, in_history=False
    )


def test_committed_secrets_stay_seen_after_they_were_removed(in_git: Path) -> None:
    git(in_git, "add", "--force", ENV)
    staged = git_state(in_git).value
    assert (staged.tracked, staged.in_history) == (True, False)
    git(in_git, "commit", "--quiet", "--message", "oops")
    assert (git_state(in_git).value.tracked, git_state(in_git).value.in_history) == (True, True)
    git(in_git, "rm", "--quiet", "--cached", ENV)
    git(in_git, "commit", "--quiet", "--message", "removed")
    assert git_state(in_git).value == GitState(
        repository=True, ignored=True, tracked=False, in_history=True
    )


def test_secrets_on_another_branch_are_seen(in_git: Path) -> None:
    git(in_git, "commit", "--quiet", "--allow-empty", "--message", "base")
    git(in_git, "checkout", "--quiet", "-b", "side")
    git(in_git, "add", "--force", ENV)
    git(in_git, "commit", "--quiet", "--message", "oops")
    kept = (in_git / ENV).read_bytes()
    git(in_git, "checkout", "--quiet", "-")
    (in_git / ENV).write_bytes(kept)
    (in_git / ENV).chmod(0o600)
    found = git_state(in_git).value
    assert (found.tracked, found.in_history) == (False, True)


def test_a_repository_that_git_can_not_read_is_unknown_not_clean(deploy: Deploy) -> None:
    directory = deploy()
    (directory / ".git").mkdir()
    fact = git_state(directory)
    assert not fact.known
    assert f"git in {directory}" in (fact.trouble or "")


def test_a_damaged_history_is_unknown_not_clean(deploy: Deploy) -> None:
    directory = deploy()
    git(directory, "init", "--quiet")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", "first")
    for file in (directory / ".git" / "objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(b"noise")
    assert not git_state(directory).known


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns nothing of an ordinary user's")
def test_a_repository_of_someone_else_is_read_too(in_git: Path) -> None:
    """git refuses those by itself ("dubious ownership"); root looks after other people's folders."""
    for path in (in_git, *in_git.parents):
        if (path / ".git").exists():
            for each in (path, path / ".git"):
                os.chown(each, 65534, 65534)
            break
    assert git_state(in_git).value.ignored


def test_a_file_is_described_as_it_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"caf\xe9\n")
    path.chmod(0o640)
    state = file_state(path, content=True, text=True)
    assert (state.exists, state.directory, state.mode) == (True, False, 0o640)
    assert state.text == "caf\N{REPLACEMENT CHARACTER}\n"
    assert state.sha256 == hashlib.sha256(b"caf\xe9\n").hexdigest()
    assert state.user == user_name(os.geteuid())
    assert file_state(path) == FileState(True, 0o640, state.user, state.group)
    assert file_state(path, content=True).text is None


def test_folders_and_absent_things_are_states_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    folder = file_state(tmp_path, content=True, text=True)
    assert (folder.exists, folder.directory, folder.mode) == (True, True, 0o750)
    (tmp_path / "file").touch()
    for path in (tmp_path / "gone", tmp_path / "file" / "below", tmp_path / "gone" / "below"):
        assert file_state(path) == FileState(exists=False)


@pytest.mark.timeout(20)
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert file_state(tmp_path / "pipe", content=True, text=True).text == ""


def test_what_we_may_not_look_at_is_unread_not_absent(open_place: Path, ordinary: Ordinary) -> None:
    closed = open_place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").touch()
    (open_place / "key").touch(mode=0o600)
    with ordinary():
        if os.geteuid() == (open_place / "key").stat().st_uid:
            (open_place / "key").chmod(0)
            closed.chmod(0)
        with pytest.raises(Unreachable, match="closed/file: not allowed to look"):
            file_state(closed / "file")
        with pytest.raises(Unreachable, match="key: not allowed to look"):
            file_state(open_place / "key", content=True)
    closed.chmod(0o700)


def test_a_user_without_a_name_is_a_number() -> None:
    assert user_name(0) == "root"
    assert user_name(4_000_000_000) == "4000000000"


@pytest.fixture
def folders(deploy: Deploy) -> Callable[[str], dict[str, Fact[object]]]:
    directory = deploy()

    def read(toml: str = "") -> dict[str, Fact[object]]:
        if toml:
            (directory / TOML).write_text(toml)
        return dict(take(folder_chains(load(directory)), 60))

    return read


def test_the_deployments_folders_are_looked_at(deploy: Deploy) -> None:
    directory = deploy()
    shutil.rmtree(directory / "migrations")
    (directory / "certs").chmod(0o700)
    found = take(folder_chains(load(directory)), 10)["deployment.folders"].value
    assert stat.S_IMODE((directory / "certs").stat().st_mode) == found["certs"].mode == 0o700
    assert (found["certs"].exists, found["migrations"].exists) == (True, False)


@pytest.mark.parametrize(
    ("host", "resolves"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("no-such-host.invalid", False),
        ("x" * 70, False),
    ],
)
def test_host_names_are_resolved_or_resolve_to_nothing(
    folders: Callable[[str], dict[str, Fact[object]]], host: str, resolves: bool
) -> None:
    found = folders(f'[postgres]\nhost = "{host}"\n')["deployment.resolves"].value
    assert isinstance(found, dict)
    assert set(found) == {host, "127.0.0.1"}
    assert bool(found[host]) is resolves
    assert found["127.0.0.1"] == ("127.0.0.1",)


def test_statements_of_a_new_deployment_are_none_and_of_a_damaged_log_an_error(
    deploy: Deploy,
) -> None:
    config = load(deploy())
    found = statements(config)
    assert (dict(found.attested), dict(found.waived)) == ({}, {})
    (config.directory / "evidence").mkdir()
    for name in ("log.jsonl", "evidence.jsonl"):
        (config.directory / "evidence" / name).write_bytes(b"noise\n")
    with pytest.raises(UsageError) as raised:
        statements(config)
    assert str(config.directory / "evidence") in raised.value.message


def test_a_deployment_in_a_hostile_path_reads_the_same(tmp_path: Path) -> None:
    directory = tmp_path / 'it\'s "my" $HOME #1 100% Größe'
    init(directory, Wish(), lambda server, usual: usual)
    git(directory, "init", "--quiet")
    facts = env_facts(load(directory))
    assert facts.git.value.ignored
    assert facts.urls.value["DATABASE_URL"].sslmode == "verify-full"
    assert facts.public.value["TLS_CA_FILE"] == str(directory / "certs" / "ca.crt")
