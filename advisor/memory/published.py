"""Published measurements of memory, what this estimate says of each, and figures that are shown and never used."""

import csv
import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from advisor.memory.counts import counts_of_size, known_counts
from advisor.memory.phases import Estimate, estimate
from advisor.memory.setting import RANK, Setting
from posttrain.reference import reference_path

GIB = float(1 << 30)


@dataclass(frozen=True)
class Point:
    """One published measurement. `on_grid`: it counts in the check; where it does not, `why` says what keeps it out.

    reading: `allocated` is what tensors take, `device` what the whole process does, CUDA context included.
    """

    name: str
    model: str
    size: float  # billions of parameters, as the model's name has it
    setting: Setting | None  # None where too little of it is published
    published: float  # bytes
    reading: str
    on_grid: bool
    why: str
    source: str
    date: str


@dataclass(frozen=True)
class Row:
    """One line of the table of errors; bytes, and errors as shares of the published figure."""

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
        """How far the bound is above it; below 0 it would have been under-predicted."""
        return self.bound / self.point.published - 1

    @property
    def quick_error(self) -> float:
        """How far the bound from the size alone is above it."""
        return self.quick / self.point.published - 1


@cache
def published_points() -> tuple[Point, ...]:
    """Return every published measurement that was found, those that are left out of the check among them."""
    with reference_path("memory_points.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(_point(row) for row in csv.DictReader(lines))


def error_rows(*, on_grid: bool = True) -> list[Row]:
    """Return what the estimate says of each point on the grid, or of each that is left out but has a setting."""
    return [_row(point, point.setting) for point in published_points() if point.on_grid is on_grid and point.setting]


@cache
def published_figures() -> dict[str, Any]:
    """Return the figures of the survey's Appendix C and verl's minimum configurations, as they were published.

    They are shown beside the estimate and never used for it: `appendix_c` (with the trouble of its units), `verl`.
    """
    figures: dict[str, Any] = tomllib.loads(reference_path("memory_published.toml").read_text(encoding="utf-8"))
    return figures


def bound_of(made: Estimate, reading: str) -> float:
    """Return the bytes that a reading of this kind should not exceed: `allocated` leaves out CUDA and the cache."""
    return made.allocated if reading == "allocated" else made.total


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
    """Return a published run as a setting; it is another library's, so nothing of our loops is in it."""
    given: dict[str, Any] = {
        name: row[name]
        for name in ("technique", "tuning", "weights", "adapters", "unquantised", "optimizer")
        if row[name]
    }
    given |= {
        name: int(row[name])
        for name in ("micro_batch", "prompt_tokens", "response_tokens", "group_size", "rollouts_at_once")
    }
    given |= {
        name: row[name] == "yes"
        for name in ("in_backward", "activation_checkpointing", "offload", "reference", "float32_outputs")
    }
    made = Setting(**given, own_loop=False, logits_at_once=0, lora_rank=int(row["lora_rank"] or RANK))
    chunks = int(row["logit_chunks"])
    if chunks == 1:
        return made
    vocabulary = known_counts()[row["model"]].vocabulary
    return Setting(**{**vars(made), "logits_at_once": -(-made.scored_tokens * vocabulary // chunks)})
