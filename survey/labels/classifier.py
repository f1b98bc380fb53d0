"""The classifier of method and data source: trees over counts of cues, fitted to readers' labels.

`data/reference/training.parquet` holds the numbers (cues, counted) of the papers that readers have labelled, so the
same labels give the same model. Growing its trees takes twenty seconds, so they are kept as plain numbers
(`survey.labels.kept`).

A method is decided by four questions, each asked of the papers that it concerns: does the work train a generative
language model? if so, online? if not online, by preferences? if online, with a supervised stage too? The probability
of a method is the product along its path. Four small questions learn more from few labels than one large one. The
first has the most papers, and is asked of all numbers; the last has the fewest, and is asked of the balances alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from posttrain.reference import reference_path
from survey.labels.cues import SCOPES, SENTENCES, load_cues
from survey.labels.decision import Decision
from survey.labels.forest import Array, Forest, Ints, Question, Stored, grown, learned_question, unseen_votes
from survey.labels.method import Features, balances, method_by_cues, shares
from survey.labels.readings import TRAINS, DataSource, Method, Reading, by_paper, settled_method, settled_source

TRAINS_AT_ALL, ONLINE, BY_PREFERENCE = "train", "train online", "train by preferences"
SUPERVISED_TOO = "train online and supervised"
_QUESTIONS = (TRAINS_AT_ALL, ONLINE, BY_PREFERENCE, SUPERVISED_TOO)
_LEAST_EXAMPLES = 3  # of a class on either side of a question
_RULE_VOTE = 0.25  # set before it was measured
_SECOND_SOURCE = 0.3  # probability from which a source is named after the primary one
_UNSURE = 0.35  # the highest probability below which a paper is unclear
_ON_SOURCES = ("api.", "open_weight.", "benchmark.", "human.", "sft.self", "sft.distil")  # cues
_NO_NODES, _NO_VOTES = np.zeros(0, np.int32), np.zeros(0, np.float32)
_NO_TREES = Forest(np.zeros(0, np.str_), _NO_NODES, _NO_NODES, _NO_NODES, _NO_NODES, _NO_VOTES, _NO_VOTES, _NO_VOTES)


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
    """Fitted to examples by arXiv id, or restored from the arrays of one that was.

    A paper that it learned from is judged by the trees that have not seen it, so that its label errs as a new one's.
    """

    def __init__(self, papers: Sequence[str], questions: Mapping[str, Question], sources: Forest, known: Ints) -> None:
        self._papers, self._row = papers, {paper: row for row, paper in enumerate(papers)}
        self._names = [f"{cue.name}@{scope}" for cue in load_cues() for scope in SCOPES]
        self._questions, self._sources, self._known = questions, sources, known
        kinds = self._kinds()
        self._sources_of = kinds == "balance"
        self._sources_of[: len(self._names)] = [name.startswith(_ON_SOURCES) for name in self._names]

    @classmethod
    def fitted(cls, by_paper: Mapping[str, Example]) -> Self:
        """Learn from examples. Raises ValueError where a class that a question needs has too few."""
        learner = cls(list(by_paper), {}, _NO_TREES, np.zeros(0, np.int32))
        examples = list(by_paper.values())
        numbers = learner._numbers([example.features for example in examples])
        kinds = learner._kinds()
        methods = np.array([example.method for example in examples])
        trains, online = np.isin(methods, TRAINS), np.isin(methods, (Method.RL, Method.HYBRID))
        asked = {  # the answers, of whom it is asked, by which numbers
            TRAINS_AT_ALL: (trains, trains | ~trains, kinds != ""),
            ONLINE: (online, trains, kinds != "share"),
            BY_PREFERENCE: (methods == Method.PREFERENCE, trains & ~online, kinds != "share"),
            SUPERVISED_TOO: (methods == Method.HYBRID, online, kinds == "balance"),
        }
        sources = np.array([example.primary or "" for example in examples])
        known = sources != ""
        for question, (answers, of, _) in asked.items():
            fewest = int(min(answers[of].sum(), (~answers[of]).sum()))
            if fewest < _LEAST_EXAMPLES:
                raise ValueError(f"{fewest} labelled papers on one side of the question whether papers {question}")
        fewest = min(int((sources == source).sum()) for source in DataSource)
        if fewest < _LEAST_EXAMPLES:
            raise ValueError(
                f"{fewest} labelled papers of a data source; at least {_LEAST_EXAMPLES} of each are needed"
            )
        learner._questions = {name: learned_question(numbers, *parts) for name, parts in asked.items()}
        learner._sources = grown(numbers[known][:, learner._sources_of], sources[known])
        learner._known = np.flatnonzero(known).astype(np.int32)
        return learner

    def stored(self) -> dict[str, NDArray[np.generic]]:
        """Return everything that was learned as arrays of numbers and names."""
        arrays: dict[str, NDArray[np.generic]] = {"papers": np.array(self._papers), "known": self._known}
        for name, question in self._questions.items():
            arrays |= question.stored(name)
        return arrays | self._sources.stored("sources")

    @classmethod
    def restored(cls, stored: Stored) -> Self:
        """Return the classifier of stored arrays. Raises ValueError or KeyError where they are none."""
        questions = {name: Question.restored(stored, name) for name in _QUESTIONS}
        papers = [str(paper) for paper in stored["papers"]]
        classifier = cls(papers, questions, _NO_TREES, stored["known"].astype(np.int32))
        columns = len(classifier._kinds())
        if any(question.columns.max(initial=0) >= columns for question in questions.values()):
            raise ValueError("a question is about numbers that there are not")
        classifier._sources = Forest.restored(stored, "sources", int(classifier._sources_of.sum()))
        return classifier

    def predict(self, papers: Mapping[str, Features]) -> dict[str, Prediction]:
        """Return the probabilities of each paper's method and data source."""
        if not papers:
            return {}
        numbers, rows = self._numbers(list(papers.values())), [self._row.get(paper) for paper in papers]
        trains, online, preference, hybrid = (self._questions[name].ask(numbers, rows) for name in _QUESTIONS)
        by_method = {
            Method.SFT: trains * (1 - online) * (1 - preference),
            Method.HYBRID: trains * online * hybrid,
            Method.RL: trains * online * (1 - hybrid),
            Method.PREFERENCE: trains * (1 - online) * preference,
            Method.NONE: 1 - trains,
        }
        sources = unseen_votes(self._sources, self._known, numbers[:, self._sources_of], rows)
        return {
            paper: Prediction(
                {method: float(probabilities[at]) for method, probabilities in by_method.items()},
                {DataSource(source): float(p) for source, p in zip(self._sources.classes, sources[at], strict=True)},
            )
            for at, paper in enumerate(papers)
        }

    def _kinds(self) -> NDArray[np.str_]:
        """The kind of each column: a cue, a balance or a share."""
        return np.repeat(["cue", "balance", "share"], [len(self._names), len(balances({})), len(shares({}))])

    def _numbers(self, papers: Sequence[Features]) -> Array:
        counts = np.array([[paper.get(name, 0) for name in self._names] for paper in papers], dtype=float)
        return np.hstack([np.log1p(counts), np.array([balances(paper) + shares(paper) for paper in papers])])


def examples_of(readings: Sequence[Reading], features: Mapping[str, Features]) -> dict[str, Example]:
    """Return the papers to learn from: those with numbers, on whose method their readers agree."""
    examples = {}
    for paper, own in by_paper(readings).items():
        method = settled_method(own)
        if paper in features and method not in (None, Method.UNCLEAR):
            examples[paper] = Example(features[paper], method, settled_source(own))
    return examples


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
