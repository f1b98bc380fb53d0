"""A run: what every technique's loop stands on, from config.json to result.json.

    python -m reference_impls.TECHNIQUE RUN_DIR [--set name=value …] [--resume]

A technique is one function that takes a Run and loops over `run.steps()`. Between two steps the run is checkpointed,
scored on the validation split, and ended when its budget is spent. Prompts, seeds and orders follow from the seed and
the number of the step alone, so a resumed run goes on exactly as the uninterrupted one.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from posttrain.errors import ConfigurationError
from reference_impls.configs import Budget, RunConfig, default_learning_rate
from reference_impls.model.batches import Encoded, encode_prompt
from reference_impls.model.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from reference_impls.model.policy import Policy, flops_per_token, load_policy, make_optimizer
from reference_impls.model.sampling import Rollout, sample, seed_of
from reference_impls.run.evaluate import Score, score
from reference_impls.run.folder import RunLog
from reference_impls.run.guards import StoppedError
from reference_impls.run.processes import World, join_world
from reference_impls.run.spent import Work
from reference_impls.run.splits import load_rows, verifier_name
from reference_impls.run.step import LossOf, update, warm_up
from reference_impls.tasks import Row, Task
from reference_impls.verifiers import Outcome, Verdict, Verifier, load_verifier

SAMPLES_SHOWN = 3
MAY_CHANGE = ("budget", "threads", "patience", "checkpoint_every", "save_policy")  # between two parts of a run
SECONDS_BETWEEN_LINES = 5.0  # of progress on stderr
Item = TypeVar("Item")


@dataclass
class Run:
    """One run of one technique, and all that its loop may touch."""

    config: Any  # the technique's own config
    log: RunLog
    policy: Policy
    optimizer: torch.optim.Optimizer
    verifier: Verifier
    train: Task
    validation: Task
    test: Task
    world: World
    learning_rate: float
    work: Work = field(default_factory=Work)
    step: int = 0
    state: dict[str, Any] = field(default_factory=dict)  # the technique's own, kept in checkpoints; JSON
    best: dict[str, Any] = field(default_factory=dict)  # the best validation score, and its step
    intake: dict[str, Any] = field(default_factory=dict)
    since: float = 0.0  # when the work of this step began
    told: float = 0.0  # when progress was last printed
    status: str = "done"
    stopped_because: str = ""
    puzzle: str = ""  # why the last unscorable response was so

    def steps(self) -> Iterator[int]:
        """Yield the number of each step until the budget is spent or nothing is gained any more."""
        budget = Budget.parse(self.config.budget)
        if not self.best:
            self._validate()
        is_over = self._is_over(budget) or self._is_patience_lost()
        while not is_over:
            self.since = time.perf_counter()
            yield self.step
            self.work.seconds += time.perf_counter() - self.since
            self.step += 1
            is_over = self._is_over(budget)
            if is_over or (self.config.eval_every and self.step % self.config.eval_every == 0):
                self._validate()  # the last weights may be the best
            is_over = is_over or self._is_patience_lost()
            if is_over or self.step % self.config.checkpoint_every == 0:
                self._checkpoint()

    def _is_over(self, budget: Budget) -> bool:
        """Whether the budget is spent; clocks differ, so the first process says."""
        return self.world.same(self.work.spent(budget)) >= 1

    def update(self, sequences: Sequence[Encoded], loss_of: LossOf) -> dict[str, float]:
        """Make one update from these sequences and count its work; return loss, gradient norm and learning rate."""
        rate = warm_up(self.optimizer, self.learning_rate, self.updates, self.config.warmup_steps)
        made = update(
            self.policy, self.optimizer, sequences, self.config.micro_batch, self.world, loss_of,
            self.config.max_grad_norm, self.step,
        )  # fmt: skip
        self.updates += 1
        tokens = sum(map(len, sequences))
        self.work.trained += tokens
        self.work.flops += 3 * tokens * flops_per_token(self.policy, tokens / len(sequences))
        return {**made, "learning_rate": rate}

    @property
    def updates(self) -> int:
        """How many updates have been made; the learning rate warms up over them."""
        return int(self.state.get("updates", 0))

    @updates.setter
    def updates(self, number: int) -> None:
        self.state["updates"] = number

    def draw(self, items: Sequence[Item], count: int, start: int) -> list[Item]:
        """Return `count` items from place `start` on; the list is gone through again and again, in new orders."""
        places = range(start, start + count)
        order: dict[int, list[int]] = {}
        for epoch in {place // len(items) for place in places}:
            generator = torch.Generator().manual_seed(seed_of(self.config.seed, "order", epoch))
            order[epoch] = torch.randperm(len(items), generator=generator).tolist()
        return [items[order[place // len(items)][place % len(items)]] for place in places]

    def roll_out(self, rows: Sequence[Row], group_size: int) -> tuple[list[Rollout], list[Verdict]]:
        """Return `group_size` rollouts of each row and a verdict on each, in the order of the rows."""
        numbers = self.world.share(range(len(rows)))
        prompts = [self.encode(rows[number]) for number in numbers]
        seeds = [
            seed_of(self.config.seed, "rollout", self.step, number, one)
            for number in numbers
            for one in range(group_size)
        ]
        drawn = sample(
            self.policy, prompts, seeds=seeds, max_response_tokens=self.config.max_response_tokens,
            group_size=group_size, temperature=self.config.temperature, compiled=self.config.compile,
        ) if prompts else []  # fmt: skip
        judged = self.verify([rows[number] for number in numbers for _ in range(group_size)], drawn)
        pairs = list(zip(drawn, judged, strict=True))
        every = self.world.gather([pairs[start : start + group_size] for start in range(0, len(pairs), group_size)])
        rollouts = [rollout for group in every for rollout, _ in group]
        verdicts = [verdict for group in every for _, verdict in group]
        self._count_rollouts(rollouts, group_size)
        puzzling = next((place for place, one in enumerate(verdicts) if one.outcome is Outcome.UNSCORABLE), None)
        if puzzling is not None:  # one a step is enough to see why
            self._show("unscorable", rows[puzzling // group_size], rollouts[puzzling], verdicts[puzzling])
        return rollouts, verdicts

    def verify(self, rows: Sequence[Row], rollouts: Sequence[Rollout]) -> list[Verdict]:
        """Return the verifier's verdict on each rollout."""
        return self.verifier.verify(
            [(row.prompt, self.text_of(one), row.as_mapping()) for row, one in zip(rows, rollouts, strict=True)]
        )

    def encode(self, row: Row) -> tuple[int, ...]:
        """Return the token ids of a row's prompt."""
        return encode_prompt(self.policy.tokenizer, row.prompt, self.policy.chat)

    def text_of(self, rollout: Rollout) -> str:
        """Return a response as text, without what ends it."""
        ids = [one for one in rollout.response if one not in self.policy.stop_ids]
        return str(self.policy.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def evaluate(self, task: Task, moment: str) -> Score:
        """Return how many prompts of a task the policy answers right, greedily; a few answers go to samples.jsonl."""
        numbers = self.world.share(range(len(task.rows)))
        rows = [task.rows[number] for number in numbers]
        answers = sample(
            self.policy, [self.encode(row) for row in rows], seeds=[0] * len(rows),
            max_response_tokens=self.config.max_response_tokens, temperature=0.0,
        ) if rows else []  # fmt: skip
        judged = list(zip(answers, self.verify(rows, answers), strict=True))
        every = self.world.gather(judged)
        self.puzzle = next((one.reason for _, one in every if one.outcome is Outcome.UNSCORABLE), self.puzzle)
        self.work.evaluated += sum(len(answer) for answer, _ in every)
        for row, (answer, verdict) in list(zip(task.rows, every, strict=True))[:SAMPLES_SHOWN]:
            self._show(moment, row, answer, verdict)
        return score([verdict for _, verdict in every], [answer.finished for answer, _ in every])

    def _show(self, moment: str, row: Row, answer: Rollout, verdict: Verdict) -> None:
        if self.world.is_first:
            said = {"prompt": row.prompt, "response": self.text_of(answer), "answer": row.answer}
            self.log.write_sample(
                self.step, {"moment": moment, **said, "outcome": verdict.outcome, "reason": verdict.reason}
            )

    def _count_rollouts(self, rollouts: Sequence[Rollout], group_size: int) -> None:
        if not rollouts:
            return
        generated = sum(len(one.response) for one in rollouts)
        read = sum(len(one.prompt) for one in rollouts[::group_size])  # each prompt is read once for its group
        self.work.generated += generated
        self.work.scored += read
        self.work.verified += len(rollouts)
        length = sum(map(len, rollouts)) / len(rollouts)
        self.work.flops += (generated + read) * flops_per_token(self.policy, length)

    def _validate(self) -> None:
        """Score the validation split; remember the weights if they are the best so far."""
        if not self.config.eval_every or not self.validation.rows:
            return
        now = self.evaluate(self.validation, "validation")
        self._write(self.step, {"validation": now.share, "validation_lenient": now.lenient / max(now.n, 1)})
        if not self.best or now.share >= self.best["share"]:  # of equal ones the later, which has learnt more
            since = self.best["since"] + 1 if self.best and now.share == self.best["share"] else 0
            self.best = {"share": now.share, "step": self.step, "since": since}
            if self.world.is_first:
                self.log.commit("best", lambda folder: save_weights(folder, self.policy))
        else:
            self.best["since"] += 1

    def _is_patience_lost(self) -> bool:
        lost = bool(self.config.patience) and self.best.get("since", 0) >= self.config.patience
        if lost:
            self.status, self.stopped_because = (
                "early",
                f"no gain in {self.config.patience} scores on the validation split",
            )
        return lost

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write a step's metrics, with the work done so far."""
        seconds = self.work.seconds + time.perf_counter() - self.since
        done = {"tokens": self.work.tokens, "flops": self.work.flops, "seconds": seconds}
        self._write(self.step + 1, {**metrics, **done})
        self._tell(metrics)

    def _tell(self, metrics: Mapping[str, float]) -> None:
        """Print how far the run is, every few seconds."""
        now = time.perf_counter()
        if not self.world.is_first or now - self.told < SECONDS_BETWEEN_LINES:
            return
        self.told = now
        shown = ", ".join(f"{name} {metrics[name]:.3g}" for name in ("reward", "loss", "grad_norm") if name in metrics)
        best = f", validation at best {100 * self.best['share']:.1f} %" if self.best else ""
        spent = min(self.work.spent(Budget.parse(self.config.budget)), 1.0)
        print(f"step {self.step + 1}: {100 * spent:.0f} % of the budget, {shown}{best}", file=sys.stderr, flush=True)

    def _write(self, step: int, metrics: Mapping[str, float]) -> None:
        if self.world.is_first:
            self.log.write_metrics(step, metrics)

    def _checkpoint(self) -> None:
        state = {
            "config": self.config.model_dump(),
            "step": self.step,
            "work": self.work.as_dict(),
            "state": self.state,
            "best": self.best,
            "intake": self.intake,
        }
        if self.world.is_first:
            self.log.commit("last", lambda folder: save_checkpoint(folder, self.policy, self.optimizer, state))

    def resume(self) -> None:
        """Go on from the last checkpoint, or from the beginning where there is none."""
        folder = self.log.find("last")
        if folder:
            held = load_checkpoint(folder, self.policy, self.optimizer)
            self._see_that_it_fits(held["config"])
            self.step, self.state, self.best, self.intake = held["step"], held["state"], held["best"], held["intake"]
            self.work = Work(**held["work"])
        if self.world.is_first:
            self.log.cut_after(self.step if folder else -1)

    def _see_that_it_fits(self, begun: dict[str, Any]) -> None:
        """Raise PosttrainError where the config says other than it said when the run began; its budget may grow."""
        now = self.config.model_dump()
        changed = [name for name, value in begun.items() if name not in MAY_CHANGE and now[name] != value]
        if changed:
            said = ", ".join(f"{name} was {begun[name]!r} and is {now[name]!r}" for name in changed)
            raise ConfigurationError(
                f"the config has changed since the run began: {said}", "change it back, or begin a new folder"
            )

    def take_best(self) -> None:
        """Put the weights with the best validation score into the policy."""
        folder = self.log.find("best")
        if folder and self.best.get("step") != self.step:
            load_weights(folder, self.policy)

    def stop(self, error: StoppedError) -> None:
        """End the run for a reason; the best weights so far are what it leaves."""
        self.status, self.stopped_because = "stopped", str(error)


@contextmanager
def open_run(config: RunConfig, folder: Path) -> Iterator[Run]:
    """Load what a config names; verifiers are closed in the end. Raises PosttrainError."""
    if config.threads:
        torch.set_num_threads(config.threads)
    world = join_world(config.device)
    policy = load_policy(config)
    if getattr(config, "kl_coef", 0.0):
        policy.keep_reference()  # before a checkpoint is loaded: the reference is the policy that the run began with
    train, validation, test = load_rows(config, policy)
    rate = config.learning_rate or default_learning_rate(
        config.technique, policy.parameters_in_use(), config.lora_rank > 0
    )
    with load_verifier(verifier_name(config, train), seconds=config.verify_seconds) as verifier:
        yield Run(
            config, RunLog(folder), policy, make_optimizer(policy, rate, config.weight_decay), verifier,
            train, validation, test, world, rate,
        )  # fmt: skip


def rewards_of(verdicts: Sequence[Verdict]) -> tuple[list[float], list[bool]]:
    """Return the reward of each response and whether it could be scored; an unscorable one is 0 and counts nowhere."""
    return [verdict.strict or 0.0 for verdict in verdicts], [
        verdict.outcome is not Outcome.UNSCORABLE for verdict in verdicts
    ]
