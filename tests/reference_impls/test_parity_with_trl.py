"""Loss and whole gradient of every objective equal those of TRL 1.16.0, and of its numbers written down; slips do not.

Where the two differ by design: TRL's entropy bonus is a mean per micro-batch, ours a mean over the whole batch. They
are compared on an undivided batch and where micro-batches hold equally many tokens.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from reference_impls import grpo, objectives
from reference_impls.configs import GRPOConfig
from reference_impls.model import policy
from reference_impls.model.batches import Batch, Shared, collate
from reference_impls.model.sampling import Rollout
from reference_impls.run import step as update
from reference_impls.run.processes import World
from tests.reference_impls import parity
from tests.reference_impls.parity import (
    BY_NAME,
    CASES,
    CLIP_HIGH,
    CLIP_LOW,
    FORMS,
    Case,
    Outcome,
    distance,
    gradient_of,
    ours,
    sketch,
)
from tests.reference_impls.small_models import PAD
from tests.reference_impls.trl_oracle import VERSION, Oracle, read_golden

GOLDEN, NORMS = read_golden()
STALE = {form: Case(form, 1, 0.7, stale=True) for form in FORMS}
ids = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """TRL's trainers; skipped where TRL is not installed, or another version of it."""
    if importlib.util.find_spec("trl") is None:
        pytest.skip(f"TRL {VERSION} is not installed; its numbers in golden/ were compared")
    if importlib.metadata.version("trl") != VERSION:
        pytest.skip(f"TRL is {importlib.metadata.version('trl')}; {VERSION} is what the private names were read in")
    return Oracle(tmp_path_factory.mktemp("trl"))


@cache
def ours_once(case: Case) -> Outcome:
    return ours(case)


@ids
def test_loss_and_gradient_are_those_written_down(case: Case) -> None:
    """Within 1e-6 and 5e-6 of TRL's numbers, without TRL."""
    apart = distance(sketch(ours_once(case)), GOLDEN[case.name])
    assert apart.is_small, apart
    assert float(ours_once(case).gradient.norm()) == pytest.approx(NORMS[case.name], rel=parity.GRADIENT_WITHIN)


def test_no_number_written_down_is_unused() -> None:
    """The golden file holds these cases and no other."""
    assert set(GOLDEN) == set(BY_NAME)
    assert len(BY_NAME) == len(CASES) == 91


@ids
def test_loss_and_whole_gradient_are_those_of_trl(oracle: Oracle, case: Case) -> None:
    """Within 1e-6 and 5e-6, over all weights; and the golden file says what TRL says now."""
    theirs = oracle.outcome(case)
    apart, recorded = distance(ours_once(case), theirs), distance(sketch(theirs), GOLDEN[case.name])
    print(f"{case.name}: loss {apart.loss:.1e}, gradient {apart.gradient:.1e}")
    assert apart.is_small, apart
    assert recorded.is_small, recorded


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@pytest.mark.parametrize("unscorable", [(), (1, 9), (4, 5, 6)], ids=["all scored", "two not", "one left in a group"])
def test_advantages_are_those_of_trl(oracle: Oracle, scale: objectives.Scale, unscorable: tuple[int, ...]) -> None:
    """For each scale, with rollouts that could not be scored, and a group without variance."""
    rewards = torch.tensor(parity.REWARDS)
    scored = torch.ones(16, dtype=torch.bool)
    scored[list(unscorable)] = False
    given = [reward if known else None for reward, known in zip(rewards.flatten().tolist(), scored, strict=True)]
    theirs = oracle.advantages(given, scale)
    mine = objectives.group_advantages(rewards, scale, scored.view_as(rewards)).flatten()
    assert torch.allclose(mine, theirs, rtol=0, atol=1e-6)


