"""Train the starter policy: `python -m reference_impls.starter.make FOLDER` (some ten minutes on one core).

A Llama of 0.8 million weights that reads characters, trained on demonstrations of all eight generated families at their
default difficulty, a third of them wrong, until each has about a third of its greedy answers right: enough for a
technique to build on, and far enough from all to distinguish techniques. (`program` is learned at once and lies
above.)
"""

import argparse
import json
import random
import sys
from pathlib import Path
from typing import cast

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from reference_impls import objectives
from reference_impls.model import protocols
from reference_impls.model.batches import Batch, Encoded
from reference_impls.model.policy import Policy, log_probs, make_optimizer
from reference_impls.model.sampling import sample
from reference_impls.model.templates import encode_prompt
from reference_impls.run.processes import World
from reference_impls.run.step import LossOf, optimizer_step, warm_up
from reference_impls.tasks import FAMILIES, Task, load_task
from reference_impls.verifiers import Outcome, Verifier, load_verifier

SPECIAL = ["<pad>", "<end>", "<unknown>"]
CHARACTERS = [chr(code) for code in range(32, 127)] + ["\n"]
ROWS, NOISE = 20_000, 0.3  # demonstrations of each family, and the share of them that is wrong
BATCH, LEARNING_RATE, WARMUP = 128, 1e-3, 100
SCORE_EVERY, SCORED = 25, 100
GOAL = 0.33  # greedy share right that a family is held near
LEAST = 0.2  # every family at least here ends the training
MOST_STEPS = 2000


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with a token for each printable ASCII character, the newline, and three of its own."""
    vocabulary = {token: number for number, token in enumerate(SPECIAL + CHARACTERS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<unknown>",
        chat_template="{% for message in messages %}{{ message['content'] }}{% endfor %}",
    )


def make_model(vocabulary: int) -> LlamaForCausalLM:
    """Return the untrained model: four layers of width 128."""
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary, hidden_size=128, intermediate_size=344, num_hidden_layers=4, num_attention_heads=4,
            max_position_embeddings=512, tie_word_embeddings=True, pad_token_id=0, bos_token_id=None, eos_token_id=1,
        )
    )  # fmt: skip


def train(policy: Policy, seed: int) -> dict[str, float]:
    """Train until every family is at its least, and return their shares right.

    A family is trained on the more the further it is below its goal, and hardly at all once it is above.
    """
    tasks = {name: load_task(f"task:{name}", rows=ROWS, noise=NOISE, seed=seed) for name in FAMILIES}
    demonstrations = {name: _encoded(policy, task) for name, task in tasks.items()}
    held_out = {name: load_task(f"task:{name}", split="validation", rows=SCORED) for name in FAMILIES}
    verifiers = {name: load_verifier(task.verifier or "") for name, task in held_out.items()}
    optimizer, rng = make_optimizer(policy, LEARNING_RATE, 0.01), random.Random(seed)
    shares = dict.fromkeys(FAMILIES, 0.0)
    for step in range(MOST_STEPS):
        wanted = [max(GOAL - shares[name], 0.01) for name in FAMILIES]
        chosen = [rng.choice(demonstrations[name]) for name in rng.choices(list(FAMILIES), wanted, k=BATCH)]
        warm_up(optimizer, LEARNING_RATE, step, WARMUP)
        optimizer_step(policy, optimizer, chosen, 64, World(), _imitation(policy, chosen))
        if (step + 1) % SCORE_EVERY == 0:
            shares = {name: _share(policy, task, verifiers[name]) for name, task in held_out.items()}
            print(step + 1, {name: round(share, 2) for name, share in shares.items()}, file=sys.stderr, flush=True)
            if min(shares.values()) >= LEAST:
                break
    for verifier in verifiers.values():
        verifier.close()
    return shares


def _imitation(policy: Policy, chosen: list[Encoded]) -> LossOf:
    tokens = float(sum(len(sequence.response) for sequence in chosen))

    def loss_of(batch: Batch, _: list[int]) -> Tensor:
        return objectives.sft(log_probs(policy, batch)[0], batch.mask, tokens)

    return loss_of


def _encoded(policy: Policy, task: Task) -> list[Encoded]:
    return [
        Encoded(
            encode_prompt(policy.tokenizer, row.prompt, policy.chat),
            (*policy.template.ids(row.response or ""), policy.template.end),
        )
        for row in task.rows
    ]


def _share(policy: Policy, task: Task, verifier: Verifier) -> float:
    """Return the share of prompts that the policy answers right, greedily."""
    prompts = [encode_prompt(policy.tokenizer, row.prompt, policy.chat) for row in task.rows]
    answers = sample(policy, prompts, seeds=[0] * len(prompts), max_response_tokens=64, temperature=0.0)
    texts = [policy.tokenizer.decode(answer.response, skip_special_tokens=True) for answer in answers]
    verdicts = verifier.verify(
        [(row.prompt, text, row.as_mapping()) for row, text in zip(task.rows, texts, strict=True)]
    )
    return sum(verdict.outcome is Outcome.RIGHT for verdict in verdicts) / len(verdicts)


def main() -> None:
    """Write the starter into a folder: model in float16, tokenizer, and the shares right at its end."""
    parser = argparse.ArgumentParser(prog="python -m reference_impls.starter.make", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    model = make_model(len(tokenizer))
    policy = Policy(
        cast("protocols.CausalModel", model), cast("protocols.Tokenizer", tokenizer), torch.device("cpu"),
        torch.float32, frozenset({1}), chat=True,
    )  # fmt: skip
    shares = train(policy, arguments.seed)
    model.half().save_pretrained(arguments.folder)
    tokenizer.save_pretrained(arguments.folder)
    (arguments.folder / "shares.json").write_text(json.dumps(shares, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
