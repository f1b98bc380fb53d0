"""A run: the steps that every technique loops over, checkpointed, scored, and ended when the budget is spent.

    python -m reference_impls TECHNIQUE RUN_DIR [--set name=value …] [--resume]

A technique is one function that takes a `Run` of its own config and loops over `run.steps()`. `Loop` decides when the
steps end and which checkpoints are kept; `Rollouts` (rollouts.py) samples and verifies. Prompts, seeds and orders
depend only on the seed and the number of the step, so a resumed run is the uninterrupted one bit for bit.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from posttrain.errors import ConfigurationError
from reference_impls.configs import Budget, RolloutConfig, RunConfig, default_learning_rate
from reference_impls.model.batches import Encoded
from reference_impls.model.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from reference_impls.model.demonstrations import Intake
from reference_impls.model.policy import Policy, flops_per_token, load_policy, make_optimizer
from reference_impls.model.sampling import Rollout, seed_of
from reference_impls.run.evaluate import ProbeResult
from reference_impls.run.folder import RunLog
from reference_impls.run.guards import StoppedError
from reference_impls.run.processes import World, join_world
from reference_impls.run.progress import Best, Memory, Progress
from reference_impls.run.rollouts import Rollouts
from reference_impls.run.spent import Work, demand_room
from reference_impls.run.splits import load_rows, verifier_name
from reference_impls.run.step import LossOf, optimizer_step, warm_up
from reference_impls.tasks import Row, Task
from reference_impls.verifiers import Verdict, load_verifier

MAY_CHANGE = ("budget", "threads", "patience", "checkpoint_every", "save_policy")  # between two parts of a run
SECONDS_BETWEEN_LINES = 5.0  # of progress on stderr
Item = TypeVar("Item")
Config = TypeVar("Config", bound=RunConfig)
Config_co = TypeVar("Config_co", bound=RunConfig, covariant=True)  # a Run[DFTConfig] is a Run[RunConfig]


@dataclass
class Loop:
    """The steps of a run: their end, the checkpoint after each, and how a later process resumes them."""

    config: RunConfig
    log: RunLog
    policy: Policy
    optimizer: torch.optim.Optimizer
    world: World
    progress: Progress
    rollouts: Rollouts
    validation: Task
    step_began: float = 0.0  # by time.perf_counter()
    last_line: float = 0.0  # when progress was last printed

    def steps(self) -> Iterator[int]:
        """Yield the number of each step until the budget is spent or nothing is gained any more."""
        now = self.progress
        if not now.best:
            self._validate()
        is_over = self._is_spent() or self._is_patience_lost()
        while not is_over:
            self.step_began = time.perf_counter()
            yield now.step
            now.work.seconds += time.perf_counter() - self.step_began
            now.step += 1
            is_over = self._is_spent()
            if is_over or (self.config.eval_every and now.step % self.config.eval_every == 0):
                self._validate()  # also at the end: the last weights may be the best
            is_over = is_over or self._is_patience_lost()
            if is_over or now.step % self.config.checkpoint_every == 0:
                self._checkpoint()

    def _is_spent(self) -> bool:
        """Whether the budget is spent. Clocks differ between processes, so the first process decides for all."""
        return self.world.same(self._spent()) >= 1

    def _spent(self) -> float:
        return self.progress.work.spent(Budget.parse(self.config.budget))

    def _validate(self) -> None:
        """Score the validation split, and keep the weights if they are the best so far."""
        if not self.config.eval_every or not self.validation.rows:
            return
        now, best, step = self.rollouts.evaluate(self.validation, "validation"), self.progress.best, self.progress.step
        self._write(step, {"validation": now.share, "validation_lenient": now.lenient / max(now.n, 1)})
        if best and now.share < best.share:
            best.since += 1
            return
        # of equal scores the later: its weights have seen more data
        since = best.since + 1 if best and now.share == best.share else 0
        self.progress.best = Best(now.share, step, since)
        if self.world.is_first:
            self.log.commit("best", lambda folder: save_weights(folder, self.policy))

    def _is_patience_lost(self) -> bool:
        patience, best = self.config.patience, self.progress.best
        lost = bool(patience) and best is not None and best.since >= patience
        if lost:
            self.progress.status = "early"
            self.progress.stopped_because = f"no gain in {patience} scores on the validation split"
        return lost

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write a step's metrics with the work done so far, and print a line of progress now and then."""
        work = self.progress.work
        seconds = work.seconds + time.perf_counter() - self.step_began
        self._write(self.progress.step + 1, {**metrics, "tokens": work.tokens, "flops": work.flops, "seconds": seconds})
        if self.world.is_first and time.perf_counter() - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = time.perf_counter()
            print(self._line(metrics), file=sys.stderr, flush=True)

    def _line(self, metrics: Mapping[str, float]) -> str:
        shown = ", ".join(f"{name} {metrics[name]:.3g}" for name in ("reward", "loss", "grad_norm") if name in metrics)
        best = self.progress.best
        validation = f", validation at best {100 * best.share:.1f} %" if best else ""
        return (
            f"step {self.progress.step + 1}: {100 * min(self._spent(), 1.0):.0f} % of the budget, {shown}{validation}"
        )

    def _write(self, step: int, metrics: Mapping[str, float]) -> None:
        if self.world.is_first:
            self.log.write_metrics(step, metrics)

    def _checkpoint(self) -> None:
        state = {"config": self.config.model_dump(), **self.progress.as_dict()}
        if self.world.is_first:
            self.log.commit("last", lambda folder: save_checkpoint(folder, self.policy, self.optimizer, state))

    def resume(self) -> None:
        """Resume from the last checkpoint, or start from the beginning where there is none.

        Raises ConfigurationError where the config is another one than at the checkpoint.
        """
        folder = self.log.find("last")
        if folder:
            saved = load_checkpoint(folder, self.policy, self.optimizer)
            self._demand_same_config(saved["config"])
            self.progress.restore(saved)
        if self.world.is_first:
            self.log.cut_after(self.progress.step if folder else -1)

    def _demand_same_config(self, begun: Mapping[str, Any]) -> None:
        """Raise ConfigurationError where a setting has changed since the run began; its budget may grow."""
        now = self.config.model_dump()
        changed = [name for name, value in begun.items() if name not in MAY_CHANGE and now[name] != value]
        if changed:
            changes = ", ".join(f"{name} was {begun[name]!r} and is {now[name]!r}" for name in changed)
            raise ConfigurationError(
                f"the config has changed since the run began: {changes}", "change it back, or begin a new folder"
            )

    def take_best(self) -> None:
        """Put the weights with the best validation score into the policy."""
        folder, best = self.log.find("best"), self.progress.best
        if folder and (best is None or best.step != self.progress.step):
            load_weights(folder, self.policy)

    def stop(self, error: StoppedError) -> None:
        """End the run for a reason; its result has the best weights so far."""
        self.progress.status, self.progress.stopped_because = "stopped", str(error)


