"""The classifier of abstracts: which training an abstract names, and who wrote the data, by counts of cues.

No fitted model is stored. `data/reference/abstract_training.parquet` holds the cues of the labelled abstracts, counted,
and no text. The classifier is fitted to them in seconds when abstracts are to be labelled, always to the same result.

Two learners are measured, a regression (softmax) and extremely randomised trees, and both together (the mean of their
probabilities). Which of the three speaks is chosen by cross-validation inside the abstracts that a classifier learns
from, never on those that it is measured on.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.model_selection import StratifiedKFold

from posttrain.reference import reference_path
from survey.labels.abstract import AbstractMethod, AbstractSource
from survey.labels.abstract_readings import LabelledAbstract, labelled_abstracts
from survey.labels.abstract_validation import Unseen
from survey.labels.classifier import read_features
from survey.labels.method import Features

FOLDS, _INNER_FOLDS = 10, 5
_TREES = 200
_COLUMNS = 60  # that a tree chooses from at a fork
_PENALTY = 0.3  # C of the regression: the squares of some 900 weights are kept small
_LEAST_ABSTRACTS = 3  # in which a cue must stand to be learned from

Array = NDArray[np.float64]


class Route(StrEnum):
    """Whose probabilities decide."""

    REGRESSION = "regression"
    TREES = "trees"
    TOGETHER = "together"


class AbstractClassifier:
    """Fitted at once to examples; `route` is chosen among them by cross-validation where it is not given."""

    def __init__(self, examples: Mapping[str, LabelledAbstract], features: Mapping[str, Features]) -> None:
        methods = {i: paper.method for i, paper in examples.items() if paper.method}
        sources = {i: paper.source for i, paper in examples.items() if paper.source}
        self._method = _Learner([features[i] for i in methods], [str(method) for method in methods.values()])
        self._source = _Learner([features[i] for i in sources], [str(source) for source in sources.values()])

    @property
    def route(self) -> Route:
        """The route that decides methods."""
        return self._method.route

    def methods(self, papers: Sequence[Features], route: Route | None = None) -> list[AbstractMethod]:
        """Return the likeliest method of each abstract."""
        return [AbstractMethod(label) for label in self._method.predict(papers, route)]

    def sources(self, papers: Sequence[Features]) -> list[AbstractSource]:
        """Return the likeliest source of each abstract, if it trains."""
        return [AbstractSource(label) for label in self._source.predict(papers)]


class _Learner:
    """Both learners of one question, and the route that their own examples choose."""

    def __init__(self, papers: Sequence[Features], answers: Sequence[str]) -> None:
        counts: dict[str, int] = {}
        for paper in papers:
            for name in paper:
                counts[name] = counts.get(name, 0) + 1
        self._names = sorted(name for name, n in counts.items() if n >= _LEAST_ABSTRACTS)
        numbers, labels = self._numbers(papers), np.array(answers)
        self.route = _chosen_route(numbers, labels)
        self._regression, self._trees = _regression().fit(numbers, labels), _trees().fit(numbers, labels)

    def predict(self, papers: Sequence[Features], route: Route | None = None) -> list[str]:
        """Return the likeliest answer of each paper."""
        if not papers:
            return []
        numbers, route = self._numbers(papers), route or self.route
        likelihood = _mixed(self._regression, self._trees, numbers, route)
        return [str(self._trees.classes_[at]) for at in likelihood.argmax(axis=1)]

    def _numbers(self, papers: Sequence[Features]) -> Array:
        column = {name: at for at, name in enumerate(self._names)}
        counts = np.zeros((len(papers), len(self._names)))
        for row, paper in enumerate(papers):
            for name, n in paper.items():
                if name in column:
                    counts[row, column[name]] = n
        return np.log1p(counts)


def unseen_methods(papers: Sequence[LabelledAbstract], features: Mapping[str, Features], seed: int = 0) -> list[Unseen]:
    """Return every labelled abstract as classifiers make of it that have not seen it, in the order given.

    The abstracts are cut into ten folds; each is read by a classifier fitted to the others, its route chosen inside.
    """
    strata = [str(paper.method or "in dispute") for paper in papers]
    unseen: dict[str, Unseen] = {}
    for learned, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(strata, strata):
        classifier = AbstractClassifier({papers[at].arxiv_id: papers[at] for at in learned}, features)
        ids = [papers[at].arxiv_id for at in held_out]
        numbers = [features[i] for i in ids]
        by_route = [classifier.methods(numbers, route) for route in Route]
        for i, method, regression, trees, both, source in zip(
            ids, classifier.methods(numbers), *by_route, classifier.sources(numbers), strict=True
        ):
            unseen[i] = Unseen(i, method, regression, trees, both, source)
    return [unseen[paper.arxiv_id] for paper in papers]


@cache
def bundled_classifier() -> AbstractClassifier:
    """Return the classifier that has learned from all labelled abstracts that come with posttrain."""
    return AbstractClassifier(
        {paper.arxiv_id: paper for paper in labelled_abstracts()},
        read_features(reference_path("abstract_training.parquet")),
    )


def _chosen_route(numbers: Array, labels: NDArray[np.str_]) -> Route:
    """Return the route with the highest kappa in a cross-validation of these examples."""
    guesses = {route: labels.copy() for route in Route}
    for learned, held_out in StratifiedKFold(_INNER_FOLDS, shuffle=True, random_state=1).split(numbers, labels):
        regression = _regression().fit(numbers[learned], labels[learned])
        trees = _trees().fit(numbers[learned], labels[learned])
        for route, guess in guesses.items():
            guess[held_out] = trees.classes_[_mixed(regression, trees, numbers[held_out], route).argmax(axis=1)]
    return max(Route, key=lambda route: float(cohen_kappa_score(labels, guesses[route])))


def _mixed(regression: LogisticRegression, trees: ExtraTreesClassifier, numbers: Array, route: Route) -> Array:
    by_regression: Array = regression.predict_proba(numbers) if route is not Route.TREES else np.zeros(())
    by_trees: Array = trees.predict_proba(numbers) if route is not Route.REGRESSION else np.zeros(())
    return by_regression + by_trees


def _regression() -> LogisticRegression:
    return LogisticRegression(C=_PENALTY, max_iter=2000)


def _trees() -> ExtraTreesClassifier:
    return ExtraTreesClassifier(
        _TREES, min_samples_leaf=2, max_features=_COLUMNS, class_weight="balanced_subsample", random_state=0
    )
