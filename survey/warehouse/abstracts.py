"""The bundled abstracts: counted for the bundled study, and by their name index for any other study."""

from calendar import monthrange
from datetime import date
from pathlib import Path

from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from survey.arxiv.ledger import Ledger
from survey.mentions.lexicon import Lexicon, load_lexicon
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.surface import Surface
from survey.warehouse.database import Warehouse
from survey.warehouse.exported import surface_of_counts
from survey.warehouse.population import VOLUME, Coverage, Population, Window, read_coverage, read_population
from survey.warehouse.sample import Sample, check_study, open_sample, sentence, surfaces_of

SAMPLE = "abstracts/sample.toml"
MENTIONS = "mentions.parquet"
_SHOWN = 5  # aliases that a caution names


def open_abstracts(lexicon: Lexicon, folder: Path | None = None) -> Sample:
    """Return the bundled sample of abstracts counted for a lexicon, from its counts or else from its name index.

    Aliases that need the sentence around a name cannot be counted from the index: a warning names them.
    """
    population = read_population(reference_path(SAMPLE))
    folder = folder or reference_path(SAMPLE).parent
    coverage = read_coverage(folder / VOLUME)
    wanting: list[str] = []
    warehouse = Warehouse.from_counts_of(lexicon, folder / MENTIONS)
    if warehouse is None:
        from survey.warehouse.name_index import count_by_names  # loads Arrow, which the bundled study does without

        counts, wanting = count_by_names(lexicon, folder)
        rows = [(count.paper, count.benchmark, count.alias, count.n) for count in counts]
        warehouse = Warehouse.from_index(lexicon, folder / MENTIONS, rows)
    coverage, warnings = _windowed(warehouse, coverage, lexicon.study)
    sample = Sample(
        warehouse, True, False, _sentence(population, coverage), warnings, "papers that name no language model",
        Surface.ABSTRACT, coverage, population, _limits(population, coverage),
    )  # fmt: skip
    if wanting:
        names = ", ".join(f"'{name}'" for name in dict.fromkeys(wanting[:_SHOWN]))
        more = f" and {len(wanting) - _SHOWN} more" if len(wanting) > _SHOWN else ""
        sample.warnings.append(
            f"Not counted here, for an alias that looks at the words around it wants texts: {names}{more}; "
            "with listed abstracts of your own: survey label --surface abstract"
        )
    return sample


def _windowed(warehouse: Warehouse, coverage: Coverage, study: Study) -> tuple[Coverage, list[str]]:
    """Leave out the papers outside a study's window; return the coverage of the rest, and what cannot be applied.

    The bundled abstracts have months, no days and no categories: a month counts where the window holds all of it.
    Raises NothingMatchedError where it holds none.
    """
    window, warnings = study.window, []
    if window.categories:
        warnings.append(
            f"The categories of the study '{study.name}' are not applied: those of a quarter of the bundled abstracts "
            "are not known; survey report --category narrows to the others"
        )
    days = window.model_copy(update={"categories": ()})
    first_and_last = {month: _ends_of(month) for month in coverage.papers}
    inside = {m: [days.holds(day, ()) for day in ends] for m, ends in first_and_last.items()}
    whole = sorted(month for month, ends in inside.items() if all(ends))
    if not whole:
        raise NothingMatchedError(
            f"the window of the study '{study.name}' holds no whole month of the bundled abstracts, "
            f"{min(coverage.papers)} to {max(coverage.papers)}",
            f"survey study check {study.source}",
        )
    if cut := sorted(month for month, ends in inside.items() if any(ends) and not all(ends)):
        warnings.append(
            f"The window of the study '{study.name}' cuts {' and '.join(cut)}, left out: "
            "the bundled abstracts have months and no days"
        )
    if len(whole) < len(coverage.papers):
        warehouse.keep_months(whole)
    return coverage.within(whole), warnings


