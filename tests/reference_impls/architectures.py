"""Every causal language model of transformers, tiny and with random weights, through the doors that users take.

    python -m tests.reference_impls.architectures [--trials FILE] [--reverse] [NAME …]

Each is written to a folder, loaded, decoded greedily against transformers' own `generate`, and trained: two updates of
SFT, and a step of GRPO or more, whose guard compares the probabilities of sampling with those of training. Without
names the table goes into docs/architectures.md. With a file of trials, one JSON object a line, those in it are not
tried again, so that the command can be interrupted, and two of them can share the work from both ends. Each
architecture has a process of its own, with a limit of memory and of processor time, so that none can take the others
with it.
"""

import argparse
import json
import multiprocessing
import resource
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from posttrain.errors import PosttrainError
from reference_impls.configs import SFTConfig
from reference_impls.model.decoder import make_decoder
from reference_impls.model.policy import Policy, load_policy
from reference_impls.model.sampling import sample
from tests.reference_impls.runs import read, run, write_config
from tests.reference_impls.small_models import LETTERS, make_tokenizer
from tests.reference_impls.tiny_configs import ABSENT, DIFFERS, KNOWN, SCALES, tiny_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architectures.md"
MEMORY, SECONDS = 10 << 30, 120  # bytes of address space, and seconds of a processor, for one architecture
PROMPTS = ((5, 9, 7, 12, 30, 8), (11, 6), (20, 21, 22, 9))
LIMIT = 12  # tokens that are decoded greedily
UPDATES = 2  # of SFT
NOT_TRIED = "not tried yet"
WITHIN = 1e-4  # two logits that are nearer than this part of the largest may change places by rounding


@dataclass(frozen=True)
class Trial:
    """How far an architecture got; `reason` is why it got no further."""

    name: str
    weights: int = 0
    decoder: str = ""
    decodes: bool = False
    sft: bool = False
    grpo: bool = False
    reason: str = ""

    @property
    def passes(self) -> bool:
        """Whether everything went as it should."""
        return self.decodes and self.sft and self.grpo


def names() -> list[str]:
    """Return the model types of every causal language model that transformers names."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def save_tiny(name: str, folder: Path) -> Path:
    """Write a tiny model of an architecture with a tokenizer, as a folder that transformers loads."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(tiny_config(name)).eval()
    with torch.no_grad():  # far from even probabilities, so that the likeliest token is no matter of rounding
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(SCALES.get(name, 4.0))
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def try_out(name: str, folder: Path) -> Trial:
    """Return how far an architecture gets; an error of a step is the reason, and ends it."""
    trial = Trial(name)
    try:
        if name in ABSENT:
            return Trial(name, reason=ABSENT[name])
        policy = load_policy(SFTConfig(model=str(save_tiny(name, folder / "model")), device="cpu"))
        trial = Trial(name, weights(policy), type(make_decoder(policy)).__name__)
        trial = Trial(name, trial.weights, trial.decoder, decodes_alike(policy))
        trains(folder, "sft")
        trial = Trial(name, trial.weights, trial.decoder, trial.decodes, sft=True)
        trains(folder, "grpo")
        reason = "" if trial.decodes else DIFFERS.get(name, "the tokens differ")
        return Trial(name, trial.weights, trial.decoder, trial.decodes, sft=True, grpo=True, reason=reason)
    except PosttrainError as error:
        reason = error.message
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    part, in_words = KNOWN.get(name, ("", ""))
    reason = in_words if in_words and part in reason else " ".join(reason.replace(str(folder), "").split())[:160]
    return Trial(name, trial.weights, trial.decoder, trial.decodes, trial.sft, reason=reason)


def weights(policy: Policy) -> int:
    """Return the number of weights."""
    return sum(weight.numel() for weight in policy.base.parameters())


@torch.no_grad()
def decodes_alike(policy: Policy) -> bool:
    """Whether greedy decoding of several prompts at once gives the tokens that `generate` gives for each alone.

    Where two tokens are as likely as each other, rounding decides, and what follows need not agree.
    """
    ours = sample(policy, PROMPTS, seeds=[0] * len(PROMPTS), max_response_tokens=LIMIT, temperature=0.0)
    for prompt, rollout in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([prompt])
        generated = policy.base.generate(  # type: ignore[attr-defined]
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=LIMIT, num_beams=1,
            eos_token_id=sorted(policy.stop_ids), pad_token_id=policy.pad_id, return_dict_in_generate=True,
            output_logits=True, forced_eos_token_id=None, forced_bos_token_id=None, min_length=0,
            no_repeat_ngram_size=0, repetition_penalty=1.0,
        )  # fmt: skip
        tokens = generated.sequences[0, len(prompt) :].tolist()
        for own, other, logits in zip(rollout.response, tokens, generated.logits, strict=False):
            if own != other:
                best = logits[0].topk(2).values
                if best[0] - best[1] > WITHIN * logits[0].abs().max():
                    return False
                break
    return True


