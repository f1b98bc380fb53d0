"""Cost: tokens, GPU-hours and memory of a pipeline before anything runs, as ranges with their assumptions.

FLOPs are 2 for each weight and token read or generated, 6 where it is trained on (PaLM, arXiv:2204.02311, appendix B).
Hours are those of a GPU with 989 TFLOPs of dense bfloat16 (an H100), at 20 to 40 % of that rate in training and 1 to
10 % in generating, which waits for memory. What is unknown of the task is taken from a range, and said.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from advisor.advice.pipelines import Pipeline
from advisor.memory.phases import Estimate, quick_estimate
from advisor.memory.setting import TECHNIQUES as SHAPES
from advisor.task.traits import Traits

PEAK_FLOPS = 989e12  # a second; NVIDIA H100 SXM, dense bfloat16, from its data sheet
TRAINING_RATE = (0.2, 0.4)  # shares of the peak that are reached
GENERATING_RATE = (0.01, 0.1)


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


NOTHING = Span(0.0, 0.0)
TEXT_TOKENS = Span(1e8, 2e9)  # of continued pre-training
TYPICAL = {  # what stands in for an unknown trait
    "demonstrations": Span(200, 5000),
    "prompts": Span(200, 2000),
    "preference_pairs": Span(500, 5000),
    "row_tokens": Span(512, 2048),
}


class _Work(NamedTuple):
    """Tokens of a stage, in multiples of the tokens of its rows; a rollout is taken to be half of a row."""

    trait: Literal["demonstrations", "prompts", "preference_pairs"]  # how many rows there are
    generated: Span
    trained: Span


IMITATION = _Work("demonstrations", NOTHING, Span(2, 3))  # two or three passes
_REWARD = _Work("prompts", Span(2 * 4, 10 * 4), Span(2 * 8, 10 * 8))  # 2 to 10 passes, 8 rollouts a prompt
_PREFERENCE = _Work(
    "preference_pairs", NOTHING, Span(2 * 4 / 3, 4 * 4 / 3)
)  # two responses, 1 or 2 passes, a reference to read
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


# What a technique without loops of ours holds in memory: as much as this one, its teacher or reward model beside.
HOLDS = {
    "iterative_sft": "sft", "distillation": "sft", "distillation_logits": "sft", "continued_pretraining": "sft",
    "reward_model": "sft", "on_policy_distillation": "grpo", "chord": "grpo", "prefix_rft": "grpo", "srl": "grpo",
    "ppo": "grpo",
}  # fmt: skip
THRIFTY, COMFORTABLE = "LoRA, one row at a time", "all weights, 8 rows"
SEVERAL_MODELS = ("on_policy_distillation", "distillation_logits", "ppo")


@dataclass(frozen=True)
class Memory:
    """Peak bytes on one GPU in a library like TRL, activations made anew: the thriftiest way and a comfortable one."""

    adapters: float  # LoRA on bfloat16 weights, one row at a time
    whole: float  # all weights in float32, eight rows at a time
    gpu: float | None  # bytes of the user's GPU

    def __str__(self) -> str:
        """Return it as a sentence."""
        said = f"{self.adapters / 1e9:.1f} GB ({THRIFTY}) to {self.whole / 1e9:.1f} GB ({COMFORTABLE})"
        if self.gpu is None:
            return said
        if self.whole <= self.gpu:
            return f"{said}: all of it fits {self.gpu / 1e9:.0f} GB"
        if self.adapters <= self.gpu:
            return f"{said}: LoRA fits {self.gpu / 1e9:.0f} GB, all weights at 8 rows do not"
        return f"{said}: does not fit {self.gpu / 1e9:.0f} GB even with LoRA; a smaller model, or 4-bit weights"


@dataclass(frozen=True)
class Cost:
    """What a pipeline takes."""

    generated: Span  # tokens
    trained: Span  # tokens, each pass counted
    gpu_hours: Span | None  # None where the size of the model is unknown
    memory: Memory | None  # None where the size of the model is unknown, or nothing is trained
    assumed: tuple[str, ...]  # what stood in for unknown traits


def estimate(pipeline: Pipeline, traits: Traits) -> Cost:
    """Return tokens and GPU-hours of all stages of a pipeline; nothing where nothing is trained."""
    if not pipeline.stages:
        return Cost(NOTHING, NOTHING, NOTHING, None, ())
    generated, trained = NOTHING, NOTHING
    assumed: dict[str, None] = {}
    for place, technique in enumerate(pipeline.stages):
        rounds = 1 if pipeline.settings and pipeline.settings[place].get("rounds") == 1 else 4
        stage_generated, stage_trained, stage_assumed = _stage(technique, traits, rounds)
        generated, trained = generated.plus(stage_generated), trained.plus(stage_trained)
        assumed.update(dict.fromkeys(stage_assumed))
    billions = traits.get("parameters")
    hours = None if billions is None else _hours(float(billions) * 1e9, generated, trained)
    return Cost(generated, trained, hours, _memory(pipeline, traits), tuple(assumed))


def _stage(technique: str, traits: Traits, rounds: int) -> tuple[Span, Span, list[str]]:
    """Return the tokens that one stage generates and trains on, and what was assumed for it."""
    if technique == "continued_pretraining":
        megabytes = traits.get("facts_megabytes")
        if megabytes is not None:
            return NOTHING, Span(float(megabytes) * 2.5e5, float(megabytes) * 2.5e5), []  # four bytes a token
        return NOTHING, TEXT_TOKENS, [f"{TEXT_TOKENS.low:,.0f} to {TEXT_TOKENS.high:,.0f} tokens of text"]
    work = WORK.get(technique, IMITATION)
    assumed = []
    tokens = Span(1, 1)
    for name in (work.trait, "row_tokens"):
        value = traits.get(name)
        span = Span(float(value), float(value)) if value else TYPICAL[name]
        if not value:
            assumed.append(f"{span.low:,.0f} to {span.high:,.0f} {name.replace('_', ' ')}")
        tokens = tokens.times(*span)
    many = rounds if technique == "rejection_sampling" else 1
    return tokens.times(*work.generated).times(many), tokens.times(*work.trained).times(many), assumed


def memory_ways(pipeline: Pipeline, traits: Traits) -> dict[str, Estimate]:
    """Return the hungriest stage of a pipeline in a thrifty and in a comfortable way of training it, by name.

    Nothing where the size of the model is unknown, nothing is trained, or several models are held at once, which is
    more than can be said from one size.
    """
    billions = float(traits.get("parameters") or 0)
    if not billions or not pipeline.stages or any(stage in SEVERAL_MODELS for stage in pipeline.stages):
        return {}
    half = max(int(float(traits.get("row_tokens") or TYPICAL["row_tokens"].high) / 2), 1)
    shared = {"prompt_tokens": half, "response_tokens": half, "activation_checkpointing": True, "own_loop": False}
    thrifty, comfortable = [], []
    for stage in pipeline.stages:
        name = HOLDS.get(stage, stage)
        decoded = 8 if SHAPES[name].samples else 0
        less: dict[str, Any] = {**shared, "micro_batch": 1, "rollouts_at_once": decoded, "weights": "bfloat16"}
        more: dict[str, Any] = {**shared, "micro_batch": 8, "rollouts_at_once": 8 * decoded}
        thrifty.append(quick_estimate(billions, name, lora=True, **less))
        comfortable.append(quick_estimate(billions, name, **more))
    ways = {THRIFTY: thrifty, COMFORTABLE: comfortable}
    return {way: max(stages, key=lambda one: one.total) for way, stages in ways.items()}


def _memory(pipeline: Pipeline, traits: Traits) -> Memory | None:
    ways = memory_ways(pipeline, traits)
    gpu = traits.get("gpu_memory")
    if not ways:
        return None
    return Memory(ways[THRIFTY].total, ways[COMFORTABLE].total, None if gpu is None else float(gpu) * 1e9)


def _hours(weights: float, generated: Span, trained: Span) -> Span:
    def of(generated_tokens: float, trained_tokens: float, end: int) -> float:
        seconds = 2 * weights * generated_tokens / (PEAK_FLOPS * GENERATING_RATE[end])
        seconds += 6 * weights * trained_tokens / (PEAK_FLOPS * TRAINING_RATE[end])
        return seconds / 3600

    return Span(of(generated.low, trained.low, 1), of(generated.high, trained.high, 0))
