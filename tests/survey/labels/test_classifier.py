"""The two routes to a method and a data source, and what they are worth."""

from pathlib import Path

import pytest

from posttrain.errors import PosttrainError
from survey.labels.agreement import Agreement, agreement_of
from survey.labels.classifier import (
    Classifier,
    bundled_features,
    decide,
    examples_of,
    read_features,
    write_features,
)
from survey.labels.cues import CueFinder
from survey.labels.data_source import sources_by_cues
from survey.labels.method import method_by_cues, shares
from survey.labels.reader import classifier_of
from survey.labels.readings import TRAINS, DataSource, Method, bundled_labels
from survey.labels.validation import IN_DISPUTE, METHODS, method_pairs, read_validation, source_pairs
from tests.survey.labels.test_cues import stored

SFT = "We fine-tune Llama-3 with LoRA. The generator is trained on 10k pairs with the cross-entropy loss. "
RL = "We train the policy with GRPO. Our agent is trained using PPO. GRPO maximises the reward. The RL stage is short. "
BOTH = (
    "We apply SFT followed by reinforcement learning. The cold start uses 1k samples. In the SFT stage we use AdamW. "
)
DPO = "We align the model with DPO. The DPO stage needs preference pairs. We use direct preference optimization. "


def _features(text: str) -> dict[str, int]:
    return dict(CueFinder(scan=False).read(stored(f"1 Method\n{text}"), "").features())


@pytest.mark.parametrize(
    ("text", "method"),
    [
        (SFT * 4, Method.SFT),
        (RL * 3, Method.RL),
        (RL * 3 + BOTH * 2, Method.HYBRID),
        (DPO * 2, Method.PREFERENCE),
        ("We prompt GPT-4o with a chain of thought. " * 9, Method.NONE),
        ("The weather was fine over the hills. " * 9, Method.UNCLEAR),
        ("", Method.UNCLEAR),
    ],
)
def test_the_rule_reads_plain_papers(text: str, method: Method) -> None:
    """What a paper repeats in plain words, and an abstention where nothing is said."""
    assert method_by_cues(_features(text)) is method


def test_what_a_paper_is_full_of_counts_apart_from_what_it_mentions() -> None:
    """The same sentences weigh less in a long paper; its length is the last number."""
    long, short = (shares({"sft.name@own": 9, "sentences": n}) for n in (900, 90))
    assert max(long[:-1]) < max(short[:-1]) < 0
    assert long[-1] > short[-1]
    assert _features(SFT)["sentences"] == 2


def test_sources_are_named_by_their_cues() -> None:
    """The most named first; a paper that names none has none."""
    text = (
        "The training data were generated with GPT-4o. GPT-4o serves as teacher for fine-tuning. Annotated by experts. "
    )
    assert sources_by_cues(_features(text))[0] is DataSource.API
    assert sources_by_cues(_features("Nothing is said here at all.")) == []


def test_a_paper_without_cues_is_unclear_whatever_the_classifier_thinks() -> None:
    """An explicit abstention, never a silent guess."""
    prediction = classifier_of(Path("nowhere")).predict({"new": {}})["new"]
    decision = decide({}, prediction)
    assert (decision.method, decision.sources) == (Method.UNCLEAR, ())


def test_both_routes_together_make_one_decision() -> None:
    """Probabilities sum to one, the rule has a vote, and only what trains has sources."""
    features = {
        paper: one.features for paper, one in list(examples_of(bundled_labels(), bundled_features()).items())[::9]
    }
    for name, prediction in classifier_of(Path("nowhere")).predict(features).items():
        assert sum(prediction.methods.values()) == pytest.approx(1)
        assert sum(prediction.sources.values()) == pytest.approx(1)
        decision = decide(features[name], prediction)
        assert decision.method in (decision.by_cues, decision.by_classifier, Method.UNCLEAR)
        assert bool(decision.sources) is (decision.method in TRAINS)


@pytest.mark.slow
def test_the_same_labels_give_the_same_classifier() -> None:
    """Fitted twice, in either order of calls, every probability is the same."""
    examples = examples_of(bundled_labels(), bundled_features())
    some = {f"new {n}": example.features for n, example in enumerate(list(examples.values())[:40])}
    assert Classifier.fitted(examples).predict(some) == Classifier.fitted(examples).predict(some)


