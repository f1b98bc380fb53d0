"""What a run wrote, cut back to a checkpoint: whole lines of its steps, and none of what came after."""

import json
from pathlib import Path

from reference_impls.run.folder import RunLog


def test_a_cut_keeps_whole_lines_of_the_steps_before(tmp_path: Path) -> None:
    """Also a response with a separator that ends a line for Python and not for JSON; half a line goes."""
    log = RunLog(tmp_path)
    response = "one\u2028two\x85three\nfour"
    for step in (1, 2, 3):
        log.write_sample(step, {"moment": "validation", "response": response})
        log.write_metrics(step, {"loss": 1.0 / step})
    with log.samples.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "moment": "val')
    log.cut_after(2)
    samples = [json.loads(line) for line in log.samples.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [(line["step"], line["response"]) for line in samples] == [(1, response), (2, response)]
    assert [json.loads(line)["step"] for line in log.metrics.read_text().splitlines()] == [1, 2]


def test_an_error_is_a_result_until_the_run_has_one(tmp_path: Path) -> None:
    """A later error takes its place, a resumed run forgets it, and a finished result is never overwritten."""
    log = RunLog(tmp_path)
    for message in ("no rows", "no memory"):
        log.write_error(message, "take fewer")
        assert json.loads(log.result.read_text()) == {"error": {"message": message, "hint": "take fewer"}}
        assert log.has_failed() and not log.has_begun()
    log.forget_error()
    assert not log.result.exists()
    log.write_result({"status": "done"})
    log.write_error("too late", "")
    log.forget_error()
    assert json.loads(log.result.read_text()) == {"status": "done"}
    assert log.has_begun() and not log.has_failed()
