"""GRPO: reward each rollout relative to the others of its prompt, and raise what did better (arXiv:2402.03300).

    python -m reference_impls grpo RUN_DIR --set data=task:addition --set form=dapo

One step: P prompts, G rollouts each, a verdict on each, advantages within the group, then one or more updates. No
demonstrations and no critic. With advantages that sum to 0 and ratios near 1 the printed loss is about 0, or tracks
response length. Watch reward, entropy and gradient norm instead.

REINFORCE, RLOO, ReMax, REINFORCE++, RAFT++, Clip-Cov and KL-Cov are this loop with other settings
(docs/techniques/rewards.md).

Deviations from the textbook:
1. The default form is dapo without KL (token mean, clip-higher), as libraries have it; `form: grpo` is the paper's.
2. Groups whose rewards are all equal are left out before the forward pass. Their gradient is exactly 0, and what the
   loss divides by still counts their tokens, so the update is the same and cheaper. (With a KL term or an entropy
   bonus they do have a gradient, and stay.)
3. Old log-probabilities are those written down in sampling; there is no second pass to recompute them.
4. An unscorable rollout has advantage 0 and counts in no group's mean.
5. A prompt is read once for all its rollouts, in training as in sampling, where that leaves at least a tenth less to
   read. Loss and gradient are the same but for rounding.
6. Tokens are selected by entropy or covariance over a whole update, from the log-probabilities and entropies of
   sampling; public code selects in each micro-batch, from those of now.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.configs import PolicyGradientConfig
from reference_impls.model.batches import Batch, collate, micro_batches, spread
from reference_impls.model.policy import flops_per_token, log_probs
from reference_impls.model.sampling import Rollout
from reference_impls.run.cli import main
from reference_impls.run.guards import Silence, check_collapse, check_ratio, check_signal
from reference_impls.run.loop import Run
from reference_impls.run.rollouts import rewards_of
from reference_impls.run.selection import selected_tokens, side_by_side
from reference_impls.run.step import count_micro_batches
from reference_impls.tasks import Row
from reference_impls.verifiers import Verdict


@dataclass
class History:
    """Mean reward and entropy of every step, by which a collapse is noticed; a checkpoint holds it."""

    rewards: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    silence: dict[str, int] = field(default_factory=dict)  # the steps in a row that taught nothing, see guards.Silence
    baseline: float = 0.0  # the running mean of rewards, of advantage `running`


def train(run: Run[PolicyGradientConfig]) -> None:
    """Sample groups, compare within them, update, until the budget is spent."""
    config, history = run.config, run.remember(History())
    prompts = config.sequences_per_update * config.updates_per_rollout // config.group_size  # P
    run.demand_budget(prompts=prompts, rollouts=prompts * (config.group_size + (config.advantage == "greedy")))
    for step in run.steps():
        rows = run.draw(run.train.rows, prompts, step * prompts)
        rollouts, verdicts = run.roll_out(rows)  # P * G of each
        rewards, scored = (torch.tensor(values).view(prompts, config.group_size) for values in rewards_of(verdicts))
        advantages = _advantages(run, history, rows, rollouts, rewards.float(), scored)  # (P, G)
        pairs = zip(rollouts, advantages.flatten().tolist(), strict=True)
        weighted = [replace(rollout, advantage=advantage) for rollout, advantage in pairs]
        if config.kl_coef:
            weighted = _with_reference(run, weighted)
        measures = _measures(rollouts, verdicts, advantages)
        for number in range(config.updates_per_rollout):
            part = weighted[number * config.sequences_per_update :][: config.sequences_per_update]
            measures |= _update(run, part, first=run.progress.updates == 0)
        run.write(measures)
        history.rewards.append(measures["reward"])
        history.entropies.append(measures["entropy"])
        check_collapse(history.rewards, history.entropies)
        _check_signal(history, rollouts, verdicts, advantages)


def _advantages(
    run: Run[PolicyGradientConfig],
    history: History,
    rows: Sequence[Row],
    rollouts: Sequence[Rollout],
    rewards: Tensor,
    scored: Tensor,
) -> Tensor:
    """Return how much better than expected each rollout was, (P, G); rewards, scored: (P, G)."""
    match run.config.advantage:
        case "group":
            advantages = objectives.group_advantages(rewards, run.config.scale, scored)
        case "leave_one_out":
            advantages = objectives.leave_one_out(rewards, scored)
        case "running":
            advantages = objectives.running_advantages(rewards, history.baseline, scored)
            history.baseline = objectives.next_baseline(history.baseline, rewards, scored)  # after it was used
        case "greedy":
            greedy, known = (torch.tensor(values) for values in rewards_of(run.rollouts.sample(rows, 1, 0.0)[1]))
            advantages = objectives.greedy_advantages(rewards, greedy.float(), scored & known[:, None])
        case "raft":
            advantages = objectives.raft_advantages(rewards, scored)
        case "rej":
            advantages = objectives.rej_advantages(rewards, scored)
        case "whitened" | "whitened_group" as kind:
            values = rewards if kind == "whitened" else objectives.group_advantages(rewards, "none", scored)
            mask = side_by_side([rollout.log_probs for rollout in rollouts])[1] & scored.flatten()[:, None]  # (B, T)
            # with the whole reward at the last token, each token's return to go is that reward
            advantages = objectives.whitened(values.flatten(), mask)[:, 0].view_as(rewards)
    return advantages


def _check_signal(
    history: History, rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], advantages: Tensor
) -> None:
    """Count the steps in a row in which every advantage is 0. Raises StoppedError after several."""
    if bool((advantages != 0).any()):
        history.silence = {}
        return
    silence = Silence(**history.silence)
    check_signal(silence, rewards_of(verdicts)[0], [rollout.finished for rollout in rollouts], len(advantages))
    history.silence = asdict(silence)


def _update(run: Run[PolicyGradientConfig], rollouts: Sequence[Rollout], *, first: bool) -> dict[str, float]:
    """Make one update from these rollouts; return its measures."""
    config = run.config
    lengths = torch.tensor([len(rollout.response) for rollout in rollouts])
    # a KL term and an entropy bonus have a gradient everywhere; bnpo's divisor is the tokens of the micro-batch
    terms = (config.kl_coef, config.entropy_coef, config.kl_cov, config.form == "bnpo", not config.skip_equal_groups)
    kept = [index for index, rollout in enumerate(rollouts) if any(terms) or rollout.advantage]
    used = [rollouts[index] for index in kept]
    selected = selected_tokens(config, rollouts, run.progress.updates) if config.selects_tokens else []
    weights = [selected[index] for index in kept] if selected else []
    if not used:
        return {"loss": 0.0, "grad_norm": 0.0}
    micro = count_micro_batches(len(used), config.micro_batch, run.world)
    totals: dict[str, Tensor] = {
        name: torch.zeros((), device=run.policy.device) for name in ("ratio", "clipped", "tokens")
    }

    def loss_of(batch: Batch, indices: list[int]) -> Tensor:
        rows = [used[index] for index in indices]  # B rollouts
        log_p, entropies = log_probs(run.policy, batch, config.temperature, entropy=config.entropy_coef > 0)  # (B, T)
        old = spread([rollout.log_probs for rollout in rows], batch)  # (B, T)
        advantages = torch.tensor([rollout.advantage for rollout in rows], device=run.policy.device)  # (B,)
        _add_ratios(totals, log_p.detach() - old, advantages, batch.mask, config)
        if first:
            check_ratio(float(totals["ratio"] / totals["tokens"]))
        weight = spread([weights[index] for index in indices], batch) if weights else None  # (B, T)
        if config.form == "rloo":
            return objectives.rloo(
                log_p, old, advantages, batch.mask, clip_low=config.clip_low, clip_high=config.clip_high,
                divisor=float(len(lengths)),
            )  # fmt: skip
        if config.kl_cov and weight is not None:
            return objectives.kl_cov(log_p, old, advantages, batch.mask, weight, divisor=float(lengths.sum()))
        if config.entropy_shaping:
            sampled = spread([rollout.entropies for rollout in rows], batch)
            advantages = objectives.entropy_shaped(advantages, sampled, batch.mask, config.entropy_shaping)  # (B, T)
        return objectives.grpo(
            log_p, old, advantages, batch.mask, weights=weight,
            form=config.form, clip_low=config.clip_low, clip_high=config.clip_high,
            reference_log_probs=_reference_of(rows, batch),
            kl_coef=config.kl_coef, kl=config.kl, entropies=entropies, entropy_coef=config.entropy_coef,
            divisor=objectives.grpo_divisor(
                config.form, lengths, config.max_response_tokens, micro_lengths=batch.mask.sum(-1), micro_batches=micro
            ),
            tokens=float(lengths.sum()),
        )  # fmt: skip

    measures = run.update(used, loss_of)
    ratio, clipped, tokens = (sum(run.world.gather([float(totals[name])])) for name in ("ratio", "clipped", "tokens"))
    return {**measures, "ratio": ratio / tokens, "clipped": clipped / tokens}


def _reference_of(rows: Sequence[Rollout], batch: Batch) -> Tensor | None:
    values = [rollout.reference for rollout in rows if rollout.reference is not None]
    return spread(values, batch) if values else None


def _add_ratios(
    totals: dict[str, Tensor], log_ratio: Tensor, advantages: Tensor, mask: Tensor, config: PolicyGradientConfig
) -> None:
    """Add the ratios of new to sampled probabilities, and the tokens whose gradient the clip sets to 0.

    log_ratio, mask: (B, T); advantages: (B,).
    """
    totals["ratio"] += log_ratio.exp()[mask].sum()
    totals["tokens"] += mask.sum()
    if config.form in ("gspo", "rloo"):  # one ratio a sequence: the mean over its tokens, or their product, (B, 1)
        tokens = mask.sum(-1, keepdim=True).clamp(min=1) if config.form == "gspo" else 1
        log_ratio = (log_ratio * mask).sum(-1, keepdim=True) / tokens
    ratio, advantage = log_ratio.exp(), advantages[:, None]
    too_high, too_low = ratio > 1 + config.clip_high, ratio < 1 - config.clip_low
    # the clip acts only where the step would go further out: up with A > 0, down with A < 0; cispo caps both alike
    clipped = too_high if config.form == "cispo" else (too_high & (advantage > 0)) | (too_low & (advantage < 0))
    totals["clipped"] += (clipped & mask).sum()


@torch.no_grad()
def _with_reference(run: Run[PolicyGradientConfig], rollouts: Sequence[Rollout]) -> list[Rollout]:
    """Return the rollouts with their log-probabilities under the starting policy; every process scores its share."""
    mine = run.world.share(range(len(rollouts)))
    references: dict[int, Tensor] = {}
    with run.policy.as_reference() as model:
        share = run.policy.shares_prompts
        for chosen in micro_batches([rollouts[index] for index in mine], run.config.micro_batch, share=share):
            indices = [mine[index] for index in chosen]
            batch = collate([rollouts[index] for index in indices], run.policy.pad_id, run.policy.device, share=share)
            log_p, _ = log_probs(run.policy, batch, run.config.temperature, model=model)  # (B, T)
            pieces = log_p[batch.mask].cpu().split([len(rollouts[index].response) for index in indices])
            references |= dict(zip(indices, pieces, strict=True))
    tokens = sum(map(len, rollouts))
    run.work.scored += tokens
    run.work.flops += tokens * flops_per_token(run.policy, tokens / len(rollouts))
    gathered = run.world.gather([references[index] for index in mine])
    return [replace(rollout, reference=reference) for rollout, reference in zip(rollouts, gathered, strict=True)]


def _measures(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], advantages: Tensor) -> dict[str, float]:
    rewards, scored = rewards_of(verdicts)
    return {
        "reward": sum(rewards) / max(sum(scored), 1),
        "unscorable": 1 - sum(scored) / len(scored),
        "equal_groups": float((advantages == 0).all(-1).float().mean()),
        "entropy": sum(rollout.entropy for rollout in rollouts) / len(rollouts),
        "finished": sum(rollout.finished for rollout in rollouts) / len(rollouts),
        "response_tokens": sum(len(rollout.response) for rollout in rollouts) / len(rollouts),
    }


if __name__ == "__main__":
    sys.exit(main(["grpo", *sys.argv[1:]]))
