"""Training: what every paper of a sample trains by, whose data it takes, and which other papers it cites.

Reads text after text and fills the tables of the warehouse. Papers are decided a few hundred at a time, so that the
numbers of a large sample need not be held at once.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from posttrain.errors import ConfigurationError
from survey.labels.classifier import Classifier, bundled_features, decide, read_features
from survey.labels.cross_validation import examples_of
from survey.labels.cues import CueFinder
from survey.labels.method import Features
from survey.labels.readings import bundled_labels, merge, own_labels
from survey.mentions.citations import CitationFinder
from survey.store.texts import StoredText
from survey.warehouse.database import Training

_AT_ONCE = 500
_WORTH_SCANNING = 20  # papers from which compiling all patterns for one pass, which takes seconds, pays


class TrainingReader:
    """Reads the papers (key, title) of a sample, by their number, into `training`."""

    def __init__(self, papers: Sequence[tuple[str, str]], data: Path, training: Training) -> None:
        self._papers, self._training = papers, training
        self._number = {key: number for number, (key, _) in enumerate(papers)}
        self._citations = CitationFinder(papers)
        self._cues, self._classifier = cue_finder(len(papers)), classifier_of(data)
        self._waiting: dict[str, Features] = {}

    def read(self, paper: int, text: StoredText) -> None:
        """Take in one paper."""
        key, title = self._papers[paper]
        self._waiting[key] = self._cues.read(text, title).features()
        self._training.citations += [(paper, self._number[cited]) for cited in sorted(self._citations.find(text, key))]
        if len(self._waiting) == _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Decide the papers that wait."""
        for key, prediction in self._classifier.predict(self._waiting).items():
            paper, one = self._number[key], decide(self._waiting[key], prediction)
            method = (paper, str(one.method), one.probability, str(one.by_cues), str(one.by_classifier))
            self._training.methods.append(method)
            self._training.sources += [
                (paper, str(source), rank, one.source_probability) for rank, source in enumerate(one.sources)
            ]
        self._waiting = {}


def cue_finder(papers: int) -> CueFinder:
    """Return the finder of cues that reads so many papers soonest; both find the same."""
    return _scanning_finder() if papers > _WORTH_SCANNING else CueFinder(scan=False)


@cache
def _scanning_finder() -> CueFinder:
    return CueFinder()


def features_path(data: Path) -> Path:
    """Where the numbers of the papers lie that the user has labelled."""
    return data / "training.parquet"


def features_of(data: Path) -> Mapping[str, Features]:
    """Return the numbers of all labelled papers, the bundled ones and the user's own."""
    own = features_path(data)
    return bundled_features() | (read_features(own) if own.exists() else {})


def classifier_of(data: Path) -> Classifier:
    """Return the classifier, fitted to the bundled labels and to the user's own where `survey annotate train` ran."""
    return _own_classifier(data) if features_path(data).exists() else _bundled_classifier()


@cache
def _bundled_classifier() -> Classifier:
    return Classifier(examples_of(bundled_labels(), bundled_features()))


def _own_classifier(data: Path) -> Classifier:
    readings = merge(bundled_labels(), own_labels(data))
    try:
        return Classifier(examples_of(readings, features_of(data)))
    except ValueError as error:
        raise ConfigurationError(f"too few labels to learn from: {error}", "survey annotate next") from error
