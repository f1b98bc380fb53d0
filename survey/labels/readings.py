"""Labels that readers gave: which method a paper's own work trains by, and where its training data come from.

    data/reference/labels.csv   the bundled ones; their readers are language models, not people (data/README.md)
    DATA/labels.csv             the user's own, made with `survey annotate`

One row is one reader's reading of one paper by the codebook (docs/labels.md).
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from posttrain.errors import BusyError, ConfigurationError
from posttrain.files import held, make_folder, whole
from posttrain.reference import reference_path
from survey.paper import find_arxiv_id


class Method(StrEnum):
    """How a paper's own main system is trained. The survey has the first three; RL means online RL."""

    SFT = "sft"
    HYBRID = "hybrid"
    RL = "rl"
    PREFERENCE = "preference"  # offline preference losses alone, such as DPO
    NONE = "none"
    UNCLEAR = "unclear"


class DataSource(StrEnum):
    """Who wrote the training targets, or for online RL alone the prompts."""

    BENCHMARK = "benchmark"
    OPEN_WEIGHT = "open_weight"
    API = "api"
    HUMAN = "human"


TRAINS = (Method.SFT, Method.HYBRID, Method.RL, Method.PREFERENCE)
_OTHER_SPELLINGS = {"human_web": DataSource.HUMAN, "dpo": Method.PREFERENCE}


@dataclass(frozen=True)
class Reading:
    """One reader's labels of one paper. A paper that trains nothing, or is unclear, has no source."""

    arxiv_id: str
    method: Method
    sources: tuple[DataSource, ...]  # the primary one first
    labeller: str
    date: str  # ISO, or empty where it is not known
    drawn: str = ""  # RANDOM where the paper was drawn at random, which makes it a measure of all papers

    @property
    def primary(self) -> DataSource | None:
        """The source of the largest part of the targets."""
        return self.sources[0] if self.sources else None


_Label = TypeVar("_Label", bound=StrEnum)
COLUMNS = tuple(field.name for field in fields(Reading) if field.name != "drawn")
RANDOM = "random"


def read_labels(path: Path) -> list[Reading]:
    """Return the readings of a CSV file. Raises PosttrainError with the line for whatever is not one."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as labels: {error}", "survey annotate export shows the form"
        ) from error
    return parse_labels(lines, str(path))


def parse_labels(lines: list[str], where: str) -> list[Reading]:
    """Return the readings in lines of CSV with a head. Raises PosttrainError with the line for whatever is not one."""
    try:
        rows = csv.DictReader(lines)
        missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
        if missing:
            message = f"{where} lacks the columns {', '.join(missing)}"
            raise ConfigurationError(message, f"begin it with the line {','.join(COLUMNS)}")
        readings = [_reading(row, f"{where}:{number}") for number, row in enumerate(rows, start=2)]
    except csv.Error as error:
        raise ConfigurationError(f"{where} is not CSV: {error}", "survey annotate export shows the form") from error
    if not readings:
        raise ConfigurationError(f"{where} holds no label", "survey annotate next, to see which paper to read first")
    _refuse_contradictions(readings, where)
    return readings


def write_labels(readings: Iterable[Reading], path: Path) -> None:
    """Write readings as CSV, by paper and reader. Raises UnwritableError."""
    make_folder(path.parent)
    with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow((*COLUMNS, "drawn"))
        for reading in sorted(readings, key=_by_paper_and_reader):
            arxiv_id, method, sources, labeller, day, drawn = astuple(reading)
            writer.writerow([arxiv_id, method, "|".join(sources), labeller, day, drawn])


def bundled_labels() -> list[Reading]:
    """Return the readings that come with posttrain."""
    return read_labels(reference_path("labels.csv"))


def own_labels(data: Path) -> list[Reading]:
    """Return the user's own readings; none where there is no file."""
    path = labels_path(data)
    return read_labels(path) if path.exists() else []


