"""The house rules, read from the imports themselves: rooms, flow order, one library one door, light start-up."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("survey", "advisor", "reference_impls", "app_pages", "app")

# The flow: a module imports only from earlier in this list.
SURVEY_FLOW = [
    "survey",
    "survey.errors", "survey.reference", "survey.settings",
    "survey.paper", "survey.benchmarks", "survey.isolation", "survey.index", "survey.store",
    "survey.transport", "survey.listing", "survey.listing.snapshot", "survey.ledger",
    "survey.listing.api", "survey.listing.oai", "survey.harvest",
    "survey.fulltext.container", "survey.fulltext.sections", "survey.fulltext.normalise",
    "survey.fulltext.macros", "survey.fulltext.bibliography", "survey.fulltext.latex",
    "survey.fulltext.markdown", "survey.fulltext.pdf",
    "survey.fulltext.html",
    "survey.fulltext.records",
    "survey.fulltext",
    "survey.bulk", "survey.ingest", "survey.texts", "survey.extract", "survey.download",
    "survey.mentions", "survey.names", "survey.domain", "survey.citations",
    "survey.parts", "survey.cues", "survey.labels", "survey.method", "survey.data_source", "survey.validation",
    "survey.classifier", "survey.cross_validation",
    "survey.warehouse", "survey.training", "survey.label",
    "survey.published", "survey.projection", "survey.trends", "survey.weighting", "survey.cited_trends",
    "survey.discover",
    "survey.agreement", "survey.correction", "survey.differences", "survey.labelled_trends", "survey.annotate",
    "survey.prevalence", "survey.prefilter", "survey.compare", "survey.sample", "survey.explain",
    "survey.grids", "survey.charts", "survey.report", "survey.speech", "survey.commands",
    "survey.cli.app", "survey.cli.papers", "survey.cli.tables", "survey.cli.annotations",
    "survey.cli", "survey.cli.__main__",
]  # fmt: skip
ADVISOR_FLOW = [
    "advisor", "advisor.traits", "advisor.conditions", "advisor.techniques", "advisor.pipelines", "advisor.rules",
    "advisor.recommend",
    "advisor.memory.setting", "advisor.memory.counts", "advisor.memory.phases", "advisor.memory.changes",
    "advisor.memory.points", "advisor.memory", "advisor.memory.report",
    "advisor.cost", "advisor.evidence", "advisor.answer", "advisor.examples", "advisor.markdown",
    "advisor.export.job", "advisor.export.folder", "advisor.export.trl", "advisor.export.verl", "advisor.export",
    "advisor.intervals", "advisor.dispatch", "advisor.measure",
    "advisor.estimate", "advisor.plan", "advisor.priced", "advisor.plan_report",
    "advisor.outcome", "advisor.drawings", "advisor.pilot_report", "advisor.bank", "advisor.pilot", "advisor.evaluate",
    "advisor.seen", "advisor.background", "advisor.uploads",
    "advisor.cli.app", "advisor.cli.ask", "advisor.cli.trials", "advisor.cli", "advisor.cli.__main__",
]  # fmt: skip
# What the advisor may take from the survey half: counts of methods, and the one way of speaking and failing.
ADVISOR_MAY_IMPORT = {
    "survey.prevalence", "survey.trends", "survey.reference", "survey.errors", "survey.settings", "survey.speech",
    "survey.commands",
    "reference_impls.configs", "reference_impls.errors", "reference_impls.tasks.families",
    "reference_impls.tasks.jsonl", "reference_impls.tasks.row",
}  # fmt: skip
REFERENCE_FLOW = [
    "reference_impls", "reference_impls.errors", "reference_impls.configs", "reference_impls.runlog",
    *(f"reference_impls.verifiers.{name}" for name in (
        "wire", "worker", "workers", "verdict", "forms", "exact", "numeric", "choice", "pattern", "mathematics",
        "custom",
        "sandbox.filter", "sandbox.confine", "sandbox.remote", "sandbox.exchange", "sandbox.candidate", "sandbox.judge",
        "sandbox.server", "sandbox.names", "sandbox", "unit_tests",
    )),
    "reference_impls.verifiers",
    *(f"reference_impls.tasks.{name}" for name in (
        "row", "family", "addition", "countdown", "sorting", "edits", "modular", "maze", "lookup", "program",
        "families",
        "columns", "jsonl", "load",
    )),
    "reference_impls.tasks", "reference_impls.grpo_on_one_page",
    "reference_impls.objectives", "reference_impls.batches", "reference_impls.forward", "reference_impls.policy",
    "reference_impls.memory", "reference_impls.decoder", "reference_impls.sampling", "reference_impls.work",
    "reference_impls.world", "reference_impls.guards",
    "reference_impls.update", "reference_impls.evaluate", "reference_impls.checkpoint", "reference_impls.rows",
    "reference_impls.run",
    "reference_impls.cli", "reference_impls.sft", "reference_impls.dft", "reference_impls.rejection_sampling",
    "reference_impls.grpo", "reference_impls.probe", "reference_impls.starter", "reference_impls.starter.make",
]  # fmt: skip
APP_FLOW = ["app_pages", "app_pages.frame", "app_pages.trends", "app_pages.advice", "app_pages.pilot", "app"]
FLOW = SURVEY_FLOW + REFERENCE_FLOW + ADVISOR_FLOW + APP_FLOW

# One library, one door: only these modules may import it.
DOORS = {
    "duckdb": {"survey.warehouse", "survey.listing.snapshot"},
    "sqlite3": {"survey.index", "survey.store"},
    "hyperscan": {"survey.mentions"},
    "pypdfium2": {"survey.fulltext.pdf"},
    "lxml": {"survey.fulltext.records", "survey.fulltext.html"},
    "pebble": {"survey.isolation"},
    "pyarrow": {
        "survey.listing.snapshot",
        "survey.texts",
        "survey.warehouse",
        "survey.ingest",
        "survey.extract",
        "survey.classifier",
        "survey.report",
    },
    "numpy": {
        "survey.correction",
        "survey.differences",
        "survey.labelled_trends",
        "survey.classifier",
        "survey.cross_validation",
    },
    "rich": {"survey.speech", "survey.report"},
    "typer": {
        "survey.commands",
        "survey.cli.app",
        "survey.cli.papers",
        "survey.cli.tables",
        "survey.cli.annotations",
        "advisor.cli.ask",
        "advisor.cli.trials",
    },
    "vl_convert": {"survey.charts", "advisor.pilot_report"},
    "streamlit": {"app", "app_pages.frame", "app_pages.trends", "app_pages.advice", "app_pages.pilot"},
    "pydantic": {"reference_impls.configs"},
    "torch": {
        f"reference_impls.{name}"
        for name in (
            "objectives",
            "batches",
            "forward",
            "policy",
            "memory",
            "decoder",
            "sampling",
            "world",
            "update",
            "checkpoint",
            "run",
            "cli",
            "sft",
            "rejection_sampling",
            "grpo",
            "grpo_on_one_page",
            "starter.make",
        )
    },
    "transformers": {
        f"reference_impls.{name}"
        for name in ("forward", "policy", "memory", "decoder", "starter.make", "grpo_on_one_page")
    },
    "tokenizers": {"reference_impls.starter.make"},
    "safetensors": {"reference_impls.checkpoint", "reference_impls.policy"},
    "peft": {"reference_impls.policy"},
    "math_verify": {"reference_impls.verifiers.mathematics"},
    "sklearn": {"survey.classifier", "survey.cross_validation"},
    "arxiv": {"survey.listing.api"},
    "httpx": {"survey.transport"},
    "filelock": {
        "survey.transport",
        "survey.harvest",
        "survey.labels",
        "reference_impls.runlog",
        "advisor.dispatch",
        "advisor.bank",
        "advisor.pilot",
        "advisor.seen",
        "advisor.background",
    },
}


def _modules() -> dict[str, Path]:
    found = {}
    for room in ROOMS:
        alone = ROOT / f"{room}.py"
        for path in [alone] if alone.exists() else sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imports(path: Path) -> set[str]:
    """The modules that a file imports, also inside functions; `from a import b` gives a.b where that is a module."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = str(node.module)
            inner = {f"{module}.{alias.name}" for alias in node.names} & set(_modules())
            names |= inner or {module}
    return names


