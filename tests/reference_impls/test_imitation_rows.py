"""The rows of imitation in the loop of SFT: each has the gradient of its objective, is resumed, and counts its work."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from reference_impls import objectives, sft
from reference_impls.configs import CONFIGS, make_config
from reference_impls.model import vocabulary
from reference_impls.model.batches import Batch, collate
from reference_impls.model.policy import Policy
from reference_impls.run import step as update
from reference_impls.run.loop import Run
from reference_impls.run.processes import World
from tests.reference_impls import parity, runs
from tests.reference_impls.small_models import PAD, add_adapters, make_model, make_policy

ROWS: dict[str, dict[str, Any]] = {
    "iw_sft": {}, "iw_sft token": {"level": "token"}, "gem": {}, "gem linear": {"gem_kind": "linear"},
    "asft": {"anchor_coef": 0.5}, "asft policy": {"anchor_coef": 0.5, "anchor": "policy"},
    "one_token_rollout": {"candidates": 32, "miss": -0.2}, "uft_una": {"una_beta": 0.2},
}  # fmt: skip
every_row = pytest.mark.parametrize("name", ROWS)
SEQUENCES = [
    replace(one, trained=(False, *[True] * (len(one.response) - 1))) if index == 3 else one
    for index, one in enumerate(parity.data_of().sequences[:8])
]  # one with a token that is read and not trained on
TOKENS = float(sum(one.tokens_trained for one in SEQUENCES))


@pytest.fixture
def policy() -> Policy:
    """A tiny policy that has moved from its start."""
    held = make_policy("qwen2")
    held.reference = make_model("qwen2", seed=4, size=0.5)
    return held


def loop_of(policy: Policy, name: str, micro_batch: int) -> tuple[float, Tensor]:
    """Return loss and gradient of an update as the loop makes it."""
    config = make_config({"technique": name.split(maxsplit=1)[0], **ROWS[name]})
    run: Any = SimpleNamespace(config=config, policy=policy, step=5)

    def loss_of(batch: Batch, indices: list[int]) -> Tensor:
        if name.startswith(("iw_sft", "uft_una")):
            return sft._beside_reference(run, config, batch, len(SEQUENCES), TOKENS)  # type: ignore[arg-type]
        numbered = [(index, SEQUENCES[index]) for index in indices]
        return sft._over_vocabulary(run, config, batch, numbered, TOKENS)  # type: ignore[arg-type]

    policy.model.zero_grad()
    loss = update.accumulate(policy, SEQUENCES, micro_batch, World(), loss_of)
    return loss, parity.gradient_of(policy.trainable())


def whole_logits(model: Any, batch: Batch) -> Tensor:
    """Return the logits of every token, (B, T, V), by the model's own forward pass."""
    return model(input_ids=batch.inputs).logits.float()


def by_hand(policy: Policy, name: str) -> tuple[float, Tensor]:
    """Return loss and gradient by the objective over whole logits, without chunks and micro-batches."""
    batch = collate(SEQUENCES, PAD, torch.device("cpu"))
    with torch.no_grad(), policy.as_reference() as model:
        reference = whole_logits(model, batch)
    logits = whole_logits(policy.base, batch)
    log_p, reference_log_p = (
        one.log_softmax(-1).gather(-1, batch.targets[..., None])[..., 0] for one in (logits, reference)
    )
    technique, own = name.split(maxsplit=1)[0], ROWS[name]
    if technique == "iw_sft":
        loss = objectives.iw_sft(log_p, reference_log_p, batch.mask, level=own.get("level", "sequence"))
    elif technique == "uft_una":
        loss = objectives.uft_una(log_p, reference_log_p, batch.mask, beta=0.2)
    elif technique == "gem":
        loss = objectives.gem(logits, batch.targets, batch.mask, kind=own.get("gem_kind", "logsigmoid"))
    elif technique == "asft":
        loss = objectives.asft(
            logits, reference, batch.targets, batch.mask, coef=0.5, direction=own.get("anchor", "reference")
        )
    else:
        run: Any = SimpleNamespace(step=5)
        config: Any = make_config({"technique": technique, **own})
        drawn = sft._candidates(run, config, list(enumerate(SEQUENCES)), batch)
        uniform = torch.zeros(*batch.mask.shape, 32)
        uniform[batch.mask] = drawn
        loss = objectives.one_token_rollout(logits, batch.targets, batch.mask, uniform, miss=-0.2)
    policy.model.zero_grad()
    loss.backward()
    return float(loss.detach()), parity.gradient_of(policy.trainable())