def trains(folder: Path, technique: str) -> None:
    """Train as a user would. Raises PosttrainError, or AssertionError where no weight has changed."""
    rows = [{"prompt": f"{LETTERS[n]}+1", "response": f"{LETTERS[n + 1]}=13", "answer": "1"} for n in range(9)]
    rows += [{"prompt": f"{LETTERS[n]}-2", "response": f"{LETTERS[n]}=75", "answer": "2"} for n in range(9)]
    rows += [{"prompt": f"{LETTERS[n]}*3", "response": f"{LETTERS[n]}=31", "answer": "3"} for n in range(9)]
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    # a demonstration has 3 tokens of prompt, 4 of response and the end; four of them make an update
    budget = {"sft": UPDATES * 4 * 8, "grpo": 900}[technique]
    settings: dict[str, Any] = {"group_size": 8, "micro_batch": 16} if technique == "grpo" else {"micro_batch": 4}
    path = write_config(
        folder / technique, technique, model=str(folder / "model"), data=str(folder / "rows.jsonl"), device="cpu",
        verifier="tests.reference_impls.lenient:has_digit", budget=f"{budget}-tokens", eval_every=0, **settings,
    )  # fmt: skip
    run(path)
    result = read(path, "result.json")
    losses = [line["grad_norm"] for line in read(path, "metrics.jsonl")]
    if result["status"] != "done" or not any(losses) or (technique == "sft" and result["updates"] != UPDATES):
        raise AssertionError(f"{technique} ended as {result['status']} after {result['updates']} updates")


def try_apart(name: str) -> Trial:
    """Try an architecture in a process of its own, which may be ended by its limits."""
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    process = multiprocessing.get_context("fork").Process(target=_in_child, args=(name, theirs))
    process.start()
    theirs.close()
    try:
        trial: Trial = ours.recv()
    except EOFError:
        process.join()
        trial = Trial(
            name, reason=f"the process ended with {process.exitcode}: {MEMORY >> 30} GB or {SECONDS} s passed"
        )
    process.join()
    return trial


def _in_child(name: str, connection: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    with tempfile.TemporaryDirectory() as folder, open("/dev/null", "w") as quiet:  # noqa: PTH123
        sys.stderr = quiet
        connection.send(try_out(name, Path(folder)))


def page(trials: Sequence[Trial]) -> str:
    """Return docs/architectures.md."""
    from importlib.metadata import version

    passed, decoders = sum(trial.passes for trial in trials), Counter(trial.decoder for trial in trials if trial.passes)
    counted = ", ".join(f"{count} by `{decoder}`" for decoder, count in decoders.most_common())
    untried = sum(trial.reason == NOT_TRIED for trial in trials)
    mark = {True: "yes", False: "no"}
    rows = [
        f"| `{trial.name}` | {trial.weights:,} | {trial.decoder or '–'} | {mark[trial.decodes]} | {mark[trial.sft]} "
        f"| {mark[trial.grpo]} | {trial.reason} |"
        for trial in trials
    ]
    return HEAD.format(
        untried=f"{untried} of them were not tried yet, which says nothing about them." if untried else "",
        version=version("transformers"), torch=version("torch"), passed=passed, n=len(trials), counted=counted,
        rows="\n".join(rows),
    )  # fmt: skip


HEAD = """# Architectures

Which causal language models of transformers are decoded and trained here. The table is written by the command that ran
it: `python -m tests.reference_impls.architectures` (`make architectures`), here with transformers {version} and torch
{torch} on a CPU.

For each model type that transformers maps to a causal language model, a tiny model with random weights is written to a
folder, loaded, decoded greedily for three prompts of different lengths at once, and compared token by token with
`generate` of transformers, prompt by prompt. Then it makes two updates of SFT, and at least one step of GRPO, whose
guard demands that the probabilities of sampling are those of training within 1 %.

**{passed} of {n} pass all of it**: {counted}. {untried}

`LlamaDecoder` has kernels of its own. `ModuleDecoder` runs the model
over the library's cache with prompts padded on the left. `StateDecoder` hands on whatever state the model returns, for
prompts of one length at a time: it is slower where prompts have many lengths. `WholeDecoder` reads the whole sequence
again for every token: it suits short responses only. Which of them fits is tried when a model is first sampled.

A tiny model proves that the code paths fit together. It does not prove that a checkpoint of billions of weights fits
into memory, or that its own kernels for a GPU give the same.

| architecture | weights | decoder | decodes as `generate` | SFT | GRPO | reason where not |
|---|---|---|---|---|---|---|
{rows}
"""


def main(arguments: Sequence[str]) -> int:
    """Try the architectures named, or all of them and write the page; return 1 where a named one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference_impls.architectures")
    parser.add_argument("names", nargs="*", help="model types; left out, all of them")
    parser.add_argument("--trials", type=Path, help="a file of trials, which is added to")
    parser.add_argument("--reverse", action="store_true", help="begin with the last")
    options = parser.parse_args(arguments)
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    warm_up()
    wanted = options.names or names()
    for name in reversed(wanted) if options.reverse else wanted:
        if name in read_trials(options.trials):
            continue
        trial = try_apart(name)
        print(f"{trial.name:28} {trial.decoder:14} {trial.decodes!s:6}{trial.sft!s:6}{trial.grpo!s:6}{trial.reason}")
        sys.stdout.flush()
        write_trial(options.trials, trial)
    trials = read_trials(options.trials)
    if not options.names:  # another process may be at work on the rest
        trials |= {name: Trial(name, reason=NOT_TRIED) for name in wanted if name not in trials}
        PAGE.write_text(page([trials[name] for name in wanted]), encoding="utf-8")
    return int(bool(options.names) and not all(trials[name].passes for name in wanted))


_IN_MEMORY: dict[str, Trial] = {}


def read_trials(path: Path | None) -> dict[str, Trial]:
    """Return the trials of a file, or those of this process."""
    if path is None:
        return _IN_MEMORY
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {trial.name: trial for trial in (Trial(**json.loads(line)) for line in lines)}


def write_trial(path: Path | None, trial: Trial) -> None:
    """Add a trial to a file, or to those of this process."""
    _IN_MEMORY[trial.name] = trial
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(asdict(trial))}\n")


def warm_up() -> None:
    """Load here once what every process would load for itself."""
    with tempfile.TemporaryDirectory() as folder:
        try_out("llama", Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