def test_the_cases_are_hard_enough() -> None:
    """Ratios leave the range on both sides with both signs of the advantage, none is near a bound; all is ragged."""
    now, data = parity.data_of(0.7), parity.data_of(0.7, stale=True)
    ratios = [(one - old).exp() for one, old in zip(now.old, data.old, strict=True)]
    worth = objectives.group_advantages(torch.tensor(parity.REWARDS)).flatten()
    for level in (ratios, [one.log().mean().exp()[None] for one in ratios]):  # of tokens, of sequences
        every = torch.cat(level)
        signs = torch.cat([sign.expand(len(one)) for sign, one in zip(worth.sign(), level, strict=True)])
        for outside in (every > 1 + CLIP_HIGH, every < 1 - CLIP_LOW):
            assert min((outside & (signs == sign)).float().mean() for sign in (-1, 1)) > 0.05
        assert min((every - bound).abs().min() for bound in (0.8, 1.2, 1.28)) > 1e-3
    assert len({len(one.prompt) for one in data.sequences}) == 4
    assert len({len(one.response) for one in data.sequences}) > 9
    assert [len({*row}) for row in parity.REWARDS].count(1) == 1
    tokens = [sum(len(data.sequences[place].response) for place in part) for part in parity.parts_of(BY_NAME[DAPO])]
    assert tokens[0] != tokens[1]
    sequences = parity.data_of(0.7).sequences
    for part in parity.parts_of(BY_NAME[SHARED]):
        shared = collate([sequences[place] for place in part], PAD, torch.device("cpu"), share=True).shared
        assert shared is not None and shared.ragged and len(shared.prompts) == 2


@pytest.mark.parametrize("case", [*STALE.values(), Case("sft"), Case("dft")], ids=[*FORMS, "sft", "dft"])
def test_objectives_take_left_padded_tensors_too(case: Case) -> None:
    """Prompts padded on the left, responses on the right, NaN in the padding: the same loss and gradient."""
    data, model = parity.data_of(case.temperature, case.stale), parity.held_policy().model
    prompts, prompt_mask, responses, mask = parity.as_left_padded(data.sequences, PAD)
    model.zero_grad()
    every = model(
        input_ids=torch.cat((prompts, responses), 1), attention_mask=torch.cat((prompt_mask, mask), 1).long()
    ).logits / case.temperature  # fmt: skip
    log_p = every[:, prompts.shape[1] - 1 : -1].log_softmax(-1).gather(-1, responses[..., None])[..., 0]
    if case.stale:
        old = torch.full(mask.shape, torch.nan).masked_scatter(mask, torch.cat(data.old))
        advantages = objectives.group_advantages(torch.tensor(parity.REWARDS)).flatten()
        loss = objectives.grpo(
            log_p, old, advantages, mask, form=case.objective, clip_low=CLIP_LOW, clip_high=CLIP_HIGH,
            max_response_tokens=parity.MAX_LENGTH_DIVISOR,
        )  # fmt: skip
    else:
        loss = getattr(objectives, case.objective)(log_p, mask)
    loss.backward()
    found = sketch(Outcome(float(loss.detach()), gradient_of(model.parameters())))
    assert distance(found, GOLDEN[case.name]).is_small


@pytest.mark.parametrize("skip", [False, True], ids=["with a KL term", "equal groups left out"])
@pytest.mark.parametrize("form", FORMS)
def test_an_update_of_the_loop_has_the_gradient_of_trl(form: objectives.Form, skip: bool) -> None:
    """The loop gives the objective the right arguments, and what it leaves out for speed changes nothing."""
    case = Case(form, 2, 0.7, stale=True, kl="" if skip else "k3_ratio", shared=True)
    held, data = parity.held_policy(), parity.data_of(0.7, stale=True)
    config = GRPOConfig(
        form=form, clip_low=CLIP_LOW, clip_high=CLIP_HIGH, temperature=0.7, micro_batch=8, accumulation=2, group_size=4,
        max_response_tokens=parity.MAX_LENGTH_DIVISOR, kl_coef=0.0 if skip else parity.KL_COEF, skip_equal_groups=skip,
    )  # fmt: skip
    worth = objectives.group_advantages(torch.tensor(parity.REWARDS)).flatten().tolist()
    rollouts = [
        Rollout(one.prompt, one.response, old, 0.0, True, advantage, reference)
        for one, old, advantage, reference in zip(data.sequences, data.old, worth, data.reference, strict=True)
    ]

    def updated(sequences: Any, loss_of: Any) -> dict[str, float]:
        return {"loss": update.accumulate(held, sequences, config.micro_batch, World(), loss_of), "grad_norm": 0.0}

    held.model.zero_grad()
    run: Any = SimpleNamespace(config=config, policy=held, world=World(), update=updated)
    made = grpo._update(run, rollouts, first=False)
    found = sketch(Outcome(made["loss"], gradient_of(held.model.parameters())))
    assert distance(found, GOLDEN[case.name]).is_small
    assert 0.1 < made["clipped"] < 0.9


