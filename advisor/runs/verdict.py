"""The verdict of a pilot: the best arm, the arms that cannot be told apart from it, and the merit of the verifier."""

from collections.abc import Sequence

from advisor.advice.pipelines import LADDER
from advisor.runs.outcome import ArmOutcome, Comparison, Verdict
from advisor.runs.plan import Role
from posttrain.statistics import difference_of, holm

LUCK = 0.05  # arms that differ by luck with a larger chance, corrected for their number, count as ties
_ORDER = [pipeline.id for pipeline in LADDER]
_NONE = Verdict(best=None, ties=(), simplest=None, comparisons=(), sentence="Too few arms ended to compare.")
_SILENT = (
    "No arm has one of {n} test prompts right, and neither has the model as it is: this pilot says nothing about which "
    "is better. Read samples.jsonl of an arm, then try a larger budget, easier rows, or a model that is right at times."
)


def verdict_of(arms: Sequence[ArmOutcome]) -> Verdict:
    """Return the best arm, its ties, each comparison, and a sentence; no best arm where none has a prompt right.

    An arm counts where every seed of it ended. Two arms are ties where the paired test of
    posttrain.statistics.difference_of, corrected by Holm for the number of comparisons, leaves a chance above 5 % that
    they differ by luck.
    """
    whole = [arm for arm in arms if arm.is_whole]
    if not any(arm.role is Role.NO_TRAINING for arm in whole) or len(whole) < 2:
        return _NONE
    if not any(map(_right, whole)):
        return _NONE.model_copy(update={"sentence": _SILENT.format(n=whole[0].strict.n if whole[0].strict else 0)})
    ranked = sorted(whole, key=lambda arm: (-_share(arm), arm.role is Role.CONTROL, _rung(arm)))
    best, others = ranked[0], ranked[1:]
    comparisons = _compare(best, others)
    ties = [comparison.against for comparison in comparisons if comparison.p_corrected > LUCK]
    equal = [best, *(arm for arm in others if arm.id in ties)]
    sentences = [_sentence(ranked, equal, comparisons[0]), _of_control(whole)]
    return Verdict(
        best=best.id,
        ties=tuple(ties),
        simplest=min(equal, key=_rung).id,
        comparisons=tuple(comparisons),
        sentence=" ".join(filter(None, sentences)),
    )


def _share(arm: ArmOutcome) -> float:
    return arm.strict.share if arm.strict else 0.0


def _compare(best: ArmOutcome, others: Sequence[ArmOutcome]) -> list[Comparison]:
    differences = [difference_of(best.marks, other.marks) for other in others]
    corrected = holm([difference.p for difference in differences])
    return [
        Comparison(
            arm=best.id,
            against=other.id,
            share=difference.share,
            low=difference.low,
            high=difference.high,
            p=difference.p,
            p_corrected=p,
        )
        for other, difference, p in zip(others, differences, corrected, strict=True)
    ]


def _rung(arm: ArmOutcome) -> tuple[bool, int]:
    """Return how simple an arm is: its rung on the ladder of pipelines; a control comes last, as it is no advice."""
    return arm.role is Role.CONTROL, _ORDER.index(arm.pipeline)


def _sentence(ranked: Sequence[ArmOutcome], equal: Sequence[ArmOutcome], closest: Comparison) -> str:
    best = ranked[0]
    n = best.strict.n if best.strict else 0
    untrained = next(arm for arm in ranked if arm.role is Role.NO_TRAINING)
    start = untrained.strict
    if best is untrained:
        return (
            f"No training is not beaten: the model as it is has {start} of {n} test prompts right, and no arm has more."
        )
    if untrained in equal:
        return (
            f"{best.id} and no training cannot be told apart at n = {n} ({best.strict} and {start}): nothing that was "
            "tried is better than the model as it is."
        )
    if len(equal) > 1:
        names = [f"{arm.id} ({arm.strict})" for arm in equal]
        return (
            f"{', '.join(names[:-1])} and {names[-1]} cannot be told apart at n = {n}; {best.id} is better than no "
            f"training ({start}). The simplest of them is {min(equal, key=_rung).id}."
        )
    distance = f"{100 * closest.share:.1f} points [{100 * closest.low:.1f}, {100 * closest.high:.1f}]"
    return (
        f"{best.id} is best: {best.strict} of {n} test prompts, against {start} without training; next is "
        f"{closest.against}, {distance} behind."
    )


def _right(arm: ArmOutcome) -> int:
    return sum(marks.count("1") for marks in arm.marks)


def _of_control(whole: Sequence[ArmOutcome]) -> str:
    """Return how far the random control falls behind its arm, where there is one."""
    control = next((arm for arm in whole if arm.role is Role.CONTROL), None)
    arm = next((arm for arm in whole if control and arm.id == control.pipeline), None)
    if not control or not arm:
        return ""
    start = next((other for other in whole if other.role is Role.NO_TRAINING), None)
    if start and _right(arm) <= _right(start):
        return ""  # without a gain there is no merit to share out
    difference = difference_of(arm.marks, control.marks)
    if difference.p <= LUCK and difference.share > 0:
        return f"{arm.id} is {100 * difference.share:.1f} points better than its random control: the verifier's merit."
    return f"{arm.id} and its random control cannot be told apart: its gain may not be the verifier's merit."
