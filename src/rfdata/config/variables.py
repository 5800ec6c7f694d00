"""Every variable of `.env` with the sentence that explains it, in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass

from rfdata.config.services import SERVICES, password_variable


@dataclass(frozen=True)
class Variable:
    name: str
    about: str
    example: str = ""
    """What `.env.example` shows; empty for secrets."""


@dataclass(frozen=True)
class Block:
    title: str
    variables: tuple[Variable, ...]


def _service(name: str) -> tuple[Variable, ...]:
    label = name.upper()
    return (
        Variable(password_variable(name), f"the {name.replace('_', '-')}'s role; a secret"),
        Variable(f"{label}_DATABASE_URL", "how it logs in, derived; a secret"),
    )


def _redis(prefix: str, port: str, what: str) -> Block:
    return Block(
        what,
        (
            Variable(f"{prefix}_HOST", "host name or address", "127.0.0.1"),
            Variable(f"{prefix}_PORT", "TLS port; there is no other", port),
            Variable(f"{prefix}_PASSWORD", "the services' user (default); a secret"),
            Variable(f"{prefix}_ADMIN_PASSWORD", "user admin, rfdata's own; a secret"),
            Variable(f"{prefix}_MONITOR_PASSWORD", "user monitor, reads figures only; a secret"),
            Variable(f"{prefix}_TLS_ENABLED", "always true here", "true"),
            Variable(f"{prefix}_URL", "derived from the above; a secret"),
        ),
    )


BLOCKS = (
    Block(
        "PostgreSQL",
        (
            Variable("POSTGRES_USER", "the services' role", "researchflow_user"),
            Variable("POSTGRES_PASSWORD", "its password; a secret"),
            Variable("POSTGRES_DB", "the database", "researchflow"),
            Variable("POSTGRES_HOST", "host name or address", "127.0.0.1"),
            Variable("POSTGRES_PORT", "TCP port", "5432"),
            Variable("POSTGRES_SSLMODE", "how clients check the server", "verify-full"),
            Variable("POSTGRES_MIGRATOR_PASSWORD", "role that changes the schema; a secret"),
            Variable("POSTGRES_READONLY_PASSWORD", "role that only reads; a secret"),
            Variable("POSTGRES_MONITOR_PASSWORD", "role that reads figures; a secret"),
            Variable("POSTGRES_BACKUP_PASSWORD", "role that takes backups; a secret"),
            Variable("DATABASE_URL", "derived from the above; a secret"),
        ),
    ),
    Block(
        "PostgreSQL, each service as itself",
        tuple(variable for service in SERVICES for variable in _service(service)),
    ),
    _redis("REDIS", "6379", "Redis, the cache"),
    _redis("REDIS_DURABLE", "6380", "Redis, the durable one: collab documents, queues, sessions"),
    Block(
        "TLS",
        (Variable("TLS_CA_FILE", "the CA that clients trust", "./certs/ca.crt"),),
    ),
)

NAMES = tuple(variable.name for block in BLOCKS for variable in block.variables)


def render(values: dict[str, str], *, head: str) -> str:
    """A .env file: a heading, then every variable with its sentence; those without a value empty."""
    lines = [f"# {line}".rstrip() for line in head.splitlines()]
    for block in BLOCKS:
        lines += ["", f"# --- {block.title}"]
        for variable in block.variables:
            lines += [f"# {variable.about}", f"{variable.name}={values.get(variable.name, '')}"]
    return "\n".join(lines) + "\n"


def example() -> str:
    """`.env.example`: what each variable means, without any secret."""
    values = {v.name: v.example for block in BLOCKS for v in block.variables}
    head = (
        "What .env holds, for reading: `rfdata init` writes the real one (mode 0600) with fresh\n"
        "secrets and derives hosts, ports and URLs from rfdata.toml. Commit this file, never .env."
    )
    return render(values, head=head)


def production_template() -> str:
    """`.env.production.template`: the same names for another host, to be filled in there."""
    head = (
        "Template for a production host that rfdata does not set up itself: copy it to .env, \n"
        "chmod 600, fill in every value. Secrets: 43 URL-safe characters each, for example from\n"
        "  python3 -c 'import secrets; print(secrets.token_urlsafe(32))'\n"
        "Percent-encode passwords inside URLs. Never commit the copy."
    )
    fixed = {"POSTGRES_SSLMODE": "verify-full", "REDIS_TLS_ENABLED": "true"}
    return render(fixed | {"REDIS_DURABLE_TLS_ENABLED": "true"}, head=head)
