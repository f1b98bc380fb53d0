"""The step that docs/techniques/grpo.md works through: every printed number, computed again from the starter."""

import re
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

from reference_impls import grpo_on_one_page as page
from tests.reference_impls import runs

DOCS = (runs.ROOT / "docs" / "techniques" / "grpo.md").read_text(encoding="utf-8")
TEXT = DOCS.split("## One step with numbers")[1].split("\n## ")[0]


def table_of(first_column: str) -> list[list[str]]:
    """Return the cells of every row below the heading and its rule."""
    lines = TEXT.split(f"| {first_column} |")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


RESPONSES = [row[0].strip("`") for row in table_of("response")]


class Computed(NamedTuple):
    """The step, from the page's functions: before and after the weights have moved."""

    mask: Tensor  # (B, T)
    rewards: Tensor  # (B,)
    advantages: Tensor  # (B,)
    old: Tensor  # (B, T) log p when sampled
    now: Tensor  # (B, T) log p after the step
    losses: tuple[float, float]
    norm: float

    @property
    def ratio(self) -> Tensor:
        """What the weights' move did to each token, (B, T)."""
        return (self.now - self.old).exp()

    @property
    def clipped(self) -> Tensor:
        """True on tokens that a second update gives no gradient to, (B, T)."""
        better = self.advantages[:, None] > 0
        outside = torch.where(better, self.ratio > 1 + page.CLIP_HIGH, self.ratio < 1 - page.CLIP_LOW)
        return outside & self.mask


@pytest.fixture(scope="module")
def step() -> Computed:
    """The step in float64, so that its digits are the same on every processor."""
    [(prompt, answer)] = re.findall(r"The prompt is `(.*?)` and the answer (\d+)", TEXT)
    tokenizer = AutoTokenizer.from_pretrained(page.STARTER)
    model = AutoModelForCausalLM.from_pretrained(page.STARTER, dtype=torch.float64)
    asked = tokenizer([prompt] * len(RESPONSES), return_tensors="pt")
    ended = [response + tokenizer.eos_token for response in RESPONSES]
    responses = tokenizer(ended, padding=True, padding_side="right", return_tensors="pt")["input_ids"]
    mask = page.response_mask(responses, tokenizer.eos_token_id)
    rewards = torch.tensor([page.reward_of(response, answer) for response in RESPONSES])
    advantages = page.group_advantages(rewards[None])[0]

    def log_probs() -> Any:
        return page.log_probs_of(model, asked["input_ids"], asked["attention_mask"], responses)

    before = log_probs()
    loss = page.grpo_loss(before, before.detach(), advantages, mask)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), page.MAX_GRAD_NORM)
    torch.optim.AdamW(model.parameters(), lr=page.LEARNING_RATE, weight_decay=0.0).step()
    old, now = before.detach(), log_probs().detach()
    losses = loss.item(), page.grpo_loss(now, old, advantages, mask).item()
    return Computed(mask, rewards, advantages, old, now, losses, norm.item())


def test_the_table_of_responses(step: Computed) -> None:
    """Reward, advantage, tokens, probability before and after, and how many tokens the clip would stop."""
    p_old, p_now = ((values * step.mask).sum(dim=1).exp() for values in (step.old, step.now))
    for number, row in enumerate(table_of("response")):
        assert row[1:] == [
            f"{step.rewards[number]:.0f}",
            f"{step.advantages[number]:.4f}",
            f"{step.mask[number].sum()}",
            f"{p_old[number]:.4f}",
            f"{p_now[number]:.4f}",
            f"{step.clipped[number].sum()}",
        ]
    assert len(RESPONSES) == 4


def test_the_losses_and_the_gradient_norm(step: Computed) -> None:
    """The first loss also by the sum that is written out."""
    right, wrong = (
        sum(len(one) + 1 for one in RESPONSES if one.endswith("#1219") is is_right) for is_right in (True, False)
    )
    assert f"- (1.4997 x {right} - 0.4999 x {wrong}) / {right + wrong} = {step.losses[0]:.4f}." in TEXT
    assert step.losses[0] == pytest.approx(-(1.4997 * right - 0.4999 * wrong) / (right + wrong), abs=5e-5)
    assert f"its norm is {step.norm:.4f}," in TEXT
    assert f"a loss of {step.losses[1]:.4f}." in TEXT


def test_the_table_of_characters(step: Computed) -> None:
    """One token a character: its probability before and after, the ratio, and whether the clip stops it."""
    rows = table_of("character of response")
    for row in rows:
        [(place, number, character)] = re.findall(r"^(\d+) of (\d), `(.)`", row[0])
        at = int(number) - 1, int(place) - 1
        assert RESPONSES[at[0]][at[1]] == character
        assert row[1:5] == [
            f"{step.advantages[at[0]]:.4f}",
            f"{step.old[at].exp():.3f}",
            f"{step.now[at].exp():.3f}",
            f"{step.ratio[at]:.3f}",
        ]
        assert row[5].split(":")[0] == ("none" if step.clipped[at] else "whole")
    assert len(rows) == 5


def test_advantages_cancel_where_the_rollouts_agree(step: Computed) -> None:
    """In the first three characters and no further; and the right response is twice as likely after the step."""
    assert [len({response[:count] for response in RESPONSES}) for count in (3, 4)] == [1, 2]
    assert step.advantages.sum() == pytest.approx(0, abs=1e-6)
    grown = ((step.now - step.old) * step.mask).sum(dim=1).exp()
    assert 1.95 < grown[3] < 2.05 and grown[:3].max() < 0.15
