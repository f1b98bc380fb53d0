"""The policy: the model that is trained, its tokenizer, and the log-probabilities it gives to tokens.

Any causal language model of `transformers`, from the hub or a folder, safetensors only and without remote code.
Logits are computed in chunks, for response tokens only, and recomputed in the backward pass, so they never dominate
peak memory (a 0.5B model with a vocabulary of 150,000 needs 0.6 GB of float32 logits for every thousand tokens).

Shapes: B sequences, T tokens, N response tokens of a batch in a row, d hidden size, V vocabulary.
"""

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from posttrain.errors import ConfigurationError
from reference_impls.configs import CHUNK_LOGITS, RunConfig
from reference_impls.model.batches import Batch
from reference_impls.model.forward import can_share, forward, is_causal, run
from reference_impls.model.protocols import AdaptedModel, Body, CausalModel, Tokenizer
from reference_impls.model.templates import LOADABLE, STARTER, Template, load_tokenizer, make_template

WINDOWS = ("max_position_embeddings", "max_seq_len", "n_positions", "max_target_positions")  # by what configs call it
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class Policy:
    """A causal language model in training."""

    model: CausalModel  # transformers.PreTrainedModel, or peft.PeftModel around one
    tokenizer: Tokenizer
    device: torch.device
    compute: torch.dtype
    stop_ids: frozenset[int]
    chat: bool = False  # text prompts are put into the tokenizer's chat template
    plain_head: bool = True  # logits are the output matrix times the last hidden state, and nothing else
    shares_prompts: bool = False  # rollouts of one prompt are trained on with the prompt read once
    reference: CausalModel | None = None  # the starting weights, where a KL term asks for them
    decoding: str | None = None  # which decoder fits a model without kernels of its own (decoder.make_decoder)
    decoder: object = None  # the compiled decoder, kept from one rollout to the next (decoder.make_decoder)
    template: Template = field(init=False)  # how rows are written for this model
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.template = Template(self.tokenizer, self.chat, stop_ids=self.stop_ids)

    @property
    def base(self) -> CausalModel:
        """The transformers model itself, adapters in place."""
        return cast("CausalModel", getattr(self.model, "get_base_model", lambda: self.model)())

    def body_of(self, base: CausalModel) -> Body:
        """The part of a model that is run over a batch: its layers alone where the head is plain, else all of it."""
        return base.get_decoder() if self.plain_head else base

    @property
    def pad_id(self) -> int:
        """The token id of padding. Padding is masked by position, never by value, so it may equal another token."""
        return int(next(iter(self.stop_ids)) if self.tokenizer.pad_token_id is None else self.tokenizer.pad_token_id)

    @property
    def window(self) -> int:
        """The longest sequence that the model was made for."""
        config = self.base.config.get_text_config()
        return next((window for name in WINDOWS if isinstance(window := getattr(config, name, None), int)), 1 << 30)

    def trainable(self) -> list[nn.Parameter]:
        """The weights that training changes."""
        return [weight for weight in self.model.parameters() if weight.requires_grad]

    def autocast(self) -> AbstractContextManager[object]:
        """Run matrix products in the dtype of computation; weights keep their own."""
        if self.compute != torch.bfloat16:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.compute)

    def parameters_in_use(self) -> int:
        """Weights that a token passes through: all but the input embedding, where that is not the output too."""
        base = self.base
        embedding, head = (
            getattr(part(), "weight", None) for part in (base.get_input_embeddings, base.get_output_embeddings)
        )
        every: int = sum(weight.numel() for weight in base.parameters())
        return every if embedding is None or embedding is head else every - int(embedding.numel())

    @contextmanager
    def as_reference(self) -> Iterator[CausalModel]:
        """Give the starting policy for a while: adapters off, or the kept copy of all weights."""
        if hasattr(self.model, "disable_adapter"):
            with self.model.disable_adapter():
                yield self.base
        elif self.reference is None:
            raise RuntimeError("there is no starting policy: keep_reference was not called")
        else:
            yield self.reference

    def keep_reference(self) -> None:
        """Remember the current weights as the starting policy; adapters need no copy."""
        if not hasattr(self.model, "disable_adapter"):
            self.reference = copy.deepcopy(self.model).requires_grad_(False)


