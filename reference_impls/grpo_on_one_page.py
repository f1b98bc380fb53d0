"""GRPO on one page: sample, reward, advantage, loss, step (DeepSeekMath, arXiv:2402.03300, algorithm 1).

    python -m reference_impls.grpo_on_one_page

About a minute on a CPU: the starter policy learns to add, and the mean reward of each step is printed. Read it from
top to bottom, in the order of a step; of this project it needs the starter's files and a task, and nothing else. The
loop for real runs is `grpo.py` (any model, any verifier, resume, micro-batches); the gradient of the two is the same.

Shapes: P prompts, G rollouts of each, B = P * G sequences, S tokens of a prompt, T tokens of a response, V vocabulary.

Deviations from the paper, the first three as the defaults of `grpo.py` have them:
1. The loss is the mean over all response tokens of the step, and the upper bound of the clip is wider than the lower
   (DAPO, arXiv:2503.14476). The paper takes the mean over each response, then over responses, with one bound.
2. No KL term to the starting policy; the paper's has the coefficient 0.04.
3. Advantages are divided by the standard deviation + 1e-4, and not by the standard deviation alone.
4. The reward is 1 or 0 by a rule on the answer; the paper trains a reward model.
"""

import argparse
import random
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reference_impls.tasks import load_task

STARTER = Path(__file__).parent / "starter"
TASK = "task:addition"  # a row has the prompt "add 280+939=" and the answer "1219"; a right response ends "... 1#1219"
PROMPTS, GROUP = 8, 8  # P, G
MAX_RESPONSE_TOKENS = 32  # the longest right response has 22
TEMPERATURE = 1.0
CLIP_LOW, CLIP_HIGH = 0.2, 0.28
UPDATES = 1  # on the same rollouts, mu in the paper; from the second on the ratio is not 1 and the clip acts
LEARNING_RATE, MAX_GRAD_NORM = 1e-4, 1.0


@torch.no_grad()
def sample(model: Any, prompts: Tensor, attention: Tensor, end: int) -> tuple[Tensor, Tensor]:
    """Return a response to each prompt, (B, T), and log p of each of its tokens as it was sampled, (B, T).

    prompts, attention: (B, S), padded on the left, so that all responses begin in the same column. `attention` is 1 on
    real tokens. `end` is the end-of-sequence token.
    """
    seen, positions = attention, (attention.cumsum(dim=1) - 1).clamp(min=0)  # the first real token is at position 0
    ids, cache = prompts, None  # the cache holds keys and values of the tokens read so far: each is read once
    tokens: list[Tensor] = []
    log_probs: list[Tensor] = []
    ended = torch.zeros(len(prompts), dtype=torch.bool)  # (B,)
    while len(tokens) < MAX_RESPONSE_TOKENS and not ended.all():
        output = model(
            input_ids=ids, attention_mask=seen, position_ids=positions, past_key_values=cache, use_cache=True
        )
        cache = output.past_key_values
        log_p = (output.logits[:, -1] / TEMPERATURE).log_softmax(dim=-1)  # (B, V)
        ids = torch.multinomial(log_p.exp(), num_samples=1)  # (B, 1); no top-p, no top-k: they would change log p
        tokens.append(ids)
        log_probs.append(log_p.gather(-1, ids))
        ended |= ids[:, 0] == end  # an ended row goes on with tokens that `response_mask` leaves out
        seen = torch.cat([seen, torch.ones_like(ids)], dim=1)
        positions = positions[:, -1:] + 1
    return torch.cat(tokens, dim=1), torch.cat(log_probs, dim=1)


def response_mask(responses: Tensor, end: int) -> Tensor:
    """Return True up to the first end-of-sequence token, that token included: to end is learned too. (B, T)."""
    is_end = responses == end
    return is_end.cumsum(dim=1) - is_end.long() == 0  # no end before this column


def reward_of(response: str, answer: str) -> float:
    """Return 1.0 where the text after the last `#` is the answer, else 0.0; the steps before it are not judged."""
    _, marker, given = response.rpartition("#")
    return float(marker == "#" and given.strip() == answer)


def group_advantages(rewards: Tensor) -> Tensor:
    """Return how much better each rollout did than its group, in standard deviations, (P, G).

    The mean of the group replaces the critic of PPO. A group whose rewards are all equal gets 0 and teaches nothing.
    """
    centred = rewards - rewards.mean(dim=1, keepdim=True)  # (P, G)
    return centred / (rewards.std(dim=1, keepdim=True) + 1e-4)  # of a sample, n - 1; 1e-4 avoids 0 / 0


