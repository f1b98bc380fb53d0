"""Peak memory of a run: bytes by phase and part, and the phase that needs the most.

The parts of different phases are never in memory together: activations and logits are freed when the last gradient is
computed, and neither exists while rollouts are decoded. So the peak is the largest phase; adding all parts is the most
common error of public calculators. Formulas: Korthikanti et al., arXiv:2205.05198 (activations), Rajbhandari et al.,
arXiv:1910.02054 (weights, gradients, states), Dettmers et al., arXiv:2305.14314 (4-bit weights); the constants of this
file are explained in docs/memory.md.
"""

from dataclasses import dataclass
from functools import cached_property

from advisor.memory.counts import Counts, Kept
from advisor.memory.setting import SIZE, Setting
from posttrain.errors import ConfigurationError
from reference_impls.configs import LEAVE_AT

NF4 = 0.5625  # bytes of a 4-bit weight with its share of a block's scale
WHOLE_LOGIT = 10.0  # bytes of one logit, all logits at once: between 8.3 (torchtune's saving) and 11 (trl#3678)
FLOAT32_COPY = 4.0  # for a copy: accelerate converts a model's outputs to float32
CHUNK_LOGIT = 16.0  # of one in a chunk: 2 as computed, 4 in float32, 4 for its logarithm, 4 and 2 for their gradients
DECODED_LOGIT = 24.0  # of one in decoding: 2 as computed, 4 in float32, 4 each for four steps to a draw, 2 spare
EIGHT_BIT_STEP = 12.0  # bytes for each weight of the largest tensor in an 8-bit step: gradient and states in float32
FLOWING = 0.5  # gradients inside a layer, as a share of the bytes it keeps: three of its widest tensors
PASSING = 0.6  # a layer's tensors in a pass without gradient, as a share of the bytes it keeps otherwise
CONTEXT = 1.4e9  # CUDA context and kernels
MARGIN = 0.10  # of the count, for parts that are not modelled
CACHED = 0.10  # of the count, for blocks that the allocator holds and does not use
SHARDED = 0.85  # the part of its even share that each further GPU takes
PHASES = {
    "generate": "rollouts are decoded",
    "log-probs": "rollouts are scored without a gradient",
    "forward": "the loss is computed, with all that its gradient needs",
    "recompute": "the backward pass begins: the inputs of all layers, and the last layer recomputed",
    "backward": "all gradients are computed, and the first layer's activations are kept",
    "update": "the optimizer steps",
    "save": "adapters are added into a copy of the weights",
}


@dataclass(frozen=True)
class Phase:
    """A phase of a run and the bytes of each part in memory during it."""

    name: str
    parts: dict[str, float]

    @property
    def total(self) -> float:
        """Bytes of all parts."""
        return sum(self.parts.values())


@dataclass(frozen=True)
class Estimate:
    """Bytes that a run needs, by phase; computed before anything is loaded."""

    counts: Counts
    setting: Setting
    phases: tuple[Phase, ...]

    @property
    def peak(self) -> Phase:
        """The phase that needs the most."""
        return max(self.phases, key=lambda phase: phase.total)

    @property
    def raw(self) -> float:
        """Bytes of tensors at the peak, as counted: no margin, no context."""
        return self.peak.total

    @property
    def allocated(self) -> float:
        """An upper bound of the bytes of tensors: the count and its margin."""
        return self.raw * (1 + MARGIN)

    @property
    def total(self) -> float:
        """Bytes that the GPU must have: margin, the allocator's cached blocks and the CUDA context included."""
        return self.allocated + self.raw * CACHED + CONTEXT


def estimate(counts: Counts, setting: Setting) -> Estimate:
    """Return the peak memory of a setting, in bytes by phase and part, for a model with these counts.

    Raises ConfigurationError for bfloat16 weights with compute in float32, which no run here has.
    """
    if (setting.weights, setting.compute) == ("bfloat16", "float32"):
        raise ConfigurationError(
            "weights are bfloat16 and compute is float32; expected compute in bfloat16", "set compute to bfloat16"
        )
    book = _Book(counts, setting)
    phases = {
        "generate": book.generate() if setting.rollouts_at_once else None,
        "log-probs": book.score() if setting.reference or (setting.shape.samples and not setting.own_loop) else None,
        "forward": book.forward(),
        "recompute": book.recompute() if setting.activation_checkpointing else None,
        "backward": book.backward(),
        "update": book.update(),
        "save": book.save() if setting.own_loop and not setting.trains_all else None,
    }
    return Estimate(counts, setting, tuple(Phase(name, parts) for name, parts in phases.items() if parts))