def log_probs(
    policy: Policy, batch: Batch, temperature: float = 1.0, *, entropy: bool = False, model: CausalModel | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return log p of each response token and, if asked, the entropy of the distribution it came from, both (B, T).

    Logits are divided by `temperature` first, as they were when the token was sampled. Columns outside the responses
    hold 0. Both are float32, whatever the products were computed in.
    """
    base = model if model is not None else policy.base
    targets = batch.targets[batch.mask]  # (N,) response tokens
    with policy.autocast(), recomputing(base):
        hidden = forward(policy.body_of(base), batch)  # (N, d), or logits (N, V) where the head is not plain
        head = base.get_output_embeddings() if policy.plain_head else nn.Identity()
        vocabulary = base.config.get_text_config().vocab_size if policy.plain_head else hidden.shape[-1]
        values, entropies = _in_chunks(head, hidden, targets, temperature, entropy, vocabulary)
    zeros = torch.zeros(batch.mask.shape, dtype=torch.float32, device=batch.mask.device)  # (B, T)
    spread_entropies = None if entropies is None else zeros.masked_scatter(batch.mask, entropies)
    return zeros.masked_scatter(batch.mask, values), spread_entropies


@contextmanager
def recomputing(base: CausalModel) -> Iterator[None]:
    """Let layers recompute their activations in the backward pass where the config asks for it.

    transformers does so in training mode only, where dropout would act too. So only the layers' own flag is raised, and
    for this pass only: a layer in training mode keeps no cache to decode with.
    """
    recomputed = [
        module for module in base.modules() if getattr(module, "gradient_checkpointing", False) and not module.training
    ]
    for layer in recomputed:
        layer.training = torch.is_grad_enabled()
    try:
        yield
    finally:
        for layer in recomputed:
            layer.training = False


def _in_chunks(
    head: nn.Module, hidden: Tensor, targets: Tensor, temperature: float, entropy: bool, vocabulary: int
) -> tuple[Tensor, Tensor | None]:
    """Return log p of the targets and the entropies, (N,) each; no more than CHUNK_LOGITS logits exist at once."""
    size = max(CHUNK_LOGITS // vocabulary, 1)  # tokens of a chunk: 220 for a vocabulary of 152,000
    if len(hidden) <= size:
        return _score(head, hidden, targets, temperature, entropy)
    pieces = [
        checkpoint(_score, head, rows, ids, temperature, entropy, use_reentrant=False, preserve_rng_state=False)
        for rows, ids in zip(hidden.split(size), targets.split(size), strict=True)
    ]
    values = torch.cat([value for value, _ in pieces])
    return values, torch.cat([spread for _, spread in pieces]) if entropy else None


def _score(
    head: nn.Module, hidden: Tensor, targets: Tensor, temperature: float, entropy: bool
) -> tuple[Tensor, Tensor | None]:
    """Return log p of the targets and the entropies, (N,) each, from hidden states (N, d)."""
    logits = head(hidden).float()  # (N, V)
    if temperature != 1.0:
        logits = logits / temperature
    if not entropy:
        return -nn.functional.cross_entropy(logits, targets, reduction="none"), None
    log_p = logits.log_softmax(-1)  # (N, V)
    return log_p.gather(-1, targets[:, None])[:, 0], -(log_p.exp() * log_p).sum(-1)


def load_policy(config: RunConfig) -> Policy:
    """Return the policy that a config names. Raises PosttrainError where it cannot be loaded or used."""
    torch.manual_seed(config.seed)  # new weights, those of adapters, are the same in every process
    device = _device(config.device)
    model, tokenizer = _from_files(config.model, DTYPES[config.weights])
    compute = (
        (torch.bfloat16 if device.type == "cuda" else torch.float32)
        if config.compute == "auto"
        else DTYPES[config.compute]
    )
    model = model.to(device)
    if config.activation_checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
    if config.lora_rank:
        model = with_adapters(model, config)
    embedding = getattr(model.get_input_embeddings(), "weight", None)  # some models make it of several parts
    vocabulary = None if embedding is None else int(embedding.shape[0])
    template = make_template(tokenizer, config, _stop_ids(model, tokenizer), vocabulary)
    policy = Policy(model, tokenizer, device, compute, template.stop_ids, template.chat)
    policy.template = template
    _demand_causal(policy, config.model)
    policy.plain_head = _has_plain_head(policy)
    policy.shares_prompts = can_share(policy.body_of(policy.base))
    if not policy.plain_head:
        policy.notes.append("logits are more than a matrix product here; they are made whole, which takes memory")
    return policy


def save_policy(policy: Policy, folder: Path) -> None:
    """Write the policy as any library reads it: safetensors, config and tokenizer, adapters added into the weights."""
    whole = policy.model
    if policy.model is not policy.base:
        whole = cast("AdaptedModel", copy.deepcopy(policy.model)).merge_and_unload()
    whole.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)


def _from_files(name: str, dtype: torch.dtype) -> tuple[CausalModel, Tokenizer]:
    import transformers
    from transformers import AutoModelForCausalLM

    transformers.utils.logging.disable_progress_bar()
    tokenizer = load_tokenizer(name)
    source = str(STARTER) if name == "starter" else name
    try:
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, trust_remote_code=False, use_safetensors=True)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ConfigurationError(
            f"cannot load the model '{name}': {(str(error) or type(error).__name__).splitlines()[0]}", LOADABLE
        ) from error
    return cast("CausalModel", model), tokenizer


def with_adapters(model: CausalModel, config: RunConfig) -> AdaptedModel:
    """Return the model with LoRA adapters on all linear layers (arXiv:2106.09685), its own weights frozen."""
    from peft import LoraConfig, get_peft_model

    adapters = LoraConfig(
        r=config.lora_rank,
        lora_alpha=config.lora_alpha,
        lora_dropout=0.0,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft warns of tied embeddings, which stay as they are
        adapted = cast("AdaptedModel", get_peft_model(cast("nn.Module", model), adapters))
    if config.activation_checkpointing:
        adapted.enable_input_require_grads()
    return adapted


def _stop_ids(model: CausalModel, tokenizer: Tokenizer) -> frozenset[int]:
    """Return the tokens that end a response: the tokenizer's, and those the model's generation config names."""
    named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    also = named if isinstance(named, list) else [] if named is None else [named]  # Llama 3 has three of them
    return frozenset({tokenizer.eos_token_id, *also})


def _demand_causal(policy: Policy, name: str) -> None:
    """Raise ConfigurationError for a model that reads later tokens too: it would be trained on what it must predict."""
    kind = policy.base.config.model_type
    try:
        causal = is_causal(policy.base)
    except (AttributeError, TypeError, ValueError, LookupError, RuntimeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"the model '{name}' ({kind}) cannot read text alone: {first}", "take a causal language model of text"
        ) from error
    if not causal:
        raise ConfigurationError(
            f"the model '{name}' ({kind}) reads later tokens too; expected a causal language model",
            "set is_decoder in its config.json, if it is a decoder, or take another model",
        )


@torch.no_grad()
def _has_plain_head(policy: Policy) -> bool:
    """Whether output matrix times hidden state gives the model's own logits (soft caps and scales make it not so)."""
    if getattr(policy.base.config.get_text_config(), "final_logit_softcapping", None):
        return False  # a cap shows only where logits are large
    head: Callable[[Tensor], Tensor] | None = policy.base.get_output_embeddings()
    ids = torch.tensor([[policy.tokenizer.eos_token_id, *range(4)]], device=policy.device)
    try:
        hidden = run(policy.base.get_decoder(), input_ids=ids, use_cache=False).last_hidden_state
        own = run(policy.base, input_ids=ids, use_cache=False).logits
        logits = None if head is None else head(hidden).float()
    # a decoder that is not the layers alone: its output may lack hidden states, or have another width than the head
    except (AttributeError, TypeError, ValueError, LookupError, RuntimeError):
        return False
    return (
        logits is not None and logits.shape == own.shape and torch.allclose(logits, own.float(), rtol=1e-3, atol=1e-3)
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        name = f"cuda:{torch.cuda.current_device()}" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigurationError(
            f"device is {name} and torch sees no GPU", "set device to cpu, or install torch for your GPU"
        )
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(
            f"device is '{name}'; expected auto, cpu, cuda or cuda:1", "set device to auto"
        ) from error


def make_optimizer(policy: Policy, learning_rate: float, weight_decay: float) -> torch.optim.AdamW:
    """Return AdamW over the trainable weights, fused; vectors (norms, biases) are not decayed."""
    weights = policy.trainable()
    groups = [
        {"params": [weight for weight in weights if weight.dim() > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)


def flops_per_token(policy: Policy, length: float) -> float:
    """Return the FLOPs of one token's forward pass: 2 per weight in use, and the attention to `length` / 2 tokens.

    Training takes three times that (PaLM, arXiv:2204.02311, appendix B).
    """
    config = policy.base.config.get_text_config()
    layers, width = (getattr(config, name, 0) or 0 for name in ("num_hidden_layers", "hidden_size"))  # xlm has neither
    attention = 4 * layers * width * length / 2
    return float(2 * policy.parameters_in_use() + attention)
