"""The house rules as contracts of folders: which way imports run, one library one door, light start-up.

A new file inherits the contract of its folder; nothing here has to be edited for it.
"""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("posttrain", "survey", "reference_impls", "advisor")

# The layers of each room, lowest first. A file imports from lower layers and from its own folder. A file at the top of
# a room is a verb, unless a layer below names it; `ROOM` alone stands for these verbs.
LAYERS = {
    "posttrain": ["posttrain.errors", "posttrain"],
    "survey": [
        "survey.paper", "survey.period", "survey.section", "survey.surface", "survey.fulltext", "survey.store",
        "survey.arxiv", "survey.studies", "survey.mentions", "survey.labels", "survey.warehouse", "survey.trends",
        "survey.writing", "survey", "survey.bundled", "survey.cli", "survey.page",
    ],
    "reference_impls": [
        "reference_impls.configs", "reference_impls.verifiers.workers", "reference_impls.verifiers.sandbox",
        "reference_impls.verifiers", "reference_impls.tasks", "reference_impls.objectives",
        "reference_impls.model", "reference_impls.run", "reference_impls", "reference_impls.starter",
    ],
    "advisor": [
        "advisor.task", "advisor.memory", "advisor.advice", "advisor.export", "advisor.runs", "advisor.bank", "advisor",
        "advisor.cli", "advisor.pages",
    ],
}  # fmt: skip
# The other rooms that a room may import. Everything of the ground floor is open to all.
NEIGHBOURS = {
    "posttrain": (),
    "survey": ("posttrain",),
    "reference_impls": ("posttrain",),
    "advisor": (
        "posttrain", "survey.trends", "reference_impls.configs",
        # how a generated task is named and how a row of a file is read: plain Python, the same for a pilot and its plan
        "reference_impls.tasks.families", "reference_impls.tasks.jsonl", "reference_impls.tasks.load",
        "reference_impls.tasks.row",
    ),
}  # fmt: skip
# The face of the project calls every room, lazily.
FACE = (
    "posttrain",
    "posttrain.face.survey",
    "posttrain.face.advisor",
    "posttrain.cli",
    "posttrain.app",
    "posttrain.demo",
)

# One library, one door: only these folders or files may import it.
DOORS = {
    "arxiv": ["survey.arxiv.api"],
    "bibtexparser": ["survey.writing"],
    "duckdb": ["survey.warehouse", "survey.arxiv.snapshot", "survey.arxiv.abstracts"],
    "filelock": ["posttrain.files", "survey.arxiv.transport"],  # the transport's pace is one file for all of a user
    "httpx": ["survey.arxiv.transport"],
    "hyperscan": ["survey.mentions.finder"],
    "lxml": ["survey.fulltext"],
    "math_verify": ["reference_impls.verifiers.expressions"],
    "numpy": ["posttrain.statistics", "survey.trends", "survey.labels"],
    "pandas": ["posttrain"],
    "pebble": ["survey.store.isolation"],
    "peft": ["reference_impls.model.policy"],
    "psutil": ["advisor.runs"],
    "pylatexenc": ["posttrain.latex", "survey.writing.bibliography"],
    "pyarrow": [
        "posttrain.tables", "survey.arxiv.snapshot", "survey.arxiv.abstracts", "survey.store", "survey.warehouse",
        "survey.extract", "survey.labels.classifier",
    ],
    "pydantic": ["reference_impls.configs", "advisor.runs", "advisor.bank", "posttrain.face", "survey.studies"],
    "pypdfium2": ["survey.fulltext.pdf"],
    "rich": ["posttrain.console", "posttrain.grid"],
    "rispy": ["survey.writing"],
    "safetensors": ["reference_impls.model"],
    "scipy": ["posttrain.statistics"],
    "sklearn": ["survey.labels"],
    "sqlite3": ["survey.store"],
    "streamlit": ["posttrain.app", "posttrain.page", "survey.page", "advisor.pages"],
    "tokenizers": ["reference_impls.starter"],
    "torch": ["reference_impls"],
    "transformers": ["reference_impls"],
    "typer": ["posttrain.commands", "posttrain.cli", "survey.cli", "advisor.cli"],
    "vl_convert": ["posttrain.charts"],
    "yaml": ["survey.writing.citation"],
}  # fmt: skip
WITHOUT_TORCH = ("reference_impls.configs", "reference_impls.tasks", "reference_impls.verifiers",
                 "reference_impls.run.folder")  # fmt: skip


@cache
def _modules() -> dict[str, Path]:
    """Every module of the product by its dotted name; a package stands for its `__init__`."""
    modules = {}
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    assert len(modules) > 150
    return modules


