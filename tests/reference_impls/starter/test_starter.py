"""The starter policy: small, whole, offline, as good as its script says, and able to learn."""

import json
from pathlib import Path

import pytest
import torch

from reference_impls.configs import make_config
from reference_impls.model.policy import Policy, load_policy
from reference_impls.model.sampling import sample
from reference_impls.model.templates import STARTER
from reference_impls.starter import make
from reference_impls.tasks import FAMILIES, load_task
from reference_impls.verifiers import load_verifier
from tests.reference_impls import runs


@pytest.fixture(scope="module")
def starter() -> Policy:
    """The bundled policy, on the CPU."""
    return load_policy(make_config({"technique": "sft", "device": "cpu"}))


def test_it_is_small_and_reads_every_prompt(starter: Policy) -> None:
    """1 to 3 MB on disk; every character of every family comes back from the tokenizer as it went in."""
    assert 1e6 < sum(path.stat().st_size for path in STARTER.iterdir() if path.is_file()) < 3e6
    for name in FAMILIES:
        for row in load_task(f"task:{name}", rows=50).rows:
            text = f"{row.prompt}{row.response}"
            ids = starter.tokenizer(text)["input_ids"]
            assert starter.tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
            assert starter.tokenizer.unk_token_id not in ids


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_as_good_as_its_script_found_it(name: str, starter: Policy) -> None:
    """Scored again on the prompts that ended its training, each family has the share that was written down."""
    said = json.loads((STARTER / "shares.json").read_text())[name]
    task = load_task(f"task:{name}", split="validation", rows=make.SCORED)
    with load_verifier(task.verifier or "") as verifier:
        assert make._share(starter, task, verifier) == pytest.approx(said, abs=0.03)  # float16 on disk
    assert said >= make.LEAST


def test_every_family_is_right_now_and_then(starter: Policy) -> None:
    """Sampled at temperature 1, some rollouts of addition are right and some are wrong: that can be learnt from."""
    rows = load_task("task:addition", split="test", rows=40).rows
    prompts = [tuple(starter.tokenizer(row.prompt)["input_ids"]) for row in rows]
    drawn = sample(starter, prompts, seeds=list(range(160)), group_size=4, max_response_tokens=40)
    texts = [starter.tokenizer.decode(one.response, skip_special_tokens=True) for one in drawn]
    right = [text.endswith(f"#{rows[place // 4].answer}") for place, text in enumerate(texts)]
    assert 0.05 < sum(right) / len(right) < 0.6


@pytest.mark.slow
def test_its_script_makes_the_same_policy_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few steps of the script, twice, give the same weights; the tokenizer it writes is the bundled one."""
    for name, value in (("MOST_STEPS", 2), ("SCORE_EVERY", 2), ("SCORED", 4), ("ROWS", 50)):
        monkeypatch.setattr(make, name, value)
    for folder in ("one", "two"):
        monkeypatch.setattr("sys.argv", ["make", str(tmp_path / folder)])
        make.main()
    first, second = ((tmp_path / folder / "model.safetensors").read_bytes() for folder in ("one", "two"))
    assert first == second
    assert (tmp_path / "one" / "tokenizer.json").read_text() == (STARTER / "tokenizer.json").read_text()


@pytest.mark.slow
def test_it_learns_from_a_few_demonstrations(tmp_path: Path) -> None:
    """150,000 tokens of SFT lift addition by more than chance; the test prompts are none of those trained on."""
    folder = runs.write_config(
        tmp_path / "run", "sft", data="task:addition", budget="150k-tokens", eval_size=200, micro_batch=64,
        max_response_tokens=40, eval_every=0,
    )  # fmt: skip
    assert runs.run(folder) == 0
    result = runs.read(folder, "result.json")
    assert result["after"]["strict"]["low"] > result["before"]["strict"]["high"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
@pytest.mark.parametrize("settings", [{}, {"compile": True}, {"kl_coef": 0.01, "entropy_coef": 0.01}, {"lora_rank": 4}])
def test_grpo_runs_on_a_gpu(settings: dict[str, float], tmp_path: Path) -> None:
    """In bfloat16 with float32 weights the first ratio is near 1, and the run ends whole."""
    folder = runs.write_config(
        tmp_path / "run", "grpo", data="task:addition", device="cuda", budget="30k-tokens", micro_batch=64,
        max_response_tokens=40, **settings,
    )  # fmt: skip
    assert runs.run(folder) == 0
    assert runs.read(folder, "metrics.jsonl")[1]["ratio"] == pytest.approx(1, abs=0.01)
