"""The page is the loop: same reward, same gradient as `grpo.py`; a change of any line of its algorithm is noticed."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference_impls import grpo, grpo_on_one_page, objectives
from reference_impls.configs import GRPOConfig
from reference_impls.model.policy import Policy, load_policy
from reference_impls.model.sampling import Rollout
from reference_impls.run import step as update
from reference_impls.run.processes import World
from reference_impls.tasks import Row, load_task
from reference_impls.verifiers import load_verifier

PAGE = Path(str(grpo_on_one_page.__file__))
ROUNDING = 2.0**-24  # of a float32 number, relative
LARGEST = 17.0  # of the starter's logits on these rows, divided by the lower temperature
# Page and policy compute in float64 here, but for the loop's log-probabilities, which are float32 by definition. A
# log p is a logit less a log-sum of logits, and the ratio takes the difference of two log p: four roundings of at most
# the largest logit. That is the relative error of each token's weight, and so of the gradient.
WITHIN = 4 * ROUNDING * LARGEST
NOTICED = 100 * WITHIN
MICRO_BATCH = 16  # of the loop; the page has no micro-batches
COLD = ("TEMPERATURE = 1.0", "TEMPERATURE = 0.7")


class Step(NamedTuple):
    """What a step of the page sampled, and the gradient that it left in the weights."""

    prompts: Tensor  # (B, S)
    attention: Tensor  # (B, S)
    responses: Tensor  # (B, T)
    old: Tensor  # (B, T)
    gradient: Tensor
    measures: dict[str, float]


@pytest.fixture(scope="module")
def policy() -> Policy:
    """The starter in float64."""
    loaded = load_policy(GRPOConfig())
    loaded.model.double()
    return loaded


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Prompts of 12 and of 18 tokens, so that half of them are padded."""
    return [*load_task("task:addition", rows=4).rows, *load_task("task:modular", rows=4).rows]


def page_with(*changes: tuple[str, str]) -> Any:
    """Return the page as a module, with pieces of its text replaced."""
    text = PAGE.read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"the page has {text.count(old)} times: {old}"
        text = text.replace(old, new)
    module = ModuleType("changed_page")
    module.__file__ = str(PAGE)
    exec(compile(text, PAGE, "exec"), module.__dict__)
    return module


def step_of(page: Any, policy: Policy, rows: list[Row], *, stale: float = 0.0) -> Step:
    """Return a step of the page that moves no weight; `stale` is how far log p has moved since the sampling."""
    sampled: list[Tensor] = []

    def sample(model: Any, prompts: Tensor, attention: Tensor, end: int) -> tuple[Tensor, Tensor]:
        responses, log_probs = real_sample(model, prompts, attention, end)
        moved = log_probs + stale * torch.randn(log_probs.shape, dtype=log_probs.dtype)
        sampled.extend((prompts, attention, responses, moved))
        return responses, moved

    real_sample, page.sample = page.sample, sample
    torch.manual_seed(1)
    measures = page.step(policy.model, policy.tokenizer, torch.optim.SGD(policy.model.parameters(), lr=0.0), rows)
    page.sample = real_sample
    return Step(*sampled, gradient_of(policy), measures)


def gradient_of(policy: Policy) -> Tensor:
    return torch.cat([weight.grad.flatten() for weight in policy.trainable() if weight.grad is not None])


def loop_of(policy: Policy, rows: list[Row], step: Step, temperature: float) -> tuple[Tensor, dict[str, float]]:
    """Return the gradient and the measures of `grpo.py` for the rollouts of a step, by its own verifier and update."""
    end = policy.tokenizer.eos_token_id
    responses = [cut(ids, end) for ids in step.responses.tolist()]
    asked = [row for row in rows for _ in range(grpo_on_one_page.GROUP)]
    texts = [policy.tokenizer.decode([token for token in ids if token != end]) for ids in responses]
    verdicts = load_verifier("exact:#").verify(
        [(row.prompt, text, row.as_mapping()) for row, text in zip(asked, texts, strict=True)]
    )
    rewards = torch.tensor([verdict.strict for verdict in verdicts]).view(len(rows), -1)
    assert {len({*group}) for group in rewards.tolist()} == {1, 2}  # some groups have equal rewards, some have not
    rollouts = [
        Rollout(tuple(prompt[real.bool()].tolist()), ids, old[: len(ids)], 0.0, True, advantage)
        for prompt, real, ids, old, advantage in zip(
            step.prompts, step.attention, responses, step.old,
            objectives.group_advantages(rewards).flatten().tolist(), strict=True,
        )
    ]  # fmt: skip
    config = GRPOConfig(micro_batch=MICRO_BATCH, accumulation=4, temperature=temperature)

    def updated(sequences: Any, loss_of: Any) -> dict[str, float]:
        policy.model.zero_grad()
        loss = update.accumulate(policy, sequences, MICRO_BATCH, World(), loss_of)
        norm = torch.nn.utils.clip_grad_norm_(policy.trainable(), config.max_grad_norm)
        return {"loss": loss, "grad_norm": float(norm)}

    run: Any = SimpleNamespace(config=config, policy=policy, world=World(), update=updated)
    measures = grpo._update(run, rollouts, first=False)
    return gradient_of(policy), {**measures, "reward": float(rewards.mean())}


