"""The rows of rewards in the loop of GRPO: advantages, selections, combinations that are refused, work and resume."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from posttrain.errors import ConfigurationError
from reference_impls import grpo, objectives
from reference_impls.configs import make_config
from reference_impls.model.batches import collate, spread
from reference_impls.model.policy import log_probs
from reference_impls.model.sampling import Rollout
from reference_impls.run import step as update
from reference_impls.run.loop import Run
from reference_impls.run.processes import World
from reference_impls.verifiers import Verdict
from tests.reference_impls import parity, runs
from tests.reference_impls.small_models import PAD

HAS_DIGIT = "tests.reference_impls.lenient:has_digit"
REWARDS = torch.tensor(parity.REWARDS)  # (4, 4)
OWN: dict[str, dict[str, Any]] = {
    "reinforce": {}, "rloo": {"group_size": 4}, "remax": {}, "reinforce_plus_plus": {},
    "raft_plus_plus": {"group_size": 4}, "clip_cov": {"group_size": 4, "clip_cov": 0.1},
    "kl_cov": {"group_size": 4, "kl_cov": 0.1, "updates_per_rollout": 2},
}  # fmt: skip
MORE = [
    ("reinforce_plus_plus", {"advantage": "whitened_group", "group_size": 4, "kl_coef": 0.1}),
    ("raft_plus_plus", {"advantage": "rej", "group_size": 4}),
    ("grpo", {"entropy_share": 0.3, "group_size": 4}),
    ("grpo", {"entropy_shaping": 0.4, "group_size": 4}),
]


def rollouts_of(advantages: Tensor) -> list[Rollout]:
    """Return the parity cases' sequences as rollouts of an older policy."""
    data = parity.data_of(0.7, stale=True)
    generator = torch.Generator().manual_seed(8)
    return [
        Rollout(
            one.prompt, one.response, old, 0.0, True, advantage,
            entropies=torch.rand(len(old), generator=generator),
        ) for one, old, advantage in zip(data.sequences, data.old, advantages.flatten().tolist(), strict=True)
    ]  # fmt: skip


