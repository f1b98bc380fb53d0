"""Pilots in the background: one at a time, found again, stopped, killed, gone on with; damaged folders are said so."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from advisor.bank.cases import bank_path, read_bank
from advisor.runs import background
from advisor.runs.background import resume, start, stop
from advisor.runs.charts import curves_chart
from advisor.runs.folder import PilotFolder
from advisor.runs.plan import Plan, write_plan
from advisor.runs.progress import STATUS_VERSION
from advisor.runs.status import PilotStatus, at_work, learning, pilots, samples, status_of
from posttrain.errors import PosttrainError
from tests.advisor.pilots import hear_interrupts, tiny_plan, without_time

STARTER = (
    "import sys; from pathlib import Path; from advisor.runs.background import start\n"
    "from advisor.runs.plan import read_plan\n"
    "from posttrain.errors import PosttrainError\n"
    "print('ready', flush=True); sys.stdin.readline()\n"
    "try: print(start(read_plan(Path(sys.argv[1])), Path(sys.argv[2])))\n"
    "except PosttrainError as error: print('refused:', error.message)\n"
)
LONG = "200000-tokens"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine take its time; each wait ends as soon as it can."""
    for name in ("START_SECONDS", "STATUS_SECONDS", "STOP_SECONDS"):
        monkeypatch.setattr(background, name, 600.0)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder, in which no pilot is left at work."""
    place = tmp_path / "data"
    yield place
    for left in pilots(place) if (place / "pilots").is_dir() else []:
        stop(left.folder)


def _plan(budget: str = "1500-tokens", **more: Any) -> Plan:
    return tiny_plan("sft", budget, **more)


def _written(plan: Plan, data: Path, state: str | None = None, **more: Any) -> Path:
    """Write a pilot's folder as it is left behind, without running anything."""
    folder = PilotFolder.of(plan, data).path.resolve()
    folder.mkdir(parents=True)
    write_plan(plan, folder / "plan.json")
    if state:
        status = {
            "schema_version": STATUS_VERSION, "state": state, "message": "it was so", "pid": 2**22 + 1, "spent": 0.5,
            "runs": {"done": 1, "of": 2}, "now": [], "ended": [], "plan": plan.id, "started": 1e9, "updated": 1e9,
            **more,
        }  # fmt: skip
        (folder / "status.json").write_text(json.dumps(status))
    return folder


def _wait(until: Callable[[], bool], seconds: float = 900) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


def _ended(folder: Path) -> PilotStatus:
    _wait(lambda: not status_of(folder).at_work)
    return status_of(folder)


def _starter(plan: Plan, data: Path, name: str) -> "subprocess.Popen[str]":
    write_plan(plan, data.parent / name)
    command = [sys.executable, "-c", STARTER, str(data.parent / name), str(data)]
    ignoring = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)  # noqa: E731 - as a shell's background does
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=ignoring)  # noqa: PLW1509


def _told(*starters: "subprocess.Popen[str]") -> list[str]:
    """Let starters that are ready start at one time and return what each says; they have ended then."""
    for one in starters:
        assert one.stdout and one.stdout.readline() == "ready\n"
    for one in starters:
        assert one.stdin and one.stdin.write("\n")
        one.stdin.flush()
    return [one.communicate(timeout=900)[0].strip() for one in starters]


@pytest.mark.slow
def test_a_pilot_outlives_its_starter_is_stopped_killed_and_ends_as_if_left_alone(data: Path) -> None:
    """Found from another process with its curve and samples; stop, go on, kill -9, go on: the outcome is the same."""
    plan = _plan("6000-tokens")
    folder = _starts_apart(plan, data)
    _is_alone_at_work(plan, folder, data)
    _can_be_stopped(folder, data)
    _goes_on_in_sight(folder, data)
    _can_be_killed(folder)
    done = _ends_in_an_outcome(plan, folder, data)
    _is_not_run_again(plan, folder, data)
    left_alone = _ended(start(plan, data.parent / "other"))
    assert left_alone.outcome and done.outcome
    assert without_time(left_alone.outcome) == without_time(done.outcome)


