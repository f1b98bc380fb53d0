"""Published measurements of memory with our estimate of each, and published figures that are shown and never used."""

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import TypedDict, cast

from advisor.memory.counts import counts_of_size, known_counts
from advisor.memory.phases import Estimate, estimate
from advisor.memory.setting import RANK, Setting, changed
from posttrain.reference import reference_path

GIB = float(1 << 30)


@dataclass(frozen=True)
class Point:
    """A published measurement. `on_grid`: the check uses it; where it does not, `why` gives the reason.

    reading: `allocated` are the bytes of tensors, `device` those of the whole process, CUDA context included.
    """

    name: str
    model: str
    size: float  # billions of parameters, from the model's name
    setting: Setting | None  # None where too few settings are published
    published: float  # bytes
    reading: str
    on_grid: bool
    why: str
    source: str
    date: str


@dataclass(frozen=True)
class Row:
    """A row of the table of errors: bytes, and errors as shares of the published figure."""

    point: Point
    raw: float
    bound: float
    quick: float  # the bound from the size in the model's name alone

    @property
    def raw_error(self) -> float:
        """How far the count, without margin, is above the published figure."""
        return self.raw / self.point.published - 1

    @property
    def bound_error(self) -> float:
        """How far the bound is above it; a negative value is an under-prediction."""
        return self.bound / self.point.published - 1

    @property
    def quick_error(self) -> float:
        """How far the bound from the size alone is above it."""
        return self.quick / self.point.published - 1


class Figure(TypedDict):
    """A published figure of memory per billion parameters, per run, or as a multiple of SFT."""

    what: str
    low: float
    high: float
    per: str
    technique: list[str]
    tuning: list[str]
    trouble: list[int]  # the contradictions that are about it, by their numbers in Appendix.trouble


class Card(TypedDict):
    """The published number of cards for models of a range of sizes, in billions."""

    least: float
    most: float
    gpus: str
    gpu_gigabytes: float


class Appendix(TypedDict):
    """The figures of the survey's Appendix C, and the contradictions between their units."""

    source: str
    trouble: list[str]
    figures: list[Figure]
    cards: list[Card]


class Figures(TypedDict):
    """All published figures that are shown and never used."""

    appendix_c: Appendix
    verl: dict[str, object]


@cache
def published_points() -> tuple[Point, ...]:
    """Return all published measurements, including those that the check leaves out."""
    with reference_path("memory_points.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(_point(row) for row in csv.DictReader(lines))


def error_rows(*, on_grid: bool = True) -> list[Row]:
    """Return our estimate of each point on the grid, or of each point that is left out but has a setting."""
    return [_row(point, point.setting) for point in published_points() if point.on_grid is on_grid and point.setting]


@cache
def published_figures() -> Figures:
    """Return the published figures of the survey's Appendix C and verl's minimum configurations.

    They are shown with the estimate and never used for it.
    """
    text = reference_path("memory_published.toml").read_text(encoding="utf-8")
    return cast("Figures", tomllib.loads(text))


def bound_of(needed: Estimate, reading: str) -> float:
    """Return the bytes that a reading should not exceed: `allocated` leaves out CUDA and the allocator's cache."""
    return needed.allocated if reading == "allocated" else needed.total


def _row(point: Point, setting: Setting) -> Row:
    exact = estimate(known_counts()[point.model], setting)
    quick = estimate(counts_of_size(point.size), setting)
    return Row(point, exact.raw, bound_of(exact, point.reading), bound_of(quick, point.reading))


def _point(row: dict[str, str]) -> Point:
    return Point(
        name=row["point"],
        model=row["model"],
        size=float(row["size"]),
        setting=_setting(row) if row["micro_batch"] else None,
        published=float(row["published_gib"]) * GIB,
        reading=row["reading"],
        on_grid=row["grid"] == "yes",
        why=row["why"],
        source=row["source"],
        date=row["date"],
    )


def _setting(row: dict[str, str]) -> Setting:
    """Return the setting of a published run; it ran in another library, so nothing of our loops is in it."""
    words = ("technique", "tuning", "weights", "adapters", "unquantised", "optimizer")
    numbers = ("micro_batch", "prompt_tokens", "response_tokens", "group_size", "rollouts_at_once")
    flags = ("in_backward", "activation_checkpointing", "offload", "reference", "float32_outputs")
    fields = {
        **{name: row[name] for name in words if row[name]},
        **{name: int(row[name]) for name in numbers},
        **{name: row[name] == "yes" for name in flags},
    }
    base = Setting(own_loop=False, logits_at_once=0, lora_rank=int(row["lora_rank"] or RANK))
    setting = changed(base, fields)
    chunks = int(row["logit_chunks"])
    if chunks == 1:
        return setting
    vocabulary = known_counts()[row["model"]].vocabulary
    return changed(setting, {"logits_at_once": -(-setting.scored_tokens * vocabulary // chunks)})
