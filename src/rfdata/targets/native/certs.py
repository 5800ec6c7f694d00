"""Readings of the CA and of every server's certificate, presented and on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from rfdata.model.fact import Fact
from rfdata.model.facts import SERVERS, CertFacts
from rfdata.readings import Chain, single
from rfdata.targets.deployment import file_state
from rfdata.targets.native.layout import TLS_CURRENT
from rfdata.targets.native.site import Site
from rfdata.tls import authority, certificates


def chains(site: Site) -> list[Chain[Any]]:
    """Every reading of CertFacts: what servers present now, and what lies on the disk."""
    config = site.config
    ca, key = config.ca_file, config.directory / "certs" / authority.CA_KEY
    found = [
        single("certs.ca", str(ca), lambda: certificates.read(ca, ca)),
        single("certs.ca_key", str(key), lambda: file_state(key)),
    ]
    for server in SERVERS:
        current = site.layout.home(server).tls / TLS_CURRENT
        path, secret = current / "server.crt", current / "server.key"
        place = site.place(server)
        starttls: Literal["postgres"] | None = "postgres" if server == "postgres" else None
        timeout = config.settings.verify.fact_timeout
        found += [
            single(
                f"certs.served.{server}",
                f"TLS handshake with {place.host}:{place.port}",
                partial(certificates.live, place.host, place.port, timeout, ca, starttls),
            ),
            single(f"certs.on_disk.{server}", str(path), partial(certificates.read, path, ca)),
            single(f"certs.keys.{server}", str(secret), partial(file_state, secret)),
        ]
    return found


def build(found: Mapping[str, Fact[Any]]) -> CertFacts:
    return CertFacts(
        ca=found["certs.ca"],
        ca_key=found["certs.ca_key"],
        served={server: found[f"certs.served.{server}"] for server in SERVERS},
        on_disk={server: found[f"certs.on_disk.{server}"] for server in SERVERS},
        keys={server: found[f"certs.keys.{server}"] for server in SERVERS},
    )
