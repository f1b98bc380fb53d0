"""Drawings of the advice: every stage, byte and interval that the numbers have, and the same in words."""

import json
import re

import pytest
import vl_convert

from advisor.advice.charts import RESERVE, flow, memory_bars
from advisor.advice.cost import COMFORTABLE, THRIFTY, estimate, memory_ways
from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.advice.techniques import TECHNIQUES
from advisor.task.traits import make_traits

SEVEN = make_traits({"parameters": 7, "gpu_memory": 24})


@pytest.mark.parametrize("pipeline", LADDER, ids=lambda one: one.id)
def test_a_pipeline_is_drawn_stage_by_stage(pipeline) -> None:  # type: ignore[no-untyped-def]
    """Stages stand in their order, and what trains nothing has no drawing but words."""
    dot, words = flow(pipeline)
    names = [TECHNIQUES[stage].name.partition(" (")[0] for stage in pipeline.stages]
    if not names:
        assert dot == "" and "nothing is trained" in words
        return
    assert re.findall('label="(.*?)"', dot) == ["your model", *names, "trained model"]
    assert dot.count("->") == len(names) + 1
    assert words == f"Pipeline: your model to {' to '.join(names)} to trained model"


def test_memory_bars_add_up_to_what_the_advice_says() -> None:
    """The parts of each way are its peak, and the words say what fits."""
    ways = memory_ways(PIPELINES["sft"], SEVEN)
    spec, words = memory_bars(ways, 24)
    cost = estimate(PIPELINES["sft"], SEVEN).memory
    assert cost is not None
    for way, total in ((THRIFTY, cost.adapters), (COMFORTABLE, cost.whole)):
        parts = [one for one in spec["data"]["values"] if one["way"] == way]
        assert sum(one["gigabytes"] for one in parts) == pytest.approx(total / 1e9)
        assert parts[-1]["part"] == RESERVE
    assert f"{THRIFTY}: {cost.adapters / 1e9:.1f} GB" in words
    assert words.count("does not fit 24 GB") == 1 and words.count("which fits 24 GB") == 1
    drawn = vl_convert.vegalite_to_svg(json.dumps({**spec, "width": 500}))
    assert drawn.count('aria-roledescription="bar"') == len(spec["data"]["values"])
    assert "your GPU, 24 GB" in drawn


def test_memory_is_not_drawn_where_it_is_not_known() -> None:
    """Without a size, without a stage, and for several models at once."""
    assert memory_ways(PIPELINES["sft"], make_traits({})) == {}
    assert memory_ways(PIPELINES["no_training"], SEVEN) == {}
    assert memory_ways(PIPELINES["on_policy_distillation"], SEVEN) == {}
    assert "your GPU" not in json.dumps(memory_bars(memory_ways(PIPELINES["sft"], SEVEN), None))
