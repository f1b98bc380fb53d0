"""Rows of a file: JSON Lines or a JSON array, plain or gzipped, read line by line.

A broken line is left out and counted; where more than 5 % of the lines are broken, or the very first, the file is
refused with the place. NaN, which JSON does not know and pandas writes, means missing.
"""

import gzip
import heapq
import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from posttrain.errors import ConfigurationError
from reference_impls.tasks.columns import ANSWER, CHAT, PROMPT, RESPONSE, row_of
from reference_impls.tasks.row import NoRowError, Row, Task, digest, split_of

_TOLERATED = 0.05  # the share of broken lines that is left out rather than refused
_LONGEST_LINE = 64 * 2**20  # bytes; a longer line is no row, and would not fit into memory either
_SHOWN = 20  # broken lines in the warnings, and numbers of lines for each reason
_EXPECTED = "one JSON object a line, with a prompt"
_UTF16_OR_32 = (b"\xff\xfe", b"\xfe\xff")


def read_file(path: Path, *, split: str, rows: int | None, seed: int) -> Task:
    """Return the rows of the split: all in the order of the file, or `rows` of them chosen by the seed.

    Fewer come back where the split has no more. A row that repeats another is left out and counted.
    """
    reading = _Reading(path)
    with _open(path) as file:
        chosen = _chosen(reading.rows(file), split, rows, seed)
    reading.judge()
    if not chosen:
        raise ConfigurationError(
            f"{path} has {reading.good} rows and none of them in split {split!r}",
            "give the evaluation its own file, or more rows: a split is drawn by the hash of the prompt",
        )
    numbers = {reason: tuple(lines) for reason, lines in reading.numbers.items()}
    return Task(path.name, tuple(chosen), None, dict(reading.skipped), tuple(reading.warnings), numbers)


def _chosen(all_rows: Iterator[Row], split: str, rows: int | None, seed: int) -> list[Row]:
    """Return the rows of the split with the smallest hashes, in order; no more than `rows` are ever held."""
    of_split = (row for row in all_rows if split in ("all", split_of(row.prompt)))
    if rows is None:
        return list(of_split)
    keyed = ((digest(row.prompt, row.response, str(seed)), index, row) for index, row in enumerate(of_split))
    smallest = heapq.nsmallest(rows, keyed, key=lambda each: each[:2])
    return [row for _, _, row in sorted(smallest, key=lambda each: each[1])]


@dataclass
class _Reading:
    """The counts and warnings of a file that is being read."""

    path: Path
    lines: int = 0
    good: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    numbers: dict[str, list[int]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    first_broken: str = ""
    columns: dict[str, None] = field(default_factory=dict)
    _prompts: set[int] = field(default_factory=set)
    _rows: set[int] = field(default_factory=set)

    def rows(self, file: BinaryIO) -> Iterator[Row]:
        """Yield each row that does not repeat an earlier one."""
        for number, location, item in _objects(self.path, file):
            self.lines += 1
            if isinstance(item, str):
                self._broken(number, location, item)
            elif (row := self._row(number, item)) is not None and not self._is_repeated(number, row):
                self.good += 1
                yield row

    def judge(self) -> None:
        """Refuse a file that is no JSONL file, or that has no row."""
        broken = self.skipped["broken line"]
        if broken > _TOLERATED * self.lines:
            raise ConfigurationError(f"{self.first_broken}; {broken} of {self.lines} lines are broken", _repair())
        if not self.lines:
            raise ConfigurationError(f"{self.path} is empty, expected {_EXPECTED}", _columns_hint())
        if not self.good:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in self.skipped.items())
            columns = ", ".join(list(self.columns)[:12]) or "no column"
            raise ConfigurationError(
                f"{self.path} has no usable row: {reasons}; found columns: {columns}", _columns_hint()
            )
        if repeated := self.good - len(self._prompts):
            self.warnings.append(f"{repeated} rows repeat a prompt with another response or answer; they are kept")

    def _skip(self, number: int, reason: str) -> None:
        self.skipped[reason] += 1
        if self.skipped[reason] <= _SHOWN:
            self.numbers.setdefault(reason, []).append(number)

    def _broken(self, number: int, location: str, content: str) -> None:
        message = f"{location}: found {content}, expected {_EXPECTED}"
        if self.lines == 1:
            raise ConfigurationError(message, _repair())
        self.first_broken = self.first_broken or message
        self._skip(number, "broken line")
        if self.skipped["broken line"] <= _SHOWN:
            self.warnings.append(message)

    def _row(self, number: int, item: dict[str, object]) -> Row | None:
        if len(self.columns) < 100:
            self.columns |= dict.fromkeys(item)
        try:
            row, flaw = row_of(item)
        except NoRowError as reason:
            self._skip(number, str(reason))
            return None
        if flaw:
            self._skip(number, flaw)
        return replace(row, line=number)

    def _is_repeated(self, number: int, row: Row) -> bool:
        more = [row.system, row.reply, row.tools, row.extra.get("rejected")]
        key = digest(row.prompt, row.response, row.answer, *([json.dumps(more)] if any(more) else []))
        if key in self._rows:
            self._skip(number, "duplicate")
            return True
        self._rows.add(key)
        self._prompts.add(digest(row.prompt))
        return False


