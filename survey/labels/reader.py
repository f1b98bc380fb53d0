"""Reading a sample: paper after paper to the decision on its method and its data sources.

Papers are decided a few hundred at a time: a call of the classifier costs the same for one paper as for hundreds, and
the numbers of a large sample need not be held at once.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from posttrain.errors import ConfigurationError
from survey.labels.classifier import Classifier, bundled_features, decide, examples_of, read_features
from survey.labels.cues import CueFinder
from survey.labels.decision import Decision
from survey.labels.kept import classifier_for, features_path
from survey.labels.method import Features
from survey.labels.readings import bundled_labels, merge, own_labels
from survey.store.texts import StoredText

_BATCH = 500  # papers that are decided at once
_ENOUGH_TO_SCAN = 8  # papers from which compiling all patterns for one pass, which takes seconds, pays


class PaperReader:
    """Reads the papers of a sample of so many papers, with the classifier of the data folder `data`."""

    def __init__(self, papers: int, data: Path) -> None:
        self._cues, self._classifier = cue_finder(papers), classifier_of(data)
        self._waiting: dict[str, Features] = {}

    def read(self, key: str, title: str, text: StoredText) -> Iterator[tuple[str, Decision]]:
        """Read one paper; yield every (key, decision) of its batch when the batch is full, and nothing before."""
        self._waiting[key] = self._cues.read(text, title).features()
        if len(self._waiting) == _BATCH:
            yield from self.rest()

    def rest(self) -> Iterator[tuple[str, Decision]]:
        """Yield (key, decision) of the papers that still wait for their batch."""
        for key, prediction in self._classifier.predict(self._waiting).items():
            yield key, decide(self._waiting[key], prediction)
        self._waiting = {}


def cue_finder(papers: int) -> CueFinder:
    """Return the finder of cues that reads so many papers soonest; both kinds give the same cues."""
    return _scanning_finder() if papers > _ENOUGH_TO_SCAN else CueFinder(scan=False)


@cache
def _scanning_finder() -> CueFinder:
    return CueFinder()


def features_of(data: Path) -> Mapping[str, Features]:
    """Return the numbers of all labelled papers, the bundled ones and the user's own."""
    own = features_path(data)
    return bundled_features() | (read_features(own) if own.exists() else {})


def classifier_of(data: Path) -> Classifier:
    """Return the classifier of the bundled labels, and of the user's own after `survey annotate train`.

    It is fitted only where no kept one is of these labels. Raises ConfigurationError where labels are too few.
    """
    readings = bundled_labels()
    if features_path(data).exists():
        readings = merge(readings, own_labels(data))
    try:
        return classifier_for(data, lambda: examples_of(readings, features_of(data)))
    except ValueError as error:
        raise ConfigurationError(f"too few labels to learn from: {error}", "survey annotate next") from error