@dataclass(frozen=True)
class _Book:
    """The parts of each phase, in bytes."""

    counts: Counts
    setting: Setting

    @cached_property
    def kept(self) -> Kept:
        weights = "bfloat16" if self.setting.tuning == "qlora" else self.setting.weights
        compute = "bfloat16" if weights == "bfloat16" else self.setting.compute
        return self.counts.kept_in(weights, compute, adapters=not self.setting.trains_all)

    @cached_property
    def trained(self) -> int:
        """The number of trained weights."""
        if self.setting.trains_all:
            return self.counts.parameters
        return self.setting.lora_rank * self.counts.adapter_parameters_per_rank

    @cached_property
    def trained_size(self) -> int:
        return SIZE[self.setting.weights if self.setting.trains_all else self.setting.adapters]

    @cached_property
    def share(self) -> float:
        """The share of weights, gradients and states on one GPU."""
        return 1.0 if self.setting.gpus == 1 else 1 / (self.setting.gpus * SHARDED)

    def policy_weights(self) -> float:
        """The policy without its adapters."""
        counts, setting = self.counts, self.setting
        if setting.tuning == "qlora":
            return NF4 * (counts.parameters - counts.ends) + SIZE[setting.unquantised] * counts.ends
        return float(SIZE[setting.weights] * counts.parameters)

    def states(self, *, gradients: bool) -> dict[str, float]:
        """Parts that stay through a step: weights, optimizer, reference, and gradients where they are kept."""
        setting = self.setting
        adapters = 0 if setting.trains_all else self.trained * self.trained_size
        per_weight = {"adamw": 2 * self.trained_size, "adamw8bit": 2, "paged8bit": 0}[setting.optimizer]
        parts = {
            "weights": (self.policy_weights() + adapters) * self.share,
            "master": 4 * self.trained * self.share if setting.master else 0.0,
            "optimizer": per_weight * self.trained * self.share,
            "reference": self.policy_weights() * self.share if setting.reference and setting.trains_all else 0.0,
            "gradients": self.gradients() if gradients else 0.0,
        }
        return {name: bytes_ for name, bytes_ in parts.items() if bytes_}

    def gradients(self) -> float:
        if self.setting.in_backward:
            return float(max(self.counts.largest, self.counts.layer_parameters) * self.trained_size)
        return self.trained * self.trained_size * self.share

    def forward(self) -> dict[str, float]:
        """Activations and logits; of the gradients, those of earlier micro-batches and of the output matrix."""
        setting, kept = self.setting, self.kept
        parts = self.early_gradients()
        if not setting.activation_checkpointing:
            activations = kept.per_token * setting.tokens + self.copies()
        else:
            activations = self.inputs()
            if setting.trains_all:  # autocast keeps its copies of trained weights until the forward pass is over
                activations += kept.constant
        return parts | {"activations": activations, "logits": self.logits()}

    def early_gradients(self) -> dict[str, float]:
        """Parts that stay through a step, with the gradients that exist when the backward pass begins."""
        setting = self.setting
        parts = self.states(gradients=setting.accumulation > 1)
        if setting.trains_all:
            head = self.counts.head * self.trained_size * (2 if setting.logits_at_once else 1)
            parts["gradients"] = parts.get("gradients", 0.0) + head
        return parts

    def inputs(self) -> float:
        """Bytes that checkpointing keeps: inputs of all layers, or of two where the others wait on the host."""
        waiting = 2 / self.counts.layers if self.setting.offload else 1
        return (self.kept.inputs_per_token * waiting + self.kept.rest_per_token) * self.setting.tokens

    def layer(self) -> float:
        """One layer's activations, and the gradients inside it."""
        kept = self.kept.layer_per_token * self.setting.tokens
        return kept * (1 + FLOWING) + (0.0 if self.setting.tuning == "qlora" else self.kept.layer_constant)

    def copies(self) -> float:
        """Autocast's copies of the weights; 4-bit weights are unpacked one at a time when they are used."""
        return 0.0 if self.setting.tuning == "qlora" else self.kept.constant

    def logits(self) -> float:
        setting = self.setting
        every = setting.scored_tokens * self.counts.vocabulary
        if not setting.logits_at_once:
            return (WHOLE_LOGIT + (FLOAT32_COPY if setting.float32_outputs else 0.0)) * every
        hidden = 4 * setting.scored_tokens * self.counts.hidden  # the hidden states that chunks are computed from
        return CHUNK_LOGIT * min(every, setting.logits_at_once) + hidden

    def recompute(self) -> dict[str, float]:
        """The backward pass begins: the last layer's activations are recomputed, the inputs of the others stay."""
        return self.early_gradients() | {"activations": self.inputs() + self.layer()}

    def backward(self) -> dict[str, float]:
        """All gradients; the first layer's activations, and the gradients inside it."""
        return self.states(gradients=True) | {"activations": self.layer()}

    def update(self) -> dict[str, float]:
        parts = self.states(gradients=True)
        if self.setting.optimizer == "adamw8bit":
            parts["unpacked"] = EIGHT_BIT_STEP * min(self.counts.largest, self.trained)
        return parts

    def generate(self) -> dict[str, float]:
        """Keys and values of all sequences at once, and logits of one token each."""
        counts, setting = self.counts, self.setting
        size = SIZE[setting.compute]
        sequences = setting.rollouts_at_once
        cache = float(size * counts.kv_values_per_token * setting.sequence_tokens * sequences)
        read = PASSING * self.kept.layer_per_token * setting.prompt_tokens * sequences / setting.group_size
        parts = self.states(gradients=setting.own_loop)
        if setting.own_loop:
            # fused copies of the layers and the output matrix; when sequences end, the cache of the others is copied
            parts["decoder"] = float(size * counts.parameters)
            cache *= 1 + LEAVE_AT
        return parts | {
            "activations": read,
            "logits": DECODED_LOGIT * sequences * counts.vocabulary,
            "kv cache": cache,
        }

    def score(self) -> dict[str, float]:
        """A forward pass without gradient; a part of one layer is in memory at a time."""
        layer = PASSING * self.kept.layer_per_token * self.setting.tokens + self.kept.layer_constant
        parts = self.states(gradients=self.setting.own_loop)
        return parts | {"activations": layer, "logits": self.logits()}

    def save(self) -> dict[str, float]:
        return self.states(gradients=True) | {"copy": self.policy_weights()}
