"""Evidence: how common a pipeline's method is among papers of the user's domain, from survey.trends.

It reports what others do, which need not work here: it is shown next to the advice and gives no points.
"""

from dataclasses import dataclass
from pathlib import Path

from advisor.advice.pipelines import Pipeline
from advisor.task.traits import Traits
from posttrain.settings import warehouse_path
from survey.trends.methods_by_domain import ANY, TRAINS, Counts, bundled_counts, own_counts, prevalence

DOMAINS = ("qa", "math", "code", "agentic")  # the domains that the survey distinguishes


@dataclass(frozen=True)
class Evidence:
    """The share of papers with this method: k of the n papers that train a model."""

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
    """The papers that evidence comes from: the user's own where there are any, else the bundled sample."""

    def __init__(self, data: Path | None = None) -> None:
        own = own_counts(data) if data is not None else None
        self.sample = "own" if own is not None else "bundled"
        self._counts: Counts = own if own is not None else bundled_counts()

    def evidence(self, pipeline: Pipeline, traits: Traits) -> Evidence | None:
        """Return how common the method is; None where nothing is trained, or where no paper of the domain trains."""
        if pipeline.method not in TRAINS:
            return None
        domain = str(traits.get("domain")) if traits.get("domain") in DOMAINS else ANY
        share = prevalence(self._counts, domain, pipeline.method)
        if share is None:
            return None
        return Evidence(pipeline.method, domain, share.k, share.n, share.share, share.low, share.high, self.sample)


def stamp(data: Path) -> tuple[int, ...]:
    """Return numbers that change whenever the counts of the user's own papers do; a cached Field is then outdated."""
    path = warehouse_path(data)
    if not path.exists():
        return ()
    state = path.stat()
    return state.st_ino, state.st_mtime_ns