def open_surface(surface: Surface | None, data: Path, counts: Path | None = None, study: Study | None = None) -> Sample:
    """Open the sample of a surface for a study: the counts in a file, own ones, else the bundled ones.

    Without a surface it is texts where there are counts of texts, else abstracts.

    Raises ConfigurationError where the file is of the other surface or of another study, or abstracts are listed but
    not counted.
    """
    if surface is None:
        surfaces = surfaces_of(data, counts, study)
        surface = Surface.TEXT if Surface.TEXT in surfaces else Surface.ABSTRACT
    if counts is not None and (actual := surface_of_counts(counts)) is not surface:
        raise ConfigurationError(f"{counts} holds counts of surface {actual}", f"--surface {actual}")
    if surface is Surface.TEXT:
        return open_sample(data, counts, study)
    asked = study or load_study()
    flag = "" if asked.is_survey else f" --study {asked.source}"
    label = f"survey label --surface abstract{flag}"
    own = warehouse_path(data, asked.warehouse, surface)
    if counts is not None or own.exists():
        warehouse = Warehouse.from_counts(counts) if counts else Warehouse.open(own)
        if counts or not asked.is_survey:
            check_study(warehouse, study, str(counts or data), f"{label} --export FILE" if counts else label)
        return Sample(
            warehouse, False, counts is None, sentence(warehouse, str(counts or data)), surface=surface,
            limits=[_LEVEL, _NO_VOLUME],
        )  # fmt: skip
    if Ledger.exists(data):
        with Ledger(data) as ledger:
            if listed := ledger.count():
                of_study = "" if asked.is_survey else f" for the study '{asked.name}'"
                raise ConfigurationError(
                    f"{data} lists {listed:,} papers but has no counts of abstracts{of_study} yet", label
                )
    return open_abstracts(load_lexicon(study=asked))


def _ends_of(month: str) -> tuple[date, date]:
    """Return the first and the last day of a month."""
    first = date.fromisoformat(f"{month}-01")
    return first, first.replace(day=monthrange(first.year, first.month)[1])


_LEVEL = "an abstract names a benchmark far less often than a text uses it, so abstracts show trend and never level"
_NO_VOLUME = "growth is of the share: how much of the field the listed papers are is not known"


def _sentence(population: Population, coverage: Coverage) -> str:
    months = " to ".join(dict.fromkeys((min(coverage.papers), max(coverage.papers))))
    held = f"; of these months the study's window holds {months}" if coverage.left_out else ""
    return (
        f"Sample: title and first {population.first_characters:,} characters of the abstract of "
        f"{sum(coverage.papers.values()):,} {population.title}{held}."
    )


def _limits(population: Population, coverage: Coverage) -> list[str]:
    """Return three lines: which list carries which month, the cut, the capture; and what follows from each."""
    windows = [window for window in population.windows if any(map(window.holds, coverage.papers))]
    carried = "; ".join(f"{window.since} to {window.until} {', '.join(sorted(window.lists))}" for window in windows)
    captures = "; ".join(
        f"{window.since} to {window.until} {', '.join(_captures(window, coverage))}" for window in windows
    )
    return [
        f"lists that carry the months: {carried}. Lists differ, so shares are of the papers that each holds",
        f"every abstract is read as far as {population.first_characters:,} characters, where one list cuts it; "
        f"{_LEVEL}",
        f"capture, the papers of independent lists that are in the sample: {captures}. Volume is papers divided by "
        "capture, and how far the lists disagree is part of the intervals of growth",
    ]


def _captures(window: Window, coverage: Coverage) -> list[str]:
    rows = []
    for name in window.independent:
        months = [key for key in coverage.listed if key[1] == name and window.holds(key[0])]
        listed = sum(coverage.listed[key] for key in months)
        if listed:
            captured = sum(coverage.captured[key] for key in months)
            rows.append(f"{captured / listed:.0%} of {listed:,} of {name}")
    return rows
