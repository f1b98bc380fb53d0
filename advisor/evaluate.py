"""Evaluate: how much worse than the best arm of each case a policy chooses, on families that it did not learn from.

Regret is the best arm's held-out score minus the chosen arm's. A policy that learns anything (the single best arm)
sees the other families alone. Arms within two standard errors of the best count as best. The words are those of ASlib
(arXiv:1506.02465).
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean

from advisor.bank.cases import Case
from advisor.runs.outcome import Interval
from advisor.runs.plan import Role
from advisor.task.traits import Value
from posttrain.errors import NothingMatchedError
from posttrain.statistics import Z
from posttrain.tables import Grid, as_lines

Choose = Callable[[Mapping[str, Value]], Sequence[str]]  # traits → pipeline ids, best first
Policy = Callable[[Case, Sequence[Case]], str]  # a case, and the cases of other families → pipeline id

ENOUGH_CASES, ENOUGH_FAMILIES = 60, 8  # for a regret of one point, where regrets spread by about four
DRAWS = 2000
ABSTAINED = "there is no learned ranker in this version: the rules are the advice"
_NONE = "no_training"


@dataclass(frozen=True)
class Regret:
    """A policy on the bank, in points: mean regret with its 95 % interval over families, largest, share of best."""

    policy: str
    mean: float
    low: float | None  # None with one family
    high: float | None
    max: float
    top1: float


@dataclass(frozen=True)
class Evaluation:
    """Every policy on the bank, and whether the bank is large enough to compare them."""

    cases: int
    left_out: int
    families: list[str]
    weights: list[int] | None  # of the smallest and the largest model
    policies: list[Regret]
    enough: bool
    abstained: bool
    why: str
    warnings: list[str]

    def as_dict(self) -> dict[str, object]:
        """Return the evaluation as JSON has it."""
        return asdict(self)


@dataclass(frozen=True)
class _Choice:
    """A policy's choice on one case."""

    family: str
    regret: float
    best: float  # 1 where it was as good as the best arm; a share for a random choice


def evaluate(cases: Sequence[Case], rules: Choose | None = None) -> Evaluation:
    """Return the regret of each policy, with its interval over families, and how often it chose a best arm.

    `rules` is our advice: traits to pipeline ids, best first; the first one that a case tried is taken. A case in which
    no arm has a prompt right is left out: every policy would be right on it. Raises NothingMatchedError for a bank
    without a case of two arms.
    """
    silent = sum(case.says_nothing for case in cases)
    usable = [case for case in cases if len(_arms(case)) > 1 and _NONE in _arms(case) and not case.says_nothing]
    if not usable:
        why = f": {silent} of its {len(cases)} cases say nothing, for no arm has a prompt right" if silent else ""
        raise NothingMatchedError(f"the bank has no case to evaluate on{why}", "advisor pilot PLAN makes one")
    families = sorted({case.family for case in usable})
    choices = {name: _choices(policy, usable) for name, policy in _policies(rules).items()}
    choices["random"] = [_random_choice(case) for case in usable]
    enough = len(usable) >= ENOUGH_CASES and len(families) >= ENOUGH_FAMILIES
    return Evaluation(
        cases=len(usable),
        left_out=len(cases) - len(usable),
        families=families,
        weights=_range([case.parameters for case in usable if case.parameters]),
        policies=[_regret_of(name, chosen) for name, chosen in choices.items()],
        enough=enough,
        abstained=True,
        why=ABSTAINED,
        warnings=[*_warnings(len(usable), len(families), enough), *_of_silence(silent, len(cases))],
    )


def render(evaluation: Evaluation) -> list[str]:
    """Return the evaluation as lines for a terminal."""
    weights, families = evaluation.weights, len(evaluation.families)
    sizes = f", models of {weights[0]:,} to {weights[1]:,} weights" if weights else ""
    scope = f"points of held-out score; {evaluation.cases} cases of {families} families{sizes}"
    warnings = [f"warning: {warning}" for warning in evaluation.warnings]
    return [*as_lines(grid_of(evaluation)), scope, f"learned ranker abstained: {evaluation.why}", *warnings]


