"""How well the policy answers: k of n prompts right, by the form asked for and by the answer alone, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reference_impls.verifiers import Outcome, Verdict

Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True)
class Score:
    """Greedy answers to a fixed set of prompts."""

    strict: int  # right in the form asked for
    lenient: int  # the right answer, found anywhere
    unscorable: int  # the verifier could not tell; such a prompt counts as not right
    finished: int  # ended before the limit
    n: int
    marks: str = ""  # a 1 for each prompt right in the form asked for and a 0 for each other, in their order

    @property
    def share(self) -> float:
        """The strict score, which checkpoints are chosen by."""
        return self.strict / self.n if self.n else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return k, n, share and interval of both scores, for result.json."""
        return {
            "strict": with_interval(self.strict, self.n),
            "lenient": with_interval(self.lenient, self.n),
            "unscorable": self.unscorable,
            "finished": self.finished,
            "marks": self.marks,
        }


def score(verdicts: Sequence[Verdict], finished: Sequence[bool]) -> Score:
    """Return what these verdicts say; a part of a reward counts as right only where it is whole."""
    return Score(
        strict=sum(verdict.outcome is Outcome.RIGHT for verdict in verdicts),
        lenient=sum((verdict.lenient or 0.0) >= 1.0 for verdict in verdicts),
        unscorable=sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts),
        finished=sum(finished),
        n=len(verdicts),
        marks="".join("1" if verdict.outcome is Outcome.RIGHT else "0" for verdict in verdicts),
    )


def with_interval(k: float, n: int) -> dict[str, float | int | None]:
    """Return k, n, their share and its 95 % interval (Wilson, 1927)."""
    if not n:
        return {"k": 0, "n": 0, "share": None, "low": None, "high": None}
    share = k / n
    centre, spread = share + Z**2 / (2 * n), Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2))
    scale = 1 + Z**2 / n
    return {
        "k": k, "n": n, "share": share,
        "low": max(0.0, (centre - spread) / scale), "high": min(1.0, (centre + spread) / scale),
    }  # fmt: skip


def clustered(right: Sequence[int], size: int) -> dict[str, float | int | None]:
    """Return k, n, share and 95 % interval of `size` rollouts for each prompt, `right` of them right.

    Rollouts of one prompt are alike, so the spread is that between prompts (clustered standard error). Where prompts do
    not differ at all, it is Wilson's for as many prompts: none right in ten prompts is no proof that none ever is.
    """
    share = sum(right) / (size * len(right))
    if len(set(right)) == 1:
        return {**with_interval(share * len(right), len(right)), "k": sum(right), "n": size * len(right)}
    between = sum((one / size - share) ** 2 for one in right) / max(len(right) - 1, 1)
    spread = Z * math.sqrt(between / len(right))
    return {
        "k": sum(right), "n": size * len(right), "share": share,
        "low": max(0.0, share - spread), "high": min(1.0, share + spread),
    }  # fmt: skip


def pass_at_k(right: Sequence[int], n: int, k: int) -> float:
    """Return the chance that one of k rollouts is right, from `right` of n for each prompt (arXiv:2107.03374, eq.
    1)."""
    return sum(1 - math.comb(n - one, k) / math.comb(n, k) for one in right) / len(right)