def _starts_apart(plan: Plan, data: Path) -> Path:
    """Start a pilot from a process that ignores Ctrl-C, which its child must not, and that ends at once."""
    starter = _starter(plan, data, "plan.json")
    folder = Path(_told(starter)[0])
    assert starter.returncode == 0 and folder == PilotFolder.of(plan, data.resolve()).path
    return folder


def _is_alone_at_work(plan: Plan, folder: Path, data: Path) -> None:
    """It is found with its plan, and another is refused."""
    found = at_work(data)
    assert found and found.status
    assert (found.folder, found.plan, found.state) == (folder, plan, "running")
    with pytest.raises(PosttrainError, match=f"the pilot {plan.id} is at work") as caught:
        start(_plan(), data)
    assert "stop it" in caught.value.hint


def _can_be_stopped(folder: Path, data: Path) -> None:
    """Once; stopping it again changes nothing."""
    stopped = stop(folder)
    assert stopped.state == "interrupted" and "can be resumed" in stopped.message and not stopped.at_work
    assert stop(folder) == stopped and at_work(data) is None


def _goes_on_in_sight(folder: Path, data: Path) -> None:
    """Its curve and its samples are there while it is at work."""
    assert resume(folder, data) == folder
    _wait(lambda: bool(learning(status_of(folder)).points))
    pilot = status_of(folder)
    assert pilot.at_work and pilot.state == "running"
    assert learning(pilot).points and curves_chart(learning(pilot))["layer"]
    assert (before := samples(pilot, 1)["sft"][0].before) and before.response and len(samples(pilot, 1)["sft"]) == 1


def _can_be_killed(folder: Path) -> None:
    """It is said to have broken off, and no zombie is left of this process's child."""
    status = status_of(folder).status
    assert status and isinstance(status.pid, int)
    os.kill(status.pid, signal.SIGKILL)
    killed = _ended(folder)
    assert killed.state == "broken off" and "without an error message" in killed.message
    _wait(lambda: bool(status_of(folder)) and not Path(f"/proc/{status.pid}").exists())


def _ends_in_an_outcome(plan: Plan, folder: Path, data: Path) -> PilotStatus:
    """Started once more, it ends with a verdict, its curve, its samples and one case in the bank."""
    start(plan, data)
    done = _ended(folder)
    assert done.state == "done" and done.outcome and done.message == done.outcome.verdict.sentence
    assert learning(done).points == done.outcome.curve
    after = samples(done)["sft"][0].after
    assert after and after.outcome in ("right", "wrong") and samples(done)["no_training"][0].after is None
    assert len(read_bank(bank_path(data)).cases) == 1
    return done


def _is_not_run_again(plan: Plan, folder: Path, data: Path) -> None:
    """Started or resumed after its end, it stays as it is."""
    before = (folder / "outcome.json").stat().st_mtime_ns
    assert start(plan, data) == resume(folder, data) == folder and at_work(data) is None
    assert (folder / "outcome.json").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.parametrize("same", [True, False])
def test_of_two_starts_at_once_one_wins(data: Path, same: bool) -> None:
    """Two processes, with the same plan or two: one pilot, and one refusal that names it."""
    plans = [_plan(LONG), _plan(LONG if same else "210000-tokens")]
    starters = [_starter(plan, data, f"{number}.json") for number, plan in enumerate(plans)]
    said = sorted(_told(*starters))
    assert said[0].startswith("/") and said[1].startswith(f"refused: the pilot {Path(said[0]).name} is at work")
    assert [one.folder for one in pilots(data) if one.at_work] == [Path(said[0])]
    running = [one for one in _commands() if f"--out {data.resolve()}" in one]
    assert len(running) == 1


def _commands() -> list[str]:
    listed = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if "pilot" in line]


def test_of_two_threads_one_wins(data: Path) -> None:
    """As two sessions of the app are."""
    said: list[str] = []

    def one(budget: str) -> None:
        try:
            said.append(str(start(_plan(budget), data)))
        except PosttrainError as error:
            said.append(f"refused: {error.message}")

    threads = [threading.Thread(target=one, args=(budget,)) for budget in (LONG, "210000-tokens")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.startswith("refused: the pilot") for one in said) == [False, True]
    assert len([one for one in pilots(data) if one.at_work]) == 1


