"""The state of a run: everything that a checkpoint holds except weights, optimizer and random numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

from reference_impls.run.spent import Work

Status = Literal["done", "early", "stopped"]
Memory = TypeVar("Memory")


@dataclass
class Best:
    """The best score on the validation split so far."""

    share: float
    step: int
    since: int = 0  # scores without gain after it


@dataclass
class Progress:
    """The progress of a run, and the state that lets it continue exactly as if it had never ended."""

    step: int = 0
    updates: int = 0  # the learning rate warms up over them
    work: Work = field(default_factory=Work)
    best: Best | None = None
    before: dict[str, object] | None = None  # the score before training
    intake: dict[str, object] = field(default_factory=dict)  # which rows are trained on; empty where none are read
    status: Status = "done"
    stopped_because: str = ""
    memory: object = None  # a dataclass of the technique's own, see `remember`
    _restored: Mapping[str, Any] = field(default_factory=dict)

    def remember(self, memory: Memory) -> Memory:
        """Return the technique's memory, its fields as the last checkpoint left them; checkpoints hold it from now on.

        memory: a dataclass with the values of a new run, such as `History()`. Its fields must be JSON.
        """
        for name in vars(memory):
            if name in self._restored:
                setattr(memory, name, self._restored[name])
        self.memory = memory
        return memory

    def as_dict(self) -> dict[str, object]:
        """Return the state as a checkpoint's state.json holds it."""
        memory = {} if self.memory is None else vars(self.memory)
        return {
            "step": self.step,
            "work": self.work.as_dict(),
            "state": {"updates": self.updates, "before": self.before, **memory},
            "best": asdict(self.best) if self.best else {},
            "intake": self.intake,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        self.step, self.work, self.intake = saved["step"], Work(**saved["work"]), saved["intake"]
        self.best = Best(**saved["best"]) if saved["best"] else None
        self._restored = saved["state"]
        self.updates, self.before = self._restored.get("updates", 0), self._restored.get("before")
