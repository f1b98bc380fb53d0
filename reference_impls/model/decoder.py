"""Decoders: four ways to sample one token for every sequence at a time, behind one door (`make_decoder`).

`LlamaDecoder` (llama.py) has its own kernels for the Llama family (Llama, Mistral, Qwen2, Qwen3). The others run any
causal model of transformers through its own module, from the fastest to the most general:

`ModuleDecoder`  the library's cache with prompts padded on the left: full and sliding attention, most hybrids
`StateDecoder`   whatever cache or state the model itself returns, prompts of one length at a time, no padding
`WholeDecoder`   no cache: the whole sequence is read again for every token, as in training

The first of the three whose logits are those of training on a few tokens is taken, so a model whose cache cannot bear
padding, or that has none, is slower and never wrong.
"""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor

from reference_impls.model.batches import left_padded
from reference_impls.model.forward import read_whole, run, takes
from reference_impls.model.llama import LlamaDecoder
from reference_impls.model.policy import Policy
from reference_impls.model.protocols import Cache, Output

# The names under which models take what they hand from token to token; models of the second (Mamba) have no attention.
STATES = ("past_key_values", "cache_params", "state")


class Decoder(Protocol):
    """The three verbs that sampling asks of a decoder. P prompts, G rollouts of each, B sequences, V vocabulary."""

    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""

    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices."""

    @property
    def fixed(self) -> bool:
        """Whether every sequence stays to the end."""


def make_decoder(policy: Policy, *, compiled: bool = False) -> Decoder:
    """Return the fastest decoder that this policy's model has, with its current weights.

    A compiled decoder is kept with the policy and given the new weights, for compiling takes as long as many rollouts.
    """
    if not LlamaDecoder.fits(policy):
        return _decoder_of_module(policy)
    if not compiled:
        return LlamaDecoder(policy)
    if isinstance(policy.decoder, LlamaDecoder):
        policy.decoder.take_weights(policy)
        return policy.decoder
    policy.decoder = decoder = LlamaDecoder(policy, compiled=True)
    return decoder


def _decoder_of_module(policy: Policy) -> Decoder:
    """Return the first decoder that gives the logits of training; the policy remembers which that was."""
    if policy.decoding is None:
        kinds: tuple[type[ModuleDecoder | StateDecoder], ...] = (ModuleDecoder, StateDecoder)
        policy.decoding = next((kind.__name__ for kind in kinds if _is_right(kind(policy), policy)), "WholeDecoder")
    return _BY_NAME[policy.decoding](policy)


@torch.no_grad()
def _is_right(decoder: Decoder, policy: Policy) -> bool:
    """Whether a decoder gives the logits of whole sequences: ragged prompts, groups, four steps, rows that leave."""
    prompts = [(1, 2, 3, 4, 2, 3), (2, 1), (3, 1, 2)]
    given = torch.tensor([[3, 1, 2, 2], [1, 1, 3, 2], [2, 3, 1, 1], [3, 3, 2, 1], [1, 2, 2, 3], [2, 1, 3, 3]])  # (B, 4)
    whole, rows = WholeDecoder(policy), torch.arange(len(given))
    try:
        pairs = [(decoder.start(prompts, 2, 5), whole.start(prompts, 2, 5))]
        for number, tokens in enumerate(given.to(policy.device).T):
            if number == 2 and not decoder.fixed:
                rows = torch.tensor([0, 3, 5])
                decoder.keep(rows.to(policy.device))
            expected = whole.step(tokens)
            pairs.append((decoder.step(tokens[rows]), expected[rows]))
    # a model's own code may raise any of these where it is given a cache or positions that it does not know
    except (AttributeError, TypeError, ValueError, LookupError, RuntimeError, AssertionError):
        return False
    within = torch.finfo(policy.compute).eps ** 0.5
    return all(bool((logits - expected).norm() <= within * expected.norm()) for logits, expected in pairs)


def _run(policy: Policy, **inputs: object) -> Output:
    with policy.autocast():
        return run(policy.base, **inputs)


class ModuleDecoder:
    """Decoding over the library's cache, with prompts padded on the left."""

    fixed = False

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        from transformers import DynamicCache

        ids, padding = left_padded(prompts, self.policy.pad_id, self.policy.device)  # (P, T), (P,)
        self.mask = (torch.arange(ids.shape[1], device=ids.device)[None] >= padding[:, None]).long()  # (P, T)
        self.cache = cast("Cache", DynamicCache(config=self.policy.base.config))  # type: ignore[arg-type]
        self.name = next(name for name in STATES[:2] if takes(self.policy.base, name) or name == STATES[1])
        positions = (self.mask.cumsum(-1) - 1).clamp(min=0)  # they count real tokens only
        logits = self._read(ids, positions, self.mask)
        self.keep(torch.arange(len(prompts), device=ids.device).repeat_interleave(group_size))
        return logits.repeat_interleave(group_size, 0)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        self.mask = torch.cat((self.mask, self.mask.new_ones(len(self.mask), 1)), -1)
        mask = self.mask if self.name == STATES[0] else None  # without attention nothing looks back at padding
        return self._read(tokens[:, None], self.mask.sum(-1, keepdim=True) - 1, mask)

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices, of which some may come several times."""
        self.cache.reorder_cache(rows)
        self.mask = self.mask[rows]

    def _read(self, ids: Tensor, positions: Tensor, mask: Tensor | None) -> Tensor:
        output = _run(
            self.policy, input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True,
            **{self.name: self.cache},
        )  # fmt: skip
        return output.logits[:, -1].float()  # (B, V), after the last token of each


class StateDecoder:
    """Decoding over the state that the model itself makes, for prompts of each length apart: nothing is padded.

    Convolutions and recurrences (Mamba, RWKV) may take padding for tokens, and some models have a cache of their own.
    """

    fixed = True  # nothing is known of the state, so no sequence can be taken out of it

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        device = self.policy.device
        rows = [prompt for prompt in prompts for _ in range(group_size)]
        lengths = torch.tensor([len(prompt) for prompt in rows])
        self.parts = [(lengths == length).nonzero()[:, 0] for length in lengths.unique().tolist()]  # rows of a length
        self.lengths = [int(lengths[part[0]]) for part in self.parts]
        self.states: list[dict[str, object]] = [{} for _ in self.parts]
        ids = [torch.tensor([rows[row] for row in part.tolist()], device=device) for part in self.parts]
        return self._read(ids)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        self.lengths = [length + 1 for length in self.lengths]
        return self._read([tokens[part.to(tokens.device)][:, None] for part in self.parts])

    def keep(self, rows: Tensor) -> None:
        """Refuse: this decoder is fixed."""
        raise NotImplementedError("a sequence cannot be taken out of a state that nothing is known of")

    def _read(self, ids: Sequence[Tensor]) -> Tensor:
        pieces = []
        for number, (part, length) in enumerate(zip(ids, self.lengths, strict=True)):
            begin = length - part.shape[1]
            columns = torch.arange(begin, length, device=part.device)
            output = _run(
                self.policy,
                input_ids=part,
                position_ids=columns[None].expand(len(part), -1),
                cache_position=columns,
                use_cache=True,
                **self.states[number],
            )
            self.states[number] = self._state_of(output)
            pieces.append(output.logits[:, -1].float())
        order = torch.cat(self.parts).argsort().to(pieces[0].device)
        return torch.cat(pieces)[order]  # (B, V)

    def _state_of(self, output: Output) -> dict[str, object]:
        """Return what the model has to be given with the next token, by the name that it has there."""
        state = {
            name: value
            for name in STATES
            if takes(self.policy.base, name) and (value := getattr(output, name, None)) is not None
        }
        if not state:
            raise NotImplementedError(f"{self.policy.base.config.model_type} hands nothing on from token to token")
        return state


class WholeDecoder:
    """Decoding without a cache: every step reads the whole sequences, padded on the right as in training."""

    fixed = False

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        rows = [prompt for prompt in prompts for _ in range(group_size)]
        width = max(map(len, rows)) + max_new
        self.ids = torch.tensor([(*row, *(self.policy.pad_id,) * (width - len(row))) for row in rows])
        self.ids = self.ids.to(self.policy.device)  # (B, T)
        self.lengths = torch.tensor([len(row) for row in rows], device=self.policy.device)
        return self._read()

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        self.ids[torch.arange(len(self.ids), device=tokens.device), self.lengths] = tokens
        self.lengths = self.lengths + 1
        return self._read()

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices."""
        self.ids, self.lengths = self.ids[rows], self.lengths[rows]

    def _read(self) -> Tensor:
        ids = self.ids[:, : int(self.lengths.max())]
        with self.policy.autocast():
            logits = read_whole(self.policy.base, ids)  # (B, T, V)
        return logits[torch.arange(len(ids), device=ids.device), self.lengths - 1].float()


_BY_NAME: dict[str, type[ModuleDecoder | StateDecoder | WholeDecoder]] = {
    kind.__name__: kind for kind in (ModuleDecoder, StateDecoder, WholeDecoder)
}
