"""GRPO: reward each rollout relative to the others of its prompt, and raise what did better (arXiv:2402.03300).

    python -m reference_impls.grpo RUN_DIR --set data=task:addition --set form=dapo

One step: P prompts, G rollouts each, a verdict on each, advantages within the group, then one or more updates. No
demonstrations and no critic. The printed loss says little: advantages sum to 0 and the ratio starts at 1, so it is
about 0 where each response counts alike, and follows lengths elsewhere. Look at reward, entropy and gradient norm.

Deviations from the textbook:
1. The default form is dapo without KL (token mean, clip-higher), as libraries have it; `form: grpo` is the paper's.
2. Groups whose rewards are all equal are left out before the forward pass. Their gradient is exactly 0, and what the
   loss divides by still counts their tokens, so the update is the same and cheaper. (With a KL term or an entropy
   bonus they do have a gradient, and stay.)
3. Old log-probabilities are those written down in sampling; there is no second pass to recompute them.
4. An unscorable rollout has advantage 0 and counts in no group's mean.
5. A prompt is read once for all its rollouts, in training as in sampling, where that leaves at least a tenth less to
   read. Loss and gradient are the same but for rounding.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.model.batches import Batch, collate, micro_batches, spread
from reference_impls.model.policy import flops_per_token, log_probs
from reference_impls.model.sampling import Rollout
from reference_impls.run.cli import main
from reference_impls.run.guards import check_collapse, check_ratio
from reference_impls.run.loop import Run, rewards_of
from reference_impls.run.step import count_micro_batches
from reference_impls.verifiers import Verdict


def train(run: Run) -> None:
    """Sample groups, compare within them, update, until the budget is spent."""
    config: Any = run.config
    prompts = config.sequences_per_update * config.updates_per_rollout // config.group_size  # P
    for step in run.steps():
        rollouts, verdicts = run.roll_out(run.draw(run.train.rows, prompts, step * prompts), config.group_size)
        rewards, scored = (torch.tensor(one).view(prompts, config.group_size) for one in rewards_of(verdicts))  # (P, G)
        advantages = objectives.group_advantages(rewards.float(), config.scale, scored)  # (P, G)
        learnt = [
            replace(one, advantage=worth) for one, worth in zip(rollouts, advantages.flatten().tolist(), strict=True)
        ]
        if config.kl_coef:
            learnt = _with_reference(run, learnt)
        measures = _measures(rollouts, verdicts, advantages)
        for number in range(config.updates_per_rollout):
            part = learnt[number * config.sequences_per_update :][: config.sequences_per_update]
            measures |= _update(run, part, first=run.updates == 0)
        run.write(measures)
        _watch(run, float(measures["reward"]), float(measures["entropy"]))


def _update(run: Run, learnt: Sequence[Rollout], *, first: bool) -> dict[str, float]:
    """Make one update from these rollouts; return its measures."""
    config: Any = run.config
    lengths = torch.tensor([len(one.response) for one in learnt])
    # a KL term and an entropy bonus have a gradient everywhere; bnpo divides by what stands in a micro-batch
    counts = any((config.kl_coef, config.entropy_coef, config.form == "bnpo", not config.skip_equal_groups))
    used = [one for one in learnt if counts or one.advantage]
    if not used:
        return {"loss": 0.0, "grad_norm": 0.0}
    micro = count_micro_batches(len(used), config.micro_batch, run.world)
    seen: dict[str, Tensor] = {
        name: torch.zeros((), device=run.policy.device) for name in ("ratio", "clipped", "tokens")
    }

    def loss_of(batch: Batch, places: list[int]) -> Tensor:
        rows = [used[place] for place in places]
        log_p, entropies = log_probs(run.policy, batch, config.temperature, entropy=config.entropy_coef > 0)  # (B, T)
        old = spread([one.log_probs for one in rows], batch)
        advantages = torch.tensor([one.advantage for one in rows], device=run.policy.device)
        _note(seen, log_p.detach() - old, advantages, batch.mask, config)
        if first:
            check_ratio(float(seen["ratio"] / seen["tokens"]))
        return objectives.grpo(
            log_p, old, advantages, batch.mask,
            form=config.form, clip_low=config.clip_low, clip_high=config.clip_high,
            reference_log_probs=_reference_of(rows, batch),
            kl_coef=config.kl_coef, kl=config.kl, entropies=entropies, entropy_coef=config.entropy_coef,
            divisor=objectives.grpo_divisor(
                config.form, lengths, config.max_response_tokens, micro_lengths=batch.mask.sum(-1), micro_batches=micro
            ),
            tokens=float(lengths.sum()),
        )  # fmt: skip

    made = run.update(used, loss_of)
    ratio, clipped, tokens = (sum(run.world.gather([float(seen[name])])) for name in ("ratio", "clipped", "tokens"))
    return {**made, "ratio": ratio / tokens, "clipped": clipped / tokens}


def _reference_of(rows: Sequence[Rollout], batch: Batch) -> Tensor | None:
    held = [one.reference for one in rows if one.reference is not None]
    return spread(held, batch) if held else None


def _note(seen: dict[str, Tensor], log_ratio: Tensor, advantages: Tensor, mask: Tensor, config: Any) -> None:
    """Add up the ratio to the sampled probabilities, and how many tokens the clip takes their gradient from."""
    seen["ratio"] += log_ratio.exp()[mask].sum()
    seen["tokens"] += mask.sum()
    if config.form == "gspo":
        log_ratio = (log_ratio * mask).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(min=1)
    ratio, worth = log_ratio.exp(), advantages[:, None]
    too_high, too_low = ratio > 1 + config.clip_high, ratio < 1 - config.clip_low
    clipped = too_high if config.form == "cispo" else (too_high & (worth > 0)) | (too_low & (worth < 0))
    seen["clipped"] += (clipped & mask).sum()


@torch.no_grad()
def _with_reference(run: Run, learnt: Sequence[Rollout]) -> list[Rollout]:
    """Return the rollouts with their log-probabilities under the starting policy; every process scores its share."""
    mine = run.world.share(range(len(learnt)))
    found: dict[int, Tensor] = {}
    with run.policy.as_reference() as model:
        share = run.policy.shares_prompts
        for chosen in micro_batches([learnt[place] for place in mine], run.config.micro_batch, share=share):
            places = [mine[one] for one in chosen]
            batch = collate([learnt[place] for place in places], run.policy.pad_id, run.policy.device, share=share)
            log_p, _ = log_probs(run.policy, batch, run.config.temperature, model=model)
            pieces = log_p[batch.mask].cpu().split([len(learnt[place].response) for place in places])
            found |= dict(zip(places, pieces, strict=True))
    tokens = sum(map(len, learnt))
    run.work.scored += tokens
    run.work.flops += tokens * flops_per_token(run.policy, tokens / len(learnt))
    every = run.world.gather([found[place] for place in mine])
    return [replace(one, reference=reference) for one, reference in zip(learnt, every, strict=True)]


def _measures(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], advantages: Tensor) -> dict[str, float]:
    rewards, scored = rewards_of(verdicts)
    return {
        "reward": sum(rewards) / max(sum(scored), 1),
        "unscorable": 1 - sum(scored) / len(scored),
        "equal_groups": float((advantages == 0).all(-1).float().mean()),
        "entropy": sum(one.entropy for one in rollouts) / len(rollouts),
        "finished": sum(one.finished for one in rollouts) / len(rollouts),
        "response_tokens": sum(len(one.response) for one in rollouts) / len(rollouts),
    }


def _watch(run: Run, reward: float, entropy: float) -> None:
    """Remember reward and entropy, and stop the run where they collapse."""
    rewards, entropies = run.state.setdefault("rewards", []), run.state.setdefault("entropies", [])
    rewards.append(reward)
    entropies.append(entropy)
    check_collapse(rewards, entropies)


if __name__ == "__main__":
    main("grpo", train)
