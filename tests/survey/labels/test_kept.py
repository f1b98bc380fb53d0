"""The kept classifier: it answers as when it was learned, is of its labels alone, and holds no code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from posttrain.errors import UnwritableError
from posttrain.reference import reference_path
from survey.labels.classifier import Classifier, bundled_features, examples_of
from survey.labels.cues import load_cues, loosened
from survey.labels.forest import Forest, grown
from survey.labels.kept import KEPT, classifier_for, key_of, read_kept, write_kept
from survey.labels.readings import bundled_labels

BUNDLED = reference_path(KEPT)


def _arrays() -> dict[str, np.ndarray]:
    with np.load(BUNDLED, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _learned_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Classifier:
        raise AssertionError("it was learned again")

    monkeypatch.setattr(Classifier, "fitted", refuse)


def test_the_committed_classifier_is_of_the_committed_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`survey label` of a new folder learns nothing: labels, numbers, cues and code are those of the kept file."""
    _learned_no_more(monkeypatch)
    answers = classifier_for(tmp_path, dict).predict({"new": {"rl.algorithm@own": 9, "sentences": 90}})
    assert sum(answers["new"].methods.values()) == pytest.approx(1)
    assert list(tmp_path.iterdir()) == []


def test_labelling_loads_no_learner() -> None:
    """scikit-learn takes two seconds to load, and a kept classifier needs none of it."""
    code = (
        "import sys, pathlib; from survey.labels.reader import PaperReader; PaperReader(1, pathlib.Path('nowhere'));"
        "print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_a_new_fit_answers_as_the_committed_classifier() -> None:
    """Every labelled paper, and the same papers under other names."""
    examples = examples_of(bundled_labels(), bundled_features())
    new, committed = Classifier.fitted(examples), Classifier.restored(_arrays())
    papers = {paper: example.features for paper, example in examples.items()}
    papers |= {f"other {paper}": features for paper, features in papers.items()}
    ours, theirs = new.predict(papers), committed.predict(papers)
    same = [ours[paper].method is theirs[paper].method for paper in papers]
    assert sum(same) >= len(same) - 4, "another processor may round a tie the other way"


@pytest.mark.slow
def test_a_forest_votes_as_the_trees_of_scikit_learn() -> None:
    """Stored trees against the library's own, on numbers that the trees have not seen."""
    rng = np.random.default_rng(5)
    numbers, unseen = rng.poisson(1.5, (90, 12)).astype(float), rng.poisson(1.5, (40, 12)).astype(float)
    answers = np.array(["a", "b", "c"])[(numbers[:, 0] + numbers[:, 3]).astype(int) % 3]
    theirs = ExtraTreesClassifier(
        200, min_samples_leaf=2, max_features=3, class_weight="balanced_subsample", bootstrap=True, oob_score=True,
        random_state=0,
    ).fit(numbers, answers)  # fmt: skip
    forest = grown(numbers, answers)
    assert forest.votes_on(unseen) == pytest.approx(theirs.predict_proba(unseen), abs=1e-6)
    assert forest.unseen == pytest.approx(theirs.oob_decision_function_, abs=1e-6)
    again = Forest.restored(forest.stored("f"), "f", 12)
    assert np.array_equal(again.votes_on(unseen), forest.votes_on(unseen))


def test_a_changed_label_makes_another_key(tmp_path: Path) -> None:
    """One's own labels and numbers are part of it, and so is the version of the learner."""
    before = key_of(tmp_path, "1.0")
    shutil.copy(reference_path("training.parquet"), tmp_path / "training.parquet")
    with_numbers = key_of(tmp_path, "1.0")
    (tmp_path / "labels.csv").write_text("arxiv_id,method,sources,labeller,date\n2501.00001,sft,api,ana,2026-01-01\n")
    with_labels = key_of(tmp_path, "1.0")
    assert len({before, with_numbers, with_labels, key_of(tmp_path, "1.1")}) == 4
    assert read_kept(BUNDLED, tmp_path) is None


@pytest.mark.slow
def test_what_was_learned_once_is_kept_in_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call learns nothing, also where the bundled file is of other labels."""
    monkeypatch.setattr("survey.labels.forest.TREES", 30)
    shutil.copy(reference_path("training.parquet"), tmp_path / "training.parquet")
    examples = examples_of(bundled_labels(), bundled_features())
    first = classifier_for(tmp_path, lambda: examples)
    assert (tmp_path / KEPT).exists()
    _learned_no_more(monkeypatch)
    paper = {"new": {"sft.we-tune-lm@own": 12, "sentences": 200}}
    assert classifier_for(tmp_path, dict).predict(paper) == first.predict(paper)


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "pickle", "loop", "column", "missing", "nan"])
def test_a_damaged_file_is_no_classifier(tmp_path: Path, damage: str) -> None:
    """Cut, of something else, with objects in it, with a tree that runs in a circle, or with numbers that are none."""
    path, arrays = tmp_path / KEPT, _arrays()
    if damage == "cut":
        path.write_bytes(BUNDLED.read_bytes()[:-2000])
    elif damage in ("text", "empty"):
        path.write_text("no numbers" if damage == "text" else "")
    else:
        if damage == "pickle":
            arrays["papers"] = np.array([{"a": 1}], dtype=object)
        elif damage == "missing":
            del arrays["sources.left"]
        elif damage == "loop":
            arrays["train.left"] = np.zeros_like(arrays["train.left"])
        elif damage == "nan":
            arrays["train.votes"] = np.full_like(arrays["train.votes"], np.nan)
        else:
            arrays["sources.column"] = arrays["sources.column"] + 10_000
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    assert read_kept(path, tmp_path) is None


def test_where_nothing_can_be_written_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The classifier is there all the same."""
    monkeypatch.setattr("survey.labels.forest.TREES", 30)
    shutil.copy(reference_path("training.parquet"), tmp_path / "training.parquet")
    (tmp_path / KEPT).mkdir()  # nothing can be written in its place
    examples = examples_of(bundled_labels(), bundled_features())
    assert classifier_for(tmp_path, lambda: examples).predict({}) == {}
    with pytest.raises(UnwritableError, match="cannot write"):
        write_kept(Classifier.restored(_arrays()), tmp_path, tmp_path / KEPT)


def test_a_loosened_pattern_ends_wherever_the_pattern_ends() -> None:
    """Bounds are dropped, nothing else; every example of every cue is still met."""
    assert loosened(r"\bwe [^.;]{0,80}?tune(?:\w+ ){1,2}x{3}") == r"\bwe [^.;]*tune(?:\w+ )*x*"
    for cue in load_cues():
        for sentence in cue.finds:
            loose = re.compile("|".join(f"(?:{loosened(pattern)})" for pattern in cue.patterns), re.IGNORECASE)
            assert loose.search(sentence), (cue.name, sentence)