def _objects(path: Path, file: BinaryIO) -> Iterator[tuple[int, str, dict[str, object] | str]]:
    """Yield each object of a file with its number and location; for a broken line a string that quotes it."""
    try:
        for number, line in enumerate(_lines(path, file), 1):
            if number == 1 and line.lstrip().startswith(b"["):
                yield from _array(path, line + file.read())
                return
            if line.strip():
                yield number, f"{path}:{number}", _object(line)
    except (OSError, EOFError, zlib.error) as error:
        raise ConfigurationError(
            f"{path} cannot be read to its end: {error}", "copy or download the file again"
        ) from None


def _lines(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines without the byte order mark; refuse a file that is no text."""
    first = True
    while line := file.readline(_LONGEST_LINE + 1):
        if first:
            _demand_text(path, line)
            line, first = line.removeprefix(b"\xef\xbb\xbf"), False
        if len(line) > _LONGEST_LINE:
            raise ConfigurationError(f"{path} has a line of more than 64 MiB, expected {_EXPECTED}", _repair())
        yield line


def _demand_text(path: Path, line: bytes) -> None:
    if line.startswith(_UTF16_OR_32):
        raise ConfigurationError(
            f"{path} is UTF-16 or UTF-32, expected UTF-8", f"iconv -f UTF-16 -t UTF-8 {path} > utf8.jsonl"
        )
    if b"\0" in line[:4096] or line.startswith(b"PAR1"):
        raise ConfigurationError(f"{path} is a binary file, expected {_EXPECTED}", _columns_hint())


def _object(line: bytes) -> dict[str, object] | str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        return f"bytes that are not UTF-8 (at {error.start})"
    try:
        value = json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        return f"{_start(text)} ({error})"
    return value if isinstance(value, dict) else _start(text)


def _array(path: Path, content: bytes) -> Iterator[tuple[int, str, dict[str, object] | str]]:
    """Yield the objects of a JSON array; after a broken element nothing can be read, so the file is refused."""
    try:
        items = json.loads(content.decode(), parse_constant=lambda name: None)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}:{line}: found bytes that are not UTF-8, expected a JSON array", _repair()
        ) from None
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{path}:{error.lineno}: {error.msg}, expected a JSON array of objects", _repair()
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {error}, expected a JSON array of objects", _repair()) from None
    for number, each in enumerate(items, 1):
        yield number, f"{path} item {number}", each if isinstance(each, dict) else _start(json.dumps(each))


def _open(path: Path) -> BinaryIO:
    """Return the bytes of a file, unpacked where they begin as gzip does, whatever its name says."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value] # a GzipFile reads alike


def _start(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _repair() -> str:
    return "repair or remove the line; each row is one whole JSON object on one line"


def _columns_hint() -> str:
    prompt, response, answer = (", ".join(names) for names in ((*PROMPT, *CHAT), RESPONSE, ANSWER))
    return f"a prompt is one of {prompt}; a response {response}; an answer {answer}"
