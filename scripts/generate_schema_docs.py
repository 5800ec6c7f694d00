"""Write docs/schema/ from a throw-away PostgreSQL with the shipped migrations. `--check` only compares."""

from __future__ import annotations

import getpass
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rfdata import files, migrations
from rfdata.config.env import SECRETS
from rfdata.config.load import Config, parse_settings
from rfdata.errors import RfdataError
from rfdata.files import Owner
from rfdata.migrations import choose, document, inventory, manner, runner
from rfdata.migrations.folder import read_folder
from rfdata.postgres import actions, facts, roles
from rfdata.postgres.client import operator
from rfdata.readings import take
from rfdata.runtime.find import PostgresRuntime, find_postgres
from rfdata.secrets import Secret, generate
from rfdata.shell import Command, run

FOLDER = Path(__file__).parent.parent / "docs" / "schema"
MIGRATIONS = Path(migrations.__file__).parent / "researchflow"
PORT = 5432
"""Of the socket only: the server does not listen on any network."""

SYSTEM_USER = "postgres" if os.geteuid() == 0 else getpass.getuser()


@contextmanager
def throw_away(runtime: PostgresRuntime) -> Iterator[Path]:
    """The socket folder of a running server, which is gone afterwards."""
    # A socket's path has to be short, which the system's own temporary folder need not be.
    root = Path(tempfile.mkdtemp(prefix="rfdata-schema-", dir="/tmp"))
    files.set_access(root, mode=0o700, owner=Owner.named(SYSTEM_USER))
    tool = partial(_tool, runtime, root)
    data, log = str(root / "data"), str(root / "log")
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={root} -c port={PORT} -c fsync=off"
    )
    try:
        tool(
            "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "trust"
        )
        tool("pg_ctl", "start", "-w", "-s", "-D", data, "-l", log, "-o", options)
        try:
            yield root
        finally:
            tool("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(root)


def _tool(runtime: PostgresRuntime, root: Path, name: str, *arguments: str) -> None:
    run(Command((str(runtime.tool(name)), *arguments), user=SYSTEM_USER, cwd=root))


def pages() -> Mapping[str, str]:
    """File name -> content, from a fresh database that `rfdata up` would have made."""
    env = {name: generate() for name in SECRETS}
    config = Config(FOLDER, parse_settings("", FOLDER / "rfdata.toml"), env, Secret(""))
    database = config.settings.postgres.database
    with throw_away(find_postgres()) as socket:
        connect = partial(operator, socket, PORT)
        found = facts.build(take(facts.chains(config, socket=socket), timeout=10.0))
        for step in roles.steps(config, found):
            actions.execute(connect, config, step.action)  # type: ignore[arg-type]
        with connect(database) as session:
            runner.up(
                session,
                choose.to_apply(read_folder(MIGRATIONS), ()),
                identity=manner.identity(config),
                author=manner.author(),
            )
        with connect(database) as session:
            return document.render(inventory.read(session))


def stale(wanted: Mapping[str, str]) -> list[str]:
    """Files that are not as they should be, missing and superfluous ones included."""
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.*")}
    return sorted(name for name in wanted.keys() | there if wanted.get(name) != there.get(name))


def main() -> int:
    """Write, or with --check tell what is not current (exit 1)."""
    try:
        wanted = pages()
    except RfdataError as error:
        print(f"{error.message}\n{error.hint}".strip(), file=sys.stderr)
        return error.exit_code
    changed = stale(wanted)
    if "--check" in sys.argv:
        if changed:
            print(f"docs/schema is not current ({', '.join(changed)}): run `make docs`")
        return 1 if changed else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in changed:
        if name in wanted:
            (FOLDER / name).write_text(wanted[name], encoding="utf-8")
        else:
            (FOLDER / name).unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
