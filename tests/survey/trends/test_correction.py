"""Corrected shares: exact cases by hand, the likelihood against SciPy, and the measured coverage of the intervals."""

import numpy as np
import pytest
from scipy.optimize import minimize

from posttrain.statistics import wilson
from survey.labels.agreement import Confusion
from survey.trends.correction import CorrectedShare, correct_shares, most_likely_mix

CLASSES = ("sft", "rl", "hybrid", "preference", "none")
CHECKED = Confusion(CLASSES, ((50, 1, 3, 0, 2), (1, 55, 4, 1, 0), (2, 1, 26, 0, 0), (0, 0, 1, 27, 3), (2, 0, 0, 0, 18)))
PREDICTED = dict(zip(CLASSES, (100, 200, 500, 120, 80), strict=True))
# Which labels a reader takes for which, where they err: mostly hybrid for its parts and back.
_MISTAKEN = np.array([[0, 1, 5, 1, 3], [1, 0, 6, 2, 1], [4, 4, 0, 1, 1], [1, 2, 1, 0, 6], [6, 1, 1, 2, 0]]) / 10
_VALIDATED_MIX = np.array([0.3, 0.3, 0.15, 0.15, 0.1])
_SHIFTED_MIX = np.array([0.1, 0.2, 0.55, 0.12, 0.03])


def _drawn(rng: np.random.Generator, n: int, mix: np.ndarray) -> tuple[Confusion, dict[str, int]]:
    """A validation sample of 200 papers and a period of n, read with 90 % accuracy."""
    rates = 0.9 * np.eye(5) + 0.1 * _MISTAKEN
    seen = rng.multinomial(200, (_VALIDATED_MIX[:, None] * rates).ravel()).reshape(5, 5)
    predicted = rng.multinomial(n, mix @ rates)
    return Confusion(CLASSES, tuple(map(tuple, seen.tolist()))), dict(zip(CLASSES, predicted.tolist(), strict=True))


def _by_label(shares: tuple[CorrectedShare, ...]) -> dict[str, CorrectedShare]:
    return {share.label: share for share in shares}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "mix"), [pytest.param(100, _VALIDATED_MIX, marks=pytest.mark.slow), (1000, _SHIFTED_MIX)]
)
def test_the_interval_covers_the_truth(n: int, mix: np.ndarray) -> None:
    """Of 400 simulations 95 % of the intervals hold the true share: of no class fewer than 3.3 standard errors below.

    Over all classes the rate may be above the nominal one, never below it by more than chance.
    """
    rng, held = np.random.default_rng(11), np.zeros(5)
    for seed in range(400):
        validation, predicted = _drawn(rng, n, mix)
        shares = correct_shares({"2024": predicted}, validation, seed, replicates=400)["2024"]
        bounds = [(share.low, share.high) for share in shares if share.low is not None and share.high is not None]
        held += [low <= truth <= high for (low, high), truth in zip(bounds, mix, strict=True)]
    assert (held / 400).min() >= 0.914, held / 400
    assert 0.94 <= held.mean() / 400 <= 0.98, held / 400


def test_the_raw_share_is_where_the_errors_put_it() -> None:
    """At 1,000 papers Wilson's interval of the raw hybrid share misses the truth more often than not."""
    rng, raw_held = np.random.default_rng(12), 0
    for _ in range(100):
        validation, predicted = _drawn(rng, 1000, _SHIFTED_MIX)
        raw = _by_label(correct_shares({"2024": predicted}, validation, replicates=2)["2024"])["hybrid"].raw
        assert raw and raw.n == 1000
        raw_held += raw.low <= 0.55 <= raw.high
    assert raw_held < 50


def test_a_machine_that_never_erred_leaves_the_shares_near_the_raw_ones() -> None:
    """Up to the errors that 400 papers without one still allow."""
    perfect = Confusion(("sft", "rl"), ((200, 0), (0, 200)))
    sft, rl = correct_shares({"2024": {"sft": 30, "rl": 70}}, perfect)["2024"]
    assert sft.share == pytest.approx(0.3, abs=0.002) and rl.share == pytest.approx(0.7, abs=0.002)
    assert (
        sft.raw
        and sft.low == pytest.approx(sft.raw.low, abs=0.02)
        and sft.high == pytest.approx(sft.raw.high, abs=0.02)
    )


def test_two_classes_are_the_adjusted_count() -> None:
    """Of RL papers 80 % are called RL and of others 10 %: 45 % called RL are (45 - 10) / (80 - 10) = 50 % RL."""
    validation = Confusion(("rl", "other"), ((8000, 2000), (1000, 9000)))
    rl, other = correct_shares({"2024": {"rl": 450, "other": 550}}, validation)["2024"]
    assert rl.share == pytest.approx(0.5, abs=1e-3) and other.share == pytest.approx(0.5, abs=1e-3)
    nearly_none, _ = correct_shares({"2024": {"rl": 50, "other": 950}}, validation)["2024"]
    assert nearly_none.share == nearly_none.low == 0  # the inverse would say -7 %
    assert nearly_none.high == wilson(0, 1000)[1]  # and the bound of none in 1,000 papers is not 0


