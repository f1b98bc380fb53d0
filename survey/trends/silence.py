"""Silence: how much of the distance between Figure 2 and abstracts comes from stages that abstracts do not tell.

The survey labelled studies, we labelled abstracts. A paper that trains by SFT and then RL may speak of RL alone in its
abstract. Papers whose texts two readers labelled, and whose abstracts another reader labelled without the texts, show
how often: P(abstract | text). If the field trained as Figure 2 prints (shares π over texts), abstracts that name a
method would show hybrid in

    expected = Σ_t π_t P(hybrid | t) / Σ_t π_t P(sft, hybrid or rl | t)

of cases. So printed - expected is the part of the distance that silence explains, expected - observed is the rest: the
choice of studies, or another meaning of hybrid.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache

import numpy as np

from posttrain.statistics import CONFIDENCE, Estimate
from survey.labels.abstract import AbstractMethod
from survey.labels.abstract_readings import READER, abstracts_of_texts
from survey.labels.readings import Method, bundled_labels, by_paper, settled_method
from survey.trends.abstract_methods import FIGURE_2, printed_share, share_text, shares_of_year
from survey.trends.correction import Floats, drawn_weights
from survey.trends.stratified import DRAWS

_TEXTS = (Method.SFT, Method.HYBRID, Method.RL)  # in the order of FIGURE_2
_CLASSES = tuple(AbstractMethod)
_HYBRID = FIGURE_2.index(AbstractMethod.HYBRID)
_NAMED = [_CLASSES.index(method) for method in FIGURE_2]


@dataclass(frozen=True)
class Silence:
    """The hybrid share of a year: printed, expected in abstracts if the field trained so, and observed in abstracts."""

    year: str
    printed: Estimate
    expected: Estimate
    observed: Estimate
    explained: Estimate  # (printed - expected) / (printed - observed)


@cache
def text_by_abstract(labeller: str = READER) -> dict[Method, Counter[AbstractMethod]]:
    """Return how many papers have each label of the text and of the abstract: text → abstract → papers.

    Only papers whose texts several readers labelled alike. `labeller` read the abstracts: a reader, who has those of
    papers that train, or the machine, which has all.
    """
    counts: dict[Method, Counter[AbstractMethod]] = {}
    abstracts = abstracts_of_texts(labeller)
    for paper, readings in by_paper(bundled_labels()).items():
        method = settled_method(readings)
        if len(readings) > 1 and method is not None and paper in abstracts:
            counts.setdefault(method, Counter())[abstracts[paper]] += 1
    return counts


@cache  # the first line and the notes of a report ask for the same year
def silence_of(year: str = "2025", seed: int = 0, draws: int = DRAWS) -> Silence:
    """Return how much of the distance in the share of hybrid silence explains, with 95 % intervals.

    They carry the chance in all three samples: the studies of Figure 2, the papers read in text and abstract, and the
    labelled abstracts. A distance of nothing leaves `explained` without a value.
    """
    rng = np.random.default_rng(seed)
    counts = text_by_abstract()
    pairs = np.array([[counts.get(text, Counter())[method] for method in _CLASSES] for text in _TEXTS], dtype=float)
    printed = [cell for method in FIGURE_2 if (cell := printed_share(year, method)) is not None]
    studies = np.array([cell.k for cell in printed], dtype=float)
    observed = shares_of_year(year, FIGURE_2)
    point = expected_in_abstracts(studies[None], pairs[None])
    texts, abstracts = (
        drawn_weights(rng, np.broadcast_to(numbers, (draws, *numbers.shape))) for numbers in (studies, pairs)
    )
    shown = expected_in_abstracts(texts, abstracts)
    prints = texts[:, _HYBRID] / texts.sum(axis=1)
    shows = rng.permutation(observed.shares[_HYBRID].draws)[:draws]
    share, ours = printed[_HYBRID].share, observed.shares[_HYBRID].share
    if share == ours:
        explained = Estimate(None, None, None, "there is no distance")
    else:
        explained = _estimate((share - float(point[0])) / (share - ours), (prints - shown) / (prints - shows))
    return Silence(
        year,
        Estimate(share, printed[_HYBRID].low, printed[_HYBRID].high),
        _estimate(float(point[0]), shown),
        Estimate(ours, observed.shares[_HYBRID].low, observed.shares[_HYBRID].high),
        explained,
    )


def silence_sentence(year: str = "2025") -> str:
    """Return one sentence for the first screen: printed, observed, and how much of the distance silence explains."""
    silence = silence_of(year)
    texts = text_by_abstract()[Method.HYBRID]
    papers = printed_share(year, AbstractMethod.HYBRID)
    assert papers is not None
    return (
        f"Of {year}'s abstracts that name sft, rl or both, {_percent(silence.observed)} name both, where the survey's "
        f"Figure 2 has {_percent(silence.printed)} hybrid ({papers.k} of {papers.n} studies): "
        f"of {texts.total()} papers whose text has both, {texts[AbstractMethod.HYBRID]} say so in the abstract, so a "
        f"field as in Figure 2 would show {_percent(silence.expected)}, and silence explains "
        f"{_percent(silence.explained)} of the distance; the rest is the choice of studies, or another meaning of "
        "hybrid."
    )


def expected_in_abstracts(studies: Floats, abstracts: Floats) -> Floats:
    """Return the share of hybrid among abstracts that name a method [draws].

    `studies` [draws, texts] weighs what papers train, `abstracts` [draws, texts, classes] how their abstracts speak.
    """
    speaks = abstracts / abstracts.sum(axis=2, keepdims=True)
    weighed = np.einsum("dt,dtc->dc", studies / studies.sum(axis=1, keepdims=True), speaks)
    expected: Floats = weighed[:, _NAMED[_HYBRID]] / weighed[:, _NAMED].sum(axis=1)
    return expected


def _estimate(share: float, draws: Floats) -> Estimate:
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(share, min(float(low), share), max(float(high), share))


def _percent(estimate: Estimate) -> str:
    if estimate.share is None or estimate.low is None or estimate.high is None:
        return "an unknown part"
    return share_text(estimate.share, estimate.low, estimate.high)
