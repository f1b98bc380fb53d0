"""The finding: what a sample says, in one sentence with intervals. Report and page begin with it."""

from typing import TYPE_CHECKING

from survey.surface import Surface
from survey.trends.growth import LEAST_NAMED
from survey.trends.growths import growth_sentence
from survey.trends.trend import ENOUGH, TrendTable

if TYPE_CHECKING:  # loads duckdb
    from survey.warehouse.sample import Sample


def finding(sample: "Sample", table: TrendTable) -> str:
    """Return what a sample says: of the bundled abstracts their methods next to Figure 2, else of its first table."""
    if has_read_methods(sample):
        return methods_finding()
    return (table.surface is Surface.ABSTRACT and growth_sentence(table)) or table_finding(table)


def has_read_methods(sample: "Sample") -> bool:
    """Say whether methods are read from the abstracts of a sample: of all bundled ones, for the bundled study."""
    is_whole = sample.is_bundled and not sample.filters
    return is_whole and sample.surface is Surface.ABSTRACT and sample.warehouse.study.is_survey


def methods_finding() -> str:
    """Return the method on which the bundled abstracts and the survey's Figure 2 are farthest apart, and the years.

    Apart are shares whose 95 % intervals do not touch. Of hybrid it also says how much of the distance is stages that
    abstracts do not tell.
    """
    from survey.labels.abstract import AbstractMethod
    from survey.trends.abstract_methods import FIGURE_2, YEARS, printed_share, share_text, shares_of_year
    from survey.trends.silence import silence_of

    gaps: dict[AbstractMethod, dict[str, float]] = {}
    texts = {}
    for year in YEARS:
        for method, ours in zip(FIGURE_2, shares_of_year(year, FIGURE_2).shares, strict=True):
            printed = printed_share(year, method)
            if printed and (gap := max(printed.low - ours.high, ours.low - printed.high)) > 0:
                gaps.setdefault(method, {})[year] = gap
                texts[year, method] = (
                    f"{share_text(ours.share, ours.low, ours.high)} in {year}",
                    share_text(printed.share, printed.low, printed.high),
                )
    subject = "Of bundled abstracts that name sft, rl or both"
    if not gaps:
        return f"{subject}, the shares of methods agree with the survey's Figure 2 within chance."
    method = max(gaps, key=lambda label: sum(gaps[label].values()))
    ours_in, prints = (
        " and ".join(parts) for parts in zip(*(texts[year, method] for year in gaps[method]), strict=True)
    )
    what = "name both (hybrid)" if method is AbstractMethod.HYBRID else f"name {method} alone"
    sentence = f"{subject}, {ours_in} {what}, where the survey's Figure 2 prints {prints}"
    if method is AbstractMethod.HYBRID:
        year = max(gaps[method])
        part = silence_of(year).explained
        if part.share is not None and part.low is not None and part.high is not None:
            silent = share_text(part.share, part.low, part.high)
            sentence += f"; stages that abstracts do not tell explain {silent} of the distance in {year}"
    return f"{sentence}."


def table_finding(table: TrendTable) -> str:
    """Return the clearest change of a share in a table, or of one period its most frequent label."""
    rows = [row for row in table.rows if row.n >= ENOUGH and row.share is not None]
    if not rows:
        return f"No period of this sample has {ENOUGH} papers, too few for a trend."
    judged = [growth for growth in table.growth if growth.share and min(growth.k) >= LEAST_NAMED]
    clear = [growth for growth in judged if growth.share and (growth.share.low > 1 or growth.share.high < 1)]
    if clear:
        # the change whose interval is farthest from no change, up or down
        best = max(clear, key=lambda growth: max(growth.share.low, 1 / growth.share.high) if growth.share else 0)
        assert best.share is not None
        moves = "rises" if best.share.low > 1 else "falls"
        factor = f"×{best.share.value:.2f} [{best.share.low:.2f}, {best.share.high:.2f}]"
        return f"The clearest change of a share: {best.label} {moves} {factor} from {best.since} to {best.until}."
    last = max(row.period for row in rows)
    top = max((row for row in rows if row.period == last), key=lambda row: row.k)
    chance = "No change of a share is larger than chance makes; in" if judged else "In"
    return (
        f"{chance} {last} {top.label.replace('_', ' ')} is the most frequent {table.axis.replace('_', ' ')}: "
        f"{top.k:,} of {top.n:,} papers, {top.share:.1%} [{top.low:.1%}, {top.high:.1%}]."
    )
