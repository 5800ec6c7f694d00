"""Chunks to search for, whose embeddings point where a test wants them to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.rows import dict_row
from tests.migrations.studies import one

if TYPE_CHECKING:
    from rfdata.postgres.client import Session

DIMENSIONS = 1536


def towards(degrees: float, axis: int = 0) -> str:
    """A unit vector so far away from the axis, towards the next one."""
    angle = math.radians(degrees)
    numbers = ["0"] * DIMENSIONS
    numbers[axis], numbers[axis + 1] = str(math.cos(angle)), str(math.sin(angle))
    return f"[{','.join(numbers)}]"


def add_paper(session: Session, doi: str | None = None) -> UUID:
    made = one(
        session,
        "INSERT INTO knowledge.papers (title, source, license, doi)"
        " VALUES ('On statins', 'upload', 'CC-BY-4.0', %s) RETURNING id",
        doi,
    )
    assert isinstance(made, UUID)
    return made


def add_chunk(
    session: Session, content: str, embedding: str | None = None, model: str = "m1"
) -> UUID:
    made = one(
        session,
        "INSERT INTO knowledge.chunks (paper_id, position, content, embedding, model)"
        " VALUES (%s, 0, %s, %s, %s) RETURNING id",
        add_paper(session),
        content,
        embedding,
        model if embedding else None,
    )
    assert isinstance(made, UUID)
    return made


def search(session: Session, *arguments: object) -> list[dict[str, Any]]:
    with session.cursor(row_factory=dict_row) as cursor:
        marks = ", ".join(["%s"] * len(arguments))
        return cursor.execute(
            f"SELECT * FROM knowledge.search({marks})".encode(), arguments
        ).fetchall()


def found(session: Session, *arguments: object) -> list[UUID]:
    return [row["chunk_id"] for row in search(session, *arguments)]
