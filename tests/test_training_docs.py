"""What docs/training.md and docs/techniques say is what the code has, both ways.

Keys, files, settings, tasks, verifiers, deviations, commands: what there is, is explained; what is explained, is there.
"""

import importlib.util
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from posttrain.assignments import json_or_text, parse_assignments
from reference_impls import dft, grpo, objectives, rejection_sampling, sft
from reference_impls.configs import CONFIGS, RolloutConfig, RunConfig, default_learning_rate, make_config
from reference_impls.run import cli, guards
from reference_impls.tasks import FAMILIES, load_task
from reference_impls.tasks.columns import ANSWER, CHAT, PROMPT, RESPONSE
from reference_impls.verifiers import KNOWN, load_verifier
from tests.reference_impls import runs

DOCS = runs.ROOT / "docs"
TRAINING = (DOCS / "training.md").read_text(encoding="utf-8")
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((DOCS / "techniques").glob("*.md"))}
EVERY = {"training": TRAINING, "README": (runs.ROOT / "README.md").read_text(encoding="utf-8"), **PAGES}
HAS_DIGIT = "tests.reference_impls.lenient:has_digit"
TINY = {
    "sft": {"budget": "300-tokens"},
    "rejection_sampling": {"budget": "300-tokens", "prompts_per_round": 8, "group_size": 4, "verifier": HAS_DIGIT},
    "grpo": {"budget": "500-tokens", "group_size": 4, "micro_batch": 16, "verifier": HAS_DIGIT},
    "probe": {"group_size": 2},
}  # fmt: skip
FREE = (
    "intake.dropped",
    "skipped_rows",
    "versions",
    "probe.pass_at_k",
    "first_row.left_out",
)  # their keys are reasons, names and numbers


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny real run of each kind; DFT is SFT's loop."""
    place = tmp_path_factory.mktemp("runs")
    model = str(runs.make_untrained(place / "untrained"))
    made = {}
    for technique, settings in TINY.items():
        made[technique] = runs.write_config(place / technique, technique, model=model, eval_every=1, **settings)
        assert runs.run(made[technique]) == 0
    return made


def _section(heading: str, text: str = TRAINING) -> str:
    """Return what stands below a heading of the second rank."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def _table(first_column: str, text: str = TRAINING) -> list[list[str]]:
    """Return the cells of every row of the table whose first column is called this."""
    found = re.search(rf"^\| {re.escape(first_column)} \|[^\n]*\n\|[-|: ]+\n((?:\|[^\n]*\n)+)", text, re.MULTILINE)
    assert found, first_column
    return [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in found[1].splitlines()]


def _names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _words(text: str) -> str:
    return " ".join(text.split())


def _paths(found: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of everything in a result; a share with its interval is one thing."""
    for name, value in found.items():
        path = f"{before}{name}"
        if isinstance(value, dict) and path not in FREE and "share" not in value:
            yield from _paths(value, f"{path}.")
        else:
            yield path, value


def _metrics_explained() -> dict[str, set[str]]:
    items = re.findall(r"^- \*\*`(\w+)`\*\* \(([^)]*)\):", _section("metrics.jsonl, key by key"), re.MULTILINE)
    return {key: set(TINY) - {"probe"} if where == "all" else set(where.split(", ")) for key, where in items}


def test_the_example_by_hand_is_what_the_code_computes() -> None:
    """GRPO's table: advantages, what each token adds, its gradient, and the loss."""
    text = _section("By hand", PAGES["grpo"])
    cells = [[float(cell) for cell in row[1:]] for row in _table("rollout", text)]
    advantage, ratio, clipped, term, gradient = torch.tensor(cells, dtype=torch.float64).T
    assert torch.allclose(objectives.group_advantages(torch.tensor([[1.0, 0, 0, 0]]))[0].double(), advantage, atol=1e-3)
    assert torch.equal(ratio.clamp(1 - 0.2, 1 + 0.28), clipped)
    log_probs = ratio.log()[:, None].requires_grad_()  # (B, 1)
    mask = torch.ones(4, 1, dtype=torch.bool)
    loss = objectives.grpo(
        log_probs, torch.zeros(4, 1, dtype=torch.float64), advantage, mask, form="dapo", clip_high=0.28
    )
    loss.backward()
    assert loss.item() == pytest.approx(term.mean().item()) == pytest.approx(-0.08) and "-0.08." in text
    assert log_probs.grad is not None and torch.allclose(4 * log_probs.grad[:, 0], gradient)


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["sft", "rejection_sampling", "grpo"])
def test_every_metric_is_explained_and_every_explained_one_is_written(technique: str, folders: dict[str, Path]) -> None:
    """The keys of metrics.jsonl, technique by technique."""
    written = {key for line in runs.read(folders[technique], "metrics.jsonl") for key in line}
    explained = {key for key, where in _metrics_explained().items() if technique in where}
    assert written == explained
    assert len(explained) >= 9


