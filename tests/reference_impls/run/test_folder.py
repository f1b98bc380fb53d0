"""What a run wrote, cut back to a checkpoint: whole lines of its steps, and none of what came after."""

import json
from pathlib import Path

from reference_impls.run.folder import RunLog


def test_a_cut_keeps_whole_lines_of_the_steps_before(tmp_path: Path) -> None:
    """Also a response with a separator that ends a line for Python and not for JSON; half a line goes."""
    log = RunLog(tmp_path)
    said = "one\u2028two\x85three\nfour"
    for step in (1, 2, 3):
        log.write_sample(step, {"moment": "validation", "response": said})
        log.write_metrics(step, {"loss": 1.0 / step})
    with log.samples.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "moment": "val')
    log.cut_after(2)
    samples = [json.loads(line) for line in log.samples.read_text(encoding="utf-8").split("\n")[:-1]]
    assert [(one["step"], one["response"]) for one in samples] == [(1, said), (2, said)]
    assert [json.loads(line)["step"] for line in log.metrics.read_text().splitlines()] == [1, 2]
