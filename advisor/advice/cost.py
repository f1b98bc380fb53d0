"""Cost: tokens, GPU-hours and memory of a pipeline before anything runs, as ranges with their assumptions.

FLOPs are 2 for each weight and token that is read or generated, and 6 where it is trained on (PaLM, arXiv:2204.02311,
appendix B). Hours are those of a GPU with 989 TFLOPs of dense bfloat16 (an H100), at 20 to 40 % of that rate in
training and 1 to 10 % in generating, which waits for memory. For an unknown trait a usual range is assumed, and named.
"""

from dataclasses import dataclass
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
TEXT_PASSES = Span(1, 4)  # over a small text: up to four passes gain like new text (arXiv:2305.16264)
A_BYTE_OF_TEXT = 0.25  # tokens
SMALL_TEXT = 500  # megabytes
TYPICAL = {  # what stands in for an unknown trait
    "demonstrations": Span(200, 5000),
    "prompts": Span(200, 2000),
    "preference_pairs": Span(500, 5000),
    "traces": Span(200, 5000),
    "row_tokens": Span(512, 2048),
}


class _Work(NamedTuple):
    """Responses that a stage generates and rows that it trains on, in multiples of its number of rows."""

    trait: Literal["demonstrations", "prompts", "preference_pairs", "traces"]  # how many rows there are
    responses: Span
    rows: Span


IMITATION = _Work("demonstrations", NOTHING, Span(2, 3))  # two or three passes
_REWARD = _Work("prompts", Span(2 * 8, 10 * 8), Span(2 * 8, 10 * 8))  # 2 to 10 passes, 8 rollouts a prompt
# two responses, 1 or 2 passes, and a reference that reads them
_PREFERENCE = _Work("preference_pairs", NOTHING, Span(2 * 4 / 3, 4 * 4 / 3))
_TEACHER = _Work("prompts", Span(1, 4), Span(2, 12))  # 1 to 4 responses a prompt, 2 or 3 passes
WORK = {
    "rejection_sampling": _Work("prompts", Span(8, 16), Span(1, 8)),  # a round: 8 to 16 rollouts, at most 4 kept
    "grpo": _REWARD,
    "chord": _REWARD,
    "prefix_rft": _REWARD,
    "srl": _REWARD,
    "ppo": _REWARD,
    "on_policy_distillation": _Work("prompts", Span(2, 10), Span(2, 10)),  # one rollout a prompt, 2 to 10 passes
    "distillation": _TEACHER,
    "distillation_logits": _TEACHER,
    "iterative_sft": _TEACHER,
    "dpo": _PREFERENCE,
    "kto": _PREFERENCE,
    "reward_model": _PREFERENCE,
}
TRACES = _Work("traces", NOTHING, Span(0.2, 3))  # from one in ten to all accepted, two or three passes

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
    """Peak memory on one GPU in a library like TRL, with activation checkpointing: a thrifty and a comfortable way."""

    size: float  # billion weights
    thrifty: "Estimate"  # LoRA on bfloat16 weights, one row at a time
    comfortable: "Estimate"  # all weights in float32, eight rows at a time
    gpu: float | None  # bytes of the user's GPU

    @property
    def adapters(self) -> float:
        """Peak bytes of the thrifty way."""
        return self.thrifty.total

    @property
    def whole(self) -> float:
        """Peak bytes of the comfortable way."""
        return self.comfortable.total

    @property
    def commands(self) -> tuple[str, str]:
        """The commands of `advisor memory` that print the two figures by phase and part."""
        from advisor.memory.setting import library_command

        model = f"{self.size:g}b"
        return library_command(model, self.thrifty.setting), library_command(model, self.comfortable.setting)

    def __str__(self) -> str:
        """Return it as a sentence, with the setting of each figure."""
        setting = self.thrifty.setting
        rows = f"rows of {setting.prompt_tokens:,} + {setting.response_tokens:,} tokens"
        sizes = (
            f"{self.adapters / 1e9:.1f} GB ({THRIFTY}) to {self.whole / 1e9:.1f} GB ({COMFORTABLE}) for "
            f"{setting.technique} on {rows}"
        )
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
    """Return tokens, GPU-hours and memory of the stages of a pipeline that are still to run; zero where none trains."""
    done = pipeline.done(traits)
    if not pipeline.stages[done:]:
        return Cost(NOTHING, NOTHING, NOTHING, None, ())
    generated, trained = NOTHING, NOTHING
    assumed: dict[str, None] = {}
    for index in range(done, len(pipeline.stages)):
        stage = _stage(pipeline, index, traits)
        generated, trained = generated.plus(stage.generated), trained.plus(stage.trained)
        assumed.update(dict.fromkeys(stage.assumed))
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
    from advisor.memory.setting import library_setting

    counts = counts_of_size(billions)
    row = int(traits.number("row_tokens") or TYPICAL["row_tokens"].high)
    response = max(int(traits.number("response_tokens") or row / 2), 1)
    lengths = {"prompt_tokens": max(row - response, 1), "response_tokens": response}
    stages = [HOLDS.get(stage, stage) for stage in pipeline.stages[pipeline.done(traits) :]]
    ways = {
        THRIFTY: [library_setting(stage, lora=True, rows=1, **lengths) for stage in stages],
        COMFORTABLE: [library_setting(stage, lora=False, rows=8, **lengths) for stage in stages],
    }
    return {
        way: max((estimate_memory(counts, setting) for setting in settings), key=lambda needed: needed.total)
        for way, settings in ways.items()
    }