def test_every_key_of_a_result_is_explained_and_no_other(folders: dict[str, Path]) -> None:
    """The keys of result.json, over all kinds of runs; null stands for what another technique has."""
    written: set[str] = set()
    shares: set[str] = set()
    for folder in folders.values():
        for path, value in _paths(runs.read(folder, "result.json")):
            if value is not None or path == "stopped_because":
                whole = path.partition(".")[0]  # settings and reasons are explained elsewhere
                written.add(whole if whole in ("config", "skipped_rows") else path)
            if isinstance(value, dict) and "share" in value:
                shares |= set(value)
    section = _section("result.json, key by key")
    keys, parts = section.split("Where a share is meant")
    assert written == {name for row in _table("key", keys) for name in _names(row[0])}
    assert shares == {name for row in _table("key", parts) for name in _names(row[0])}
    assert len(written) > 35


def test_every_file_of_a_run_and_every_key_of_a_sample_is_explained(folders: dict[str, Path]) -> None:
    """The run folder and samples.jsonl; the probe leaves fewer files, and no others."""
    explained = {name for row in _table("file") for cell in row for name in _names(cell) if re.search(r"[./]", name)}
    files = {name: _files(folder) for name, folder in folders.items()}
    assert files["sft"] == files["rejection_sampling"] == files["grpo"] == explained
    assert files["probe"] < explained and "metrics.jsonl" not in files["probe"]
    samples = TRAINING.split("A line of `samples.jsonl`:")[1]
    keys = {name for row in _table("key", samples) for name in _names(row[0])}
    assert {key for folder in folders.values() for line in runs.read(folder, "samples.jsonl") for key in line} == keys


def _files(folder: Path) -> set[str]:
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    policy = {name for name in files if name.startswith("policy/") and name != "policy/whole"}
    return files - policy | {"policy/" for _ in policy}  # what stands in it is transformers' business


@pytest.mark.parametrize("technique", CONFIGS)
def test_a_techniques_own_settings_stand_on_its_page(technique: str) -> None:
    """Each with the default that it has; what every technique shares is listed by `--settings`."""
    fields = CONFIGS[technique].model_fields
    own = {name: str(field.default) for name, field in fields.items() if name not in RunConfig.model_fields}
    section = _section("Settings", PAGES[technique])
    if own:
        assert {row[0].strip("`"): row[1] for row in _table("setting", section)} == own
    else:
        assert "None of its own" in section
    assert {line.split()[0] for line in cli.settings_of(technique).splitlines()} == set(fields)


def test_every_setting_that_is_named_exists() -> None:
    """In backticks on the pages and in the table of settings that are needed most."""
    known = {name for config in CONFIGS.values() for name in config.model_fields}
    assert set(RolloutConfig.model_fields) <= known
    named = [name for row in _table("what you want") for name in _names(row[1])]
    assert len(named) > 10
    assert [name for name in named if name not in known] == []
    snake = {word for text in (TRAINING, *PAGES.values()) for word in re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)}
    keys = {name for row in _table("key", _section("result.json, key by key")) for name in _names(row[0])}
    others = {part for key in keys for part in key.split(".")} | set(_metrics_explained())
    others |= {*CONFIGS, *objectives.FORMS, *PROMPT, *RESPONSE, *ANSWER, *CHAT, "entry_point"}
    assert snake - known - others == set()


def test_every_technique_has_a_page_and_every_page_a_technique() -> None:
    """And training.md leads to each."""
    assert set(PAGES) == set(CONFIGS)
    for technique in CONFIGS:
        assert f"(techniques/{technique}.md)" in TRAINING


@pytest.mark.parametrize("technique, said", [
    ("sft", sft.__doc__), ("dft", objectives.dft.__doc__), ("rejection_sampling", rejection_sampling.__doc__),
    ("grpo", grpo.__doc__),
])  # fmt: skip
def test_the_deviations_are_those_of_the_code(technique: str, said: str | None) -> None:
    """Word for word, as the head of the module or of the objective lists them."""
    listed = re.split(r"Deviations? (?:from the textbook:|(?=\d))", said or "")[1]
    in_code = [_words(one) for one in re.split(r"(?:^|\n)\s*\d+[.:] ", listed) if one.strip()]
    if technique == "dft":
        in_code = [_words(listed.removeprefix("1: "))]
    section = _section("Deviations from the textbook", PAGES[technique])
    on_page = [_words(one) for one in re.findall(r"^\d\. (.*(?:\n   .*)*)", section, re.MULTILINE)]
    assert [one.lower() for one in on_page] == [one.lower() for one in in_code]
    assert dft.__doc__ and "SFT's loop" in dft.__doc__  # which is why DFT's page leads to SFT's


def test_the_forms_of_grpo_are_those_of_the_objective() -> None:
    """Each once, in its order, with the id that the objective's docstring gives."""
    rows = _table("`form`", PAGES["grpo"])
    assert [row[0] for row in rows] == list(objectives.FORMS)
    for row in rows:
        assert row[3] == "-" or row[3] in (objectives.grpo.__doc__ or ""), row