def test_em_finds_the_most_likely_mix() -> None:
    """No mix that SciPy finds is more probable, for each of 20 drawn rates at once."""
    rng = np.random.default_rng(4)
    rates = (rng.dirichlet(np.ones(4), size=(20, 4)) + 3 * np.eye(4)) / 4
    counts = rng.multinomial(300, [0.4, 0.3, 0.2, 0.1], size=20).astype(float)
    mixes = most_likely_mix(rates, counts)
    assert mixes.sum(axis=1) == pytest.approx(np.ones(20))
    for mix, phi, q in zip(mixes, rates, counts, strict=True):

        def loss(free: np.ndarray, phi: np.ndarray = phi, q: np.ndarray = q) -> float:
            return -float(q @ np.log(np.exp(free) / np.exp(free).sum() @ phi))

        found = minimize(loss, np.zeros(4), bounds=[(-12, 12)] * 4)
        assert loss(np.log(np.maximum(mix, 1e-12))) <= found.fun + 1e-3


def test_a_class_that_was_never_validated_is_not_corrected() -> None:
    """It has a reason instead of a number; the others' shares and its machine's label make up the whole."""
    validation = Confusion(("sft", "rl", "agentic"), ((90, 10, 0), (5, 95, 0), (0, 0, 0)))
    found = _by_label(correct_shares({"2024": {"sft": 40, "rl": 40, "agentic": 20}}, validation)["2024"])
    agentic = found["agentic"]
    assert agentic.reason == "none of the 200 validation papers is agentic, so how it is read is unknown"
    assert (agentic.share, agentic.low, agentic.high, agentic.replicates) == (None, None, None, None)
    assert agentic.raw and agentic.raw.k == 20
    sft, rl = found["sft"].share, found["rl"].share
    assert sft and rl and 0.75 < sft + rl <= 0.85 and not found["sft"].reason


def test_without_papers_there_is_nothing_to_correct() -> None:
    """A period without papers and a validation without papers have reasons, never nan."""
    empty = correct_shares({"2022": {}}, CHECKED)["2022"]
    assert {(share.raw, share.share, share.reason) for share in empty} == {(None, None, "the period has no papers")}
    unchecked = correct_shares({"2024": {"rl": 3}}, Confusion(("sft", "rl"), ((0, 0), (0, 0))))["2024"]
    assert [share.share for share in unchecked] == [None, None]


def test_a_prediction_that_no_class_explains_breaks_nothing() -> None:
    """A label that the machine never gave in the validation, and gives to every paper of a period."""
    validation = Confusion(("sft", "rl"), ((50, 0), (50, 0)))
    for share in correct_shares({"2024": {"rl": 10}}, validation)["2024"]:
        assert share.share is not None and share.low is not None and share.high is not None
        assert 0 <= share.low <= share.share <= share.high <= 1
        assert share.high - share.low > 0.9  # nothing is known


def test_the_same_seed_gives_the_same_shares_whatever_else_is_asked() -> None:
    """A period's numbers depend on its own papers; another seed moves the bounds a little."""
    alone = correct_shares({"2024": PREDICTED}, CHECKED)["2024"]
    assert correct_shares({"2023": {"rl": 9}, "2024": PREDICTED}, CHECKED)["2024"] == alone
    other = correct_shares({"2024": PREDICTED}, CHECKED, seed=1)["2024"]
    assert other != alone
    assert [share.high for share in other] == pytest.approx([share.high for share in alone], abs=0.01)


def test_the_replicates_are_mixes() -> None:
    """Each replicate's shares sum to 1, and each corrected share lies within its bounds."""
    shares = correct_shares({"2024": PREDICTED}, CHECKED)["2024"]
    assert sum(share.replicates for share in shares) == pytest.approx(np.ones(4000))
    assert sum(share.share or 0 for share in shares) == pytest.approx(1)
    for share in shares:
        assert share.share is not None and share.low is not None and share.high is not None
        assert 0 <= share.low <= share.share <= share.high <= 1


@pytest.mark.parametrize(
    ("periods", "said"),
    [
        ({"2024": {"dpo": 3}}, "2024 has 3 papers of dpo; expected 0 or more of each of sft, rl"),
        ({"2024": {"rl": -1}}, "2024 has -1 papers of rl"),
    ],
)
def test_counts_that_cannot_be_are_refused(periods: dict[str, dict[str, int]], said: str) -> None:
    """What was found and what was expected."""
    with pytest.raises(ValueError, match=said):
        correct_shares(periods, CHECKED)