# Slips. Each changes one thing of the path, and must be seen by the comparison above.

REAL = {name: getattr(objectives, name) for name in ("sft", "dft", "grpo", "grpo_divisor", "group_advantages")}


def grpo_with(change: Callable[..., tuple[Any, ...]] | None = None, **settings: Any) -> Callable[..., Tensor]:
    """Return the objective with other tensors or other settings."""

    def changed(*tensors: Tensor, **given: Any) -> Tensor:
        return REAL["grpo"](*(change(*tensors) if change else tensors), **{**given, **settings})

    return changed


def collate_with(change: Callable[[Tensor], Tensor]) -> Callable[..., Batch]:
    """Return collate with another mask."""

    def changed(*given: Any, **named: Any) -> Batch:
        batch = collate(*given, **named)
        return replace(batch, mask=change(batch.mask))

    return changed


def sharing_with(change: Callable[[Shared], dict[str, Any]]) -> Callable[..., Batch]:
    """Return collate with something else in what is shared."""

    def changed(*given: Any, **named: Any) -> Batch:
        batch = collate(*given, **named)
        assert batch.shared is not None
        return replace(batch, shared=replace(batch.shared, **change(batch.shared)))

    return changed


def without_last(mask: Tensor) -> Tensor:
    return mask & mask.roll(-1, -1) & (torch.arange(mask.shape[1]) < mask.shape[1] - 1)


def mean_of_sequences(log_p: Tensor, mask: Tensor, weight: Tensor | float = 1.0) -> Tensor:
    return -((weight * log_p * mask).sum(-1) / mask.sum(-1)).mean() / 2


def lengths_of(mask: Tensor) -> Tensor:
    return mask.sum(-1, keepdim=True)


def kl_of_constant_ratio(*tensors: Tensor, **given: Any) -> Tensor:
    log_p, old, _, mask = tensors
    apart = given["reference_log_probs"] - log_p
    term = (apart.exp() - apart - 1) * (log_p - old).exp().detach() * mask
    return REAL["grpo"](*tensors, **{**given, "kl_coef": 0.0}) + given["kl_coef"] * term.sum() / given["divisor"]


def population_advantages(rewards: Tensor, *_: Any) -> Tensor:
    return (rewards - rewards.mean(-1, keepdim=True)) / (rewards.std(-1, keepdim=True, correction=0) + 1e-4)