def test_every_module_has_its_place_in_the_flow() -> None:
    """A new module is put into the flow on purpose, and none is listed that is gone."""
    assert set(_modules()) == set(FLOW)
    assert len(_modules()) == 190


@pytest.mark.parametrize("module", FLOW)
def test_a_module_imports_only_from_earlier_in_its_flow(module: str) -> None:
    """The flow runs one way."""
    # the readers are loaded when they are called, by the package that offers them
    late = {"survey.fulltext": {"survey.extract"}}.get(module, set())
    ours = {name for name in _imports(_modules()[module]) if name.split(".")[0] in ROOMS} - {module} - late
    later = {name for name in ours if FLOW.index(name) > FLOW.index(module)}
    # a submodule may name its own package's siblings only, never what comes behind them
    assert not later


def test_rooms_do_not_reach_into_each_other() -> None:
    """survey and reference_impls import nothing of ours; advisor only what is listed; the app shows the first two."""
    shown = {name for name in FLOW if name.startswith(("survey", "advisor", "app_pages"))} | {"reference_impls.errors"}
    allowed = {"survey": set(), "reference_impls": set(), "advisor": ADVISOR_MAY_IMPORT, "app_pages": shown,
               "app": shown}  # fmt: skip
    seen = 0
    for module, path in _modules().items():
        room = module.split(".")[0]
        for name in _imports(path):
            if name.split(".")[0] in ROOMS and name.split(".")[0] != room:
                assert name in allowed[room], f"{module} imports {name}"
        seen += 1
    assert seen == len(FLOW)


