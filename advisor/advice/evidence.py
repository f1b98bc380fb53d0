"""Evidence: how common a pipeline's method is among papers of the user's domain, from the survey half.

It says what others do and not what works: popularity is shown beside the advice and never counted in its points.
"""

from dataclasses import dataclass
from pathlib import Path

from advisor.advice.pipelines import Pipeline
from advisor.task.traits import Traits
from posttrain.settings import warehouse_path
from survey.trends.methods_by_domain import ANY, TRAINS, Counts, bundled_counts, own_counts, prevalence

DOMAINS = ("qa", "math", "code", "agentic")  # those that the survey half tells apart


@dataclass(frozen=True)
class Evidence:
    """k of n papers that train do so by this method."""

    method: str
    domain: str  # or `any`
    k: int
    n: int
    share: float
    low: float
    high: float
    sample: str  # bundled, or the user's own

    def __str__(self) -> str:
        """Return it as a sentence."""
        where = "of all domains" if self.domain == ANY else f"on {self.domain}"
        return (
            f"{self.k} of {self.n} papers {where} that train do so by {self.method} "
            f"({self.share:.0%}, {self.low:.0%} to {self.high:.0%}; {self.sample} sample)"
        )


class Field:
    """The papers that evidence is taken from: the user's own where there are any, else the bundled sample."""

    def __init__(self, data: Path | None = None) -> None:
        own = own_counts(data) if data is not None else None
        self.sample = "own" if own is not None else "bundled"
        self._counts: Counts = own if own is not None else bundled_counts()

    def evidence(self, pipeline: Pipeline, traits: Traits) -> Evidence | None:
        """Return how common the method is; None where nothing is trained or no paper of the domain trains."""
        if pipeline.method not in TRAINS:
            return None
        domain = str(traits.get("domain")) if traits.get("domain") in DOMAINS else ANY
        share = prevalence(self._counts, domain, pipeline.method)
        if share is None:
            return None
        return Evidence(
            pipeline.method, domain, share.k, share.n, share.share, share.low, share.high, self.sample
        )  # fmt: skip


def stamp(data: Path) -> tuple[int, ...]:
    """Return numbers that change when the counts of the user's own papers do, so that a kept Field can be replaced."""
    path = warehouse_path(data)
    if not path.exists():
        return ()
    state = path.stat()
    return state.st_ino, state.st_mtime_ns
