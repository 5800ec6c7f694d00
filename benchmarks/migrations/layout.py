"""The same thousand migrations, as each tool wants its files. What they do is the same byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

COUNT = 1000
_PER_TABLE = 5

_UP = (
    """\
CREATE TABLE bench.{table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
""",
    """\
ALTER TABLE bench.{table} ADD COLUMN state text NOT NULL DEFAULT 'new'
    CHECK (state IN ('new', 'active', 'closed'));
""",
    "CREATE INDEX {table}_state_idx ON bench.{table} (state);\n",
    "INSERT INTO bench.{table} (name, state) VALUES ('one', 'new'), ('two', 'active'), ('three', 'closed');\n",
    """\
ALTER TABLE bench.{table} ADD COLUMN note text;
COMMENT ON COLUMN bench.{table}.note IS 'What a person wrote about it.';
UPDATE bench.{table} SET note = 'none' WHERE state = 'new';
""",
)
_DOWN = (
    "DROP TABLE bench.{table};\n",
    "ALTER TABLE bench.{table} DROP COLUMN state;\n",
    "DROP INDEX bench.{table}_state_idx;\n",
    "DELETE FROM bench.{table};\n",
    "ALTER TABLE bench.{table} DROP COLUMN note;\n",
)
_WHAT = ("create", "state", "index", "rows", "note")

_ALEMBIC_INI = """\
[alembic]
script_location = {folder}
sqlalchemy.url = {url}
"""
_ALEMBIC_ENV = """\
from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration={each})
    with context.begin_transaction():
        context.run_migrations()
"""
_ALEMBIC_VERSION = '''\
"""{name}"""

from alembic import op

revision = {revision!r}
down_revision = {before!r}
branch_labels = None
depends_on = None


def upgrade():
    op.execute("""\\
{up}""")


def downgrade():
    op.execute("""\\
{down}""")
'''


def migrations(count: int = COUNT) -> Iterator[tuple[int, str, str, str]]:
    """Number, name, what it does, what takes it back.

    The first makes the schema; then five per table: CREATE TABLE, a column with a CHECK, an index,
    rows, and one of three statements.

    >>> [(number, name) for number, name, up, down in migrations(3)]
    [(1, 'schema'), (2, 'item_0_create'), (3, 'item_0_state')]
    """
    yield 1, "schema", "CREATE SCHEMA bench;\n", "DROP SCHEMA bench;\n"
    for number in range(2, count + 1):
        which, step = divmod(number - 2, _PER_TABLE)
        table = f"item_{which}"
        up, down = _UP[step].format(table=table), _DOWN[step].format(table=table)
        yield number, f"{table}_{_WHAT[step]}", up, down


def rfdata(folder: Path, count: int) -> None:
    """NNNN_name.sql and rollback/NNNN_name.sql; psql runs the same files."""
    (folder / "rollback").mkdir(parents=True, exist_ok=True)
    for number, name, up, down in migrations(count):
        _write(folder / f"{number:04}_{name}.sql", up)
        _write(folder / "rollback" / f"{number:04}_{name}.sql", down)


def dbmate(folder: Path, count: int) -> None:
    folder.mkdir()
    for number, name, up, down in migrations(count):
        text = f"-- migrate:up\n{up}\n-- migrate:down\n{down}"
        _write(folder / f"{number:04}_{name}.sql", text)


def yoyo(folder: Path, count: int) -> None:
    folder.mkdir()
    for number, name, up, down in migrations(count):
        _write(folder / f"{number:04}_{name}.sql", up)
        _write(folder / f"{number:04}_{name}.rollback.sql", down)


def alembic(folder: Path, count: int, url: str, *, each: bool) -> None:
    """`each`: a transaction for each migration. Alembic's own default is one for all of them."""
    (folder / "versions").mkdir(parents=True)
    _write(folder / "alembic.ini", _ALEMBIC_INI.format(folder=folder, url=url.replace("%", "%%")))
    _write(folder / "env.py", _ALEMBIC_ENV.format(each=each))
    before = None
    for number, name, up, down in migrations(count):
        revision = f"{number:04}"
        text = _ALEMBIC_VERSION.format(
            name=name, revision=revision, before=before, up=up, down=down
        )
        _write(folder / "versions" / f"{revision}_{name}.py", text)
        before = revision


def transactions(folder: Path, sources: Path) -> Path:
    """A script for psql that runs each file of `sources` in a transaction of its own."""
    script = folder / "each-in-its-transaction.sql"
    files = sorted(sources.glob("*.sql"))
    _write(script, "".join(f"BEGIN;\n\\i {path}\nCOMMIT;\n" for path in files))
    return script


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
