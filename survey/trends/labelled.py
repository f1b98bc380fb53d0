"""Labelled trends: the method and data-source tables, with the machine's error carried into them.

The survey shares its papers among sft, hybrid and rl; so does the method table, among the papers that train by one of
the three. What a machine labels it mislabels at a measured rate, so each share stands beside the one corrected for
that (`survey.trends.correction`), and whether two years differ is asked of both, of all years and labels together.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

import numpy as np

from posttrain.statistics import Estimate, share_of
from survey.labels.agreement import Confusion, agreement_of, confusion_of
from survey.labels.readings import RANDOM, Method
from survey.labels.validation import METHODS, NOT_TRAINING, SOURCES, Checked
from survey.mentions.domain import DEFAULT_THRESHOLD, Rule
from survey.period import Period, period_of
from survey.trends.correction import CorrectedShare, correct_shares
from survey.trends.domain import READINGS, Scope, TrendRow, TrendTable
from survey.trends.projection import Project
from survey.trends.published import LABELS, Axis, Published, published_cells
from survey.trends.significance import Difference, Verdict, compare_corrected, compare_shares
from survey.warehouse.database import Warehouse

_READERS = "readers that are language models, no person"
_ENOUGH_DRAWN = 10  # papers of a class, drawn at random, that make those chosen otherwise needless
_MOST_QUESTIONS = 60  # that the replicates of a corrected share can answer together
_ENOUGH_TO_COMPARE = 10  # papers of a period; fewer tell nothing apart

Counts = Mapping[str, Counter[str]]  # period → class → papers


def method_trends(
    warehouse: Warehouse, checked: Sequence[Checked], by: Period = Period.YEAR
) -> tuple[TrendTable, TrendTable]:
    """Return the method table in both readings of "RL": online RL alone as the survey has it, and with preferences.

    In the second, papers that train by offline preferences alone (DPO and its kin) count as rl.
    """
    counts = _by_period(warehouse.query("trend_method"), by)
    read = [_Read(one.drawn, one.method, one.method_together) for one in checked]
    tables = []
    for merged in (False, True):
        classes = tuple(c for c in METHODS if not (merged and c == Method.PREFERENCE))
        seen = [_Read(one.drawn, _merge(one.truth, merged), _merge(one.machine, merged)) for one in read]
        here = {period: _merged(found, merged) for period, found in counts.items()}
        corrected = _corrected(here, _rates(seen, classes), LABELS[Axis.METHOD])
        rule = (
            "offline preferences (DPO) count as rl" if merged else "rl is online alone; offline preferences stand apart"
        )
        table = _table(Axis.METHOD, by, here, corrected, f"{rule}; {_outside(counts, merged)}")
        tables.append(replace(table, reading=READINGS[merged], quality=_quality(read, METHODS, "method")))
    return tables[0], tables[1]


def data_source_trends(warehouse: Warehouse, checked: Sequence[Checked], by: Period = Period.YEAR) -> TrendTable:
    """Return the table of primary data sources of the papers that train."""
    counts = _by_period(warehouse.query("trend_data_source"), by)
    read = [_Read(one.drawn, one.source, one.source_together) for one in checked if one.source != NOT_TRAINING]
    corrected = _corrected(counts, _rates(read, SOURCES), LABELS[Axis.DATA_SOURCE])
    note = (
        "the primary source of papers labelled as training; the survey counts several for a paper. The correction is "
        "for sources taken for one another, not for papers wrongly labelled as training"
    )
    table = _table(Axis.DATA_SOURCE, by, counts, corrected, note)
    return replace(table, quality=_quality(read, SOURCES, "primary source"))


@dataclass(frozen=True)
class _Read:
    """One paper on one axis: how it was drawn, what its readers say, and what the machine."""

    drawn: str
    truth: str
    machine: str


def _rates(read: Sequence[_Read], classes: Sequence[str]) -> Confusion:
    """Return how papers of each class are labelled, for the correction.

    Of a class with enough papers that were drawn at random only these count: those that were chosen because they speak
    of training are labelled otherwise. Of the rare classes all do; their papers all speak of training.
    """
    pairs = []
    for label in classes:
        own = [one for one in read if one.truth == label and one.machine in classes]
        drawn = [one for one in own if one.drawn == RANDOM]
        pairs += drawn if len(drawn) >= _ENOUGH_DRAWN else own
    return confusion_of([one.truth for one in pairs], [one.machine for one in pairs], classes)


def _by_period(rows: Sequence[tuple[date, str, int]], by: Period) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for month, label, papers in rows:
        counts.setdefault(period_of(month, by), Counter())[label] += papers
    return counts


def _merge(label: str, merged: bool) -> str:
    return str(Method.RL) if merged and label == Method.PREFERENCE else label


def _merged(found: Counter[str], merged: bool) -> Counter[str]:
    together: Counter[str] = Counter()
    for label, papers in found.items():
        together[_merge(label, merged)] += papers
    return together


def _outside(counts: Counts, merged: bool) -> str:
    """How many papers stand outside the three methods."""
    total = sum(counts.values(), Counter[str]())
    outside = [c for c in (*METHODS, str(Method.UNCLEAR)) if c not in LABELS[Axis.METHOD]]
    named = [f"{total[c]:,} {c}" for c in outside if not (merged and c == Method.PREFERENCE)]
    return "outside n: " + ", ".join(named)


def _corrected(counts: Counts, confusion: Confusion, labels: Sequence[str]) -> dict[tuple[str, str], CorrectedShare]:
    """Return the corrected share of each label among `labels`, by (period, label), from the shares of all classes."""
    shares: dict[tuple[str, str], CorrectedShare] = {}
    known = {period: {c: found[c] for c in confusion.classes} for period, found in counts.items()}
    for period, found in correct_shares(known, confusion).items():
        of = {one.label: one for one in found}
        for label in labels:
            shares[period, label] = _among(of[label], [of[other] for other in labels])
    return shares


def _among(one: CorrectedShare, others: Sequence[CorrectedShare]) -> CorrectedShare:
    """Return a share as a part of some classes' together, replicate by replicate."""
    if any(other.replicates is None or other.share is None for other in others) or one.replicates is None:
        reason = one.reason or next((other.reason for other in others if other.reason), "no papers")
        return CorrectedShare(one.label, one.raw, None, None, None, reason)
    together = np.maximum(sum(other.replicates for other in others if other.replicates is not None), 1e-9)
    parts = one.replicates / together
    whole = sum(other.share for other in others if other.share is not None)
    low, high = np.quantile(parts, (0.025, 0.975))
    share = (one.share or 0.0) / whole if whole else 0.0
    return CorrectedShare(one.label, one.raw, share, min(float(low), share), max(float(high), share), "", parts)


