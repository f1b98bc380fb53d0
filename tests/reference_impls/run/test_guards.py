"""What ends a run that can teach nothing, and what is said of a run before and after it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from posttrain.errors import ConfigurationError
from reference_impls.run import cli
from reference_impls.run.guards import Silence, StoppedError, check_sampled, check_signal, check_weights
from reference_impls.run.spent import Work, demand_room
from tests.reference_impls.runs import make_untrained, read, run, write_config
from tests.reference_impls.small_models import make_policy

LENIENT = "tests.reference_impls.lenient"


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_untrained(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model of which one weight is NaN."""
    from safetensors.torch import load_file, save_file

    folder = make_untrained(tmp_path_factory.mktemp("broken"))
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = max(weights, key=lambda name: weights[name].numel())
    weights[name].view(-1)[0] = math.nan
    save_file(weights, path, {"format": "pt"})
    return str(folder)


@pytest.mark.parametrize(
    ("rewards", "finished", "reason"),
    [
        ([0.0] * 8, [True] * 8, "every reward is 0"),
        ([1.0] * 8, [True] * 8, "every reward is 1"),
        ([1.0] * 4 + [0.0] * 4, [True] * 8, "all equal"),
        ([0.5] * 8, [True] * 8, "all equal"),
        ([0.0] * 8, [False] * 8, "no rollout ended"),
    ],
)
def test_several_steps_without_a_signal_end_a_run_with_their_kind(
    rewards: list[float], finished: list[bool], reason: str
) -> None:
    """Not before five steps and sixteen groups: of two groups a step, the eighth."""
    silence = Silence()
    for _ in range(7):
        check_signal(silence, rewards, finished, 2)
    with pytest.raises(StoppedError, match=reason):
        check_signal(silence, rewards, finished, 2)


def test_many_groups_in_one_step_are_no_proof() -> None:
    """Four steps of a hundred groups go on, the fifth ends."""
    silence = Silence()
    for _ in range(4):
        check_signal(silence, [0.0] * 800, [True] * 800, 100)
    with pytest.raises(StoppedError, match="5 steps and 500 groups"):
        check_signal(silence, [0.0] * 800, [True] * 800, 100)


def test_a_weight_that_is_no_number_is_named() -> None:
    """With how many of how many."""
    policy = make_policy("qwen2")
    check_weights(policy)
    with torch.no_grad():
        policy.base.get_output_embeddings().weight[0, :2] = torch.tensor([math.nan, math.inf])
    with pytest.raises(StoppedError, match=r"2 of [\d,]+ weights of lm_head\.weight"):
        check_weights(policy)


def test_logits_that_are_no_numbers_end_a_run() -> None:
    """Their rollouts have no entropy."""
    check_sampled(3, [0.0, 1.5])
    with pytest.raises(StoppedError, match=r"1 of 2 rollouts .* step 3"):
        check_sampled(3, [0.0, math.nan])


@pytest.mark.parametrize("technique", ["sft", "dft", "rejection_sampling", "grpo", "probe"])
def test_a_policy_of_nan_ends_every_technique_at_once(
    technique: str, broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 4, an error as result, and not one line of metrics."""
    folder = write_config(tmp_path / "run", technique, model=broken)
    assert cli.main([technique, str(folder)]) == 4
    assert "NaN or infinite" in capsys.readouterr().err
    assert "NaN or infinite" in read(folder, "result.json")["error"]["message"]
    assert not (folder / "metrics.jsonl").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("verifier", "reason"), [("never", "every reward is 0"), ("always", "every reward is 1")])
def test_grpo_without_a_signal_stops_and_says_why(verifier: str, reason: str, untrained: str, tmp_path: Path) -> None:
    """And a resumed run counts on from where it was; a budget for a hundred steps is not spent."""
    settings: dict[str, Any] = {"group_size": 4, "micro_batch": 16, "eval_every": 0, "max_response_tokens": 20}
    folder = write_config(
        tmp_path / "run", "grpo", model=untrained, verifier=f"{LENIENT}:{verifier}", budget="90k-tokens", **settings
    )
    assert run(folder) == 4
    result = read(folder, "result.json")
    assert result["status"] == "stopped" and result["steps"] == 4  # five were sampled; the fifth never ended
    assert reason in result["stopped_because"] or "no rollout ended" in result["stopped_because"]


@pytest.mark.parametrize("technique", ["sft", "grpo", "rejection_sampling"])
def test_a_budget_smaller_than_a_step_is_refused_before_it_is_spent(
    technique: str, untrained: str, tmp_path: Path
) -> None:
    """With what a step takes; nothing was trained and no metrics were written."""
    folder = write_config(tmp_path / "run", technique, model=untrained, budget="3-tokens")
    assert cli.main([technique, str(folder)]) == 2
    assert "smaller than one step" in read(folder, "result.json")["error"]["message"]
    assert not (folder / "last").exists()


def test_room_is_counted_in_the_unit_of_the_budget() -> None:
    """Tokens and FLOPs; a step may fill the budget; nobody knows how long a step takes on the clock."""
    step = Work(generated=60, trained=40, flops=1e6)
    demand_room("100-tokens", step)
    demand_room("1e6-flops", step)
    demand_room("1s", step)
    for budget in ("99-tokens", "9e5-flops"):
        with pytest.raises(ConfigurationError, match="smaller than one step"):
            demand_room(budget, step)


@pytest.mark.slow
def test_what_was_left_out_what_was_overrun_and_who_scored_are_said(
    untrained: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr and in the result; the training verifier calls all right, the verifier of scores nothing."""
    rows = [{"prompt": f"add {n}+1=", "response": str(n + 1)} for n in range(60)] + [{"response": "2"}] * 3
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    folder = write_config(
        tmp_path / "run", "rejection_sampling", model=untrained, data=str(tmp_path / "rows.jsonl"),
        verifier=f"{LENIENT}:always", eval_verifier=f"{LENIENT}:never", budget="700-tokens", group_size=4,
    )  # fmt: skip
    assert run(folder) == 0
    result, err = read(folder, "result.json"), capsys.readouterr().err
    assert result["scored_by"] == f"{LENIENT}:never" and result["after"]["strict"]["k"] == 0
    assert result["updates"] > 0 and read(folder, "metrics.jsonl")[-1]["step"] > 0
    skipped = result["skipped_rows"]["train"]
    assert sum(skipped.values()) == 3 and all(reason in err for reason in skipped)
    over = next(note for note in result["notes"] if "overran the budget" in note)
    share = result["work"]["tokens"] / 700 - 1
    assert f"{100 * share:.1f} %" in over and over in err
