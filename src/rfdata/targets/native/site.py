"""One deployment on this host: what a person wants, where it lies, and with which programs."""

from __future__ import annotations

from dataclasses import dataclass

from rfdata.config.load import Config
from rfdata.model.facts import Limits, Server
from rfdata.targets.base import Place
from rfdata.targets.native import limits
from rfdata.targets.native.layout import Layout
from rfdata.targets.native.programs import Programs


@dataclass(frozen=True)
class Site:
    """Everything that acting on it needs to know."""

    config: Config
    layout: Layout
    programs: Programs

    def place(self, server: Server) -> Place:
        """Where this server's clients find it."""
        settings = self.config.settings
        if server == "postgres":
            return Place(settings.postgres.host, settings.postgres.port, self.layout.socket_folder)
        redis = settings.redis if server == "redis" else settings.redis_durable
        return Place(redis.host, redis.port)

    def address(self, server: Server) -> tuple[str, int]:
        place = self.place(server)
        return place.host, place.port

    def limits(self, server: Server) -> Limits:
        """The configured limits, as the kernel reads them back."""
        settings = self.config.settings
        chosen = {
            "postgres": settings.postgres.limits,
            "redis": settings.redis.limits,
            "redis-durable": settings.redis_durable.limits,
        }[server]
        return limits.settled(Limits(chosen.cpus, chosen.memory, chosen.memory_reservation))
