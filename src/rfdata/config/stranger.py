"""The client that must be refused: an address of this machine outside of the configured networks."""

from __future__ import annotations

import ipaddress

from rfdata.config.load import Config

STRANGER = "127.0.0.2"
"""Rarely in anyone's configuration."""


def why_no_stranger(config: Config) -> str:
    """Why nobody can be sent from 127.0.0.2, or nothing when it can be tried."""
    settings = config.settings.postgres
    if config.target == "external":
        return "someone else's server: no address of ours is known to be outside its networks"
    if settings.host not in ("localhost", "127.0.0.1"):
        return f"the server is at {settings.host}; only 127.0.0.1 can be reached from {STRANGER}"
    stranger = ipaddress.ip_address(STRANGER)
    if any(stranger in ipaddress.ip_network(network) for network in settings.networks):
        return f"{STRANGER} lies in the configured networks"
    return ""
