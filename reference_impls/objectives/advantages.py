"""Advantages: how much better than expected each rollout, or each of its tokens, was. P prompts, G rollouts each."""

from typing import Literal

import torch
from torch import Tensor

from reference_impls.objectives.weights import per_token, where_response

Scale = Literal["group", "batch", "none"]

STD_FLOOR = 1e-4  # added to the standard deviation, so that nearly equal rewards do not give huge advantages


def group_advantages(rewards: Tensor, scale: Scale = "group", scored: Tensor | None = None) -> Tensor:
    """Return each rollout's reward relative to its group, (P, G): reward minus the group's mean, scaled.

    rewards: (P, G); scored: (P, G) bool, False where the verifier could not decide: such a rollout gets advantage 0 and
    counts in no mean. scale: "group" divides by the group's sample standard deviation (n - 1) + 1e-4, "batch" by that
    of all rewards, "none" not at all (arXiv:2503.20783). A group whose rewards are all equal, or that has one
    rollout, gets exactly 0: there is nothing to prefer.
    """
    scored = torch.ones_like(rewards, dtype=torch.bool) if scored is None else scored
    known = rewards.masked_fill(~scored, 0.0)  # (P, G)
    count = scored.sum(-1, keepdim=True)  # (P, 1)
    centred = (known - known.sum(-1, keepdim=True) / count.clamp(min=1)).masked_fill(~scored, 0.0)
    lowest = rewards.masked_fill(~scored, torch.inf).amin(-1, keepdim=True)
    highest = rewards.masked_fill(~scored, -torch.inf).amax(-1, keepdim=True)
    centred = centred * (highest > lowest)  # rounding in the mean must not become an advantage
    if scale == "group":
        return centred / ((centred.square().sum(-1, keepdim=True) / (count - 1).clamp(min=1)).sqrt() + STD_FLOOR)
    if scale == "batch":
        chosen = rewards[scored]
        return centred / ((chosen.std() if len(chosen) > 1 else chosen.new_zeros(())) + STD_FLOOR)
    return centred


def leave_one_out(rewards: Tensor, scored: Tensor | None = None) -> Tensor:
    """Return each reward minus the mean of the others of its group, (P, G) (RLOO, arXiv:2402.14740).

    rewards: (P, G); scored: (P, G) bool, as in `group_advantages`. It is n / (n - 1) times the reward minus the mean of
    all n. A rollout with no other to be compared with gets 0.
    """
    scored = torch.ones_like(rewards, dtype=torch.bool) if scored is None else scored
    count = scored.sum(-1, keepdim=True)  # (P, 1)
    return group_advantages(rewards, "none", scored) * count / (count - 1).clamp(min=1)


def running_advantages(rewards: Tensor, baseline: float, scored: Tensor | None = None) -> Tensor:
    """Return each reward minus a baseline, (P, G): that of the steps before, so that no reward is in its own baseline.

    rewards: (P, G); an unscored one gets 0 (REINFORCE, Williams 1992). The baseline of the next step is
    `next_baseline`.
    """
    return rewards - baseline if scored is None else (rewards - baseline).masked_fill(~scored, 0.0)


def next_baseline(baseline: float, rewards: Tensor, scored: Tensor | None = None, decay: float = 0.9) -> float:
    """Return the running mean after a step's rewards: decay times the old one, and the rest of the step's mean."""
    chosen = rewards.flatten() if scored is None else rewards[scored]
    return decay * baseline + (1 - decay) * float(chosen.mean()) if len(chosen) else baseline


def greedy_advantages(rewards: Tensor, greedy: Tensor, scored: Tensor | None = None) -> Tensor:
    """Return each reward minus that of the greedy response to the same prompt, (P, G) (ReMax, arXiv:2310.10505).

    rewards: (P, G); greedy: (P,). An unscored rollout gets 0; where the greedy response is unscored, pass False for its
    whole group. Equal rewards of a group may have an advantage here: the greedy response's differs.
    """
    return running_advantages(rewards - greedy[:, None], 0.0, scored)


def raft_advantages(rewards: Tensor, scored: Tensor | None = None) -> Tensor:
    """Return 1 for a right rollout (reward 1) and 0 for any other, (P, G) (RAFT++, arXiv:2504.11343)."""
    return running_advantages((rewards >= 1).to(rewards.dtype), 0.0, scored)


def rej_advantages(rewards: Tensor, scored: Tensor | None = None) -> Tensor:
    """Return 1 for reward 1 and - 1 for reward 0, and 0 in groups whose rewards are all equal, (P, G).

    rewards: (P, G). There is no baseline: the prompts always right and always wrong are rejected instead
    (Reinforce-Rej, arXiv:2504.11343).
    """
    differs = (group_advantages(rewards, "none", scored) != 0).any(-1, keepdim=True)  # (P, 1)
    return running_advantages((2 * rewards - 1) * differs, 0.0, scored)


def at_last_token(rewards: Tensor, mask: Tensor) -> Tensor:
    """Return rewards of tokens, (B, T): that of the sequence, (B,), at its last response token and 0 elsewhere."""
    mask = mask.bool()
    is_last = mask & (mask.flip(-1).cumsum(-1).flip(-1) == 1)
    return rewards[:, None] * is_last


def return_to_go(rewards: Tensor, mask: Tensor, discount: float = 1.0) -> Tensor:
    """Return the sum of the rewards of each response token and of those after it, (B, T).

    rewards, mask: (B, T). Tokens that are not of the response, such as what a tool answered, are passed over: they add
    no reward and no discount.
    """
    mask, rewards = mask.bool(), where_response(rewards, mask)
    total = torch.zeros_like(rewards[:, 0])  # (B,)
    columns = []
    for column in range(rewards.shape[1] - 1, -1, -1):
        total = torch.where(mask[:, column], rewards[:, column] + discount * total, total)
        columns.append(total)
    return where_response(torch.stack(columns[::-1], 1), mask)


def whitened(values: Tensor, mask: Tensor) -> Tensor:
    """Return the values with mean 0 and variance 1 over all response tokens of the batch, (B, T).

    values: (B,) or (B, T); mask: (B, T). A long response counts for more in the mean; the variance is that of a sample,
    n - 1 (REINFORCE++, arXiv:2501.03262: of the return to go; its baseline form: of the reward minus the group's mean).
    Where all values are equal they become 0.
    """
    mask = mask.bool()
    values = where_response(per_token(values).expand(mask.shape), mask)
    count = max(int(mask.sum()), 1)
    centred = where_response(values - values.sum() / count, mask)
    variance = centred.square().sum() / max(count - 1, 1)
    return centred * torch.rsqrt(variance + 1e-8)
