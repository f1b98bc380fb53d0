"""The growth of a trend table: computed, as text cells, as one sentence, as a chart and as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from posttrain.charts import COLOURS, Spec
from posttrain.tables import Grid
from survey.period import without_gaps
from survey.trends.growth import LEAST_NAMED, LEAST_PAPERS, Factor, Growth, Verdict, Volume, growth_of
from survey.trends.published import TITLES
from survey.trends.trend import TrendTable

OURS, PRINTED = "this sample, with 95 % interval", "the survey printed"


def with_growth(
    table: TrendTable,
    volumes: Mapping[str, Sequence[Volume]] = {},
    printed: Mapping[tuple[str, str], float] | None = None,
    is_comparable: bool = True,
) -> TrendTable:
    """Return a table with the growth of its labels from period to period.

    printed: published numbers by (period, label); left out, those that stand in the table. is_comparable: the periods
    come from the same lists of papers; where they do not, printed factors stand alone.
    """
    if printed is None:
        printed = {(row.period, row.label): row.published.value for row in table.rows if row.published}
    counts = {(row.period, row.label): (row.k, row.n) for row in table.rows}
    periods = without_gaps({row.period for row in table.rows}, table.by) if table.rows else []
    growth = growth_of(counts, periods, volumes, printed, not table.axis.is_counted, is_comparable)
    return replace(table, growth=tuple(growth))


def incomparable(table: TrendTable) -> TrendTable:
    """Return a table whose periods come from different lists: a change between them is one of the lists, and unknown.

    Counts and printed factors stay; no row has a change from the period before.
    """
    return replace(table, rows=tuple(replace(row, growth=None) for row in table.rows))


def growth_grid(table: TrendTable) -> Grid | None:
    """Return the growth of a table as text cells, None where no growth is known."""
    known = [growth for growth in table.growth if growth.is_known]
    if not known:
        return None
    has_field, has_printed = any(g.field for g in known), any(g.published for g in known)
    head = ["from", "to", table.axis.replace("_", " "), "share ×", "95%"]
    head += ["papers ×", "95%"] if has_field else []
    head += ["printed ×", "verdict"] if has_printed else []
    head += ["field's part"] if has_field and has_printed else []
    rows = []
    for growth in known:
        row = [growth.since, growth.until, growth.label, *_cells(growth.share)]
        row += _cells(_best(growth)) if has_field else []
        row += [_number(growth.published), growth.verdict or "–"] if has_printed else []
        row += [f"{growth.field_part.value:.0%}" if growth.field_part else "–"] if has_field and has_printed else []
        rows.append(tuple(row))
    notes = tuple(_notes(table, has_field, has_printed))
    return Grid(f"Growth: {TITLES[table.axis].lower()}", notes, tuple(head), tuple(rows), numeric_from=3, grouped=True)


def growth_sentence(table: TrendTable) -> str:
    """Return what the growth of a table shows in a sentence or two; empty where no growth is known."""
    known = [growth for growth in table.growth if growth.is_known]
    if not known:
        return ""
    parts = [_of_field(table), _moving(known)]
    judged = [growth for growth in known if growth.verdict in (Verdict.INSIDE, Verdict.OUTSIDE)]
    if judged:
        inside = sum(growth.verdict is Verdict.INSIDE for growth in judged)
        parts.append(f"Of {len(judged)} printed factors {inside} lie inside our interval")
        explained = [growth for growth in judged if growth.field_part]
        if explained:
            middle = sorted(growth.field_part.value for growth in explained if growth.field_part)[len(explained) // 2]
            parts[-1] += f"; growth of the field alone makes {middle:.0%} of the printed growth in the middle of them"
    return " ".join(f"{part}." for part in parts if part)


def growth_data(growth: Growth) -> dict[str, Any]:
    """Return a growth as plain data, in the shape of the public interface."""
    values = asdict(growth)
    since, until = values.pop("since"), values.pop("until")
    return {"label": values.pop("label"), "from": since, "to": until, **values}


def growth_rows(table: TrendTable) -> list[dict[str, Any]]:
    """Return a flat record for each growth of a table."""
    records = []
    for growth in table.growth:
        record: dict[str, Any] = {
            "axis": table.axis.value, "reading": table.reading, "surface": table.surface, "label": growth.label,
            "before": growth.since, "after": growth.until, "k_before": growth.k[0], "n_before": growth.n[0],
            "k_after": growth.k[1], "n_after": growth.n[1], "of": growth.of, "factor": growth.factor,
            "low": growth.low, "high": growth.high,
        }  # fmt: skip
        for name in ("share", "field", "field_part"):
            factor: Factor | None = getattr(growth, name)
            values = (factor.value, factor.low, factor.high) if factor else (None, None, None)
            record |= dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
        records.append(record | {"published": growth.published, "verdict": growth.verdict and growth.verdict.value})
    return records


def growth_chart(table: TrendTable) -> Spec:
    """Return the chart of a table's growth: a panel for each pair of periods, ours with its interval, the printed mark.

    Factors stand on a logarithmic axis, so that ×2 and ×½ are equally far from no growth. A label that no later paper
    has, whose factor is 0, has its interval alone, from the left edge on.
    """
    edge = min((g.low for g in table.growth if g.low), default=None)
    values = []
    for growth in table.growth:
        cell = {"pair": f"{growth.since} → {growth.until}", "label": growth.label}
        if growth.is_known:
            low = growth.low or edge
            values.append({**cell, "factor": growth.factor or None, "low": low, "high": growth.high, "of": OURS})
            if growth.published:
                values.append({**cell, "factor": growth.published, "of": PRINTED})
    counted = "number of papers" if any(growth.field for growth in table.growth) else "share of papers"
    x = {"type": "quantitative", "scale": {"type": "log", "nice": False, "padding": 10}}
    axis = {"title": f"growth of the {counted}, factor", "labelOverlap": "greedy", "labelSeparation": 4}
    marks = [OURS, PRINTED] if any(value["of"] == PRINTED for value in values) else [OURS]
    colour = {"field": "of", "scale": {"domain": marks, "range": list(COLOURS[:2])}, "title": None}
    shape = {"field": "of", "scale": {"domain": marks, "range": ["circle", "diamond"]}, "title": None}
    words = [{"field": name, "type": "nominal"} for name in ("pair", "label", "of")]
    factor, *interval = [{"field": name, "type": "quantitative", "format": ".2f"} for name in ("factor", "low", "high")]
    return {
        "data": {"values": values},
        "facet": {"row": {"field": "pair", "type": "ordinal", "title": None}},
        "spec": {
            "width": 300,
            "height": {"step": 26},
            "encoding": {
                "y": {"field": "label", "type": "nominal", "title": None, "sort": list(table.labels)},
                "color": colour,
            },
            "layer": [
                {
                    "transform": [_of(OURS)],
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        "x": {"field": "low", **x, "axis": axis},
                        "x2": {"field": "high"},
                    },
                },
                *(
                    {
                        "transform": [_of(name), {"filter": "isValid(datum.factor)"}],
                        "mark": {"type": "point", "filled": True, "size": 80},
                        "encoding": {"x": {"field": "factor", **x}, "shape": shape, "tooltip": [*words, factor, *ends]},
                    }
                    for name, ends in ((OURS, interval), (PRINTED, []))
                ),
            ],
        },
    }


def _of(name: str) -> Spec:
    """A filter that keeps our factors or the printed ones."""
    return {"filter": {"field": "of", "equal": name}}


def _notes(table: TrendTable, has_field: bool, has_printed: bool) -> list[str]:
    notes = [
        f"share ×: the later share divided by the earlier; periods of fewer than {LEAST_PAPERS} papers have no growth"
    ]
    if has_field:
        notes.append("papers ×: share × times the growth of the volume of the field, both with their uncertainty")
    if has_printed:
        notes.append(
            "printed ×: the later printed number divided by the earlier; verdict: whether our interval holds it, "
            f"where both periods have at least {LEAST_NAMED} papers of the label"
        )
        if has_field:
            notes.append(
                "field's part: the logarithm of the growth of all papers of the field by that of the printed growth; "
                "100% means that the printed growth is that of the field"
            )
        if not has_field and table.axis.is_counted:
            notes.append("no verdict: the survey printed numbers of papers, and the volume of this sample is unknown")
    return notes


def _of_field(table: TrendTable) -> str:
    """The growth of all papers of the field, from period to period."""
    fields = {(g.since, g.until): g.field for g in table.growth if g.field}
    if not fields:
        return ""
    parts = [f"×{f.value:.1f} [{f.low:.1f}, {f.high:.1f}] from {a} to {b}" for (a, b), f in fields.items()]
    return "All papers of the field grow " + " and ".join(parts)


def _moving(known: Sequence[Growth]) -> str:
    """The shares that clearly rise or fall: 1 lies outside the interval of their factor."""
    judged = [growth for growth in known if growth.share and min(growth.k) >= LEAST_NAMED]
    moving = [
        f"{g.label} {'rises' if g.share.low > 1 else 'falls'} ×{g.share.value:.2f} "
        f"[{g.share.low:.2f}, {g.share.high:.2f}] from {g.since} to {g.until}"
        for g in judged
        if g.share and (g.share.low > 1 or g.share.high < 1)
    ]
    if not moving:
        if len(judged) == 1:
            return f"The share of {judged[0].label} changes no more than chance makes"
        return f"Of {len(judged)} changes of a share none is larger than chance makes" if judged else ""
    others = len(judged) - len(moving)
    rest = (
        f"; the other {others} changes are within chance"
        if others > 1
        else "; the other change is within chance"
        if others
        else ""
    )
    return f"As a share of the papers, {'; '.join(moving)}{rest}"


def _best(growth: Growth) -> Factor | None:
    if growth.of != "papers" or growth.factor is None or growth.low is None or growth.high is None:
        return None
    return Factor(growth.factor, growth.low, growth.high)


def _cells(factor: Factor | None) -> list[str]:
    return ["–", "–"] if factor is None else [_number(factor.value), f"{factor.low:.2f} to {factor.high:.2f}"]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