class _Stage(NamedTuple):
    """The tokens that a stage generates and trains on, and the ranges that were assumed for them."""

    generated: Span
    trained: Span
    assumed: tuple[str, ...]


def _stage(pipeline: Pipeline, index: int, traits: Traits) -> _Stage:
    technique = pipeline.stages[index]
    if technique == "continued_pretraining":
        return _text(traits)
    work = TRACES if pipeline.id == "filter_traces" else WORK.get(technique, IMITATION)
    rows, assumed = _known(work.trait, traits)
    row, row_assumed = _row(traits)
    response = traits.number("response_tokens")
    # half of a row is the response where only the row's length is known
    generated_tokens = Span(response, response) if response else row.times(0.5)
    one_round = pipeline.settings and pipeline.settings[index].get("rounds") == 1
    repeats = 4 if technique == "rejection_sampling" and not one_round else 1
    responses = rows.times(*work.responses).times(repeats)
    if technique == "rejection_sampling" and (logged := traits.number("traces")):
        responses = Span(max(responses.low - logged, 0.0), max(responses.high - logged, 0.0))  # they are filtered first
    trained = rows.times(*work.rows).times(repeats)
    return _Stage(_product(responses, generated_tokens), _product(trained, row), (*assumed, *row_assumed))


def _known(name: str, traits: Traits) -> tuple[Span, tuple[str, ...]]:
    """Return a trait that is a number as a span, or the usual range with the sentence that it is assumed."""
    if value := traits.number(name):
        return Span(value, value), ()
    span = TYPICAL[name]
    return span, (f"{span.low:,.0f} to {span.high:,.0f} {name.replace('_', ' ')}",)


def _row(traits: Traits) -> tuple[Span, tuple[str, ...]]:
    """Return the tokens of a row. Where they are unknown, an attempt of several actions is as many usual rows long."""
    row, assumed = _known("row_tokens", traits)
    steps = traits.number("steps") or 1.0
    if not assumed or steps <= 1:
        return row, assumed
    return row.times(steps), (f"{steps:,.0f} actions of {row.low:,.0f} to {row.high:,.0f} tokens",)


def _text(traits: Traits) -> _Stage:
    megabytes = traits.number("facts_megabytes")
    if megabytes is None:
        return _Stage(NOTHING, TEXT_TOKENS, (f"{TEXT_TOKENS.low:,.0f} to {TEXT_TOKENS.high:,.0f} tokens of text",))
    tokens = megabytes * 1e6 * A_BYTE_OF_TEXT
    passes = TEXT_PASSES if megabytes < SMALL_TEXT else Span(1, 1)
    return _Stage(NOTHING, Span(tokens, tokens).times(*passes), ())


def _product(first: Span, second: Span) -> Span:
    return Span(first.low * second.low, first.high * second.high)


def _memory(pipeline: Pipeline, traits: Traits) -> Memory | None:
    ways = memory_ways(pipeline, traits)
    if not ways:
        return None
    gpu = traits.number("gpu_memory")
    size = traits.number("parameters") or 0.0
    return Memory(size, ways[THRIFTY], ways[COMFORTABLE], None if gpu is None else gpu * 1e9)


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