def test_a_paper_that_was_learned_from_is_judged_unseen() -> None:
    """By the trees that have not seen it: the same numbers under another name are judged more surely."""
    examples = examples_of(bundled_labels(), bundled_features())
    known = {paper: example.features for paper, example in list(examples.items())[:200]}
    classifier = classifier_of(Path("nowhere"))
    unseen = classifier.predict(known)
    seen = classifier.predict({f"new {paper}": features for paper, features in known.items()})
    right_unseen = sum(unseen[paper].method == examples[paper].method for paper in known)
    right_seen = sum(seen[f"new {paper}"].method == examples[paper].method for paper in known)
    assert right_unseen < right_seen


def test_a_class_without_examples_is_refused() -> None:
    """With the question that nothing answers."""
    examples = examples_of(bundled_labels(), bundled_features())
    without = {paper: one for paper, one in examples.items() if one.method is not Method.PREFERENCE}
    with pytest.raises(ValueError, match="0 labelled papers on one side of the question whether papers train by pref"):
        Classifier.fitted(without)


def test_numbers_survive_writing_and_reading() -> None:
    """All of them."""
    papers = {f"2501.{n:05d}": {"sft.name@own": n + 1, "sentences": 200} for n in range(100)}
    write_features(papers, Path("numbers.parquet"))
    assert read_features(Path("numbers.parquet")) == papers


def test_what_the_routes_are_worth_is_what_the_docs_say() -> None:
    """The tables of docs/labels.md, row by row, from the validation that the report's footer rests on."""
    checked = read_validation()
    assert len(checked) == 248
    told = (Path(__file__).resolve().parents[3] / "docs" / "labels.md").read_text()
    for route, name in (("cues", "by cues"), ("classifier", "by the classifier"), ("together", "together")):
        assert _method_row(name, *method_pairs(checked, route if route == "together" else f"by_{route}")) in told
    twice = {one.arxiv_id for one in bundled_labels() if one.labeller == "reader A"}
    prepared = [one for one in checked if one.arxiv_id in twice]
    for route, name in (("by_cues", "by cues"), ("together", "by the classifier")):
        assert _source_row(f"{name}, all", *source_pairs(checked, route)) in told
        assert _source_row(f"{name}, of the 200", *source_pairs(prepared, route)) in told
    agreement = _agreement(*method_pairs(prepared))
    assert f"macro-F1 is {agreement.confusion.macro_f1(METHODS):.2f} and kappa {agreement.kappa:.2f}" in told


def _agreement(truth: list[str], machine: list[str]) -> Agreement:
    found = agreement_of(truth, machine, (*METHODS, "unclear", IN_DISPUTE))
    assert found is not None
    return found


def _method_row(name: str, truth: list[str], machine: list[str]) -> str:
    one = _agreement(truth, machine)
    f1 = {score.label: score.f1 or 0.0 for score in one.confusion.scores()}
    by_class = " | ".join(f"{f1[method]:.2f}" for method in ("sft", "hybrid", "rl", "preference", "none"))
    macro = one.confusion.macro_f1(METHODS)
    kappa = f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
    return f"| {name} | {one.observed.share:.1%} | {kappa} | {macro:.2f} | {by_class} |"


def _source_row(name: str, truth: list[str], machine: list[str]) -> str:
    right = sum(t == m for t, m in zip(truth, machine, strict=True))
    return f"| {name} | {len(truth)} | {right / len(truth):.2f} |"


def test_numbers_of_an_earlier_version_are_refused() -> None:
    """They lack how many sentences a paper has, and would be weighed wrongly without a word."""
    write_features({"2501.00001": {"sft.name@own": 1, "=llama": 2}}, Path("numbers.parquet"))
    with pytest.raises(PosttrainError, match="earlier version"):
        read_features(Path("numbers.parquet"))


def test_a_damaged_table_of_numbers_says_what_to_do() -> None:
    """Whatever stands in its place."""
    Path("training.parquet").write_bytes(b"PAR1 half of it")
    with pytest.raises(PosttrainError, match="not a table of counts"):
        read_features(Path("training.parquet"))