@dataclass
class Run(Generic[Config_co]):
    """One run of one technique: everything that the technique's loop may read or call."""

    config: Config_co
    policy: Policy
    world: World
    train: Task
    test: Task
    progress: Progress
    rollouts: Rollouts
    loop: Loop
    learning_rate: float  # its peak
    probed: ProbeResult | None = None  # set by the probe, which trains nothing

    @property
    def tasks(self) -> dict[str, Task]:
        """The rows by their split."""
        return {"train": self.train, "validation": self.loop.validation, "test": self.test}

    @property
    def step(self) -> int:
        """The number of the step that runs, from 0."""
        return self.progress.step

    @property
    def work(self) -> Work:
        """The work done so far; a technique adds what the loop cannot count."""
        return self.progress.work

    def steps(self) -> Iterator[int]:
        """Yield the number of each step until the run is over; between two steps it is checkpointed and scored."""
        return self.loop.steps()

    def write(self, metrics: Mapping[str, float]) -> None:
        """Write one line of metrics.jsonl."""
        self.loop.write(metrics)

    def remember(self, memory: Memory) -> Memory:
        """Return the technique's own state, restored from the last checkpoint if there is one; see Progress."""
        return self.progress.remember(memory)

    def take_in(self, intake: Intake) -> None:
        """Keep the counts of the rows that are imitated, for result.json; the first process prints them."""
        self.progress.intake = intake.as_dict()
        if self.world.is_first:
            for line in intake.lines():
                print(line, file=sys.stderr)

    def draw(self, items: Sequence[Item], count: int, start: int) -> list[Item]:
        """Return `count` items from position `start` on, of an endless list: epoch after epoch, each in a new order."""
        positions = range(start, start + count)
        order: dict[int, list[int]] = {}
        for epoch in {position // len(items) for position in positions}:
            generator = torch.Generator().manual_seed(seed_of(self.config.seed, "order", epoch))
            order[epoch] = torch.randperm(len(items), generator=generator).tolist()
        return [items[order[position // len(items)][position % len(items)]] for position in positions]

    def demand_budget(self, *, prompts: int = 0, rollouts: int = 0, trained: int = 0) -> None:
        """Raise ConfigurationError where the budget is smaller than the first step, before any of it is spent.

        prompts that are read and rollouts that are sampled in that step, both taken to be as long as those of the score
        before training; trained: tokens of its update, 0 where it may make none.
        """
        if self.step or not self.test.rows or not self.work.evaluated:
            return
        length = self.work.evaluated / len(self.test.rows)  # prompt and response
        prompt = sum(len(self.rollouts.encode(row)) for row in self.test.rows) / len(self.test.rows)
        work = Work(
            scored=round(prompts * prompt),
            generated=round(rollouts * max(length - prompt, 1)),
            trained=trained,
        )
        work.flops = (work.scored + work.generated + 3 * work.trained) * flops_per_token(self.policy, length)
        demand_room(self.config.budget, work)

    def roll_out(self: "Run[RolloutConfig]", rows: Sequence[Row]) -> tuple[list[Rollout], list[Verdict]]:
        """Return group_size rollouts of each row and a verdict on each, in the order of the rows."""
        return self.rollouts.sample(rows, self.config.group_size, self.config.temperature)

    def update(self, sequences: Sequence[Encoded], loss_of: LossOf) -> dict[str, float]:
        """Make one update from these sequences and count its work; return loss, gradient norm and learning rate."""
        now, config, loop = self.progress, self.config, self.loop
        rate = warm_up(loop.optimizer, self.learning_rate, now.updates, config.warmup_steps)
        measures = optimizer_step(
            self.policy, loop.optimizer, sequences, config.micro_batch, self.world, loss_of, config.max_grad_norm,
            now.step,
        )  # fmt: skip
        now.updates += 1
        tokens = sum(map(len, sequences))
        now.work.trained += tokens
        now.work.flops += (
            3 * tokens * flops_per_token(self.policy, tokens / len(sequences))
        )  # backward costs 2 forwards
        return {**measures, "learning_rate": rate}


@contextmanager
def open_run(config: Config, folder: Path) -> Iterator[Run[Config]]:
    """Give the run of a config: model, rows and verifier, which is closed at the end. Raises PosttrainError."""
    if config.threads:
        torch.set_num_threads(config.threads)
    world = join_world(config.device)
    policy = load_policy(config)
    if config.keeps_reference:
        policy.keep_reference()  # before a checkpoint is loaded: the reference is the policy that the run began with
    train, validation, test = load_rows(config, policy)
    rate = config.learning_rate or default_learning_rate(
        config.technique, policy.parameters_in_use(), config.lora_rank > 0
    )
    log, progress = RunLog(folder), Progress()
    with ExitStack() as verifiers:
        verifier = verifiers.enter_context(load_verifier(verifier_name(config, train), seconds=config.verify_seconds))
        scorer = verifier
        if config.eval_verifier and config.eval_verifier != verifier.name:
            scorer = verifiers.enter_context(load_verifier(config.eval_verifier, seconds=config.verify_seconds))
        rollouts = Rollouts(config, log, policy, verifier, scorer, world, progress)
        optimizer = make_optimizer(policy, rate, config.weight_decay)
        loop = Loop(config, log, policy, optimizer, world, progress, rollouts, validation)
        yield Run(config, policy, world, train, test, progress, rollouts, loop, rate)
