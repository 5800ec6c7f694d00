"""The server programs that this deployment uses, looked for once and only when somebody asks."""

from __future__ import annotations

import mmap
from functools import cached_property
from pathlib import Path

from rfdata.config.load import Config
from rfdata.errors import ProgramMissing
from rfdata.model.facts import Server, ServerPrograms
from rfdata.runtime.find import PostgresRuntime, RedisRuntime, find_postgres, find_redis
from rfdata.shell import Command, run

Locale = tuple[str, ...]
EN_US: Locale = ("--locale=en_US.UTF-8",)
ICU: Locale = ("--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8")
PLAIN: Locale = ("--locale=C.UTF-8",)


class Programs:
    """What serves here. Finding it may start a program, so the answers are kept for one run."""

    def __init__(self, config: Config) -> None:
        self._native = config.settings.native

    @cached_property
    def postgres(self) -> PostgresRuntime:
        named = self._native.postgres_bin
        return find_postgres(Path(named) if named else None)

    @cached_property
    def redis(self) -> RedisRuntime:
        named = self._native.redis_server
        return find_redis(Path(named) if named else None)

    def program(self, server: Server) -> Path:
        """The file that becomes the server."""
        return self.postgres.bin / "postgres" if server == "postgres" else self.redis.server

    def described(self, server: Server) -> ServerPrograms:
        """As a fact."""
        program = self.program(server)
        found = self.postgres if server == "postgres" else self.redis
        return ServerPrograms(
            version=found.version,
            origin=found.origin,
            path=str(program),
            locale=self.locale if server == "postgres" else (),
            notifies=_holds(program, b"sd_notify"),
        )

    @cached_property
    def locale(self) -> Locale:
        """initdb's arguments for the best locale of this host (decisions, 12)."""
        if "en_us.utf8" in _locales():
            return EN_US
        return ICU if _holds(self.program("postgres"), b"ucol_open") else PLAIN


def _locales() -> list[str]:
    """Names as `locale -a` prints them, in one spelling; nothing where there is no such program."""
    try:
        printed = run(Command(("locale", "-a"), timeout=10), check=False).stdout
    except ProgramMissing:
        return []
    return printed.lower().replace("-", "").split()


def _holds(program: Path, name: bytes) -> bool:
    """Whether a program's file names a function of a library, so was built with it."""
    with (
        open(program, "rb") as stream,
        mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as image,
    ):
        return image.find(name) >= 0
