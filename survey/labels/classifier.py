"""The classifier of method and data source: trees over counts of cues, fitted to readers' labels when they are needed.

No fitted model is stored. `data/reference/training.parquet` holds the numbers (cues, counted) of the papers that
readers have labelled, so the same labels give the same model everywhere, in seconds.

A method is decided by four questions, each asked of the papers that it concerns: does the work train a generative
language model? if so, online? if not online, by preferences? if online, with a supervised stage too? The probability
of a method is the product along its path. Four small questions learn more from few labels than one large one. The
first has the most papers, and is asked of all numbers; the last has the fewest, and is asked of the balances alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from posttrain.reference import reference_path
from survey.labels.cues import SCOPES, SENTENCES, load_cues
from survey.labels.decision import Decision
from survey.labels.method import Features, balances, method_by_cues, shares
from survey.labels.readings import TRAINS, DataSource, Method

_TREES = 200
_LEAST_COLUMNS = 3  # that a tree chooses from at a fork
_LEAST_EXAMPLES = 3  # of a class on either side of a question
_RULE_VOTE = 0.25  # set before it was measured
_SECOND_SOURCE = 0.3  # probability from which a source is named after the primary one
_UNSURE = 0.35  # the highest probability below which a paper is unclear
_ON_SOURCES = ("api.", "open_weight.", "benchmark.", "human.", "sft.self", "sft.distil")  # cues
Array = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Example:
    """A labelled paper: its counts of cues, and the labels that its readers agree on."""

    features: Features
    method: Method
    primary: DataSource | None


@dataclass(frozen=True)
class Prediction:
    """The classifier's answer for a paper: every class with its probability."""

    methods: Mapping[Method, float]
    sources: Mapping[DataSource, float]  # of the primary source, if the paper trains

    @property
    def method(self) -> Method:
        """The likeliest method; `unclear` where none is likely."""
        best = max(self.methods, key=lambda method: self.methods[method])
        return best if self.methods[best] >= _UNSURE else Method.UNCLEAR

    @property
    def primary(self) -> DataSource:
        """The likeliest primary source."""
        return max(self.sources, key=lambda source: self.sources[source])


class Classifier:
    """Fitted at once to examples by arXiv id. Raises ValueError where a class that a question needs has too few.

    A paper that it learned from is judged by the trees that have not seen it, so that its label errs as a new one's.
    """

    def __init__(self, by_paper: Mapping[str, Example]) -> None:
        examples = list(by_paper.values())
        self._row = {paper: row for row, paper in enumerate(by_paper)}
        self._names = [f"{cue.name}@{scope}" for cue in load_cues() for scope in SCOPES]
        kinds = np.repeat(["cue", "balance", "share"], [len(self._names), len(balances({})), len(shares({}))])
        balance, counted = kinds == "balance", kinds != "share"
        numbers = self._numbers([example.features for example in examples])
        methods = np.array([example.method for example in examples])
        trains = np.isin(methods, TRAINS)
        online = np.isin(methods, (Method.RL, Method.HYBRID))
        self._trains = _Question("train", numbers, trains, trains | ~trains, kinds != "")
        self._online = _Question("train online", numbers, online, trains, counted)
        preference, hybrid = methods == Method.PREFERENCE, methods == Method.HYBRID
        self._preference = _Question("train by preferences", numbers, preference, trains & ~online, counted)
        self._hybrid = _Question("train online and supervised", numbers, hybrid, online, balance)
        sources = np.array([example.primary or "" for example in examples])
        known = sources != ""
        fewest = min((sources == source).sum() for source in DataSource)
        if fewest < _LEAST_EXAMPLES:
            raise ValueError(
                f"{fewest} labelled papers of a data source; at least {_LEAST_EXAMPLES} of each are needed"
            )
        self._sources_of = balance.copy()
        self._sources_of[: len(self._names)] = [name.startswith(_ON_SOURCES) for name in self._names]
        self._sources = _trees(int(self._sources_of.sum())).fit(numbers[known][:, self._sources_of], sources[known])
        self._unseen_sources = _by_row(self._sources.oob_decision_function_, known)

    def predict(self, papers: Mapping[str, Features]) -> dict[str, Prediction]:
        """Return the probabilities of each paper's method and data source."""
        if not papers:
            return {}
        numbers, rows = self._numbers(list(papers.values())), [self._row.get(paper) for paper in papers]
        trains, online = self._trains.ask(numbers, rows), self._online.ask(numbers, rows)
        preference, hybrid = self._preference.ask(numbers, rows), self._hybrid.ask(numbers, rows)
        by_method = {
            Method.SFT: trains * (1 - online) * (1 - preference),
            Method.HYBRID: trains * online * hybrid,
            Method.RL: trains * online * (1 - hybrid),
            Method.PREFERENCE: trains * (1 - online) * preference,
            Method.NONE: 1 - trains,
        }
        sources = _unseen(self._sources.predict_proba(numbers[:, self._sources_of]), self._unseen_sources, rows)
        return {
            paper: Prediction(
                {method: float(probabilities[at]) for method, probabilities in by_method.items()},
                {DataSource(source): float(p) for source, p in zip(self._sources.classes_, sources[at], strict=True)},
            )
            for at, paper in enumerate(papers)
        }

    def _numbers(self, papers: Sequence[Features]) -> Array:
        counts = np.array([[paper.get(name, 0) for name in self._names] for paper in papers], dtype=float)
        return np.hstack([np.log1p(counts), np.array([balances(paper) + shares(paper) for paper in papers])])


