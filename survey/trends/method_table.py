"""The methods that the bundled abstracts name, as a trend table like any other."""

from collections import Counter

from posttrain.errors import ConfigurationError
from posttrain.statistics import Estimate
from survey.mentions.domain import Rule
from survey.period import Period
from survey.surface import Surface
from survey.trends.abstract_methods import FIGURE_2, abstract_methods, machine_counts
from survey.trends.projection import Project
from survey.trends.published import Axis, published_cells
from survey.trends.trend import Scope, TrendTable, counted_row


def abstract_method_table(by: Period = Period.YEAR) -> TrendTable:
    """Return sft, hybrid and rl among the bundled abstracts that name one of them, by year, with Figure 2's shares.

    k and n are the machine's labels, which err; `corrected` is their share corrected by the readers' sample. No growth
    is given, for it would be one of uncorrected labels. Raises ConfigurationError for another period than the year.
    """
    if by is not Period.YEAR:
        raise ConfigurationError(
            f"methods of abstracts are corrected by year, not by {by}", "survey report --axis method --by year"
        )
    printed = published_cells(Axis.METHOD)
    counts: dict[str, Counter[str]] = {}
    for (year, _), labels in machine_counts().items():
        counts.setdefault(year, Counter()).update(labels)
    rows = []
    for row in abstract_methods(FIGURE_2):
        cell, n = (row.year, str(row.method)), sum(counts[row.year][method] for method in FIGURE_2)
        share = Estimate(row.corrected.share, row.corrected.low, row.corrected.high)
        rows.append(counted_row(cell, (counts[row.year][row.method], n), (0, 0), printed.get(cell), corrected=share))
    note = (
        "of abstracts that name sft, rl or both; k and n as a classifier labels them, corrected by abstracts that "
        "language models read; the survey labelled studies, and an abstract does not tell every stage"
    )
    return TrendTable(
        Axis.METHOD, 1, Rule.ANY_NAME, Scope.ALL, "", Period.YEAR, Project.MEAN_SHARE, tuple(rows), note,
        surface=Surface.ABSTRACT,
    )  # fmt: skip
