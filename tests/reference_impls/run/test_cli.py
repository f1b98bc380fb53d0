"""The command line: one entry for every technique, light until a run begins, errors as JSON in the run folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.errors import BusyError, ConfigurationError
from reference_impls.configs import CONFIGS
from reference_impls.run import cli
from reference_impls.run.folder import RunLog
from tests.reference_impls import runs


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy with untrained weights."""
    return str(runs.make_untrained(tmp_path_factory.mktemp("policy") / "untrained"))


def test_the_list_names_every_technique_with_its_family_and_page(capsys: pytest.CaptureFixture[str]) -> None:
    """A family is the file of a loop, and a page is there to be read."""
    assert cli.main(["--list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert [name for name, _, _ in rows] == list(CONFIGS)
    assert ["dft", "sft", "docs/techniques/dft.md"] in rows
    for _, family, page in rows:
        assert (runs.ROOT / "reference_impls" / f"{family}.py").exists()
        assert (runs.ROOT / page).exists()


def test_help_list_and_settings_load_no_torch() -> None:
    """What is asked most must answer at once; `posttrain train` calls the same function."""
    code = (
        "import sys; from reference_impls.run.cli import main; "
        "assert main(['--list']) == main(['grpo', '--settings']) == 0; "
        "assert not {'torch', 'transformers', 'numpy', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=runs.ROOT, check=True, capture_output=True)


@pytest.mark.slow
def test_the_package_runs_a_technique_by_its_name(untrained: str, tmp_path: Path) -> None:
    """`python -m reference_impls sft RUN_DIR` is `python -m reference_impls.sft RUN_DIR`."""
    folder = runs.write_config(tmp_path / "run", "sft", model=untrained, budget="300-tokens", eval_every=0)
    command = [sys.executable, "-m", "reference_impls", "sft", str(folder)]
    done = subprocess.run(command, cwd=runs.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sft: " in done.stderr and runs.read(folder, "result.json")["status"] == "done"


@pytest.mark.parametrize("arguments", [[], ["sgd", "runs/x"]], ids=["no technique", "an unknown technique"])
def test_a_technique_must_be_one_of_those_there_are(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Usage is exit code 2, and the known ones are named."""
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == cli.USAGE
    assert "rejection_sampling" in capsys.readouterr().err


def test_an_error_is_in_result_json_and_on_stderr_and_does_not_block_a_resume(
    untrained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever started the process reads message and hint; with the setting mended the same command succeeds."""
    folder = runs.write_config(tmp_path / "run", "sft", model="/nowhere/at/all", budget="300-tokens", eval_every=0)
    assert cli.main(["sft", str(folder)]) == cli.USAGE
    error = runs.read(folder, "result.json")["error"]
    assert error["message"].startswith("cannot load the model '/nowhere/at/all'") and error["hint"]
    assert capsys.readouterr().err.splitlines()[-2:] == [f"error: {error['message']}", f"  try: {error['hint']}"]
    settings = {**runs.read(folder, "config.json"), "model": untrained}
    (folder / "config.json").write_text(json.dumps(settings))
    for options in ([], ["--resume"]):  # done, then found done
        assert cli.main(["sft", str(folder), *options]) == 0
    assert runs.read(folder, "result.json")["status"] == "done"


def test_a_failure_after_a_finished_run_leaves_its_result(untrained: str, tmp_path: Path) -> None:
    """A larger budget that cannot be run, for the model is gone, costs nothing of the result that is there."""
    folder = runs.write_config(tmp_path / "run", "sft", model=untrained, budget="300-tokens", eval_every=0)
    assert runs.run(folder) == 0
    before = (folder / "result.json").read_bytes()
    settings = {**runs.read(folder, "config.json"), "budget": "900-tokens", "model": "/nowhere/at/all"}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigurationError, match="cannot load the model"):
        runs.run(folder, resume=True)
    assert (folder / "result.json").read_bytes() == before


def test_a_crash_is_in_result_json_too(tmp_path: Path, untrained: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw keeps its traceback, and its name and text are in the folder."""
    folder = runs.write_config(tmp_path / "run", "sft", model=untrained, budget="300-tokens", eval_every=0)

    def broken(run: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setitem(runs.TRAIN, "sft", broken)
    with pytest.raises(RuntimeError):
        runs.run(folder)
    assert runs.read(folder, "result.json") == {"error": {"message": "RuntimeError: out of memory", "hint": ""}}


def test_a_folder_that_is_no_run_and_one_that_is_held_stay_as_they_are(tmp_path: Path) -> None:
    """A mistyped folder gets no result.json, nor does the folder of another process."""
    assert cli.main(["sft", str(tmp_path)]) == cli.USAGE
    assert not (tmp_path / "result.json").exists()
    folder = runs.write_config(tmp_path / "run", "sft")
    with RunLog(folder).held(), pytest.raises(BusyError, match="still at work"):
        runs.run(folder)
    assert not (folder / "result.json").exists()


@pytest.mark.parametrize("arguments", [[], ["--set", "lerning_rate=1"]])
def test_a_run_that_cannot_begin_leaves_no_folder(arguments: list[str], tmp_path: Path) -> None:
    """Neither without a config nor with a wrong setting; a folder that was there before stays as it was."""
    assert cli.main(["sft", str(tmp_path / "run"), *arguments]) == cli.USAGE
    assert not (tmp_path / "run").exists()
    (tmp_path / "papers").mkdir()
    assert cli.main(["sft", str(tmp_path / "papers")]) == cli.USAGE
    assert list((tmp_path / "papers").iterdir()) == []
