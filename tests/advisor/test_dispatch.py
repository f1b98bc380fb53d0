"""Stages in processes of their own: followed, not run twice, failing in a sentence, out of torch's way."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from advisor import dispatch
from advisor.dispatch import Progress, curve_of, json_lines, progress_of, read_json, run_stage
from reference_impls.configs import Budget
from survey.errors import SurveyError
from tests.advisor.pilots import TASK, TINY

SFT = {
    "technique": "sft", **TASK, "budget": "1500-tokens",
    **{name: TINY[name] for name in TINY if name not in ("group_size", "prompts_per_round")},
}  # fmt: skip


def test_a_stage_is_followed_to_its_result_and_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps and validation scores come by, the result comes back; asked again, it is read and nothing starts."""
    seen: list[Progress] = []
    result = run_stage(tmp_path / "run", SFT, seen.append)
    assert result["work"]["tokens"] >= 1500
    assert seen[-1].spent == 1 and seen[-1].validation is not None and seen[-1].step == result["steps"]
    points = curve_of(tmp_path / "run", "tokens")
    assert points[0]["work"] == 0 and points[-1]["work"] == result["work"]["tokens"] and len(points) > 2
    monkeypatch.setattr(subprocess, "Popen", _refused)
    assert run_stage(tmp_path / "run", SFT) == result


def _refused(*arguments: Any, **more: Any) -> None:
    raise AssertionError("a process was started")


@pytest.mark.slow
def test_a_full_disk_is_a_sentence_and_can_be_gone_on_with(tmp_path: Path) -> None:
    """Files that cannot grow stand for a disk without room: no traceback, and `--resume` in the hint."""
    code = (
        "import json, resource, sys; from pathlib import Path; from advisor.dispatch import run_stage\n"
        "from survey.errors import SurveyError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))\n"
        "try: run_stage(Path(sys.argv[1]), json.loads(sys.argv[2]))\n"
        "except SurveyError as error: print(error.message, error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run"), json.dumps(SFT)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout and "make room" in done.stdout and "--resume" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(SurveyError, match="cannot make"):
        run_stage(tmp_path / "file" / "run", SFT)


def test_without_torch_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, before any folder is made."""
    monkeypatch.setattr(dispatch, "find_spec", lambda name: None)
    with pytest.raises(SurveyError, match="not installed") as caught:
        run_stage(tmp_path / "run", SFT)
    assert caught.value.hint == "pip install 'posttrain[train]'"
    assert not (tmp_path / "run").exists()


def test_a_process_that_outlived_its_parent_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody holds the run folder nothing is started; what it left is used."""
    folder = tmp_path / "run"
    folder.mkdir()
    monkeypatch.setattr(subprocess, "Popen", _refused)
    lock = FileLock(folder / ".lock", thread_local=False)
    lock.acquire()
    waited = 0

    def follow(_: Progress) -> None:
        nonlocal waited
        waited += 1
        if waited == 2:
            (folder / "result.json").write_text(json.dumps({"config": {"budget": SFT["budget"]}}))
            lock.release()

    assert run_stage(folder, SFT, follow)["config"]
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


def test_lines_end_where_json_ends_them(tmp_path: Path) -> None:
    """A response may hold other ends of lines; half a line, a line that is no object and one too deep are left out."""
    whole = {"response": "one\u2028two\x85three"}
    deep = "[" * 100_000
    text = json.dumps(whole, ensure_ascii=False) + f"\n7\n{deep}\n" + '{"response": "ha'
    (tmp_path / "samples.jsonl").write_text(text, encoding="utf-8")
    assert json_lines(tmp_path / "samples.jsonl") == [whole] and json_lines(tmp_path / "none") == []
    (tmp_path / "deep.json").write_text(deep)
    assert read_json(tmp_path / "deep.json") is None