def decide(features: Features, prediction: Prediction) -> Decision:
    """Return the two routes together: the classifier's probabilities, with the rule's method as one more vote."""
    by_cues = method_by_cues(features)
    if by_cues is Method.UNCLEAR:  # no cue at all, so nothing was read
        return Decision(Method.UNCLEAR, 0.0, by_cues, by_cues, (), 0.0)
    votes = {m: (p + _RULE_VOTE * (m is by_cues)) / (1 + _RULE_VOTE) for m, p in prediction.methods.items()}
    best = max(votes, key=lambda method: votes[method])
    method = best if votes[best] >= _UNSURE else Method.UNCLEAR
    ranked = sorted(prediction.sources, key=lambda source: -prediction.sources[source])
    sources = tuple(s for s in ranked if s is ranked[0] or prediction.sources[s] >= _SECOND_SOURCE)
    return Decision(
        method, votes[best], by_cues, prediction.method, sources if method in TRAINS else (),
        prediction.sources[ranked[0]] if method in TRAINS else 0.0,
    )  # fmt: skip


class _Question:
    """One yes or no, with a probability: the trees' votes on the papers that each has not seen, through a sigmoid."""

    def __init__(self, question: str, numbers: Array, answers: Bools, asked: Bools, columns: Bools) -> None:
        """Learn `answers` from the rows that are `asked`, by some of the columns."""
        self._columns = columns
        chosen = answers[asked]
        fewest = int(min(chosen.sum(), (~chosen).sum()))
        if fewest < _LEAST_EXAMPLES:
            raise ValueError(f"{fewest} labelled papers on one side of the question whether papers {question}")
        self._trees = _trees(int(columns.sum())).fit(numbers[asked][:, columns], chosen)
        unseen = self._trees.oob_decision_function_[:, 1]
        self._sigmoid = LogisticRegression().fit(_logits(unseen), chosen)
        self._unseen = _by_row(unseen, asked)

    def ask(self, numbers: Array, rows: Sequence[int | None]) -> Array:
        """Return the probability of yes for each paper; `rows` are the examples that they are, if any."""
        votes = _unseen(self._trees.predict_proba(numbers[:, self._columns])[:, 1], self._unseen, rows)
        probabilities: Array = self._sigmoid.predict_proba(_logits(votes))[:, 1]
        return probabilities


def _by_row(votes: Array, asked: Bools) -> dict[int, Array]:
    """The votes of trees on the examples that they have not seen, by the row of the example."""
    return dict(zip(np.flatnonzero(asked).tolist(), votes, strict=True))


def _unseen(votes: Array, unseen: Mapping[int, Array], rows: Sequence[int | None]) -> Array:
    """Return votes, those on examples replaced by the votes of the trees that have not seen them."""
    return np.array([unseen.get(row, vote) if row is not None else vote for row, vote in zip(rows, votes, strict=True)])


def _trees(columns: int) -> ExtraTreesClassifier:
    return ExtraTreesClassifier(
        _TREES, min_samples_leaf=2, max_features=max(_LEAST_COLUMNS, columns // 10), class_weight="balanced_subsample",
        bootstrap=True, oob_score=True, random_state=0,
    )  # fmt: skip


def _logits(votes: Array) -> Array:
    clipped = np.clip(np.nan_to_num(votes, nan=0.5), 0.01, 0.99)
    return np.log(clipped / (1 - clipped))[:, None]


def bundled_features() -> dict[str, dict[str, int]]:
    """Return the numbers of the labelled papers that come with posttrain, by arXiv id."""
    return read_features(reference_path("training.parquet"))


def read_features(path: Path) -> dict[str, dict[str, int]]:
    """Return the numbers of the papers in a file that `write_features` wrote."""
    papers: dict[str, dict[str, int]] = {}
    try:
        table = parquet.read_table(path, columns=["arxiv_id", "feature", "n"])
    except (pyarrow.ArrowException, OSError) as error:
        raise ConfigurationError(
            f"{path} is not a table of counts: {error}", "make a new one: survey annotate train"
        ) from error
    for paper, name, n in zip(*(table[column].to_pylist() for column in ("arxiv_id", "feature", "n")), strict=True):
        papers.setdefault(paper, {})[name] = n
    if any(SENTENCES not in numbers for numbers in papers.values()):
        raise ConfigurationError(f"{path} comes from an earlier version", "make a new one: survey annotate train")
    return papers


def write_features(papers: Mapping[str, Features], path: Path) -> None:
    """Write the numbers of papers; never a text. Raises UnwritableError."""
    rows = [(paper, name, n) for paper, features in sorted(papers.items()) for name, n in sorted(features.items())]
    names = ("arxiv_id", "feature", "n")
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    with whole(path, "free some space and run it again") as unfinished:
        parquet.write_table(pyarrow.table(columns), unfinished, compression="zstd", compression_level=19)
