"""What a visitor of the Trends page chooses: study, surface, axis, counting; and the sample and tables of a choice."""

from pathlib import Path

import streamlit as st

from posttrain.errors import PosttrainError
from posttrain.page import choice, number, plain
from survey.mentions.domain import HIGHEST_THRESHOLD, Rule
from survey.period import Period
from survey.report import Question, tables_of
from survey.studies import BUNDLED
from survey.studies.load import bundled_studies, load_study
from survey.studies.model import Study
from survey.surface import Surface
from survey.trends.charts import Measure
from survey.trends.finding import finding
from survey.trends.projection import Project
from survey.trends.published import Axis
from survey.trends.trend import ENOUGH, READINGS, Scope, TrendTable
from survey.warehouse.abstracts import open_surface
from survey.warehouse.sample import Sample, stamp, surfaces_of

AXES = {Axis.DOMAIN: "Domains", Axis.BENCHMARK: "Benchmarks", Axis.METHOD: "Methods", Axis.DATA_SOURCE: "Data sources"}
SURFACES = {Surface.ABSTRACT: "Abstracts", Surface.TEXT: "Full texts"}
MEASURES = {
    Measure.GROWTH: "Growth", Measure.SHARE: "Share of papers", Measure.CORRECTED: "Corrected share",
    Measure.MIX: "Part of the assignments",
}  # fmt: skip
RULES = {Rule.ANY_NAME: "mentions of one benchmark", Rule.DOMAIN_SUM: "a domain's together"}
SCOPES = {Scope.ALL: "the whole text", Scope.BODY: "the body, no references"}
RL = {"online": READINGS[0], "preference": READINGS[1]}  # codes of the address


def ask_surface(data: Path, study: Study) -> Surface:
    """Show the choice of what is read of a paper; first what there are counts of."""
    first = surfaces_of(data, study=study)[0]
    return Surface(choice("surface", "Read are", tuple(SURFACES), first, width=150, format_func=SURFACES.__getitem__))


def ask_axis() -> Axis:
    """Show the choice of what is counted."""
    return Axis(choice("axis", "Counted are", tuple(AXES), Axis.DOMAIN, width=160, format_func=AXES.__getitem__))


def ask_period() -> Period:
    """Show the choice of how time is cut."""
    return Period(choice("by", "Period", tuple(Period), Period.YEAR, width=120))


def ask_study() -> Study:
    """Show the choice of a study, bundled or a file of one's own, and return it. Raises ConfigurationError."""
    name = choice(
        "study", "Study", bundled_studies(), BUNDLED, accept_new_options=True, width=190,
        help="A bundled study, or the path of a file of your own: survey study new FILE.toml",
    )  # fmt: skip
    path = Path(name)
    at = path.stat() if name not in bundled_studies() and path.is_file() else None
    return _loaded(name, (at.st_ino, at.st_mtime_ns, at.st_size) if at else ())


@st.cache_resource(max_entries=16, show_spinner=False)
def _loaded(name: str, as_of: tuple[int, ...]) -> Study:
    return load_study(name)


def _identity(study: Study) -> tuple[str, str, str]:
    """Return what decides the numbers of a study: its name, its aliases, and its thresholds and printed tables."""
    return study.name, study.fingerprint, study.model_dump_json()


def sample_or_bundled(data: Path, study: Study, surface: Surface) -> Sample:
    """Return the sample that is asked for; where it cannot be opened, a line says so and the bundled abstracts show."""
    try:
        return _sample(data, stamp(data), surface, _identity(study), study)
    except PosttrainError as error:
        st.error(
            f"{plain(error.message)}. Next: {plain(error.hint)}. Shown instead: the abstracts bundled with posttrain.",
            icon=":material/error:",
        )
        nowhere = data / "nothing"
        return _sample(nowhere, (), Surface.ABSTRACT, _identity(study), study)


@st.cache_resource(max_entries=6, show_spinner="Reading the counts")
def _sample(data: Path, as_of: tuple[int, ...], surface: Surface, study: tuple[str, str, str], _study: Study) -> Sample:
    return open_surface(surface, data, study=None if _study.is_survey else _study)


def ask_question(study: Study, surface: Surface, axis: Axis, by: Period) -> tuple[Question, bool]:
    """Show what decides how papers are counted and return it, with whether small periods are shown too."""
    rule, scope, project = Rule.ANY_NAME, Scope.ALL, Project.MEAN_SHARE
    thresholds: tuple[int, ...] = ()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if axis.is_counted:
            own = study.threshold.abstract if surface is Surface.ABSTRACT else study.threshold.default
            least = number(
                "threshold", "Least mentions", 1, max(HIGHEST_THRESHOLD, own), own, width=170,
                help="A paper counts for a label that it names at least this often; in texts the survey used 5.",
            )  # fmt: skip
            thresholds = () if least == own else (least,)
            rule = Rule(choice("rule", "Counted for a domain", tuple(RULES), rule, width=240,
                               format_func=RULES.__getitem__))  # fmt: skip
            if surface is Surface.TEXT:
                scope = Scope(choice("scope", "In", tuple(SCOPES), scope, width=200,
                                     format_func=SCOPES.__getitem__))  # fmt: skip
                project = Project(choice(
                    "project", "Unfinished year", tuple(Project), project, width=160,
                    help="How an unfinished year is projected from its first half: divided by the mean share of first "
                    "halves in earlier years, doubled, or divided by the share in the year before.",
                ))  # fmt: skip
        if axis is Axis.METHOD and surface is Surface.TEXT:
            choice("rl", "RL is", tuple(RL), "online", width=240, format_func=RL.__getitem__)
        small = choice(
            "small", f"Periods of fewer than {ENOUGH} papers", ("hide", "show"), "hide", width=230,
            format_func=lambda code: {"hide": "folded away", "show": "shown"}[code],
        )  # fmt: skip
    return Question((axis,), thresholds, by, scope, rule, project, surface=surface), small == "show"


def tables_for(data: Path, study: Study, sample: Sample, question: Question) -> list[TrendTable]:
    """Return the tables that `survey report` has for a question, counted once for all visitors."""
    return _tables(data, stamp(data), _identity(study), sample.surface, sample.is_bundled, repr(question), sample,
                   question)  # fmt: skip


@st.cache_resource(max_entries=64, show_spinner="Counting")
def _tables(
    data: Path, as_of: tuple[int, ...], study: tuple[str, str, str], surface: Surface, is_bundled: bool, asked: str,
    _sample: Sample, _question: Question,
) -> list[TrendTable]:  # fmt: skip
    return tables_of(_sample, _question, data)


def reading_of(tables: list[TrendTable]) -> TrendTable:
    """Return the table of a list; of the two readings of rl, the one that is chosen."""
    chosen = RL.get(st.session_state.get("rl", ""), READINGS[0])
    return next(table for table in tables if table.reading in ("", chosen))


def finding_of(data: Path, study: Study, sample: Sample, table: TrendTable) -> str:
    """Return what the sample says, as `survey report` begins with it."""
    return _finding(data, stamp(data), _identity(study), repr(table), sample, table)


@st.cache_resource(max_entries=64, show_spinner=False)
def _finding(
    data: Path, as_of: tuple[int, ...], study: tuple[str, str, str], shown: str, _sample: Sample, _table: TrendTable
) -> str:
    return finding(_sample, _table)