def test_a_pilot_that_ends_at_once_says_why(data: Path) -> None:
    """A folder where status and runs cannot be written: the error is in the words of its log."""
    plan = _plan()
    folder = _written(plan, data)
    (folder / "arms").write_text("a file where the runs' folders go")
    with pytest.raises(PosttrainError, match=r"the pilot ended at once: .*cannot make .*arms"):
        start(plan, data)
    assert at_work(data) is None and status_of(folder).state == "failed"


def test_one_that_has_not_spoken_yet_can_be_stopped(data: Path) -> None:
    """Its process is known before it has written status.json or taken its folder."""
    folder = _written(_plan(LONG), data)
    code = "import time; time.sleep(1000)"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "pilot", str(folder)],
        start_new_session=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - no threads here yet
    )
    (folder / "process.json").write_text(json.dumps({"pid": child.pid}))
    _wait(lambda: status_of(folder).state == "starting")
    threading.Thread(target=child.wait, daemon=True).start()
    assert stop(folder).state == "broken off" and child.wait() != 0


def test_a_process_that_is_not_the_pilot_is_never_signalled(data: Path) -> None:
    """Its number was taken over by another, and the folder is held by one that cannot be told."""
    folder = PilotFolder.of(_plan(), data).path.resolve()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)", str(folder / "pilot.log")])
    try:
        _written(_plan(), data, "running", pid=other.pid)
        (folder / "process.json").write_text(json.dumps({"pid": other.pid}))
        assert status_of(folder).state == stop(folder).state == "broken off"
        held = "import sys, time, filelock; lock = filelock.FileLock(sys.argv[1]); lock.acquire(); print(1, flush=True)"
        holder = subprocess.Popen(
            [sys.executable, "-c", f"{held}; time.sleep(1000)", str(folder / ".lock")], stdout=subprocess.PIPE
        )
        assert holder.stdout and holder.stdout.readline() == b"1\n"
        try:
            assert status_of(folder).state == "starting"
            with pytest.raises(PosttrainError, match="cannot be identified"):
                stop(folder)
            assert holder.poll() is None
        finally:
            holder.kill()
            holder.wait()
            holder.stdout.close()
        time.sleep(0.2)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_one_that_does_not_end_is_said_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait is bounded, and the error names the process."""
    monkeypatch.setattr(background, "STOP_SECONDS", 0.5)
    folder = _written(_plan(), data)
    code = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(1, flush=True); time.sleep(1000)"
    child = subprocess.Popen([sys.executable, "-c", code, "pilot", str(folder)], stdout=subprocess.PIPE)
    try:
        assert child.stdout and child.stdout.readline() == b"1\n"
        (folder / "process.json").write_text(json.dumps({"pid": child.pid}))
        with pytest.raises(PosttrainError, match=f"process {child.pid}.* still runs") as caught:
            stop(folder)
        assert f"kill -9 {child.pid}" in caught.value.hint
    finally:
        child.kill()
        child.communicate()


def test_damaged_folders_are_listed_with_the_reason_and_hide_no_other(data: Path) -> None:
    """Half a status, a plan that is a folder, an empty folder, garbage for an outcome, and a pilot that is whole."""
    plans = [_plan(f"{amount}-tokens") for amount in (1500, 1600, 1700, 1800)]
    half, folded, garbled, whole = (_written(one, data, "done") for one in plans)
    (half / "status.json").write_text((half / "status.json").read_text()[:40])
    (folded / "plan.json").unlink()
    (folded / "plan.json").mkdir()
    (garbled / "outcome.json").write_bytes(b"\xff\x00" + b"[" * 100_000)
    shutil.rmtree(whole)
    _written(plans[3], data, "interrupted")
    (data / "pilots" / "empty").mkdir()
    (data / "pilots" / "locked").mkdir()
    (data / "pilots" / "locked" / ".lock").mkdir()
    (data / "pilots" / "notes.txt").write_text("no pilot")
    (data / "pilots" / "status-of-another-kind").mkdir()
    found = {one.folder.name: one for one in pilots(data)}
    said = {
        half.name: "status.json is damaged", folded.name: "plan.json is damaged",
        garbled.name: "outcome.json is damaged", "empty": "no plan.json", "locked": "",
        "status-of-another-kind": "no pilot's folder",
    }  # fmt: skip
    for name, reason in said.items():
        assert found[name].state == "unreadable" and reason in found[name].message, name
    assert found[whole.name].state == "interrupted" and "after 1 of 2 runs" in found[whole.name].message
    assert set(found) == {*said, whole.name}
    assert learning(found[garbled.name]).points == () and samples(found[garbled.name])["sft"] == []
    with pytest.raises(PosttrainError, match=r"no plan\.json"):
        samples(found["empty"])
    with pytest.raises(PosttrainError, match="is no plan"):
        resume(data / "pilots" / "empty", data)
    assert at_work(data) is None


@pytest.mark.parametrize(
    "status",
    [b"[]", b"{}", b'{"state": 7}', b'{"schema_version": 99}', b'{"pid": "x", "state": "running"}', b"\xff", b""],
    ids=["list", "empty object", "number as state", "later schema", "word as pid", "not UTF-8", "empty file"],
)
def test_no_status_is_too_odd(data: Path, status: bytes) -> None:
    """Whatever stands there, the folder is listed."""
    folder = _written(_plan(), data, "done")
    (folder / "status.json").write_bytes(status)
    assert [one.state for one in pilots(data)] == ["unreadable"]
    with FileLock(folder / ".lock"):
        assert pilots(data)[0].at_work  # a pilot that is at work writes it anew


def test_the_latest_is_first(data: Path) -> None:
    """By what was written last."""
    folders = [_written(_plan(f"{amount}-tokens"), data, "interrupted") for amount in (1500, 1600, 1700)]
    for age, folder in enumerate(folders):
        os.utime(folder / "status.json", (1e9 + age, 1e9 + age))
    assert [one.folder for one in pilots(data)] == folders[::-1]
    assert pilots(data / "nowhere") == []


def test_samples_pair_what_came_before_with_what_came_after(data: Path) -> None:
    """First stage before, last stage after, by prompt; lines said twice, half lines and other moments do no harm."""
    plan = tiny_plan("sft_grpo", "6000-tokens")
    folder = _written(plan, data)
    stages = folder / "arms" / "sft_grpo" / "seed-0"
    for stage, lines in {
        "stage-1-sft": [("before", "1", "bad"), ("before", "2", "x"), ("before", "1", "bad"), ("validation", "9", "y")],
        "stage-2-grpo": [("before", "1", "no"), ("after", "1", "good\u2028!")],
    }.items():
        (stages / stage).mkdir(parents=True)
        text = "".join(
            json.dumps({"moment": moment, "prompt": [{"role": "user", "content": prompt}], "response": response},
                       ensure_ascii=False) + "\n"
            for moment, prompt, response in lines
        )  # fmt: skip
        (stages / stage / "samples.jsonl").write_text(text + '{"moment": "after", "prompt": "ha', encoding="utf-8")
    found = samples(status_of(folder), 5)["sft_grpo"]
    assert [sample.before and sample.before.response for sample in found] == ["bad", "x"]
    assert [sample.prompt for sample in found] == [[{"role": "user", "content": number}] for number in "12"]
    assert found[0].after and found[0].after.response == "good\u2028!" and found[1].after is None


def test_a_data_folder_that_cannot_be_written_is_a_sentence(data: Path, tmp_path: Path) -> None:
    """A file stands where the folder would be; a folder of elsewhere is no pilot of this one."""
    data.mkdir()
    (data / "pilots").write_text("")
    for refused in (lambda: start(_plan(), data), lambda: resume(data / "pilots" / "x", data)):
        with pytest.raises(PosttrainError, match="cannot make") as caught:
            refused()
        assert "POSTTRAIN_DATA" in caught.value.hint
    with pytest.raises(PosttrainError, match="cannot be listed"):
        pilots(data)
    with pytest.raises(PosttrainError, match="is no pilot of"):
        resume(tmp_path, data)
    (data / "pilots").unlink()
    (data / "pilots").mkdir()
    PilotFolder.of(_plan(), data).path.write_text("")
    with pytest.raises(PosttrainError, match="cannot make"):
        start(_plan(), data)