def cut(ids: list[int], end: int) -> tuple[int, ...]:
    """Return the ids up to the first end, that one included."""
    return tuple(ids[: ids.index(end) + 1] if end in ids else ids)


def distance(step: Step, gradient: Tensor, measures: dict[str, float]) -> float:
    """Return how far a step is from the loop, relative: in its gradient, or in the norm before that was clipped."""
    norm = abs(step.measures["grad_norm"] - measures["grad_norm"]) / measures["grad_norm"]
    return max(float((step.gradient - gradient).norm() / gradient.norm()), norm)


@pytest.mark.parametrize("stale", [0.0, 0.3], ids=["on policy", "stale"])
@pytest.mark.parametrize("changes", [(), (COLD,)], ids=["temperature 1", "temperature 0.7"])
def test_the_gradient_is_that_of_the_loop(
    changes: tuple[tuple[str, str], ...], stale: float, policy: Policy, rows: list[Row]
) -> None:
    """Over all weights, of the whole step: reward, advantages, loss and clipping of the norm."""
    page = page_with(*changes)
    step = step_of(page, policy, rows, stale=stale)
    gradient, measures = loop_of(policy, rows, step, page.TEMPERATURE)
    assert distance(step, gradient, measures) < WITHIN
    assert step.measures["loss"] == pytest.approx(measures["loss"], abs=WITHIN)
    assert step.measures["reward"] == measures["reward"]
    if stale:
        assert 0.1 < measures["clipped"] < 0.9
    else:  # what was written down in sampling is what the loop computes for the same tokens
        assert measures["ratio"] == pytest.approx(1, abs=WITHIN) and measures["clipped"] == 0


@pytest.mark.slow
def test_the_rows_are_hard_enough(policy: Policy, rows: list[Row]) -> None:
    """Padded prompts, responses that end and that are cut off, and logits no larger than the tolerance assumes."""
    step = step_of(page_with(), policy, rows)
    end = policy.tokenizer.eos_token_id
    assert 0 < (step.attention[:, 0] == 0).float().mean() < 1
    lengths = {len(cut(ids, end)) for ids in step.responses.tolist()}
    assert len(lengths) > 2 and max(lengths) == grpo_on_one_page.MAX_RESPONSE_TOKENS
    ids = torch.cat([step.prompts, step.responses], dim=1)
    with torch.no_grad():
        logits = policy.model(
            input_ids=ids, attention_mask=torch.cat([step.attention, torch.ones_like(step.responses)], dim=1)
        ).logits
    assert (logits[:, step.attention.shape[1] - 1 :].abs().max() / 0.7) < LARGEST


SLIPS = {
    "no standard deviation": ("centred / (rewards.std(dim=1, keepdim=True) + 1e-4)", "centred"),
    "standard deviation of a population": ("rewards.std(dim=1, keepdim=True)", "rewards.std(1, False, keepdim=True)"),
    "standard deviation of the step": ("rewards.std(dim=1, keepdim=True)", "rewards.std()"),
    "no mean": ("rewards - rewards.mean(dim=1, keepdim=True)", "rewards"),
    "mean of the step": ("rewards.mean(dim=1, keepdim=True)", "rewards.mean()"),
    "groups across prompts": (
        "rewards.view(len(rows), GROUP)).flatten()",
        "rewards.view(-1, len(rows)).T).T.flatten()",
    ),
    "divisor of sequences": ("/ mask.sum()  #", "/ len(mask)  #"),
    "divisor with padding": ("/ mask.sum()  #", "/ mask.numel()  #"),
    "divisor without equal groups": ("/ mask.sum()  #", "/ (mask & (advantages != 0)).sum()  #"),
    "mean of each response": ("(objective * mask).sum() / mask", "(objective * mask / mask.sum(1, True)).sum() / mask"),
    "sign": ("return -(objective", "return (objective"),
    "no clip": ("clipped * advantages)", "ratio * advantages)"),
    "clip alone": ("torch.min(ratio * advantages, clipped", "torch.min(clipped * advantages, clipped"),
    "the larger of the two": ("torch.min(", "torch.max("),
    "one bound": ("CLIP_LOW, CLIP_HIGH = 0.2, 0.28", "CLIP_LOW, CLIP_HIGH = 0.2, 0.2"),
    "ratio upside down": ("(log_probs - old_log_probs).exp()", "(old_log_probs - log_probs).exp()"),
    "end not learned": ("is_end.cumsum(dim=1) - is_end.long() == 0", "is_end.cumsum(dim=1) == 0"),
    "tokens after the end": ("is_end.cumsum(dim=1) - is_end.long() == 0", "is_end.cumsum(dim=1) >= 0"),
    "no mask": ("-(objective * mask)", "-(objective)"),
    "shift by one": ("prompts.shape[1] - 1 : -1]", "prompts.shape[1] - 2 : -2]"),
    "padding seen": ("attention_mask=seen, position_ids=positions, use_cache=False", "use_cache=False"),
    "no temperature in the loss": ("prompts.shape[1] - 1 : -1] / TEMPERATURE", "prompts.shape[1] - 1 : -1]"),
    "gradient norm not clipped": ("MAX_GRAD_NORM = 1e-4, 1.0", "MAX_GRAD_NORM = 1e-4, 1e9"),
    "any reward for a marker": ('marker == "#" and given.strip() == answer', 'marker == "#"'),
}


