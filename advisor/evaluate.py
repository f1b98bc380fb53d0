"""Evaluate: how much worse than the best arm of each case a policy chooses, on families that it did not learn from.

Regret is the best arm's held-out score minus the chosen arm's. A policy that learns anything (the single best arm)
sees the other families alone. Arms within two standard errors of the best count as best. The words are those of ASlib
(arXiv:1506.02465).
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from statistics import mean
from typing import Any

from advisor.runs.plan import CONTROL, NO_TRAINING
from posttrain.errors import NothingMatchedError

Case = Mapping[str, Any]
Choose = Callable[[Mapping[str, Any]], Sequence[str]]  # traits → pipeline ids, best first

ENOUGH_CASES, ENOUGH_FAMILIES = 60, 8  # to tell a regret of one point, where regrets spread by about four
DRAWS = 2000
ABSTAINED = "there is no learned ranker in this version: the rules are the advice"
_NONE = "no_training"


def evaluate(cases: Sequence[Case], rules: Choose | None = None) -> dict[str, Any]:
    """Return each policy's mean and largest regret (in points), its interval over families, and how often it was best.

    `rules` is our advice: traits to pipeline ids, best first; of them the first that a case tried is taken. Raises
    PosttrainError (nothing matched) for a bank without a case of two arms.
    """
    usable = [case for case in cases if len(_arms(case)) > 1 and _NONE in _arms(case)]
    if not usable:
        raise NothingMatchedError("the bank has no case to evaluate on", "advisor pilot PLAN makes one")
    families = sorted({str(case["family"]) for case in usable})
    policies = {
        **({"rules": lambda case, _: _first(case, rules(case["traits"]))} if rules else {}),
        "always sft": lambda case, _: _first(case, ["sft"]),
        "always rejection sampling": lambda case, _: _first(case, ["rejection_sampling", "expert_iteration"]),
        "single best of the other families": lambda case, others: _first(case, _single_best(others)),
        "no training": lambda case, _: _NONE,
    }
    rows = {name: _judged(policy, usable) for name, policy in policies.items()}
    rows["random"] = [(str(case["family"]), _random_regret(case), _random_best(case)) for case in usable]
    enough = len(usable) >= ENOUGH_CASES and len(families) >= ENOUGH_FAMILIES
    return {
        "cases": len(usable),
        "left_out": len(cases) - len(usable),
        "families": families,
        "weights": _range([case["parameters"] for case in usable if case.get("parameters")]),
        "policies": [_row(name, judged) for name, judged in rows.items()],
        "enough": enough,
        "abstained": True,
        "why": ABSTAINED,
        "warnings": _warnings(len(usable), len(families), enough),
    }


def render(found: Mapping[str, Any]) -> list[str]:
    """Return the evaluation as lines for a terminal."""
    lines = [f"{'policy':34}{'mean regret':>12}  {'95 %':16}{'largest':>8}  {'best':>6}"]
    for row in found["policies"]:
        interval = f"[{row['low']:.1f}, {row['high']:.1f}]" if row["low"] is not None else "one family"
        lines.append(f"{row['policy']:34}{row['mean']:>12.1f}  {interval:16}{row['max']:>8.1f}  {row['top1']:>6.0%}")
    weights = found["weights"]
    sizes = f", models of {weights[0]:,} to {weights[1]:,} weights" if weights else ""
    lines.append(f"points of held-out score; {found['cases']} cases of {len(found['families'])} families{sizes}")
    return [*lines, f"learned ranker abstained: {found['why']}", *(f"warning: {one}" for one in found["warnings"])]


def _arms(case: Case) -> dict[str, Mapping[str, Any]]:
    """Return the arms that can be advised, by pipeline: a random control is none."""
    arms = (arm for arm in case["arms"] if arm["role"] != CONTROL and arm["strict"])
    return {_NONE if arm["role"] == NO_TRAINING else str(arm["pipeline"]): arm for arm in arms}


def _first(case: Case, wanted: Sequence[str]) -> str:
    """Return the first of these that the case tried; none of them means no training."""
    return next((name for name in wanted if name in _arms(case)), _NONE)


def _regret(case: Case, chosen: str) -> float:
    arms = _arms(case)
    return 100 * (max(_score(arm) for arm in arms.values()) - _score(arms[chosen]))


def _is_best(case: Case, chosen: str) -> bool:
    """Whether the chosen arm is within two standard errors of the best."""
    arms = _arms(case)
    best = max(arms.values(), key=_score)
    return _score(best) - _score(arms[chosen]) <= 2 * math.hypot(_error(best), _error(arms[chosen]))


def _single_best(cases: Sequence[Case]) -> list[str]:
    """Return the pipelines by their mean regret over cases, least first; no training standing for one not tried."""
    names = sorted({name for case in cases for name in _arms(case)})
    return sorted(names, key=lambda name: mean(_regret(case, _first(case, [name])) for case in cases))


def _judged(policy: Callable[[Case, Sequence[Case]], str], cases: Sequence[Case]) -> list[tuple[str, float, float]]:
    found = []
    for case in cases:
        chosen = policy(case, [other for other in cases if other["family"] != case["family"]])
        found.append((str(case["family"]), _regret(case, chosen), float(_is_best(case, chosen))))
    return found


def _random_regret(case: Case) -> float:
    return mean(_regret(case, name) for name in _arms(case))


def _random_best(case: Case) -> float:
    return mean(float(_is_best(case, name)) for name in _arms(case))


def _row(policy: str, judged: Sequence[tuple[str, float, float]]) -> dict[str, Any]:
    low, high = _bootstrap(judged)
    regrets = [regret for _, regret, _ in judged]
    top = mean(best for _, _, best in judged)
    return {"policy": policy, "mean": mean(regrets), "low": low, "high": high, "max": max(regrets), "top1": top}


def _bootstrap(judged: Sequence[tuple[str, float, float]]) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the mean regret over families drawn anew; none with one family."""
    by_family: dict[str, list[float]] = {}
    for family, regret, _ in judged:
        by_family.setdefault(family, []).append(regret)
    if len(by_family) < 2:
        return None, None
    rng, groups = random.Random(0), list(by_family.values())
    drawn = (rng.choices(groups, k=len(groups)) for _ in range(DRAWS))
    means = sorted(mean(regret for group in draw for regret in group) for draw in drawn)
    return means[round(0.025 * DRAWS)], means[round(0.975 * DRAWS) - 1]


def _score(arm: Mapping[str, Any]) -> float:
    return float(arm["strict"]["share"])


def _error(arm: Mapping[str, Any]) -> float:
    return float(arm["strict"]["high"] - arm["strict"]["low"]) / (2 * 1.96)


def _range(sizes: Sequence[int]) -> list[int] | None:
    return [min(sizes), max(sizes)] if sizes else None


def _warnings(cases: int, families: int, enough: bool) -> list[str]:
    if enough:
        return []
    return [
        f"too few: {cases} cases of {families} families; about {ENOUGH_CASES} of {ENOUGH_FAMILIES} are needed to tell "
        "policies apart by one point, so no difference here is a finding"
    ]
