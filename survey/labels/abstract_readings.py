"""Labelled abstracts: a stratified sample of LLM papers whose abstracts were read twice, and its frame.

    data/reference/abstract_labels.csv      900 abstracts, two readings each
    data/reference/abstract_of_texts.csv    abstracts of papers with labelled texts: one reader, and the classifier
    data/reference/abstracts/labelled.toml  the frame: which abstracts could be drawn, and their strata

All readers are language models, no person. They read title and the first 1,000 characters.
"""

import csv
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from posttrain.reference import reference_path
from survey.labels.abstract import AbstractMethod, AbstractSource

READER, MACHINE = "reader D", "machine"  # of the abstracts of texts


class Stratum(StrEnum):
    """Whether an abstract names training (fine-tuning, RL, DPO, distillation, …) anywhere."""

    TRAINING = "training"
    OTHER = "other"


@dataclass(frozen=True)
class LabelledAbstract:
    """One abstract of the sample with both readings. It stands for `weight` papers of its year and stratum."""

    arxiv_id: str
    year: str
    stratum: Stratum
    population: int  # papers of the stratum in that year
    drawn: int  # those of them in the sample
    methods: tuple[AbstractMethod, AbstractMethod]
    sources: tuple[AbstractSource | None, AbstractSource | None]  # None where it trains nothing, or was not asked
    is_sure: bool  # by both readers

    @property
    def weight(self) -> float:
        """How many papers the abstract stands for."""
        return self.population / self.drawn

    @property
    def method(self) -> AbstractMethod | None:
        """The method on which both readings agree, else None."""
        return self.methods[0] if self.methods[0] is self.methods[1] else None

    @property
    def source(self) -> AbstractSource | None:
        """The source on which both readings agree, else None."""
        return self.sources[0] if self.sources[0] is self.sources[1] else None


@dataclass(frozen=True)
class Frame:
    """The patterns by which abstracts belong to the sampled papers, and to a stratum."""

    pattern: re.Pattern[str]
    training: re.Pattern[str]

    def stratum_of(self, text: str) -> Stratum | None:
        """Return the stratum of a title with its abstract; None where they name no language model."""
        if not self.pattern.search(text):
            return None
        return Stratum.TRAINING if self.training.search(text) else Stratum.OTHER


@cache
def labelled_abstracts() -> tuple[LabelledAbstract, ...]:
    """Return the bundled sample, in the order of its file."""
    with reference_path("abstract_labels.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_labelled(row) for row in csv.DictReader(file))


@cache
def abstracts_of_texts(labeller: str = READER) -> Mapping[str, AbstractMethod]:
    """Return the method that a labeller, who saw no text, gave the abstracts of papers with labelled texts."""
    with reference_path("abstract_of_texts.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["arxiv_id"]: AbstractMethod(row["method"])
            for row in csv.DictReader(file)
            if row["labeller"] == labeller
        }


@cache
def sampled_frame() -> Frame:
    """Return the frame that the sample was drawn from."""
    table = tomllib.loads(reference_path("abstracts/labelled.toml").read_text(encoding="utf-8"))
    return Frame(re.compile(table["pattern"], re.IGNORECASE), re.compile(table["training"], re.IGNORECASE))


def _labelled(row: Mapping[str, str]) -> LabelledAbstract:
    sources = [AbstractSource(cell) if cell else None for cell in (row["source_1"], row["source_2"])]
    return LabelledAbstract(
        row["arxiv_id"], row["year"], Stratum(row["stratum"]), int(row["stratum_population"]),
        int(row["stratum_drawn"]), (AbstractMethod(row["method_1"]), AbstractMethod(row["method_2"])),
        (sources[0], sources[1]), row["sure_1"] == row["sure_2"] == "yes",
    )  # fmt: skip
