"""Annotate: which papers to label next, how far readers agree, and a classifier learned from all labels."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from posttrain.errors import NothingMatchedError
from survey.labels.agreement import agreement_of
from survey.labels.classifier import Classifier, bundled_features, examples_of, write_features
from survey.labels.cross_validation import cross_validate
from survey.labels.kept import KEPT, features_path, write_kept
from survey.labels.reader import cue_finder
from survey.labels.readings import Reading, bundled_labels, by_paper, merge, own_labels, settled_method
from survey.labels.validation import Checked, write_validation
from survey.store.chosen import chosen_texts, each_text
from survey.store.papers import Store
from survey.warehouse.database import Warehouse


@dataclass(frozen=True)
class Candidate:
    """A paper to label next, and why."""

    arxiv_id: str
    title: str
    by_cues: str
    by_classifier: str
    probability: float
    reason: str


def candidates(warehouse: Warehouse, readings: list[Reading], labeller: str, second: bool = False) -> list[Candidate]:
    """Return the papers that `labeller` has not read: those in dispute first, then those with the least certain label.

    A paper is in dispute where its readers disagree, and then where the two routes of the machine do. With `second`,
    only papers that exactly one other has read: agreement is measured on those.
    """
    read = by_paper(readings)
    ranked = []
    for arxiv_id, title, _, probability, by_cues, by_classifier in warehouse.query("papers_by_doubt"):
        own = read.get(arxiv_id, [])
        if any(reading.labeller == labeller for reading in own) or (second and len(own) != 1):
            continue
        in_dispute, differ = len(own) > 1 and settled_method(own) is None, by_cues != by_classifier
        reason = "its readers disagree" if in_dispute else "the routes disagree" if differ else "the least sure"
        rank = 0 if in_dispute else 1 if differ and not own else 2 if not own else 3
        ranked.append((rank, probability, Candidate(arxiv_id, title, by_cues, by_classifier, probability, reason)))
    return [candidate for *_, candidate in sorted(ranked, key=lambda entry: entry[:2])]


def train(
    store: Store, data: Path, readings: list[Reading], advance: Callable[[int, int], None] = lambda done, of: None
) -> list[Checked]:
    """Count the cues of every labelled paper of the store, measure both routes, and write both under `data`.

    `survey label` then learns from them. Raises NothingMatchedError where no labelled paper has a text here, and
    ConfigurationError where labels are too few.
    """
    wanted = set(by_paper(readings))
    features: dict[str, dict[str, int]] = {}
    chosen = [text for text in chosen_texts(store) if text.paper in wanted]
    finder = cue_finder(len(chosen))
    for number, text in each_text(store, chosen):
        copies = chosen[number][0]
        title = next((copy.title for copy in copies if copy.title), "")
        features[copies[0].paper] = finder.read(text, title).features()
    if not features:
        raise NothingMatchedError(
            f"no labelled paper has a text in {store.root}", "survey ingest the papers that are labelled, then extract",
        )  # fmt: skip
    checked = cross_validate(readings, bundled_features() | features, advance)
    write_validation(checked, data / "validation.csv")
    write_features(features, features_path(data))
    write_kept(Classifier.fitted(examples_of(readings, bundled_features() | features)), data, data / KEPT)
    return checked


def all_labels(data: Path) -> list[Reading]:
    """Return the bundled labels with the user's own."""
    return merge(bundled_labels(), own_labels(data))


@dataclass(frozen=True)
class Pair:
    """Two readers of the same papers, on one axis."""

    first: str
    second: str
    axis: str
    n: int
    alike: int
    kappa: float | None
    low: float | None
    high: float | None
    differ: list[str]  # the papers to look at a third time


def compare_readers(readings: list[Reading]) -> list[Pair]:
    """Return every two readers who share papers: on method, and on the source of papers that both say train."""
    readers = sorted({reading.labeller for reading in readings})
    of = {(reading.labeller, reading.arxiv_id): reading for reading in readings}
    pairs = []
    for first, second in combinations(readers, 2):
        shared = sorted(paper for reader, paper in of if reader == first and (second, paper) in of)
        methods = [(p, str(of[first, p].method), str(of[second, p].method)) for p in shared]
        both = [p for p in shared if of[first, p].primary and of[second, p].primary]
        sources = [(p, str(of[first, p].primary), str(of[second, p].primary)) for p in both]
        pairs += [_pair(first, second, axis, rows) for axis, rows in (("method", methods), ("source", sources)) if rows]
    return pairs


def _pair(first: str, second: str, axis: str, rows: list[tuple[str, str, str]]) -> Pair:
    """Compare two readers; a row is (paper, label of the first, label of the second)."""
    _, ours, theirs = (list(column) for column in zip(*rows, strict=True))
    agreement = agreement_of(ours, theirs, sorted({*ours, *theirs}))
    assert agreement is not None
    differ = [paper for paper, our, their in rows if our != their]
    kappa = (agreement.kappa, agreement.low, agreement.high)
    return Pair(first, second, axis, len(rows), agreement.observed.k, *kappa, differ)
