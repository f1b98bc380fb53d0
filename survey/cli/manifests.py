"""How `survey report` answers its options, writes their manifest, and makes a report again from one."""

from pathlib import Path
from typing import TYPE_CHECKING

from posttrain.console import envelope, note
from posttrain.errors import ExitCode, PosttrainError
from survey.cli.app import choice, study_of, write_answer
from survey.mentions.domain import Rule
from survey.period import Period
from survey.report import FOR_PROGRAMS, Format, Question, Report, axes_of, thresholds_of, trend_tables
from survey.surface import Surface
from survey.trends.projection import Project
from survey.trends.trend import Scope
from survey.warehouse.filters import filters_of
from survey.writing.options import Options

if TYPE_CHECKING:  # it loads DuckDB, which `survey --help` does without
    from survey.writing.manifest import Manifest


def answer(data: Path, options: Options, width: int | None, coloured: bool) -> str | bytes:
    """Return the report that options ask for, in their format; width and colour are for a terminal."""
    form = choice("format", options.format, Format, "")
    question = Question(
        axes_of(options.axis),
        thresholds_of(options.threshold, options.sweep),
        choice("by", options.by, Period, ""),
        choice("scope", options.scope, Scope, ""),
        choice("rule", options.rule, Rule, ""),
        choice("project", options.project, Project, ""),
        options.cited or form in FOR_PROGRAMS,
        choice("surface", options.surface, Surface, "") if options.surface else None,
        filters_of(options.category, options.since, options.until, options.words),
    )
    counts = Path(options.counts) if options.counts else None
    report = trend_tables(data, question, counts, study_of(options.study))
    return _rendered(report, form, width, coloured)


def write_manifest(data: Path, options: Options, content: str | bytes, path: Path) -> None:
    """Write what a report with these options and bytes was made of."""
    write_answer(_manifest(data, options, content).as_text(), path)


def make_again(data: Path, path: Path, out: Path | None) -> int:
    """Print or write the report of a manifest. Raises PosttrainError with exit code 6 where anything differs."""
    from survey.writing.manifest import read_manifest

    then = read_manifest(path)
    content = answer(data, then.options, 100, False)
    if differences := then.differences(_manifest(data, then.options, content)):
        raise PosttrainError(
            f"the report of {path} cannot be made again as it was: {'; '.join(differences)}",
            "restore these data and versions; or make a new report: survey report … --manifest FILE",
            ExitCode.DIFFERS,
        )
    write_answer(content, out)
    note(f"the same report, bit for bit: sha256 {then.output}")
    return ExitCode.OK


def _manifest(data: Path, options: Options, content: str | bytes) -> "Manifest":
    from survey.studies.load import load_study
    from survey.writing.manifest import manifest_of

    ended = content if isinstance(content, bytes) else content.removesuffix("\n") + "\n"  # as the file has it
    return manifest_of(options, data, study_of(options.study) or load_study(), ended)


def _rendered(report: Report, form: Format, width: int | None, coloured: bool) -> str | bytes:
    if form is Format.JSON:
        return envelope("report", report.as_data(), report.every_caution(), dict(report.provenance))
    return report.render(form, width, coloured)