def test_one_library_has_one_door() -> None:
    """A library is imported where its job is done and nowhere else, and every dependency has a door."""
    used: dict[str, set[str]] = {}
    for module, path in _modules().items():
        for name in _imports(path):
            used.setdefault(name.split(".")[0], set()).add(module)
    third_party = {name for name in used if name not in sys.stdlib_module_names and name not in ROOMS}
    assert third_party <= set(DOORS), "a library without a door"
    for library in third_party:
        assert used[library] <= DOORS[library], library
    assert {library for library, doors in DOORS.items() if doors} <= set(used)


@pytest.mark.parametrize(
    "module",
    [
        "survey.cli",
        "advisor.cli",
        "advisor.pilot",
        "advisor.priced",
        "advisor.background",
        "advisor.uploads",
        "reference_impls.configs",
        "reference_impls.runlog",
    ],
)
def test_what_must_start_light_does(module: str) -> None:
    """`--help` loads nothing heavy: no torch, no sklearn, and not even what reads papers and tables."""
    heavy = {"torch", "transformers", "sklearn", "streamlit", "scipy", "numpy", "pandas", "pyarrow", "duckdb",
             "pypdfium2", "hyperscan", "lxml", "pebble"}  # fmt: skip
    code = f"import sys, {module}; print(*sorted(set(sys.modules) & {heavy!r}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []


def test_a_report_loads_no_learner() -> None:
    """Tables, explanations and drawings come from what was labelled; only labelling needs scikit-learn."""
    modules = (
        "survey.sample, survey.report, survey.explain, survey.labelled_trends, survey.cited_trends, survey.discover"
    )
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & {{'sklearn', 'scipy', 'torch'}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []


def test_the_network_is_refused() -> None:
    """The default run cannot reach out by accident."""
    import socket

    import pytest_socket

    with pytest.raises(pytest_socket.SocketBlockedError):
        socket.socket(socket.AF_INET)


def test_no_test_folder_is_a_package() -> None:
    """An `__init__.py` under tests would make tests/survey shadow survey."""
    assert not list((ROOT / "tests").rglob("__init__.py"))