@every_row
@pytest.mark.parametrize("micro_batch", [8, 3])
def test_the_loop_has_the_gradient_of_the_objective(
    name: str, micro_batch: int, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the micro-batches, and with logits that never exist at once: chunks of five tokens."""
    monkeypatch.setattr(vocabulary, "CHUNK_LOGITS", 4 * 5 * 48)
    found, expected = (parity.Outcome(*one) for one in (loop_of(policy, name, micro_batch), by_hand(policy, name)))
    apart = parity.distance(found, expected)
    assert apart.is_small, apart
    assert float(expected.gradient.norm()) > 1e-3


@pytest.mark.parametrize("name", ["iw_sft", "asft", "uft_una"])
def test_adapters_are_compared_with_the_weights_below_them(name: str) -> None:
    """With LoRA the starting policy is the policy without its adapters; no copy is kept."""
    policy = add_adapters(make_policy("qwen2"))
    policy.keep_reference()
    assert policy.reference is None
    found, expected = (parity.Outcome(*one) for one in (loop_of(policy, name, 3), by_hand(policy, name)))
    assert parity.distance(found, expected).is_small


def test_candidates_do_not_depend_on_how_an_update_is_split(policy: Policy) -> None:
    """Each sequence draws by its own seed; another step draws others."""
    config: Any = make_config({"technique": "one_token_rollout", "candidates": 4})
    batch = collate(SEQUENCES, PAD, torch.device("cpu"))

    def drawn(indices: list[int], step: int = 5) -> Tensor:
        run: Any = SimpleNamespace(step=step)
        return sft._candidates(run, config, [(index, SEQUENCES[index]) for index in indices], batch)

    parts = torch.cat([drawn([0, 1]), drawn([2]), drawn([3, 4, 5, 6, 7])])
    assert torch.equal(drawn([*range(8)]), parts)
    assert not torch.equal(drawn([*range(8)], 6), parts)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy with untrained weights."""
    return str(runs.make_untrained(tmp_path_factory.mktemp("policy") / "untrained"))


@pytest.mark.parametrize("technique", [
    pytest.param(name, marks=() if name == "one_token_rollout" else pytest.mark.slow)
    for name in ROWS if " " not in name
])  # fmt: skip
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    technique: str, untrained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after three steps and resumed, it ends with the same weights, metrics and work."""
    settings = {"model": untrained, "learning_rate": 1e-3, "eval_every": 0, "budget": "1800-tokens"}
    folders = [runs.write_config(tmp_path / name, technique, **settings) for name in ("whole", "parts")]
    assert runs.run(folders[0]) == 0
    with monkeypatch.context() as patched:
        write, written = Run.write, []

        def interrupted(run: Any, measures: Any) -> None:
            write(run, measures)
            written.append(measures)
            if len(written) == 3:
                raise KeyboardInterrupt

        patched.setattr(Run, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.run(folders[1])
    assert runs.run(folders[1], resume=True) == 0
    assert runs.weights(folders[0]) == runs.weights(folders[1])
    metrics = [runs.without_time(runs.read(folder, "metrics.jsonl")) for folder in folders]
    assert metrics[0] == metrics[1]
    assert len(metrics[0]) > 4
    work = runs.read(folders[0], "result.json")["work"]
    # the starting policy reads what is trained on
    assert work["scored"] == (work["trained"] if CONFIGS[technique]().keeps_reference else 0)
    assert any(line["grad_norm"] > 0 for line in metrics[0])


def test_a_row_of_a_loop_is_a_technique_of_its_own(untrained: str, tmp_path: Path) -> None:
    """`python -m reference_impls gem RUN_DIR` runs SFT's loop, and the result names the row."""
    folder = tmp_path / "run"
    settings = {"model": untrained, "budget": "300-tokens", **runs.QUICK, "eval_every": 0}
    arguments = [f"--set={name}={value}" for name, value in settings.items()]
    assert runs.cli.main(["gem", str(folder), *arguments]) == 0
    assert runs.read(folder, "result.json")["technique"] == "gem"
