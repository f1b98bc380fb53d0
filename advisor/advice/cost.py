"""Cost: tokens, GPU-hours and memory of a pipeline before anything runs, as ranges with their assumptions.

FLOPs are 2 for each weight and token that is read or generated, and 6 where it is trained on (PaLM, arXiv:2204.02311,
appendix B). Hours are those of a GPU with 989 TFLOPs of dense bfloat16 (an H100), at 20 to 40 % of that rate in
training and 1 to 10 % in generating, which waits for memory. For an unknown trait a usual range is assumed, and named.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from advisor.advice.pipelines import Pipeline
from advisor.task.traits import Traits

if TYPE_CHECKING:
    from advisor.memory.phases import Estimate

PEAK_FLOPS = 989e12  # a second; NVIDIA H100 SXM, dense bfloat16, from its data sheet
TRAINING_RATE = (0.2, 0.4)  # shares of the peak that are reached
GENERATING_RATE = (0.01, 0.1)
A_MINUTE = 1 / 60  # of an hour


class Span(NamedTuple):
    """A low and a high estimate."""

    low: float
    high: float

    def times(self, low: float, high: float | None = None) -> "Span":
        """Return the span with both ends multiplied."""
        return Span(self.low * low, self.high * (low if high is None else high))

    def plus(self, other: "Span") -> "Span":
        """Return the sum of two spans."""
        return Span(self.low + other.low, self.high + other.high)

    def of(self, unit: str) -> str:
        """Return the span in words with two digits: `200k to 4M tokens`."""
        low, high = _short(self.low), _short(self.high)
        return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"


NOTHING = Span(0.0, 0.0)
TEXT_TOKENS = Span(1e8, 2e9)  # of continued pre-training
TYPICAL = {  # what stands in for an unknown trait
    "demonstrations": Span(200, 5000),
    "prompts": Span(200, 2000),
    "preference_pairs": Span(500, 5000),
    "row_tokens": Span(512, 2048),
}


class _Work(NamedTuple):
    """Tokens of a stage, in multiples of the tokens of its rows; a rollout is assumed to be half of a row."""

    trait: Literal["demonstrations", "prompts", "preference_pairs"]  # how many rows there are
    generated: Span
    trained: Span


IMITATION = _Work("demonstrations", NOTHING, Span(2, 3))  # two or three passes
_REWARD = _Work("prompts", Span(2 * 4, 10 * 4), Span(2 * 8, 10 * 8))  # 2 to 10 passes, 8 rollouts a prompt
# two responses, 1 or 2 passes, and a reference that reads them
_PREFERENCE = _Work("preference_pairs", NOTHING, Span(2 * 4 / 3, 4 * 4 / 3))
_TEACHER = _Work("prompts", Span(0.5, 2), Span(2, 12))  # 1 to 4 responses a prompt, 2 or 3 passes
WORK = {
    "rejection_sampling": _Work("prompts", Span(4, 8), Span(1, 8)),  # a round: 8 to 16 rollouts, at most 4 kept
    "grpo": _REWARD,
    "chord": _REWARD,
    "prefix_rft": _REWARD,
    "srl": _REWARD,
    "ppo": _REWARD,
    "on_policy_distillation": _Work("prompts", Span(1, 5), Span(2, 10)),  # one rollout a prompt, 2 to 10 passes
    "distillation": _TEACHER,
    "distillation_logits": _TEACHER,
    "iterative_sft": _TEACHER,
    "dpo": _PREFERENCE,
    "kto": _PREFERENCE,
    "reward_model": _PREFERENCE,
}

# The technique whose memory stands for one without a loop here; its teacher or reward model is not counted.
HOLDS = {
    "iterative_sft": "sft", "distillation": "sft", "distillation_logits": "sft", "continued_pretraining": "sft",
    "reward_model": "sft", "on_policy_distillation": "grpo", "chord": "grpo", "prefix_rft": "grpo", "srl": "grpo",
    "ppo": "grpo",
}  # fmt: skip
THRIFTY, COMFORTABLE = "LoRA, one row at a time", "all weights, 8 rows"
SEVERAL_MODELS = ("on_policy_distillation", "distillation_logits", "ppo")


@dataclass(frozen=True)
class Memory:
    """Peak bytes on one GPU in a library like TRL, with activation checkpointing: a thrifty and a comfortable way."""

    adapters: float  # LoRA on bfloat16 weights, one row at a time
    whole: float  # all weights in float32, eight rows at a time
    gpu: float | None  # bytes of the user's GPU

    def __str__(self) -> str:
        """Return it as a sentence."""
        sizes = f"{self.adapters / 1e9:.1f} GB ({THRIFTY}) to {self.whole / 1e9:.1f} GB ({COMFORTABLE})"
        if self.gpu is None:
            return sizes
        if self.whole <= self.gpu:
            return f"{sizes}: all of it fits {self.gpu / 1e9:.0f} GB"
        if self.adapters <= self.gpu:
            return f"{sizes}: LoRA fits {self.gpu / 1e9:.0f} GB, all weights at 8 rows do not"
        return f"{sizes}: does not fit {self.gpu / 1e9:.0f} GB even with LoRA; a smaller model, or 4-bit weights"


@dataclass(frozen=True)
class Cost:
    """The tokens, hours and memory of a pipeline."""

    generated: Span  # tokens
    trained: Span  # tokens, each pass counted
    gpu_hours: Span | None  # None where the size of the model is unknown
    memory: Memory | None  # None where the size of the model is unknown, or nothing is trained
    assumed: tuple[str, ...]  # the ranges assumed for unknown traits

    def __str__(self) -> str:
        """Return it as a sentence."""
        parts = [f"{self.generated.of('tokens')} generated"] if self.generated.high else []
        parts.append(f"{self.trained.of('tokens')} trained on")
        if self.gpu_hours is None:
            parts.append("hours once `parameters` is known")
        elif self.gpu_hours.high < A_MINUTE:
            parts.append("less than a minute of one H100")
        else:
            parts.append(f"{self.gpu_hours.of('hours')} of one H100")
        if self.memory is not None:
            parts.append(f"peak memory {self.memory}")
        return "; ".join(parts) + (f" (assumed: {', '.join(self.assumed)})" if self.assumed else "")


def estimate(pipeline: Pipeline, traits: Traits) -> Cost:
    """Return tokens, GPU-hours and memory of all stages of a pipeline; zero where nothing is trained."""
    if not pipeline.stages:
        return Cost(NOTHING, NOTHING, NOTHING, None, ())
    generated, trained = NOTHING, NOTHING
    assumed: dict[str, None] = {}
    for index, technique in enumerate(pipeline.stages):
        rounds = 1 if pipeline.settings and pipeline.settings[index].get("rounds") == 1 else 4
        stage_generated, stage_trained, stage_assumed = _stage(technique, traits, rounds)
        generated, trained = generated.plus(stage_generated), trained.plus(stage_trained)
        assumed.update(dict.fromkeys(stage_assumed))
    billions = traits.number("parameters")
    hours = None if billions is None else _hours(billions * 1e9, generated, trained)
    return Cost(generated, trained, hours, _memory(pipeline, traits), tuple(assumed))


def memory_ways(pipeline: Pipeline, traits: Traits) -> dict[str, "Estimate"]:
    """Return the memory of the largest stage of a pipeline, trained in a thrifty and in a comfortable way, by name.

    Empty where the size of the model is unknown, nothing is trained, or a stage holds several models at once, whose
    sizes are not known from one.
    """
    billions = traits.number("parameters")
    if not billions or not pipeline.stages or any(stage in SEVERAL_MODELS for stage in pipeline.stages):
        return {}
    # only here, since pydantic behind them takes a third of the start-up and most answers give no size
    from advisor.memory.counts import counts_of_size
    from advisor.memory.phases import estimate as estimate_memory
    from advisor.memory.setting import default_setting

    counts = counts_of_size(billions)
    half = max(int((traits.number("row_tokens") or TYPICAL["row_tokens"].high) / 2), 1)
    thrifty, comfortable = [], []
    for stage in pipeline.stages:
        whole = replace(
            default_setting(HOLDS.get(stage, stage)), prompt_tokens=half, response_tokens=half,
            activation_checkpointing=True, own_loop=False,
        )  # fmt: skip
        decoded = 8 if whole.shape.samples else 0
        lora = replace(whole, tuning="lora", weights="bfloat16", reference=False)
        thrifty.append(estimate_memory(counts, replace(lora, micro_batch=1, rollouts_at_once=decoded)))
        comfortable.append(estimate_memory(counts, replace(whole, micro_batch=8, rollouts_at_once=8 * decoded)))
    ways = {THRIFTY: thrifty, COMFORTABLE: comfortable}
    return {way: max(stages, key=lambda stage: stage.total) for way, stages in ways.items()}


def _stage(technique: str, traits: Traits, rounds: int) -> tuple[Span, Span, list[str]]:
    """Return the tokens that a stage generates and trains on, and the ranges that were assumed for it."""
    if technique == "continued_pretraining":
        megabytes = traits.number("facts_megabytes")
        if megabytes is not None:
            return NOTHING, Span(megabytes * 2.5e5, megabytes * 2.5e5), []  # four bytes a token
        return NOTHING, TEXT_TOKENS, [f"{TEXT_TOKENS.low:,.0f} to {TEXT_TOKENS.high:,.0f} tokens of text"]
    work = WORK.get(technique, IMITATION)
    assumed = []
    tokens = Span(1, 1)
    for name in (work.trait, "row_tokens"):
        value = traits.number(name)
        span = Span(value, value) if value else TYPICAL[name]
        if not value:
            assumed.append(f"{span.low:,.0f} to {span.high:,.0f} {name.replace('_', ' ')}")
        tokens = tokens.times(*span)
    repeats = rounds if technique == "rejection_sampling" else 1
    return tokens.times(*work.generated).times(repeats), tokens.times(*work.trained).times(repeats), assumed


def _memory(pipeline: Pipeline, traits: Traits) -> Memory | None:
    ways = memory_ways(pipeline, traits)
    if not ways:
        return None
    gpu = traits.number("gpu_memory")
    return Memory(ways[THRIFTY].total, ways[COMFORTABLE].total, None if gpu is None else gpu * 1e9)


def _hours(weights: float, generated: Span, trained: Span) -> Span:
    def hours(generated_tokens: float, trained_tokens: float, end: int) -> float:
        seconds = 2 * weights * generated_tokens / (PEAK_FLOPS * GENERATING_RATE[end])
        seconds += 6 * weights * trained_tokens / (PEAK_FLOPS * TRAINING_RATE[end])
        return seconds / 3600

    return Span(hours(generated.low, trained.low, 1), hours(generated.high, trained.high, 0))


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.2g}{letter}" if number < 10 * size else f"{number / size:.0f}{letter}"
    return f"{number:.2g}"