def updated(settings: dict[str, Any], rollouts: list[Rollout], micro_batch: int = 8) -> parity.Outcome:
    """Return loss and gradient of an update by the loop's own function."""
    held = parity.held_policy()
    given = {"technique": "grpo", "temperature": 0.7, "group_size": 4, "max_response_tokens": 20, **settings}
    config: Any = make_config({**given, "micro_batch": micro_batch, "accumulation": 16 // micro_batch})

    def made(sequences: Any, loss_of: Any) -> dict[str, float]:
        return {"loss": update.accumulate(held, sequences, micro_batch, World(), loss_of), "grad_norm": 0.0}

    held.model.zero_grad()
    run: Any = SimpleNamespace(
        config=config, policy=held, world=World(), update=made, progress=SimpleNamespace(updates=3)
    )
    loss = grpo._update(run, rollouts, first=False)["loss"]
    return parity.Outcome(loss, parity.gradient_of(held.model.parameters()))


def by_hand(settings: dict[str, Any], rollouts: list[Rollout]) -> parity.Outcome:
    """Return loss and gradient of the objective over the undivided batch, nothing left out."""
    held = parity.held_policy()
    held.model.zero_grad()
    batch = collate(rollouts, PAD, torch.device("cpu"))
    log_p, _ = log_probs(held, batch, 0.7)
    old, entropies = (spread([getattr(one, name) for one in rollouts], batch) for name in ("log_probs", "entropies"))
    advantages = torch.tensor([one.advantage for one in rollouts])
    covariances = objectives.covariances(old, advantages, batch.mask)
    if settings.get("form") == "rloo":
        loss = objectives.rloo(log_p, old, advantages, batch.mask, clip_high=0.28)
    elif "kl_cov" in settings:
        chosen = objectives.highest_covariances(covariances, batch.mask, settings["kl_cov"])
        assert 0 < int(chosen.sum()) < int(batch.mask.sum())
        loss = objectives.kl_cov(log_p, old, advantages, batch.mask, chosen)
    else:
        weights = None
        if "entropy_share" in settings:
            weights = objectives.highest_entropies(entropies, batch.mask, settings["entropy_share"]).float()
        if "entropy_shaping" in settings:
            advantages = objectives.entropy_shaped(advantages, entropies, batch.mask, settings["entropy_shaping"])
        loss = objectives.grpo(log_p, old, advantages, batch.mask, form="dapo", clip_high=0.28, weights=weights)
    loss.backward()
    return parity.Outcome(float(loss.detach()), parity.gradient_of(held.model.parameters()))


@pytest.mark.parametrize("micro_batch", [16, 4])
@pytest.mark.parametrize("settings", [
    {"form": "rloo", "advantage": "leave_one_out"}, {"entropy_share": 0.3}, {"entropy_shaping": 0.4},
    {"kl_cov": 0.1, "updates_per_rollout": 2}, {},
], ids=str)  # fmt: skip
def test_an_update_has_the_gradient_of_the_objective(settings: dict[str, Any], micro_batch: int) -> None:
    """Whatever the micro-batches, and with equal groups left out: selections are over the whole update."""
    rollouts = rollouts_of(objectives.leave_one_out(REWARDS))
    if settings.get("form") == "rloo":  # nearer, or the ratios of sequences would be in the thousands
        now = parity.data_of(0.7).old
        rollouts = [
            replace(one, log_probs=value + 0.15 * (one.log_probs - value))
            for one, value in zip(rollouts, now, strict=True)
        ]
    found, expected = updated(settings, rollouts, micro_batch), by_hand(settings, rollouts)
    assert parity.distance(found, expected).is_small, parity.distance(found, expected)


def test_clip_cov_leaves_tokens_out_and_chance_is_that_of_the_update() -> None:
    """The same however the update is split; less gradient than without it."""
    rollouts = rollouts_of(objectives.leave_one_out(REWARDS) * 3)
    settings = {"clip_cov": 0.2}
    whole, parts, plain = updated(settings, rollouts, 16), updated(settings, rollouts, 4), updated({}, rollouts, 16)
    assert parity.distance(parts, whole).is_small
    assert parity.distance(whole, plain).gradient > 0.01


def advantages_of(technique: str, rewards: Tensor, scored: Tensor, **settings: Any) -> tuple[Tensor, grpo.History]:
    """Return the loop's advantages; the greedy responses are right for the first two prompts, and the last unscored."""
    config = make_config({"technique": technique, "group_size": 4, **settings})
    history = grpo.History(baseline=0.25)
    verdicts = [Verdict(strict, strict) for strict in (1.0, 1.0, 0.0, None)]
    sampled = SimpleNamespace(sample=lambda rows, group, temperature: ([], verdicts if temperature == 0 else []))
    run: Any = SimpleNamespace(config=config, rollouts=sampled)
    rows: Any = [None] * 4
    return grpo._advantages(run, history, rows, rollouts_of(torch.zeros(16)), rewards, scored), history


def test_each_advantage_is_that_of_its_objective() -> None:
    """With one unscorable rollout, which gets 0 and counts nowhere."""
    scored = torch.ones(4, 4, dtype=torch.bool)
    scored[1, 1] = False
    found, history = advantages_of("reinforce", REWARDS, scored)
    assert torch.equal(found, objectives.running_advantages(REWARDS, 0.25, scored))
    assert history.baseline == pytest.approx(0.9 * 0.25 + 0.1 * float(REWARDS[scored].mean()))
    found, _ = advantages_of("rloo", REWARDS, scored)
    assert torch.equal(found, objectives.leave_one_out(REWARDS, scored))
    found, _ = advantages_of("remax", REWARDS, scored)
    assert torch.equal(found[0], REWARDS[0] - 1)
    assert torch.equal(found[2], REWARDS[2])
    assert not found[3].any() and float(found[1, 1]) == 0
    found, _ = advantages_of("raft_plus_plus", REWARDS, scored)
    assert torch.equal(found, ((REWARDS >= 1) & scored).float())
    found, _ = advantages_of("raft_plus_plus", REWARDS, scored, advantage="rej")
    assert not found[2].any() and torch.equal(found[0], 2 * REWARDS[0] - 1)


@pytest.mark.parametrize("kind", ["whitened", "whitened_group"])
def test_whitened_rewards_have_mean_0_over_the_tokens_of_the_step(kind: str) -> None:
    """Each rollout counts with its length, and one that could not be scored counts nowhere."""
    scored = torch.ones(4, 4, dtype=torch.bool)
    scored[0, 1] = False
    found, _ = advantages_of("reinforce_plus_plus", REWARDS, scored, advantage=kind)
    lengths = torch.tensor(parity.RESPONSE_LENGTHS) * scored.flatten()
    tokens = torch.cat([value.expand(int(n)) for value, n in zip(found.flatten(), lengths, strict=True)])
    assert float(tokens.mean()) == pytest.approx(0, abs=1e-6)
    assert float(tokens.var()) == pytest.approx(1, rel=1e-4)
    assert float(found[0, 1]) == 0


@pytest.mark.parametrize(("settings", "reason"), [
    ({"technique": "kl_cov", "updates_per_rollout": 1}, "kl_cov has no gradient in the first update after sampling"),
    ({"technique": "kl_cov", "form": "grpo"}, "kl_cov is a loss of its own"),
    ({"technique": "kl_cov", "kl_coef": 0.1}, "kl_cov is a loss of its own"),
    ({"technique": "clip_cov", "entropy_share": 0.2}, "entropy_share and clip_cov both select tokens"),
    ({"technique": "reinforce", "updates_per_rollout": 2}, "REINFORCE has no ratio for rollouts that went stale"),
    ({"technique": "reinforce_plus_plus", "advantage": "whitened_group"}, "expected a group_size of 2 or more"),
    ({"technique": "rloo", "kl_coef": 0.1}, "form is rloo, whose ratio is of whole sequences"),
    ({"technique": "grpo", "form": "rloo", "entropy_share": 0.5}, "form is rloo"),
    ({"technique": "rloo", "group_size": 1}, "group_size"),
    ({"technique": "grpo", "entropy_share": 0}, "entropy_share"),
    ({"technique": "remax", "advantage": "group"}, "advantage"),
], ids=str)  # fmt: skip
def test_what_makes_no_sense_together_is_refused_by_name(settings: dict[str, Any], reason: str) -> None:
    """With what was expected instead."""
    with pytest.raises(ConfigurationError, match=reason):
        make_config(settings)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy with untrained weights."""
    return str(runs.make_untrained(tmp_path_factory.mktemp("policy") / "untrained"))


@pytest.mark.parametrize(
    ("technique", "own"),
    [  # the quick ones hold a state of their own, and a choice by chance
        pytest.param(*case, marks=() if case[0] in ("reinforce", "clip_cov") else pytest.mark.slow)
        for case in [*OWN.items(), *MORE]
    ],
    ids=str,
)
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    technique: str, own: dict[str, Any], untrained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after two steps and resumed: the same weights and metrics, the running baseline among them."""
    settings = {
        "model": untrained, "learning_rate": 1e-3, "eval_every": 0, "budget": "2000-tokens", "verifier": HAS_DIGIT,
        "micro_batch": 8, **own,
    }  # fmt: skip
    folders = [runs.write_config(tmp_path / name, technique, **settings) for name in ("whole", "parts")]
    assert runs.run(folders[0]) == 0
    write, written = Run.write, []

    def interrupted(run: Any, measures: Any) -> None:
        write(run, measures)
        written.append(measures)
        if len(written) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Run, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            runs.run(folders[1])
    assert runs.run(folders[1], resume=True) == 0
    assert runs.weights(folders[0]) == runs.weights(folders[1])
    metrics = [runs.without_time(runs.read(folder, "metrics.jsonl")) for folder in folders]
    assert metrics[0] == metrics[1]
    assert len(metrics[0]) > 3
    assert any(line["grad_norm"] > 0 for line in metrics[0])
    state = runs.read(folders[0] / "last", "state.json")["state"]
    assert (state["baseline"] > 0) == (technique == "reinforce")


def test_the_greedy_response_of_remax_is_counted(untrained: str, tmp_path: Path) -> None:
    """One more rollout a prompt, generated, read and verified."""
    counts = {}
    for technique in ("remax", "reinforce"):
        folder = runs.write_config(
            tmp_path / technique, technique, model=untrained, eval_every=0, budget="300-tokens", verifier=HAS_DIGIT,
            group_size=2,
        )  # fmt: skip
        assert runs.run(folder) == 0
        result = runs.read(folder, "result.json")
        counts[technique] = result["work"]["verified"] / result["steps"]
    assert counts == {"remax": 8 + 4, "reinforce": 8}
