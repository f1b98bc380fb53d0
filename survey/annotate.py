"""Annotate: which paper is worth labelling next, and what the labels teach."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from posttrain.errors import NothingMatchedError
from survey.labels.agreement import agreement_of
from survey.labels.classifier import bundled_features, write_features
from survey.labels.cross_validation import cross_validate
from survey.labels.reader import cue_finder, features_path
from survey.labels.readings import Reading, bundled_labels, by_paper, merge, own_labels, settled_method
from survey.labels.validation import Checked, write_validation
from survey.store.chosen import chosen_texts, each_text
from survey.store.papers import Store
from survey.warehouse.database import Warehouse


@dataclass(frozen=True)
class Candidate:
    """A paper worth labelling, and why."""

    arxiv_id: str
    title: str
    by_cues: str
    by_classifier: str
    probability: float
    reason: str


def worth_labelling(
    warehouse: Warehouse, readings: list[Reading], labeller: str, second: bool = False
) -> list[Candidate]:
    """Return the papers that `labeller` has not read: those in dispute first, then the least sure.

    In dispute is a paper whose readers disagree, and then one whose two routes do. With `second`, only papers that one
    other has read: agreement is measured on those.
    """
    read = by_paper(readings)
    candidates = []
    for arxiv_id, title, _, probability, by_cues, by_classifier in warehouse.query("papers_by_doubt"):
        own = read.get(arxiv_id, [])
        if any(one.labeller == labeller for one in own) or (second and len(own) != 1):
            continue
        disputed, differ = len(own) > 1 and settled_method(own) is None, by_cues != by_classifier
        reason = "its readers disagree" if disputed else "the routes disagree" if differ else "the least sure"
        rank = 0 if disputed else 1 if differ and not own else 2 if not own else 3
        candidates.append((rank, probability, Candidate(arxiv_id, title, by_cues, by_classifier, probability, reason)))
    return [candidate for _, _, candidate in sorted(candidates, key=lambda entry: entry[:2])]


def train(
    store: Store, data: Path, readings: list[Reading], advance: Callable[[int, int], None] = lambda done, of: None
) -> list[Checked]:
    """Read the numbers of every labelled paper of the store, measure both routes, and keep both under `data`.

    `survey label` then learns from them. Raises PosttrainError where no labelled paper has a text here, or labels are
    too
    few.
    """
    wanted = set(by_paper(readings))
    found: dict[str, dict[str, int]] = {}
    chosen = [text for text in chosen_texts(store) if text.paper in wanted]
    finder = cue_finder(len(chosen))
    for number, text in each_text(store, chosen):
        copies = chosen[number][0]
        title = next((copy.title for copy in copies if copy.title), "")
        found[copies[0].paper] = finder.read(text, title).features()
    if not found:
        raise NothingMatchedError(
            f"no labelled paper has a text in {store.root}", "survey ingest the papers that are labelled, then extract",
        )  # fmt: skip
    checked = cross_validate(readings, bundled_features() | found, advance)
    write_validation(checked, data / "validation.csv")
    write_features(found, features_path(data))
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
    readers = sorted({one.labeller for one in readings})
    of = {(one.labeller, one.arxiv_id): one for one in readings}
    pairs = []
    for first, second in combinations(readers, 2):
        shared = sorted(p for reader, p in of if reader == first and (second, p) in of)
        methods = [(p, str(of[first, p].method), str(of[second, p].method)) for p in shared]
        both = [p for p in shared if of[first, p].primary and of[second, p].primary]
        sources = [(p, str(of[first, p].primary), str(of[second, p].primary)) for p in both]
        pairs += [_pair(first, second, axis, rows) for axis, rows in (("method", methods), ("source", sources)) if rows]
    return pairs


def _pair(first: str, second: str, axis: str, rows: list[tuple[str, str, str]]) -> Pair:
    one, other = [row[1] for row in rows], [row[2] for row in rows]
    agreement = agreement_of(one, other, sorted({*one, *other}))
    assert agreement is not None
    differ = [paper for paper, a, b in rows if a != b]
    kappa = (agreement.kappa, agreement.low, agreement.high)
    return Pair(first, second, axis, len(rows), agreement.observed.k, *kappa, differ)