def _table(
    axis: Axis, by: Period, counts: Counts,
    corrected: Mapping[tuple[str, str], CorrectedShare], note: str,
) -> TrendTable:  # fmt: skip
    labels = LABELS[axis]
    printed = published_cells(axis) if by is Period.YEAR else {}
    periods = sorted(set(counts) | {period for period, _ in printed})
    totals = {period: sum(counts.get(period, Counter())[label] for label in labels) for period in periods}
    rows = []
    for before, period in zip([None, *periods], periods, strict=False):
        for label in labels:
            k, n = counts.get(period, Counter())[label], totals[period]
            share, earlier = share_of(k, n), counts.get(before or "", Counter())[label]
            rows.append(
                TrendRow(
                    period, label, k, n, share.share if share else None, share.low if share else None,
                    share.high if share else None, k / earlier - 1 if earlier and n else None, None, None, None,
                    printed.get((period, label)), _estimate(corrected.get((period, label)), n),
                )
            )  # fmt: skip
    pairs = [
        (label, before, after)
        for before, after in pairwise(period for period in periods if totals[period] >= _ENOUGH_TO_COMPARE)
        for label in labels
    ]
    return TrendTable(
        axis, DEFAULT_THRESHOLD, Rule.ANY_NAME, Scope.ALL, "", by, Project.MEAN_SHARE, tuple(rows), note,
        differences=_differences(pairs, counts, totals, corrected, printed),
    )  # fmt: skip


