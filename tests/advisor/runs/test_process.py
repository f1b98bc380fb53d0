"""Stages in processes of their own: followed, not run twice, failing in a sentence, out of torch's way."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from advisor.runs import process
from advisor.runs.folder import scores_of
from advisor.runs.process import Progress, progress_of, run_stage
from advisor.runs.result import read_result
from posttrain.errors import PosttrainError
from posttrain.install import install_hint
from reference_impls.configs import Budget
from tests.advisor.pilots import TASK, TINY, result

SFT = {
    "technique": "sft", **TASK, "budget": "1500-tokens",
    **{name: TINY[name] for name in TINY if name not in ("group_size", "prompts_per_round")},
}  # fmt: skip


@pytest.mark.slow
def test_a_stage_is_followed_to_its_result_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and validation scores come by, the result comes back; asked again, it is read and nothing starts."""
    seen: list[Progress] = []
    result = run_stage(tmp_path / "run", SFT, seen.append)
    assert result.work.tokens >= 1500
    assert seen[-1].spent == 1 and seen[-1].validation is not None and seen[-1].step == result.steps
    scores = scores_of(tmp_path / "run", "tokens")
    assert scores[0][0] == 0 and scores[-1][0] == result.work.tokens and len(scores) > 2
    monkeypatch.setattr(subprocess, "Popen", _refused)
    assert run_stage(tmp_path / "run", SFT) == result


def _refused(*arguments: Any, **more: Any) -> None:
    raise AssertionError("a process was started")


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_can_be_gone_on_with(tmp_path: Path) -> None:
    """Files that cannot grow stand for a disk without room: no traceback, and `--resume` in the hint."""
    code = (
        "import json, resource, sys; from pathlib import Path; from advisor.runs.process import run_stage\n"
        "from posttrain.errors import PosttrainError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "try: run_stage(Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
        "except PosttrainError as error: print(error.message, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run"), json.dumps(SFT)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout and "make room" in done.stdout and "--resume" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(PosttrainError, match="cannot make"):
        run_stage(tmp_path / "file" / "run", SFT)


def test_without_torch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, before any folder is made."""
    monkeypatch.setattr(process, "find_spec", lambda name: None)
    with pytest.raises(PosttrainError, match="not installed") as caught:
        run_stage(tmp_path / "run", SFT)
    assert caught.value.hint == install_hint("train")
    assert not (tmp_path / "run").exists()


def test_a_process_that_outlived_its_parent_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds the run folder nothing is started; what it left is used."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(subprocess, "Popen", _refused)
    lock = FileLock(folder / ".lock", thread_local=False)
    lock.acquire()
    waited, done = 0, result("1", config={"budget": SFT["budget"]})

    def follow(_: Progress) -> None:
        nonlocal waited
        waited += 1
        if waited == 2:
            (folder / "result.json").write_text(done.model_dump_json())
            lock.release()

    assert run_stage(folder, SFT, follow) == done
    assert waited >= 2


def test_stopping_ends_the_process(tmp_path: Path) -> None:
    """When the event is set the run ends, and its folder is free again."""
    stop = threading.Event()

    def follow(_: Progress) -> None:
        stop.set()

    with pytest.raises(KeyboardInterrupt):
        run_stage(tmp_path / "run", {**SFT, "budget": "900M-tokens"}, follow, stop)
    with FileLock(tmp_path / "run" / ".lock").acquire(timeout=0):
        assert not (tmp_path / "run" / "result.json").exists()


def test_half_a_line_of_metrics_is_no_progress(tmp_path: Path) -> None:
    """A line that is being written waits for its end; a budget in seconds is read from seconds."""
    (tmp_path / "metrics.jsonl").write_text('{"step": 4, "tokens": 50, "seconds": 3}\n{"step": 5, "tok')
    assert progress_of(tmp_path, Budget.parse("100-tokens")) == Progress(4, 0.5, 50, None)
    assert progress_of(tmp_path, Budget.parse("6s")).spent == 0.5
    assert progress_of(tmp_path / "none", None) == Progress()


@pytest.mark.slow
def test_an_error_comes_back_as_json_and_is_tried_again(tmp_path: Path) -> None:
    """The child writes its error into result.json; that is no result, and the next start replaces it."""
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        with pytest.raises(PosttrainError, match=r"sft: .*cannot load the model") as caught:
            run_stage(tmp_path / "run", {**SFT, "model": str(tmp_path / "empty")})
        assert caught.value.hint
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert caught.value.message == f"sft: {written['error']['message']}"
    assert caught.value.hint == written["error"]["hint"]
    assert read_result(tmp_path / "run") is None


def test_a_process_without_a_word_is_named_by_its_code_and_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash that wrote no JSON: the log has the rest."""
    (tmp_path / "torch.py").write_text("raise RuntimeError('no such device')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(PosttrainError, match="sft ended with code 1: RuntimeError: no such device") as caught:
        run_stage(tmp_path / "run", SFT)
    assert caught.value.hint == f"{tmp_path / 'run' / 'stderr.txt'} has all of it"


def test_a_damaged_result_is_said_so(tmp_path: Path) -> None:
    """Half a result is no result that a verdict may rest on."""
    (tmp_path / "result.json").write_text(json.dumps({"technique": "sft", "config": {"budget": SFT["budget"]}}))
    with pytest.raises(PosttrainError, match="lacks a part of a result: status") as caught:
        run_stage(tmp_path, SFT)
    assert "--resume" in caught.value.hint
