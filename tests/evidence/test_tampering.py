"""Whatever is done to the files by hand is found; nothing that was put in is ever believed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rfdata.errors import UsageError
from rfdata.evidence import log, record
from rfdata.evidence.snapshot import LOG
from rfdata.model.evidence import Evidence, Kind

MANY = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
KINDS: tuple[Kind, ...] = ("applied", "attested", "verified", "waived", "drill", "verified")
WORD = {"line": "9.1", "by": "Ada", "note": "n", "until": "2027-01-01T00:00:00+00:00"}


class Sound:
    """A log as it was written, and a place to put a changed one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[Evidence] = [
            log.append(folder, kind, WORD, by="a@b", version="0") for kind in KINDS
        ]
        self.content = (folder / LOG).read_bytes()
        self.head = (folder / "head").read_bytes()
        self.lines = self.content.splitlines(keepends=True)

    def becomes(self, content: bytes, head: bytes | None = None) -> None:
        (self.folder / LOG).write_bytes(content)
        (self.folder / "head").write_bytes(self.head if head is None else head)

    def is_found(self, content: bytes, head: bytes | None = None) -> None:
        """The change is reported, and whoever reads gets only what was once written, or an error."""
        self.becomes(content, head)
        found = log.verify(self.folder)
        assert not found.ok or found.torn
        for use in (self._read, self._newest, self._statements, self._head):
            with suppress(UsageError):
                use()

    def _read(self) -> None:
        for evidence in list(log.read(self.folder)):
            assert evidence in self.records

    def _newest(self) -> None:
        assert log.newest(self.folder, "verified") in self.records

    def _statements(self) -> None:
        log.statements(self.folder)

    def _head(self) -> None:
        log.head(self.folder)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    return Sound(tmp_path_factory.mktemp("sound") / "evidence")


@MANY
@given(data=st.data())
def test_a_changed_byte(sound: Sound, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sound.content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != sound.content[place]))
    sound.is_found(sound.content[:place] + bytes([byte]) + sound.content[place + 1 :])


@MANY
@given(data=st.data())
def test_a_removed_stretch(sound: Sound, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sound.content) - 1))
    end = data.draw(st.integers(start + 1, len(sound.content)))
    sound.is_found(sound.content[:start] + sound.content[end:])
    assert not log.verify(sound.folder).ok


@MANY
@given(data=st.data(), extra=st.binary(min_size=1, max_size=30))
def test_inserted_bytes(sound: Sound, data: st.DataObject, extra: bytes) -> None:
    place = data.draw(st.integers(0, len(sound.content)))
    sound.is_found(sound.content[:place] + extra + sound.content[place:])


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_a_removed_line(sound: Sound, number: int) -> None:
    sound.is_found(b"".join(sound.lines[:number] + sound.lines[number + 1 :]))
    problem = log.verify(sound.folder).problems[0]
    last = number == len(KINDS) - 1
    assert problem.line == (number if last else number + 1)
    assert "missing" in problem.what if last else "should be here" in problem.what


@MANY
@given(order=st.permutations(range(len(KINDS))))
def test_another_order(sound: Sound, order: list[int]) -> None:
    if order != sorted(order):
        sound.is_found(b"".join(sound.lines[number] for number in order))


@MANY
@given(number=st.integers(0, len(KINDS) - 1), place=st.integers(0, len(KINDS)))
def test_a_doubled_line(sound: Sound, number: int, place: int) -> None:
    lines = list(sound.lines)
    lines.insert(place, lines[number])
    sound.is_found(b"".join(lines))
    assert not log.verify(sound.folder).ok


@pytest.mark.parametrize("place", range(len(KINDS)))
def test_a_forged_line_with_a_right_hash(sound: Sound, place: int) -> None:
    before = sound.records[place]
    forged = record.encode(
        before.previous, before.kind, before.seq, before.at, "eve@host", "0", dict(before.data)
    )
    sound.is_found(b"".join([*sound.lines[:place], forged, *sound.lines[place + 1 :]]))
    assert not log.verify(sound.folder).ok
    sound.is_found(b"".join([*sound.lines[:place], forged, *sound.lines[place:]]))
    assert not log.verify(sound.folder).ok


@MANY
@given(data=st.data())
def test_a_changed_head(sound: Sound, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sound.head) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != sound.head[place]))
    sound.is_found(sound.content, sound.head[:place] + bytes([byte]) + sound.head[place + 1 :])
    assert not log.verify(sound.folder).ok


@pytest.mark.parametrize(
    "head", [b"", b"{}", b"[" * 999, b'{"seq": Infinity, "hash": "x"}\n', b"\xff"]
)
def test_a_head_that_is_none(sound: Sound, head: bytes) -> None:
    sound.is_found(sound.content, head)
    assert not log.verify(sound.folder).ok


@pytest.mark.parametrize("seq", [0, 4, 7])
def test_an_older_or_newer_head(sound: Sound, seq: int) -> None:
    head = b'{"seq": %d, "hash": "%s"}\n' % (seq, sound.records[3].hash.encode())
    sound.is_found(sound.content, head)
    assert not log.verify(sound.folder).ok


def test_problems_are_few_and_in_order(sound: Sound) -> None:
    sound.becomes(b"nonsense\n" * 10_000)
    problems = log.verify(sound.folder).problems
    assert len(problems) == 20
    assert [p.line for p in problems] == list(range(1, 21))


def test_the_untouched_log_is_whole(sound: Sound) -> None:
    sound.becomes(sound.content)
    found = log.verify(sound.folder)
    assert (found.ok, found.records, found.torn) == (True, len(KINDS), 0)