def _estimate(corrected: CorrectedShare | None, n: int) -> Estimate | None:
    if corrected is None or not n:
        return None
    return Estimate(corrected.share, corrected.low, corrected.high, corrected.reason)


def _differences(
    pairs: Sequence[tuple[str, str, str]], counts: Counts, totals: Mapping[str, int],
    corrected: Mapping[tuple[str, str], CorrectedShare], printed: Mapping[tuple[str, str], Published],
) -> tuple[str, ...]:  # fmt: skip
    """Return whether each label's share differs from period to period: ours, ours corrected, and as printed."""
    ours = compare_shares(
        [
            ((counts[before][label], totals[before]), (counts[after][label], totals[after]))
            for label, before, after in pairs
        ]
    )
    known = [p for p in pairs if all((c := corrected.get((when, p[0]))) and c.share is not None for when in p[1:])]
    known = known if len(known) <= _MOST_QUESTIONS else []  # their smallest p could not outlast Holm's adjustment
    both = compare_corrected([(corrected[before, label], corrected[after, label]) for label, before, after in known])
    years = sorted({period for period, _ in printed})
    asked = [(label, b, a) for b, a in pairwise(years) for label in dict.fromkeys(name for _, name in printed)]
    cells = compare_shares([(_printed(printed[b, name]), _printed(printed[a, name])) for name, b, a in asked])
    return tuple(
        _told(what, questions, answers)
        for what, questions, answers in (
            ("our shares", pairs, ours), ("our corrected shares", known, both), ("the printed shares", asked, cells),
        )
        if questions
    )  # fmt: skip


def _told(what: str, questions: Sequence[tuple[str, str, str]], answers: Sequence[Difference | None]) -> str:
    """One sentence on all questions of a kind: what is different, and what cannot be told apart."""
    by_verdict: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
    for (label, before, after), one in zip(questions, answers, strict=True):
        if one:
            by_verdict[one.verdict].append(f"{label} {before} to {after} (p {one.adjusted:.2g})")
    named = (f"{verdict}: {', '.join(found)}" for verdict, found in by_verdict.items() if found)
    return f"{what}, {len(questions)} questions, p adjusted by Holm: " + "; ".join(named)


def _printed(cell: Published) -> tuple[int, int]:
    """The k and n that a printed share implies."""
    n = cell.n or 0
    return round(cell.value * n / 100), n


def _quality(read: Sequence[_Read], classes: Sequence[str], what: str) -> str:
    """Return the footer on the labels: agreement, kappa and the confusion matrix, with n and who the readers are."""
    if not read:
        return f"the labels of {what} are not validated"
    names = (*classes, *sorted({label for one in read for label in (one.truth, one.machine)} - set(classes)))
    agreement = agreement_of([one.truth for one in read], [one.machine for one in read], names)
    assert agreement is not None
    rows = "; ".join(
        f"{label}: " + ", ".join(f"{n} {name}" for name, n in zip(names, row, strict=True) if n)
        for label, row in zip(names, agreement.confusion.counts, strict=True)
        if sum(row)
    )
    kappa = "undefined"
    if agreement.kappa is not None:
        kappa = f"{agreement.kappa:.2f} ({agreement.low:.2f} to {agreement.high:.2f})"
    f1 = agreement.confusion.macro_f1(classes)
    return (
        f"labels of {what}, unseen, against {_READERS}: {agreement.observed.k} of {len(read)} papers alike, "
        f"kappa {kappa}, macro-F1 {f1:.2f}; read as, and labelled: {rows}"
    )
