"""The names in a certificate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rfdata.config.load import Config, parse_settings
from rfdata.model.facts import SERVERS, Server
from rfdata.secrets import Secret
from rfdata.tls.names import canonical_name, default_names


def config(text: str = "") -> Config:
    return Config(Path("/srv"), parse_settings(text, Path("rfdata.toml")), {}, Secret(""))


@pytest.mark.parametrize("server", SERVERS)
def test_every_server_answers_to_its_usual_names(server: Server) -> None:
    names = default_names(config(), server)
    assert {"localhost", "127.0.0.1", "::1", server, os.uname().nodename.lower()} <= set(names)
    assert len(set(names)) == len(names)


def test_configured_names_are_taken_up() -> None:
    text = '[redis]\nhost = "Cache.Example.org"\n[tls]\nnames = ["10.0.0.7", "0:0::2", "x.y"]'
    names = default_names(config(text), "redis")
    assert {"cache.example.org", "10.0.0.7", "::2", "x.y"} <= set(names)
    assert "cache.example.org" not in default_names(config(text), "redis-durable")


def test_asked_twice_it_says_the_same() -> None:
    assert default_names(config(), "postgres") == default_names(config(), "postgres")


def test_addresses_have_one_form() -> None:
    assert canonical_name("0:0:0:0:0:0:0:1") == canonical_name("::1") == "::1"