@cache
def _imports(module: str, *, for_types: bool = True) -> frozenset[str]:
    """The modules that a module imports, also inside functions; `from a import b` gives a.b where that is a module.

    Without `for_types`, imports under `if TYPE_CHECKING:` are left out: they load nothing.
    """
    names: set[str] = set()
    nodes: list[ast.AST] = [ast.parse(_modules()[module].read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & set(_modules())
            names |= inner or {str(node.module)}
        elif for_types or not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            nodes += ast.iter_child_nodes(node)
    return frozenset(names - {module})


def _is_in(module: str, places: object) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)  # type: ignore[attr-defined]


def _ours(module: str) -> list[str]:
    return sorted(name for name in _imports(module) if name.split(".")[0] in ROOMS)


def _layer(module: str) -> int:
    """The number of a module's layer: that of the longest name in its room's list that it is or lies under."""
    layers = LAYERS[module.split(".", maxsplit=1)[0]]
    return max((i for i, name in enumerate(layers) if _is_in(module, [name])), key=lambda i: len(layers[i]))


def _up(module: str, name: str) -> bool:
    """Say whether an import inside a room goes to a higher layer."""
    return module.split(".", maxsplit=1)[0] == name.split(".", maxsplit=1)[0] and _layer(name) > _layer(module)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way_through_the_layers_of_a_room(room: str) -> None:
    """No file imports from a layer above its own."""
    modules = [module for module in _modules() if module.split(".")[0] == room and module not in FACE]
    assert [f"{module} imports {name}" for module in modules for name in _ours(module) if _up(module, name)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_its_neighbours(room: str) -> None:
    """survey and reference_impls import the ground floor alone; the advisor also trends, configs and rows."""
    modules = [module for module in _modules() if module.split(".")[0] == room and module not in FACE]
    assert [
        f"{module} imports {name}"
        for module in modules
        for name in _ours(module)
        if name.split(".")[0] != room and not _is_in(name, NEIGHBOURS[room])
    ] == []


def test_no_file_and_no_folder_imports_itself_in_a_circle() -> None:
    """Files, and folders as wholes, form no circle; so the flow can be read from the tree."""
    files = {module: set(_ours(module)) & set(_modules()) for module in _modules() if module not in FACE}
    folders: dict[str, set[str]] = {}
    for module, names in files.items():
        folders.setdefault(_folder(module), set()).update(_folder(name) for name in names)
    for graph in (files, {folder: names - {folder} for folder, names in folders.items()}):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(" → ".join(error.args[1]))


def _folder(module: str) -> str:
    """The noun folder of a module; a verb at the top of a room stands alone."""
    parts = module.split(".")
    return module if len(parts) < 3 else ".".join(parts[:2])


def test_one_library_has_one_door() -> None:
    """A library is imported where its job is done and nowhere else, and every dependency has a door."""
    used: dict[str, set[str]] = {}
    for module in _modules():
        for name in _imports(module, for_types=False):
            used.setdefault(name.split(".")[0], set()).add(module)
    third_party = {name for name in used if name not in sys.stdlib_module_names and name not in ROOMS}
    assert third_party == set(DOORS) & third_party, "a library without a door"
    assert [
        f"{module} imports {library}"
        for library in sorted(third_party)
        for module in sorted(used[library])
        if not _is_in(module, DOORS[library])
    ] == []
    assert set(DOORS) <= set(used), "a door without a library"
    assert [module for module in used["torch"] | used["transformers"] if _is_in(module, WITHOUT_TORCH)] == []


def test_objectives_need_nothing_but_tensors() -> None:
    """Each is a function that may be taken out of the project: it imports torch and its own folder."""
    objectives = [module for module in _modules() if _is_in(module, ["reference_impls.objectives"])]
    assert len(objectives) > 5
    allowed = ("torch", "typing", "reference_impls.objectives")
    assert [
        f"{module} imports {name}" for module in objectives for name in _imports(module) if not _is_in(name, allowed)
    ] == []


@pytest.mark.parametrize(
    "module",
    [
        "posttrain",
        "posttrain.cli",
        "posttrain.face.survey",
        "posttrain.face.advisor",
        "survey.cli",
        "advisor.cli",
        "advisor.pilot",
        "advisor.plan",
        "advisor.runs.background",
        "advisor.task.uploads",
        "reference_impls.configs",
        "reference_impls.run.folder",
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
        "survey.warehouse.sample, survey.report, survey.explain, survey.discover, survey.trends.labelled, "
        "survey.trends.cited"
    )
    code = f"import sys, {modules}; print(*sorted(set(sys.modules) & {{'sklearn', 'scipy', 'torch'}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert loaded.stdout.split() == []


def test_a_report_on_the_bundled_samples_loads_neither_arrow_nor_yaml() -> None:
    """DuckDB reads the committed counts; Arrow, pandas and YAML would take a third of a second of CPU each time."""
    code = (
        "import sys, survey.report, pathlib\n"
        "report = survey.report.trend_tables(pathlib.Path('no such folder'))\n"
        "assert len(report.parts) == 2 and report.render(survey.report.Format.TERMINAL)\n"
        "print(*sorted(set(sys.modules) & {'pyarrow', 'pandas', 'yaml', 'sklearn', 'scipy'}))"
    )
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