def test_every_family_is_in_the_table_with_its_first_row() -> None:
    """Name, difficulties, prompt and demonstration are the family's own; the verifiers stand below."""
    rows = _table("family")
    assert {row[0].strip("`") for row in rows} == set(FAMILIES)
    for name, dial, _, prompt, demonstration in rows:
        family = FAMILIES[name.strip("`")]
        first = load_task(f"task:{family.name}", rows=1).rows[0]
        assert dial == f"{family.lowest}, {family.default}, {family.highest}"
        assert (prompt.strip("`"), demonstration.strip("`")) == (first.prompt, first.response)
        assert family.verifier in ("exact:#", "unit-tests", f"reference_impls.tasks.{family.name}:is_right")
    functions = {name for name, family in FAMILIES.items() if family.verifier.endswith(":is_right")}
    assert functions == {"countdown", "maze"} and FAMILIES["program"].verifier == "unit-tests"


def test_every_column_and_every_verifier_is_named() -> None:
    """Columns of files by their meaning, in the order in which they are looked for; verifiers as errors list them."""
    columns = {row[0]: tuple(_names(row[1])) for row in _table("part of a row")}
    assert list(columns.values()) == [PROMPT, CHAT, RESPONSE, ANSWER]
    named = re.findall(r"^- \*\*`([^`]+)`\*\*\. Strict:", _section("Verifiers"), re.MULTILINE)
    assert sorted(named) == sorted(KNOWN)


def test_numbers_in_the_text_are_those_of_the_code() -> None:
    """Guards, default learning rates and exit codes."""
    said = _words(TRAINING)
    assert guards.RATIO_OFF == 0.01 and "within 0.99 to 1.01" in said
    assert (guards.SPAN, guards.REWARD_LEFT, guards.ENTROPY_LEFT) == (10, 0.5, 0.05)
    assert "from step 30 on" in said and "below 5 % of that of the first ten steps" in said
    for row, size, lora in zip(_table("model, by weights in use"), (1e6, 1e9, 1e9), (False, True, False), strict=True):
        imitation, policy_gradient = (default_learning_rate(name, int(size), lora) for name in ("sft", "grpo"))
        assert (float(row[1]), float(row[2])) == (imitation, policy_gradient)
    codes = [cli.OK, 1, cli.USAGE, cli.PARTIAL, cli.INTERRUPTED]
    sentence = TRAINING.split("Exit codes: ")[1].split("\n\n")[0]
    assert [int(code) for code in re.findall(r"(?:^|[,)] )(\d+) ", _words(sentence))] == codes


def test_every_command_parses() -> None:
    """The module exists, the options do, and the settings make a config of that technique."""
    found = [command for text in EVERY.values() for command in _commands(text)]
    assert len(found) >= 15
    for command in found:
        words = shlex.split(command)
        start = next(number for number, word in enumerate(words) if word.startswith("reference_impls"))
        _, _, technique = words[start].partition(".")
        assert importlib.util.find_spec(words[start]), command
        arguments = cli.parser().parse_args([technique, *words[start + 1 :]] if technique else words[start + 1 :])
        if arguments.set:
            settings = parse_assignments(arguments.set, "")
            values = {name: json_or_text(value) for name, value in settings.items()}
            make_config({"technique": arguments.technique, **values})
        else:
            assert arguments.settings or arguments.resume or arguments.list, command


def test_every_json_object_is_a_config_or_a_row(tmp_path: Path) -> None:
    """The examples in training.md can be used as they stand."""
    config, row = (re.search(rf"```json\n(\{{\"{key}.*\}})\n```", TRAINING) for key in ("technique", "prompt"))
    assert config and row
    (tmp_path / "config.json").write_text(config[1])
    (tmp_path / "rows.jsonl").write_text(row[1])
    assert runs.cli.load_config(tmp_path / "config.json").technique == "grpo"
    read = load_task(str(tmp_path / "rows.jsonl"), split="all").rows[0]
    assert read.prompt and read.response and read.answer
    with load_verifier("numeric") as verifier:
        assert verifier.verify([(read.prompt, read.response, read.as_mapping())])[0].strict == 1.0


def test_links_and_line_lengths_of_the_pages() -> None:
    """Relative links lead to files, links within training.md to its headings; a line has 120 characters at most."""
    anchors = {re.sub(r"[^\w\- ]", "", one).replace(" ", "-").lower() for one in re.findall("^#+ (.*)", TRAINING, re.M)}
    links = 0
    for name, text in {"training": TRAINING, **PAGES}.items():
        folder = DOCS if name == "training" else DOCS / "techniques"
        for link in re.findall(r"\]\(([^)]+)\)", text):
            path, _, anchor = link.partition("#")
            links += 1
            assert not path or (folder / path).exists(), link
            if anchor and (not path or path.endswith("training.md")):
                assert anchor in anchors, link
        assert [line for line in text.splitlines() if len(line) > 120] == []
    assert links > 20


def _commands(text: str) -> list[str]:
    """Return the shell commands that run a technique, joined where they go on in the next line, without comments."""
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL)).replace("\\\n", " ")
    lines = [re.sub(r"\s{2,}#.*", "", line) for line in blocks.splitlines()]
    return [line.removeprefix("$ ") for line in lines if re.search(r"-m reference_impls", line)]
