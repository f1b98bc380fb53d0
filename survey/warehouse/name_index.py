"""The name index: which names stand in which abstracts and how often, so that a new study is counted without any text.

    names.parquet        every name once, in order; its row is its number
    name_counts.parquet  (name, paper, n), by name; a paper's number is its place in the order of arXiv ids

Names are facts and make no sentence (survey/mentions/names.py), so the index of a sample can be shared where its texts
cannot. An alias that looks at the words around a place has no such words here: it is left out, and named.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute
from pyarrow import parquet

from posttrain.files import whole
from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import Lexicon
from survey.mentions.names import is_vocabulary, names_in

NAMES, COUNTS = "names.parquet", "name_counts.parquet"
_BETWEEN = b"\n\n"  # a paragraph ends, so that no alias reads over two names


@dataclass(frozen=True)
class IndexCount:
    """How often a paper, by its number, names a benchmark by an alias."""

    paper: int
    benchmark: str
    alias: str
    n: int


def write_name_index(texts: Iterable[str], folder: Path) -> tuple[int, int]:
    """Write the index of texts in the order of their papers; return how many names and how many rows it holds.

    Everyday words, and those that stand in too many texts to be a benchmark's name, are left out.
    """
    rows: list[tuple[str, int, int]] = []
    frequency: Counter[str] = Counter()
    papers = 0
    for papers, text in enumerate(texts, start=1):
        counts = names_in(text)
        frequency.update(counts.keys())
        rows += [(name, papers - 1, n) for name, n in counts.items()]
    names = sorted(name for name, texts_with in frequency.items() if not is_vocabulary(name, texts_with / papers))
    number = {name: at for at, name in enumerate(names)}
    kept = sorted((number[name], paper, n) for name, paper, n in rows if name in number)
    columns = list(zip(*kept, strict=True)) or [(), (), ()]
    types = {"name": pyarrow.int32(), "paper": pyarrow.int32(), "n": pyarrow.int16()}
    table = pyarrow.table(
        {column: pyarrow.array(values, kind) for (column, kind), values in zip(types.items(), columns, strict=True)}
    )
    _write(folder / NAMES, pyarrow.table({"name": names}), {"name": "DELTA_BYTE_ARRAY"})
    packed = {"name": "DELTA_BINARY_PACKED", "paper": "DELTA_BINARY_PACKED", "n": "PLAIN"}
    _write(folder / COUNTS, table, packed)
    return len(names), len(kept)


def _write(path: Path, table: pyarrow.Table, encoding: dict[str, str]) -> None:
    with whole(path) as unfinished:
        parquet.write_table(
            table, unfinished, compression="zstd", compression_level=19, use_dictionary=False, column_encoding=encoding
        )


def count_by_names(lexicon: Lexicon, folder: Path) -> tuple[list[IndexCount], list[str]]:
    """Return the counts of a lexicon over an index, and the aliases that need the sentence around a name.

    The names are searched once, as one text; each of its mentions counts as often as its name stands in a paper.
    """
    known, wanting = _without_sentences(lexicon)
    with parquet.ParquetFile(folder / NAMES) as file:
        column: list[Any] = file.read()["name"].to_pylist()
    names = [str(name).encode() for name in column]
    ends = list(accumulate(len(name) + len(_BETWEEN) for name in names))
    mentions: Counter[tuple[int, str, str]] = Counter()
    for mention in MentionFinder(known).find(_BETWEEN.join(names)):
        if mention.counted:
            mentions[bisect_right(ends, mention.start), mention.benchmark, mention.alias] += 1
    with parquet.ParquetFile(folder / COUNTS) as file:
        table = file.read()
    named = pyarrow.array(sorted({name for name, _, _ in mentions}), pyarrow.int32())
    rows = table.filter(pyarrow.compute.is_in(table["name"], value_set=named)).to_pydict()
    papers: dict[int, list[tuple[int, int]]] = {}
    for name, paper, n in zip(rows["name"], rows["paper"], rows["n"], strict=True):
        papers.setdefault(name, []).append((paper, n))
    totals: Counter[tuple[int, str, str]] = Counter()
    for (name, benchmark, alias), times in mentions.items():
        for paper, n in papers.get(name, ()):
            totals[paper, benchmark, alias] += times * n
    return [IndexCount(*key, n) for key, n in sorted(totals.items())], wanting


def papers_naming(words: Iterable[str], folder: Path) -> frozenset[int]:
    """Return the papers, by their numbers, with a name that has one of `words`, in any case, as whole words."""
    pattern = r"(?i)(^|[^\pL\pN]){}($|[^\pL\pN])"
    with parquet.ParquetFile(folder / NAMES) as file:
        names = file.read()["name"]
    matching: set[Any] = set()
    for word in words:
        found_at = pyarrow.compute.match_substring_regex(names, pattern.format(re.escape(word)))
        matching |= set(pyarrow.compute.indices_nonzero(found_at).to_pylist())
    with parquet.ParquetFile(folder / COUNTS) as file:
        table = file.read(columns=["name", "paper"])
    numbers = pyarrow.array(sorted(matching), pyarrow.int32())
    rows = table.filter(pyarrow.compute.is_in(table["name"], value_set=numbers))
    papers: list[Any] = rows["paper"].to_pylist()
    return frozenset(papers)


def has_name(name: str, folder: Path) -> bool:
    """Say whether an index holds exactly this name."""
    with parquet.ParquetFile(folder / NAMES) as file:
        return bool(pyarrow.compute.index(file.read()["name"], name).as_py() >= 0)


def _without_sentences(lexicon: Lexicon) -> tuple[Lexicon, list[str]]:
    """Return the lexicon without the aliases that look at the words around a place, and these aliases."""
    wanting = [a.spelling for b in lexicon.benchmarks for a in b.aliases if a.near or a.not_near]
    benchmarks = tuple(
        replace(b, aliases=tuple(a for a in b.aliases if not (a.near or a.not_near))) for b in lexicon.benchmarks
    )
    return replace(lexicon, benchmarks=benchmarks), wanting
