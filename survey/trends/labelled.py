"""Labelled trends: the method and data-source tables, with the machine's error carried into them.

The survey divides its papers into sft, hybrid and rl; so does the method table, for the papers that train by one of
the three. The classifier errs at a measured rate, so each share comes with a share corrected for that
(`survey.trends.correction`). Whether two years differ is tested for both, for all years and labels together.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from posttrain.statistics import CONFIDENCE, Estimate
from survey.labels.agreement import Confusion, agreement_of, confusion_of
from survey.labels.readings import RANDOM, Method
from survey.labels.validation import METHODS, NOT_TRAINING, SOURCES, Checked
from survey.mentions.domain import DEFAULT_THRESHOLD, Rule
from survey.period import Period, period_of, without_gaps
from survey.studies.model import Study
from survey.trends.correction import CorrectedShare, correct_shares
from survey.trends.projection import Project
from survey.trends.published import LABELS, Axis, Published, published_cells
from survey.trends.significance import Comparison, Significance, compare_corrected, compare_shares
from survey.trends.trend import READINGS, Scope, TrendTable, counted_row
from survey.warehouse.database import Warehouse

_ENOUGH_DRAWN = 10  # papers of a class drawn at random; with as many, papers chosen in another way are not used
_MOST_QUESTIONS = 60  # that the replicates of a corrected share can answer together
_ENOUGH_TO_COMPARE = 10  # papers of a period; with fewer no test can show a difference

Counts = Mapping[str, Counter[str]]  # period → class → papers


def method_trends(
    warehouse: Warehouse, checked: Sequence[Checked], by: Period = Period.YEAR
) -> tuple[TrendTable, TrendTable]:
    """Return the method table in both readings of "RL": online RL alone as the survey has it, and with preferences.

    In the second, papers that train by offline preferences alone (DPO and its kin) count as rl.
    """
    counts = _by_period(warehouse.query("trend_method"), by)
    read = [_Read(paper.drawn, paper.method, paper.method_together) for paper in checked]
    tables = []
    for merged in (False, True):
        classes = tuple(c for c in METHODS if not (merged and c == Method.PREFERENCE))
        pairs = [_Read(paper.drawn, _merge(paper.truth, merged), _merge(paper.machine, merged)) for paper in read]
        here = {period: _merged(papers, merged) for period, papers in counts.items()}
        corrected = _corrected(here, _rates(pairs, classes), LABELS[Axis.METHOD])
        rule = "rl means online rl; offline preferences are outside n"
        if merged:
            rule = "offline preferences (DPO) count as rl"
        table = _table(Axis.METHOD, by, here, corrected, warehouse.study, f"{rule}; {_outside(counts, merged)}")
        tables.append(replace(table, reading=READINGS[merged], quality=_quality(read, METHODS, "method")))
    return tables[0], tables[1]


def data_source_trends(warehouse: Warehouse, checked: Sequence[Checked], by: Period = Period.YEAR) -> TrendTable:
    """Return the table of primary data sources of the papers that train."""
    counts = _by_period(warehouse.query("trend_data_source"), by)
    read = [
        _Read(paper.drawn, paper.source, paper.source_together) for paper in checked if paper.source != NOT_TRAINING
    ]
    corrected = _corrected(counts, _rates(read, SOURCES), LABELS[Axis.DATA_SOURCE])
    note = (
        "the primary source of papers labelled as training; the survey counts several sources for a paper. The "
        "correction covers confusion between sources, not papers wrongly labelled as training"
    )
    table = _table(Axis.DATA_SOURCE, by, counts, corrected, warehouse.study, note)
    return replace(table, quality=_quality(read, SOURCES, "primary source"))


@dataclass(frozen=True)
class _Read:
    """A paper on one axis: how it was drawn, the label by its readers and the label by the machine."""

    drawn: str
    truth: str
    machine: str


def _rates(read: Sequence[_Read], classes: Sequence[str]) -> Confusion:
    """Return how papers of each class are labelled, for the correction.

    In a class with enough papers drawn at random only these count, for the error rates differ in papers that were
    chosen because their text is about training. In a rare class every paper counts; all of them are about training.
    """
    pairs = []
    for label in classes:
        own = [paper for paper in read if paper.truth == label and paper.machine in classes]
        drawn = [paper for paper in own if paper.drawn == RANDOM]
        pairs += drawn if len(drawn) >= _ENOUGH_DRAWN else own
    return confusion_of([paper.truth for paper in pairs], [paper.machine for paper in pairs], classes)


def _by_period(rows: Sequence[tuple[date, str, int]], by: Period) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for month, label, papers in rows:
        counts.setdefault(period_of(month, by), Counter())[label] += papers
    return counts


def _merge(label: str, merged: bool) -> str:
    return str(Method.RL) if merged and label == Method.PREFERENCE else label


def _merged(counts: Counter[str], merged: bool) -> Counter[str]:
    together: Counter[str] = Counter()
    for label, papers in counts.items():
        together[_merge(label, merged)] += papers
    return together


def _outside(counts: Counts, merged: bool) -> str:
    """Return how many papers have another label than the three methods, in words."""
    total = sum(counts.values(), Counter[str]())
    outside = [c for c in (*METHODS, str(Method.UNCLEAR)) if c not in LABELS[Axis.METHOD]]
    named = [f"{total[c]:,} {c}" for c in outside if not (merged and c == Method.PREFERENCE)]
    return "outside n: " + ", ".join(named)


def _corrected(counts: Counts, confusion: Confusion, labels: Sequence[str]) -> dict[tuple[str, str], CorrectedShare]:
    """Return the corrected share of each label among `labels`, by (period, label), from the shares of all classes."""
    shares: dict[tuple[str, str], CorrectedShare] = {}
    known = {period: {c: papers[c] for c in confusion.classes} for period, papers in counts.items()}
    for period, corrected in correct_shares(known, confusion).items():
        by_label = {share.label: share for share in corrected}
        for label in labels:
            shares[period, label] = _among(by_label[label], [by_label[other] for other in labels])
    return shares


def _among(corrected: CorrectedShare, others: Sequence[CorrectedShare]) -> CorrectedShare:
    """Return a share as a part of the sum of some classes' shares, replicate by replicate."""
    if any(other.replicates is None or other.share is None for other in others) or corrected.replicates is None:
        reason = corrected.reason or next((other.reason for other in others if other.reason), "no papers")
        return CorrectedShare(corrected.label, corrected.raw, None, None, None, reason)
    together = np.maximum(sum(other.replicates for other in others if other.replicates is not None), 1e-9)
    parts = corrected.replicates / together
    whole = sum(other.share for other in others if other.share is not None)
    low, high = np.quantile(parts, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    share = (corrected.share or 0.0) / whole if whole else 0.0
    low, high = min(float(low), share), max(float(high), share)
    return CorrectedShare(corrected.label, corrected.raw, share, low, high, "", parts)


def _table(
    axis: Axis, by: Period, counts: Counts,
    corrected: Mapping[tuple[str, str], CorrectedShare], study: Study, note: str,
) -> TrendTable:  # fmt: skip
    labels = LABELS[axis]
    printed = published_cells(axis, study=study) if by is Period.YEAR else {}
    periods = sorted(set(counts) | {period for period, _ in printed})
    totals = {period: sum(_count(counts, period, label) for label in labels) for period in periods}
    every = without_gaps(periods, by) if periods else []
    rows = [
        counted_row(
            (period, label), (_count(counts, period, label), totals[period]),
            (_count(counts, before, label), totals.get(before, 0)), printed.get((period, label)),
            corrected=_estimate(corrected.get((period, label)), totals[period]),
        )
        for before, period in zip(["", *every], every, strict=False)
        if period in totals
        for label in labels
    ]  # fmt: skip
    pairs = [
        (label, before, after)
        for before, after in pairwise(period for period in periods if totals[period] >= _ENOUGH_TO_COMPARE)
        for label in labels
    ]
    return TrendTable(
        axis, DEFAULT_THRESHOLD, Rule.ANY_NAME, Scope.ALL, "", by, Project.MEAN_SHARE, tuple(rows), note,
        differences=_differences(pairs, counts, totals, corrected, printed),
    )  # fmt: skip


def _count(counts: Counts, period: str, label: str) -> int:
    return counts.get(period, Counter())[label]


def _estimate(corrected: CorrectedShare | None, n: int) -> Estimate | None:
    if corrected is None or not n:
        return None
    return Estimate(corrected.share, corrected.low, corrected.high, corrected.reason)


def _differences(
    pairs: Sequence[tuple[str, str, str]], counts: Counts, totals: Mapping[str, int],
    corrected: Mapping[tuple[str, str], CorrectedShare], printed: Mapping[tuple[str, str], Published],
) -> tuple[str, ...]:  # fmt: skip
    """Return sentences on whether each label's share differs from period to period: ours, corrected, and printed."""
    ours = compare_shares(
        [
            ((counts[before][label], totals[before]), (counts[after][label], totals[after]))
            for label, before, after in pairs
        ]
    )
    known = [p for p in pairs if all((c := corrected.get((when, p[0]))) and c.share is not None for when in p[1:])]
    known = known if len(known) <= _MOST_QUESTIONS else []  # else their smallest p is too large after Holm's adjustment
    both = compare_corrected([(corrected[before, label], corrected[after, label]) for label, before, after in known])
    years = sorted({period for period, _ in printed})
    asked = [(label, b, a) for b, a in pairwise(years) for label in dict.fromkeys(name for _, name in printed)]
    cells = compare_shares([(_printed(printed[b, name]), _printed(printed[a, name])) for name, b, a in asked])
    return tuple(
        _sentence(shares, questions, answers)
        for shares, questions, answers in (
            ("our shares", pairs, ours), ("our corrected shares", known, both), ("the printed shares", asked, cells),
        )
        if questions
    )  # fmt: skip


def _sentence(shares: str, questions: Sequence[tuple[str, str, str]], answers: Sequence[Comparison | None]) -> str:
    """Return a sentence on all questions about one kind of shares: which differ, and which show no difference."""
    by_verdict: dict[Significance, list[str]] = {verdict: [] for verdict in Significance}
    for (label, before, after), answer in zip(questions, answers, strict=True):
        if answer:
            by_verdict[answer.verdict].append(f"{label} {before} to {after} (p {answer.adjusted:.2g})")
    parts = (f"{verdict}: {', '.join(changes)}" for verdict, changes in by_verdict.items() if changes)
    return f"{shares}, {len(questions)} questions, p adjusted by Holm: " + "; ".join(parts)


def _printed(cell: Published) -> tuple[int, int]:
    """Return the k and n that a printed share implies."""
    n = cell.n or 0
    return round(cell.value * n / 100), n


def _quality(read: Sequence[_Read], classes: Sequence[str], labels: str) -> str:
    """Return the note on the labels: agreement, kappa and the confusion matrix, with n and who the readers are."""
    if not read:
        return f"the {labels} labels are not validated"
    names = (*classes, *sorted({label for paper in read for label in (paper.truth, paper.machine)} - set(classes)))
    agreement = agreement_of([paper.truth for paper in read], [paper.machine for paper in read], names)
    assert agreement is not None
    rows = "; ".join(
        f"{label}: " + ", ".join(f"{n} {name}" for name, n in zip(names, row, strict=True) if n)
        for label, row in zip(names, agreement.confusion.counts, strict=True)
        if sum(row)
    )
    kappa = "κ undefined"
    if agreement.kappa is not None:
        kappa = f"κ = {agreement.kappa:.2f} ({agreement.low:.2f} to {agreement.high:.2f})"
    f1 = agreement.confusion.macro_f1(classes)
    return (
        f"quality of the {labels} labels on held-out papers (reference labels by LLM readers, not people): "
        f"{agreement.observed.k} of {len(read)} agree, {kappa}, macro-F1 {f1:.2f}; reference label, and the "
        f"classifier's labels: {rows}"
    )
