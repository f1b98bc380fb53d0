"""The bundled sample of abstracts, made from the listed papers of a data folder: facts alone, no text.

mentions.parquet      the counts of the bundled study, as `survey label --export` writes them
names.parquet, name_counts.parquet   the name index, for every other study
categories.parquet    the arXiv categories of each paper, where a list gives them
volume.csv            papers of each month, and what the sample captures of independent lists

python -m survey.bundled.counts DATA OUT
"""

import sys
from pathlib import Path

from posttrain.files import make_folder
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.label import count_texts
from survey.mentions.lexicon import Lexicon, load_lexicon
from survey.surface import Surface
from survey.warehouse.abstracts import MENTIONS, SAMPLE
from survey.warehouse.categories import write_categories
from survey.warehouse.database import Warehouse
from survey.warehouse.name_index import write_name_index
from survey.warehouse.population import VOLUME, Coverage, Population, read_population


def bundle(data: Path, out: Path, population: Population, lexicon: Lexicon) -> int:
    """Write the five files of a sample of the abstracts that are listed in `data` to `out`; return how many papers.

    Papers stand in the order of their arXiv ids, and the name index numbers them so. Raises NothingMatchedError where
    no listed paper belongs to the population.
    """
    coverage = Coverage()
    with Ledger(data) as ledger:
        members = sorted(population.members(ledger.listed(), coverage), key=_by_id)
        listed = ledger.count()
    counts = warehouse_path(data, lexicon.study.warehouse, Surface.ABSTRACT)
    count_texts(members, lexicon, counts, population, listed)
    with Warehouse.open(counts) as warehouse:
        warehouse.export(out / MENTIONS)
    write_name_index((text.decode() for _, text in members), out)
    write_categories((paper.categories for paper, _ in members), out)
    coverage.write(out / VOLUME)
    return len(members)


def _by_id(member: tuple[Listed, bytes]) -> str:
    return member[0].arxiv_id


if __name__ == "__main__":
    target = Path(sys.argv[2])
    make_folder(target)
    papers = bundle(Path(sys.argv[1]), target, read_population(reference_path(SAMPLE)), load_lexicon())
    sys.stdout.write(f"{papers:,} papers in {target}\n")
