"""rfdata's runner as a library call: `python -m benchmarks.migrations.call SOCKET PORT DATABASE FOLDER`.

Reads the folder and the ledger, applies what is missing. No configuration, no checks of the command
line's: what the runner itself costs, with the start of Python and psycopg's import.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rfdata.migrations.choose import to_apply
from rfdata.migrations.folder import read_folder
from rfdata.migrations.ledger import read
from rfdata.migrations.migration import Author, Identity
from rfdata.migrations.runner import up
from rfdata.postgres.client import operator


def main(socket: str, port: str, database: str, folder: str) -> None:
    found = read_folder(Path(folder))
    with operator(Path(socket), int(port), database) as session:
        wanted = to_apply(found, read(session))
        up(session, wanted, identity=Identity(), author=Author("benchmark", "benchmark"))


if __name__ == "__main__":
    main(*sys.argv[1:])
