"""How well the policy answers: k of n prompts right, by the form asked for and by the answer alone, with intervals."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from posttrain.statistics import Counted, Z, with_interval
from reference_impls.verifiers import Outcome, Verdict


class ProbeResult(TypedDict):
    """What the probe measures; docs/training.md explains each key."""

    verifier: str
    rows: dict[str, int]
    row_tokens: float
    verifier_on_gold: Counted | None
    verifier_on_wrong: Counted | None
    pass_at_1: Counted
    pass_at_k: dict[str, float]
    prompts_ever_right: Counted
    format_rate: Counted
    finished: Counted
    equal_groups: Counted
    unscorable: Counted
    tokens_per_second: float


@dataclass(frozen=True)
class Score:
    """Greedy answers to a fixed set of prompts."""

    strict: int  # right in the form asked for
    lenient: int  # the right answer, anywhere in the response
    unscorable: int  # the verifier could not decide; such a prompt counts as not right
    finished: int  # ended before the limit
    n: int
    marks: str = ""  # a 1 for each prompt right in the form asked for and a 0 for each other, in their order

    @property
    def share(self) -> float:
        """The strict score, which checkpoints are chosen by."""
        return self.strict / self.n if self.n else 0.0

    def as_dict(self) -> dict[str, object]:
        """Return k, n, share and interval of both scores, for result.json."""
        return {
            "strict": with_interval(self.strict, self.n),
            "lenient": with_interval(self.lenient, self.n),
            "unscorable": self.unscorable,
            "finished": self.finished,
            "marks": self.marks,
        }


def score(verdicts: Sequence[Verdict], finished: Sequence[bool]) -> Score:
    """Return the score that these verdicts add up to; a part of a reward counts as right only where it is whole."""
    return Score(
        strict=sum(verdict.outcome is Outcome.RIGHT for verdict in verdicts),
        lenient=sum((verdict.lenient or 0.0) >= 1.0 for verdict in verdicts),
        unscorable=sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts),
        finished=sum(finished),
        n=len(verdicts),
        marks="".join("1" if verdict.outcome is Outcome.RIGHT else "0" for verdict in verdicts),
    )


def clustered(right: Sequence[int], size: int) -> Counted:
    """Return k, n, share and 95 % interval of `size` rollouts for each prompt, `right` of them right.

    Rollouts of one prompt are alike, so the spread is that between prompts (clustered standard error). Where prompts do
    not differ at all, it is Wilson's for as many prompts: none right in ten prompts is no proof that none ever is.
    """
    share = sum(right) / (size * len(right))
    if len(set(right)) == 1:
        return {**with_interval(share * len(right), len(right)), "k": sum(right), "n": size * len(right)}
    between = sum((count / size - share) ** 2 for count in right) / max(len(right) - 1, 1)
    spread = Z * math.sqrt(between / len(right))
    return {
        "k": sum(right), "n": size * len(right), "share": share,
        "low": max(0.0, share - spread), "high": min(1.0, share + spread),
    }  # fmt: skip


def pass_at_k(right: Sequence[int], n: int, k: int) -> float:
    """Return the chance that one of k rollouts is right, from `right` of n for each prompt.

    arXiv:2107.03374, eq. 1: 1 - C(n - c, k) / C(n, k) for a prompt with c right rollouts, averaged over prompts.
    """
    return sum(1 - math.comb(n - count, k) / math.comb(n, k) for count in right) / len(right)