@pytest.mark.slow
@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_is_noticed(slip: str, policy: Policy, rows: list[Row]) -> None:
    """A hundred times the tolerance at least, where the page as it stands keeps within it."""
    page = page_with(COLD, SLIPS[slip])
    step = step_of(page, policy, rows, stale=0.5)
    assert distance(step, *loop_of(policy, rows, step, page.TEMPERATURE)) > NOTICED


@given(text=st.text("0123456789 #", max_size=12), answer=st.integers(0, 20).map(str))
@settings(deadline=None)
def test_the_reward_is_that_of_the_tasks_verifier(text: str, answer: str) -> None:
    """The strict verdict of `exact:#`, whatever stands before and after the marker."""
    with load_verifier("exact:#") as verifier:
        for response in (text, f"{text}#{answer}", f"{text}# {answer} "):
            verdict = verifier.verify([("add 1+2=", response, {"answer": answer})])[0]
            assert grpo_on_one_page.reward_of(response, answer) == verdict.strict


def test_the_task_of_the_page_has_that_verifier() -> None:
    assert load_task(grpo_on_one_page.TASK, rows=1).verifier == "exact:#"


@pytest.mark.slow
def test_tokens_are_drawn_with_the_probabilities_that_are_written_down(policy: Policy) -> None:
    """The share of each first token among 4,000 is its probability, within five standard errors."""
    count = 4000
    encoded = policy.tokenizer(["add 280+939="] * count, return_tensors="pt")
    torch.manual_seed(2)
    page = page_with(
        ("MAX_RESPONSE_TOKENS = 32", "MAX_RESPONSE_TOKENS = 1"), ("TEMPERATURE = 1.0", "TEMPERATURE = 3.0")
    )
    tokens, log_probs = page.sample(policy.model, encoded["input_ids"], encoded["attention_mask"], 1)
    drawn, numbers = tokens[:, 0].unique(return_counts=True)
    assert len(drawn) > 10
    for token, number in zip(drawn, numbers.tolist(), strict=True):
        probability = float(log_probs[tokens == token][0].exp())
        assert abs(number / count - probability) < 5 * (probability * (1 - probability) / count) ** 0.5


def command(*options: str) -> subprocess.CompletedProcess[str]:
    """Run the page as its head says."""
    words = [sys.executable, "-m", "reference_impls.grpo_on_one_page", *options]
    return subprocess.run(words, cwd=PAGE.parents[1], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command_prints_a_line_for_each_step() -> None:
    """Rewards on stdout, how long it takes on stderr."""
    ran = command("--steps", "2")
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0 and [line.split()[:3] for line in lines[:-1]] == [
        ["step", "1", "reward"],
        ["step", "2", "reward"],
    ]
    assert lines[-1].startswith("mean reward: ") and "2 steps of 64 rollouts, about" in ran.stderr


@pytest.mark.slow
def test_no_step_at_all_is_refused() -> None:
    """In one sentence that says how to go on."""
    ran = command("--steps", "0")
    assert ran.returncode == 2 and ran.stdout == ""
    assert "--steps is 0, expected at least 1; leave it out" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.slow
def test_the_reward_rises() -> None:
    """From a third to more than a half in sixty steps, with two seeds; a step's mean has a standard error of 0.06."""
    for seed in (0, 1):
        rewards = grpo_on_one_page.train(60, seed)
        first, last = (sum(part) / 10 for part in (rewards[:10], rewards[-10:]))
        assert last > first + 0.1
