"""The text cache: extracted papers in LZ4-compressed Parquet shards, read back as plain buffers.

Counting again with a new spelling must be cheap, so the texts are kept compressed and scanned without ever becoming
Python strings. LZ4 takes half again the disk of zstd and unpacks twice as fast, which decides the time of a recount
(docs/benchmarks.md).
"""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import pyarrow
from pyarrow import parquet

from survey.fulltext import Section, Text

_SECTIONS = tuple(Section)
_SCHEMA = pyarrow.schema(
    [
        ("text", pyarrow.large_binary()),  # UTF-8; binary, so that reading does not check it again
        ("starts", pyarrow.list_(pyarrow.int32())),
        ("sections", pyarrow.list_(pyarrow.int8())),
    ]
)
_ROWS_PER_GROUP = 256  # some 15 MB of text at a time


@dataclass(frozen=True)
class StoredText:
    """One text as a shard holds it: UTF-8 bytes, and the spans of its sections in bytes too."""

    row: int
    text: memoryview
    spans: tuple[tuple[int, Section], ...]


def write_shard(folder: Path, texts: Sequence[Text]) -> str:
    """Write texts as a new shard; return its name. It appears under that name only when it is whole."""
    name = f"part-{uuid.uuid4().hex[:12]}.parquet"
    table = pyarrow.table(
        {
            "text": [text.text.encode("utf-8", "replace") for text in texts],
            "starts": [_byte_offsets(text) for text in texts],
            "sections": [[_SECTIONS.index(section) for _, section in text.spans] for text in texts],
        },
        schema=_SCHEMA,
    )
    unfinished = folder / f".{name}"
    try:
        parquet.write_table(
            table, unfinished, compression="lz4", use_dictionary=False, write_statistics=False,
            row_group_size=_ROWS_PER_GROUP,
        )  # fmt: skip
        unfinished.replace(folder / name)
    finally:
        unfinished.unlink(missing_ok=True)
    return name


def read_shard(path: Path, rows: frozenset[int] | None = None) -> Iterator[StoredText]:
    """Yield the texts of a shard, or those of `rows`. A text is valid until the next row group is read."""
    with parquet.ParquetFile(path) as shard:
        first = 0
        for number in range(shard.num_row_groups):
            count = shard.metadata.row_group(number).num_rows
            if rows is None or any(first <= row < first + count for row in rows):
                for text in _read_group(shard, number, first):
                    if rows is None or text.row in rows:
                        yield text
            first += count


def _byte_offsets(text: Text) -> list[int]:
    """The starts of the sections as offsets into the UTF-8 text, walking it once."""
    starts = [start for start, _ in text.spans]
    if text.text.isascii():
        return starts
    sizes = (len(text.text[a:b].encode("utf-8", "replace")) for a, b in pairwise([0, *starts]))
    return list(accumulate(sizes))


def _read_group(shard: parquet.ParquetFile, number: int, first: int) -> Iterator[StoredText]:
    table = shard.read_row_group(number, use_threads=False)
    starts: list[list[int]] = table["starts"].to_pylist()  # type: ignore[assignment]  # no null in either column
    sections: list[list[int]] = table["sections"].to_pylist()  # type: ignore[assignment]
    row = 0
    for chunk in table["text"].chunks:
        _, offsets, content = (memoryview(buffer) if buffer else memoryview(b"") for buffer in chunk.buffers())
        for start, end in pairwise(offsets.cast("q")[chunk.offset : chunk.offset + len(chunk) + 1]):
            spans = tuple(zip(starts[row], (_SECTIONS[code] for code in sections[row]), strict=True))
            yield StoredText(first + row, content[start:end], spans)
            row += 1
