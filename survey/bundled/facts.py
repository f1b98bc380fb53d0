"""The committed facts on abstracts, made from tables of abstracts whose text is never committed.

python -m survey.bundled.facts TABLE… --out data/reference     (make reference-abstracts)

abstract_training.parquet   cues of the labelled abstracts, counted
abstract_validation.csv     how classifiers that had not seen them label these
abstract_methods.csv        papers of the frame by year, stratum and the classifier's label
abstract_of_texts.csv       the classifier's labels of the abstracts of texts that were read twice; readers' rows stay
"""

import argparse
import csv
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from posttrain.reference import reference_path
from survey.arxiv.abstracts import copy_abstracts
from survey.arxiv.listed import Listed
from survey.arxiv.snapshot import read_listing
from survey.labels.abstract import AbstractCueFinder, AbstractMethod
from survey.labels.abstract_classifier import AbstractClassifier, unseen_methods
from survey.labels.abstract_readings import MACHINE, labelled_abstracts, sampled_frame
from survey.labels.abstract_validation import write_unseen
from survey.labels.classifier import write_features
from survey.labels.method import Features
from survey.labels.readings import bundled_labels, by_paper
from survey.warehouse.abstracts import SAMPLE
from survey.warehouse.population import Population, read_population

_AT_A_TIME = 2_000  # abstracts whose numbers lie in memory together


def main() -> None:
    """Write the facts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "tables", type=Path, nargs="+", metavar="TABLE", help="Parquet: arxiv_id, published, title, abstract"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    chosen = parser.parse_args()
    write_facts(chosen.tables, chosen.out)


def write_facts(tables: Sequence[Path], out: Path) -> None:
    """Write all facts to a folder. Raises ConfigurationError where a labelled abstract is in none of the tables."""
    papers = papers_of(tables)
    finder, labelled = AbstractCueFinder(), labelled_abstracts()
    missing = [paper.arxiv_id for paper in labelled if paper.arxiv_id not in papers]
    if missing:
        raise ConfigurationError(
            f"{len(missing)} labelled abstracts are in none of the tables, such as {missing[0]}",
            "name the table that data/README.md describes",
        )
    features = {paper.arxiv_id: _features(finder, papers[paper.arxiv_id]) for paper in labelled}
    write_features(features, out / "abstract_training.parquet")
    unseen = unseen_methods(labelled, features)
    write_unseen(unseen, out / "abstract_validation.csv")
    classifier = AbstractClassifier({paper.arxiv_id: paper for paper in labelled}, features)
    _write_counts(
        count_methods(papers.values(), finder, classifier, {label.arxiv_id: label.method for label in unseen}),
        out / "abstract_methods.csv",
    )
    texts = [i for i, readings in by_paper(bundled_labels()).items() if len(readings) > 1 and i in papers]
    methods = classifier.methods([_features(finder, papers[i]) for i in texts])
    _write_of_texts(dict(zip(texts, methods, strict=True)), out / "abstract_of_texts.csv")


def papers_of(tables: Sequence[Path]) -> dict[str, Listed]:
    """Return the papers of tables of abstracts by arXiv id; the first table that has a paper gives it."""
    return {paper.arxiv_id: paper for table in reversed(tables) for paper in _papers(table)}


def count_methods(
    papers: Iterable[Listed],
    finder: AbstractCueFinder,
    classifier: AbstractClassifier,
    unseen: Mapping[str, AbstractMethod],
) -> Counter[tuple[str, str, str]]:
    """Return how many papers of the sampled frame have each year, stratum and label.

    A paper that the classifier has learned from counts with its label in `unseen`: the machine has to err on it as on
    all others.
    """  # fmt: skip
    frame = sampled_frame()
    counts: Counter[tuple[str, str, str]] = Counter()
    for batch in batched(sampled_population().members(papers), _AT_A_TIME):
        strata = {paper.arxiv_id: frame.stratum_of(text.decode()) for paper, text in batch}
        known = [paper for paper, _ in batch if strata[paper.arxiv_id]]
        methods = classifier.methods([_features(finder, paper) for paper in known])
        for paper, method in zip(known, methods, strict=True):
            counts[f"{paper.published:%Y}", str(strata[paper.arxiv_id]), unseen.get(paper.arxiv_id, method)] += 1
    return counts


def batched(papers: Iterable[tuple[Listed, bytes]], size: int) -> Iterator[list[tuple[Listed, bytes]]]:
    """Yield the papers in lists of `size`, the last one shorter."""
    rest = iter(papers)
    while batch := list(islice(rest, size)):
        yield batch


def sampled_population() -> Population:
    """Return the windows and lists of the bundled sample, without its pattern, which is wider than the frame's."""
    return replace(read_population(reference_path(SAMPLE)), pattern=None)


def _papers(table: Path) -> Iterator[Listed]:
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "abstracts.parquet"
        copy_abstracts(table, listing)
        yield from read_listing(listing)


def _features(finder: AbstractCueFinder, paper: Listed) -> Features:
    return finder.features(paper.title, paper.abstract)


def _write_counts(counts: Counter[tuple[str, str, str]], path: Path) -> None:
    years, strata = sorted({year for year, *_ in counts}), sorted({stratum for _, stratum, _ in counts})
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("year", "stratum", "method", "papers"))
        writer.writerows(
            (year, stratum, method, counts[year, stratum, method])
            for year in years for stratum in strata for method in AbstractMethod
        )  # fmt: skip


def _write_of_texts(methods: Mapping[str, AbstractMethod], path: Path) -> None:
    with reference_path("abstract_of_texts.csv").open(encoding="utf-8", newline="") as file:
        rows = [tuple(row) for row in csv.reader(file)]
    kept = [row for row in rows[1:] if row[2] != MACHINE]
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(rows[0])
        writer.writerows(sorted([*kept, *((i, str(method), MACHINE) for i, method in methods.items())]))


if __name__ == "__main__":
    main()