def add_labels(data: Path, new: Iterable[Reading]) -> list[Reading]:
    """Put readings among the user's own, one process at a time; return all of them."""
    make_folder(data, "choose another folder with --data DIR or POSTTRAIN_DATA")
    busy = BusyError(f"another command has been writing labels to {data} for a minute", "run the same command again")
    with held(data, busy, wait_seconds=60, lock=".labels.lock"):
        kept = merge(own_labels(data), new)
        write_labels(kept, labels_path(data))
    return kept


def labels_path(data: Path) -> Path:
    """Return the file of the user's own readings."""
    return data / "labels.csv"


def merge(readings: Sequence[Reading], others: Iterable[Reading]) -> list[Reading]:
    """Return readings with those of `others`, which take the place of the same reader's earlier ones."""
    return list({_by_paper_and_reader(reading): reading for reading in [*readings, *others]}.values())


def by_paper(readings: Iterable[Reading]) -> dict[str, list[Reading]]:
    """Return the readings of each paper, by reader."""
    papers: dict[str, list[Reading]] = {}
    for reading in sorted(readings, key=_by_paper_and_reader):
        papers.setdefault(reading.arxiv_id, []).append(reading)
    return papers


def settled_method(readings: Sequence[Reading]) -> Method | None:
    """Return the method on which every reader of a paper agrees, else None."""
    return readings[0].method if len({reading.method for reading in readings}) == 1 else None


def settled_source(readings: Sequence[Reading]) -> DataSource | None:
    """Return the primary source on which every reader of a paper agrees, else None."""
    return readings[0].primary if len({reading.primary for reading in readings}) == 1 else None


def _by_paper_and_reader(reading: Reading) -> tuple[str, str]:
    return reading.arxiv_id, reading.labeller


def reading_of(paper: str, method: str, sources: str, labeller: str, day: str) -> Reading:
    """Return a reading from the words of `survey annotate next`. Raises PosttrainError where one is unknown."""
    words = (paper, method, sources, labeller, day)
    return _reading(dict(zip(COLUMNS, words, strict=True)), "the label given")


def _reading(row: Mapping[str | None, Any], where: str) -> Reading:
    if None in row:
        raise ConfigurationError(f"{where}: more cells than columns", "put cells that hold a comma in quotes")
    cells = {name: (row[name] or "").strip() for name in COLUMNS}
    arxiv_id = find_arxiv_id(cells["arxiv_id"])
    if arxiv_id is None:
        raise ConfigurationError(f"{where}: '{cells['arxiv_id']}' is not an arXiv id", "write it like 2402.03300")
    if not cells["labeller"]:
        raise ConfigurationError(f"{where}: no labeller", "say who read the paper")
    method = _one_of(Method, cells["method"], where)
    sources = tuple(dict.fromkeys(_one_of(DataSource, cell, where) for cell in cells["sources"].split("|") if cell))
    if sources and method not in TRAINS:
        raise ConfigurationError(f"{where}: {method} with a data source", f"leave sources empty for {method}")
    drawn = (row.get("drawn") or "").strip()
    if drawn not in ("", RANDOM):
        raise ConfigurationError(f"{where}: drawn is '{drawn}'; expected {RANDOM} or nothing", "mend it")
    return Reading(arxiv_id.id, method, sources, cells["labeller"], cells["date"], drawn)


def _one_of(kind: type[_Label], text: str, where: str) -> _Label:
    word = _OTHER_SPELLINGS.get(text.lower(), text.lower())
    if word not in tuple(kind):
        raise ConfigurationError(
            f"{where}: '{text}' is not a {kind.__name__.lower()}; expected {', '.join(kind)}", "mend it"
        )
    return kind(word)


def _refuse_contradictions(readings: list[Reading], where: str) -> None:
    earlier: dict[tuple[str, str], Reading] = {}
    for reading in readings:
        other = earlier.setdefault(_by_paper_and_reader(reading), reading)
        if (other.method, other.sources) != (reading.method, reading.sources):
            raise ConfigurationError(
                f"{where}: {reading.labeller} labels {reading.arxiv_id} twice and differently: {other.method}, "
                f"{reading.method}",
                "keep one of the two rows",
            )
