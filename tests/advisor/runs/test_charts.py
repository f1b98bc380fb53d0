"""Charts of an outcome: a mark for every arm with a score, and the same numbers in words."""

import json
from typing import Any

import vl_convert

from advisor.runs.charts import scores
from advisor.runs.outcome import ArmOutcome, Interval
from advisor.runs.plan import Role


def _arm(name: str, share: float | None) -> ArmOutcome:
    score = None
    if share is not None:
        score = Interval(share=share, low=share - 0.1, high=share + 0.1, n=50, runs=1, basis="prompts")
    return ArmOutcome(
        id=name, role=Role.RIVAL, pipeline=name, method="sft", title=name, strict=score, lenient=score, tokens=None,
        seconds=None, runs=(), failed=(),
    )  # fmt: skip


def test_scores_have_the_best_arm_first_and_leave_out_what_failed() -> None:
    """A bar, an interval and a point for each arm that has a score."""

    arms = [_arm("sft", 0.5), _arm("dft", None), _arm("grpo", 0.7)]
    spec: dict[str, Any]
    spec, words = scores(arms)
    assert [value["arm"] for value in spec["data"]["values"]] == ["grpo", "sft"]
    assert words == "Scores. grpo: 70.0 % [60.0, 80.0]; sft: 50.0 % [40.0, 60.0]"
    drawn = vl_convert.vegalite_to_svg(json.dumps({**spec, "width": 500}))
    assert [drawn.count(f'aria-roledescription="{mark}"') for mark in ("bar", "rule mark", "point")] == [2, 2, 2]