def log_probs_of(model: Any, prompts: Tensor, attention: Tensor, responses: Tensor) -> Tensor:
    """Return log p of each response token under the model as it is now, with a gradient, (B, T)."""
    ids = torch.cat([prompts, responses], dim=1)  # (B, S + T)
    # Columns after the end of a response count as real here. Attention is causal: no token before the end sees them.
    seen = torch.cat([attention, torch.ones_like(responses)], dim=1)  # (B, S + T)
    positions = (seen.cumsum(dim=1) - 1).clamp(min=0)
    logits = model(input_ids=ids, attention_mask=seen, position_ids=positions, use_cache=False).logits  # (B, S + T, V)
    # The logits of a column predict the next column: those of the response begin with the last column of the prompt.
    logits = logits[:, prompts.shape[1] - 1 : -1] / TEMPERATURE  # (B, T, V); the temperature of sampling
    log_probs: Tensor = logits.log_softmax(dim=-1).gather(-1, responses[..., None])[..., 0]
    return log_probs


def grpo_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """Return the clipped policy-gradient loss, the mean over the response tokens of all rollouts.

    log_probs, old_log_probs, mask: (B, T); advantages: (B,), the same for all tokens of a response.
    """
    advantages = advantages[:, None]  # (B, 1)
    # In the first update the ratio is 1, so the loss says little; its gradient is advantage * grad log p all the same.
    ratio = (log_probs - old_log_probs).exp()  # (B, T)
    clipped = ratio.clamp(1 - CLIP_LOW, 1 + CLIP_HIGH)
    # The smaller of the two: a token that moved far enough in the right direction has no gradient any more; a token
    # that moved in the wrong direction keeps its gradient, however far it went.
    objective = torch.min(ratio * advantages, clipped * advantages)  # (B, T)
    return -(objective * mask).sum() / mask.sum()  # groups with equal rewards add 0 above, and their tokens below


def step(model: Any, tokenizer: Any, optimizer: torch.optim.Optimizer, rows: list[Any]) -> dict[str, float]:
    """Make one step of GRPO on P rows of a task; return mean reward, loss, gradient norm and response tokens."""
    # 1. Sample: every prompt G times, the rollouts of a prompt next to each other
    texts = [row.prompt for row in rows for _ in range(GROUP)]
    encoded = tokenizer(texts, padding=True, padding_side="left", return_tensors="pt")
    prompts, attention = encoded["input_ids"], encoded["attention_mask"]  # (B, S)
    responses, old_log_probs = sample(model, prompts, attention, tokenizer.eos_token_id)  # (B, T)
    mask = response_mask(responses, tokenizer.eos_token_id)  # (B, T)

    # 2. Reward: one number for each rollout
    texts = [tokenizer.decode(ids[kept], skip_special_tokens=True) for ids, kept in zip(responses, mask, strict=True)]
    answers = [row.answer for row in rows for _ in range(GROUP)]
    rewards = torch.tensor([reward_of(text, answer) for text, answer in zip(texts, answers, strict=True)])  # (B,)

    # 3. Advantage: relative to the other rollouts of the same prompt
    advantages = group_advantages(rewards.view(len(rows), GROUP)).flatten()  # (P, G) -> (B,)

    for _ in range(UPDATES):
        # 4. Loss: the rollouts are read again, this time with a gradient
        log_probs = log_probs_of(model, prompts, attention, responses)  # (B, T)
        loss = grpo_loss(log_probs, old_log_probs, advantages, mask)

        # 5. Step
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRAD_NORM)
        optimizer.step()
    tokens = mask.sum() / len(mask)
    return {"reward": rewards.mean().item(), "loss": loss.item(), "grad_norm": norm.item(), "tokens": tokens.item()}


def train(steps: int, seed: int = 0) -> list[float]:
    """Train the starter, print a line for each step, and return the mean reward of each step."""
    import transformers  # takes seconds, and `--help` does without

    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(seed)  # decides every rollout
    model = transformers.AutoModelForCausalLM.from_pretrained(STARTER, dtype=torch.float32)  # in eval mode: no dropout
    tokenizer = transformers.AutoTokenizer.from_pretrained(STARTER)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
    rows, order = load_task(TASK, rows=1000).rows, random.Random(seed)
    rewards = []
    for number in range(1, steps + 1):
        measures = step(model, tokenizer, optimizer, order.sample(rows, PROMPTS))
        print(f"step {number:3}", *(f"{name} {value:.3f}" for name, value in measures.items()), sep="  ", flush=True)
        rewards.append(measures["reward"])
    return rewards


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=f"GRPO on {TASK} from the starter policy.")
    parser.add_argument("--steps", type=int, default=150, help=f"steps of {PROMPTS * GROUP} rollouts (default 150)")
    steps = parser.parse_args().steps
    if steps < 1:
        parser.error(f"--steps is {steps}, expected at least 1; leave it out for a run of about a minute")
    print(f"{steps} steps of {PROMPTS * GROUP} rollouts, about {0.3 * steps:.0f} seconds", file=sys.stderr)
    torch.set_num_threads(1)  # the model is so small that threads wait for each other longer than they work
    try:
        rewards, part = train(steps), min(steps, 10)
    except KeyboardInterrupt:
        sys.exit(130)
    print(f"mean reward: {sum(rewards[:part]) / part:.3f} in the first {part} steps, ", end="")
    print(f"{sum(rewards[-part:]) / part:.3f} in the last {part}")
