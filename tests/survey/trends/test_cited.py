"""Citation-weighted shares: worked by hand, and intervals that hold what they say under heavy tails."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.statistics import wilson
from survey.trends.cited import CitedPaper, citation_share

LABELLED, OTHER = frozenset({"rl"}), frozenset({"sft"})


def paper(citations: int, labels: frozenset[str] = LABELLED, period: str = "2025") -> CitedPaper:
    return CitedPaper(period, labels, citations)


def test_a_share_worked_by_hand() -> None:
    """Six of ten citations; only the papers of the period count, and the uncited one adds nothing."""
    papers = [paper(4), paper(2), paper(3, OTHER), paper(1, LABELLED | OTHER, "2024"), paper(1, OTHER), paper(0)]
    share = citation_share(papers, "2025", "rl")
    assert share is not None
    assert (share.k, share.n, share.papers, share.share) == (6, 10, 4, 0.6)
    # Kish: 100/30 papers; the ratio's variance: (16 + 4) 0.16 + (9 + 1) 0.36 = 6.8, 24/6.8 = 3.5 papers
    assert share.effective == pytest.approx(100 / 30 - 1)
    assert (share.low, share.high) == pytest.approx(wilson(0.6 * share.effective, share.effective))


def test_without_citations_there_is_no_share() -> None:
    assert citation_share([], "2025", "rl") is None
    assert citation_share([paper(0), paper(5, period="2024")], "2025", "rl") is None


def test_one_paper_with_all_citations_says_little() -> None:
    """A thousand citations of one paper are one paper's."""
    share = citation_share([paper(1000), paper(1, OTHER)], "2025", "rl")
    assert share is not None
    assert share.effective == 1
    assert share.high - share.low > 0.75


def test_equally_cited_papers_are_worth_their_number_less_one() -> None:
    share = citation_share([paper(3)] * 30 + [paper(3, OTHER)] * 70, "2025", "rl")
    assert share is not None
    assert share.effective == pytest.approx(99)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), max_size=40))
def test_the_interval_holds_the_share(cited: list[tuple[int, bool]]) -> None:
    """And a label and its absence share everything."""
    papers = [paper(citations, LABELLED if labelled else OTHER) for citations, labelled in cited]
    one, other = citation_share(papers, "2025", "rl"), citation_share(papers, "2025", "sft")
    if one is None or other is None:
        assert not any(citations for citations, _ in cited)
    else:
        assert 0 <= one.low <= one.share + 1e-9 and one.share - 1e-9 <= one.high <= 1
        assert one.share + other.share == pytest.approx(1)
        assert one.effective == pytest.approx(other.effective)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


@pytest.mark.slow
@pytest.mark.parametrize(("papers", "chance", "more"), [(30, 0.3, 1), (100, 0.08, 1), (100, 0.3, 1), (100, 0.3, 5)])
def test_the_interval_covers_the_share_of_heavy_tailed_citations(papers: int, chance: float, more: int) -> None:
    """Log-normal citations with spread 1.5; `more` times as many where the paper has the label."""
    chooser = random.Random(papers * more)

    def draw(count: int) -> list[CitedPaper]:
        labels = [LABELLED if chooser.random() < chance else OTHER for _ in range(count)]
        return [paper(int(chooser.lognormvariate(0, 1.5) * (more if own is LABELLED else 1)), own) for own in labels]

    true = citation_share(draw(200_000), "2025", "rl")
    assert true is not None
    shares = [share for _ in range(500) if (share := citation_share(draw(papers), "2025", "rl"))]
    covered = sum(share.low <= true.share <= share.high for share in shares) / len(shares)
    assert len(shares) == 500
    assert covered >= (0.93 if more == 1 else 0.9)