def grid_of(evaluation: Evaluation) -> Grid:
    """Return a row of text for each policy."""
    rows = tuple(
        (
            row.policy,
            f"{row.mean:.1f}",
            "one family" if row.low is None else f"[{row.low:.1f}, {row.high:.1f}]",
            f"{row.max:.1f}",
            f"{row.top1:.0%}",
        )
        for row in evaluation.policies
    )
    return Grid("Regret", (), ("policy", "mean regret", "95 %", "largest", "best"), rows, numeric_from=1)


def _policies(rules: Choose | None) -> dict[str, Policy]:
    policies: dict[str, Policy] = {}
    if rules:
        policies["rules"] = lambda case, _: _first(case, rules(case.traits))
    return policies | {
        "always sft": lambda case, _: _first(case, ["sft"]),
        "always rejection sampling": lambda case, _: _first(case, ["rejection_sampling", "expert_iteration"]),
        "single best of the other families": lambda case, others: _first(case, _single_best(others)),
        "no training": lambda case, _: _NONE,
    }


def _arms(case: Case) -> dict[str, Interval]:
    """Return the scores of the arms that can be advised, by pipeline: a random control is no advice."""
    arms = [arm for arm in case.arms if arm.role is not Role.CONTROL]
    return {_NONE if arm.role is Role.NO_TRAINING else arm.pipeline: arm.strict for arm in arms if arm.strict}


def _first(case: Case, wanted: Sequence[str]) -> str:
    """Return the first of these pipelines that the case tried; without any it is no training."""
    return next((name for name in wanted if name in _arms(case)), _NONE)


def _regret(case: Case, chosen: str) -> float:
    arms = _arms(case)
    return 100 * (max(score.share for score in arms.values()) - arms[chosen].share)


def _is_best(case: Case, chosen: str) -> bool:
    """Say whether the chosen arm is within two standard errors of the best."""
    arms = _arms(case)
    best, score = max(arms.values(), key=lambda interval: interval.share), arms[chosen]
    return best.share - score.share <= 2 * math.hypot(_error(best), _error(score))


def _single_best(cases: Sequence[Case]) -> list[str]:
    """Return the pipelines by mean regret over cases, least first; no training stands for one that was not tried."""
    names = sorted({name for case in cases for name in _arms(case)})
    return sorted(names, key=lambda name: mean(_regret(case, _first(case, [name])) for case in cases))


def _choices(policy: Policy, cases: Sequence[Case]) -> list[_Choice]:
    choices = []
    for case in cases:
        chosen = policy(case, [other for other in cases if other.family != case.family])
        choices.append(_Choice(case.family, _regret(case, chosen), float(_is_best(case, chosen))))
    return choices


def _random_choice(case: Case) -> _Choice:
    names = list(_arms(case))
    regret = mean(_regret(case, name) for name in names)
    return _Choice(case.family, regret, mean(float(_is_best(case, name)) for name in names))


def _regret_of(policy: str, choices: Sequence[_Choice]) -> Regret:
    low, high = _bootstrap(choices)
    regrets = [choice.regret for choice in choices]
    return Regret(policy, mean(regrets), low, high, max(regrets), mean(choice.best for choice in choices))


def _bootstrap(choices: Sequence[_Choice]) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the mean regret over families drawn with replacement; None for one family."""
    by_family: dict[str, list[float]] = {}
    for choice in choices:
        by_family.setdefault(choice.family, []).append(choice.regret)
    if len(by_family) < 2:
        return None, None
    rng, groups = random.Random(0), list(by_family.values())
    draws = (rng.choices(groups, k=len(groups)) for _ in range(DRAWS))
    means = sorted(mean(regret for group in draw for regret in group) for draw in draws)
    return means[round(0.025 * DRAWS)], means[round(0.975 * DRAWS) - 1]


def _error(score: Interval) -> float:
    return (score.high - score.low) / (2 * Z)


def _range(sizes: Sequence[int]) -> list[int] | None:
    return [min(sizes), max(sizes)] if sizes else None


def _of_silence(silent: int, cases: int) -> list[str]:
    return [f"{silent} of {cases} cases are left out: no arm has a prompt right, so they say nothing"] if silent else []


def _warnings(cases: int, families: int, enough: bool) -> list[str]:
    if enough:
        return []
    return [
        f"too few: {cases} cases of {families} families; about {ENOUGH_CASES} of {ENOUGH_FAMILIES} are needed to show "
        "a difference of one point between policies, so no difference here is a finding"
    ]