SFT, DFT, DAPO = "sft accumulation=2", "dft accumulation=2", "dapo stale T=0.7 accumulation=2"
KL = "dapo stale T=0.7 k3_ratio accumulation=2"
ENTROPY = "dapo stale T=0.7 entropy accumulation=1"
SHARED = "dapo stale T=0.7 shared accumulation=2"
MUTANTS: list[tuple[str, str, str, Callable[..., Any]]] = [
    ("no stop-gradient", DFT, "dft", lambda p, m, d: -(p.exp() * p * m).sum() / d),
    ("weight of 1", DFT, "dft", REAL["sft"]),
    ("mean per sequence", SFT, "sft", lambda p, m, d: mean_of_sequences(p, m)),
    ("mean per sequence", DFT, "dft", lambda p, m, d: mean_of_sequences(p, m, p.exp().detach())),
    ("divisor of all tokens", "sft accumulation=1", "sft", lambda p, m, d: REAL["sft"](p, m, m.numel())),
    ("divisor of one micro-batch", SFT, "sft", lambda p, m, d: REAL["sft"](p, m)),
    ("divisor of one micro-batch", DFT, "dft", lambda p, m, d: REAL["dft"](p, m)),
    ("shift by one", SFT, "collate", collate_with(lambda mask: mask.roll(1, -1))),
    ("shift by one", DAPO, "collate", collate_with(lambda mask: mask.roll(-1, -1))),
    ("prompt unmasked", SFT, "collate", collate_with(lambda mask: mask | (mask.cumsum(-1) == 0))),
    ("padding unmasked", SFT, "collate", collate_with(lambda mask: mask.cumsum(-1) > 0)),
    ("EOS masked", SFT, "sft", lambda p, m, d: REAL["sft"](p, without_last(m), d)),
    ("EOS masked", DAPO, "grpo", grpo_with(lambda p, old, a, m: (p, old, a, without_last(m)))),
    ("no temperature", DAPO, "log_probs", lambda held, batch, _, **more: REAL_LOG_PROBS(held, batch, **more)),
    ("standard deviation of a population", DAPO, "group_advantages", population_advantages),
    ("standard deviation of the batch", DAPO, "group_advantages", lambda r: REAL["group_advantages"](r, "batch")),
    ("sign", DAPO, "grpo", grpo_with(lambda p, old, a, m: (p, old, -a, m))),
    ("clip on the wrong side", DAPO, "grpo", lambda p, old, a, m, **more: -REAL["grpo"](p, old, -a, m, **more)),
    ("no clip", DAPO, "grpo", grpo_with(clip_low=1e9, clip_high=1e9)),
    ("bounds exchanged", DAPO, "grpo", grpo_with(clip_low=CLIP_HIGH, clip_high=CLIP_LOW)),
    ("ratio of 1", DAPO, "grpo", grpo_with(lambda p, old, a, m: (p, p.detach(), a, m))),
    ("ratio upside down", DAPO, "grpo", grpo_with(lambda p, old, a, m: (p, 2 * p.detach() - old, a, m))),
    ("mean per sequence", DAPO, "grpo", grpo_with(form="grpo", divisor=16)),
    ("mean over tokens", "grpo stale T=0.7 accumulation=2", "grpo", grpo_with(form="dapo", divisor=109)),
    ("ratio of tokens", "gspo stale T=0.7 accumulation=2", "grpo", grpo_with(form="grpo")),
    ("ratio of the product", "gspo stale T=0.7 accumulation=2", "grpo",
     grpo_with(lambda p, old, a, m: (p * lengths_of(m), old * lengths_of(m), a, m))),
    ("clipped and not capped", "cispo stale T=0.7 accumulation=2", "grpo", grpo_with(form="dapo")),
    ("cap of clip_high", "cispo stale T=0.7 accumulation=2", "grpo", grpo_with(clip_high=CLIP_HIGH - 1)),
    ("own length", "dr_grpo stale T=0.7 accumulation=2", "grpo_divisor", lambda f, n, *_, **__: float(n.sum())),
    ("mean of all tokens", "bnpo stale T=0.7 accumulation=2", "grpo_divisor", lambda f, n, *_, **__: float(n.sum())),
    ("sum of means", "bnpo stale T=0.7 accumulation=2", "grpo_divisor",
     lambda f, n, *_, micro_lengths, **__: float(micro_lengths.sum())),
    ("no KL term", KL, "grpo", grpo_with(kl_coef=0.0)),
    ("KL not corrected", KL, "grpo", grpo_with(kl="k3")),
    ("KL corrected by a constant", KL, "grpo", kl_of_constant_ratio),
    ("KL to the older policy", KL, "grpo",
     lambda p, old, a, m, **more: REAL["grpo"](p, old, a, m, **{**more, "reference_log_probs": old})),
    ("entropy lowered", ENTROPY, "grpo", grpo_with(entropy_coef=-parity.ENTROPY_COEF)),
    ("entropy summed", ENTROPY, "grpo", grpo_with(tokens=1.0)),
    ("no entropy bonus", ENTROPY, "grpo", grpo_with(entropy_coef=0.0)),
    ("prompt of another", SHARED, "collate", sharing_with(lambda one: {"owner": one.owner.roll(1)})),
    ("padding seen", SHARED, "collate", sharing_with(lambda one: {"ragged": False})),
    ("padding counted", SHARED, "collate", sharing_with(lambda one: {"padding": one.padding * 0})),
    ("shift by one", SHARED, "collate", sharing_with(lambda one: {"responses": one.responses.roll(1, 1)})),
]  # fmt: skip
REAL_LOG_PROBS = policy.log_probs


@pytest.mark.parametrize(("slip", "name", "place", "changed"), MUTANTS, ids=[f"{one[1]}: {one[0]}" for one in MUTANTS])
def test_a_slip_is_seen(
    slip: str, name: str, place: str, changed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred times the tolerance of the gradient at least, where a right objective keeps within it."""
    monkeypatch.setattr({"collate": update, "log_probs": policy}.get(place, objectives), place, changed)
    apart = distance(sketch(ours(BY_NAME[name])), GOLDEN[name])
    print(f"{name}: {slip}: loss {apart.loss:.1e}, gradient {apart.gradient:.1e}")
    assert not apart.is_small
    assert apart.gradient > 100 * parity.GRADIENT_WITHIN
