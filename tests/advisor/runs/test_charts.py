"""Charts of an outcome: a mark for every arm with a score, and the same numbers in words."""

import json

import vl_convert

from advisor.runs.charts import scores


def test_scores_have_the_best_arm_first_and_leave_out_what_failed() -> None:
    """A bar, an interval and a point for each arm that has a score."""

    def arm(name: str, share: float) -> dict[str, object]:
        return {
            "id": name,
            "role": "rival",
            "strict": {"share": share, "low": share - 0.1, "high": share + 0.1, "n": 50},
        }

    spec, words = scores([arm("sft", 0.5), {"id": "dft", "role": "rival", "strict": None}, arm("grpo", 0.7)])
    assert [one["arm"] for one in spec["data"]["values"]] == ["grpo", "sft"]
    assert words == "Scores. grpo: 70.0 % [60.0, 80.0]; sft: 50.0 % [40.0, 60.0]"
    drawn = vl_convert.vegalite_to_svg(json.dumps({**spec, "width": 500}))
    assert [drawn.count(f'aria-roledescription="{mark}"') for mark in ("bar", "rule mark", "point")] == [2, 2, 2]
