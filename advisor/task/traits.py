"""Traits: what is known of a task, a model and a purse; each question is written here once, for every surface.

Unknown is a value. It is never read as "no": a rule that asks for an unknown trait stays silent, and the trait is
named among those that would change the answer.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from posttrain.errors import ConfigurationError

MOST = 1e12  # of a count or a number: more is a slip of the keyboard
# The verifiers of a run, by the kind that the advice tells apart.
_ALSO = {("verifier", name): "rule" for name in ("exact", "numeric", "math", "choice", "regex")}
Kind = Literal["choice", "flag", "count", "share", "number"]
Value = str | bool | int | float


@dataclass(frozen=True)
class Trait:
    """One question about the task."""

    name: str
    group: str
    kind: Kind
    question: str
    why: str
    values: tuple[str, ...] = ()  # of a choice
    unit: str = ""

    @property
    def example(self) -> str:
        """A value that it may have, for a hint."""
        return {"choice": self.values[-1] if self.values else "", "flag": "yes", "share": "0.5"}.get(self.kind, "100")

    @property
    def allowed(self) -> str:
        """What a value must be, in words."""
        match self.kind:
            case "choice":
                return ", ".join(self.values)
            case "flag":
                return "yes, no"
            case "count":
                return f"a whole number from 0 to {MOST:g}"
            case "share":
                return "a share from 0 to 1"
            case _:
                return f"a number of {self.unit} from 0 to {MOST:g}"

    def read(self, given: object) -> Value | None:
        """Return the value that `given` says; None for unknown. Raises PosttrainError."""
        said = str(given).strip().lower() if not isinstance(given, bool) else given
        if given is None or said in ("unknown", "?", ""):
            return None
        try:
            value = self._read(said)
        except (ValueError, OverflowError):
            value = None
        if value is None:
            near = difflib.get_close_matches(str(said), self.values, n=1)
            raise ConfigurationError(
                f"{self.name} is '{given}'; expected {self.allowed}, or unknown"
                + (f" (did you mean {near[0]}?)" if near else ""),
                f"advisor ask --set {self.name}={near[0] if near else self.example}",
            )
        return value

    def _read(self, said: str | bool) -> Value | None:
        if self.kind == "flag":
            words: dict[str | bool, bool] = {"yes": True, "true": True, True: True, "no": False, "false": False,
                                             False: False}  # fmt: skip
            return words.get(said)
        text = str(said)
        if self.kind == "choice":
            text = _ALSO.get((self.name, text.partition(":")[0]), text)
            return text if text in self.values else None
        percent = self.kind == "share" and text.endswith("%")
        number = float(text.removesuffix("%").replace("_", "")) / (100 if percent else 1)
        if not 0 <= number <= (1 if self.kind == "share" else MOST):  # NaN is not
            return None
        if self.kind == "count":
            return int(number) if number == int(number) else None
        return number


TRAITS: tuple[Trait, ...] = (
    Trait(
        "domain", "task", "choice", "What kind of task is it?",
        "Evidence of what others train with is counted by domain, and domains differ in what can be checked.",
        ("qa", "math", "code", "agentic", "extraction", "writing", "other"),
    ),
    Trait(
        "evaluation", "task", "flag", "Is there a held-out set and a score that says whether a model is good enough?",
        "Without one no training can be told from luck.",
    ),
    Trait(
        "prompting", "task", "choice", "Has prompting (instructions, examples in the prompt) been tried?",
        "It costs an hour; training costs days. What a prompt reaches needs no training.",
        ("untried", "tried"),
    ),
    Trait(
        "gap", "task", "choice", "What does the model lack: facts that it never saw, or behaviour?",
        "Facts that change belong in retrieval; training teaches behaviour.",
        ("behaviour", "facts", "both"),
    ),
    Trait(
        "facts_megabytes", "task", "number", "How much text holds the missing facts?",
        "A little text fits into retrieval, a great deal can be trained on.", unit="megabytes",
    ),
    Trait(
        "ambiguous", "task", "flag", "Would experts disagree on whether a response is right?",
        "A reward that experts dispute is learnt and exploited; preferences can still be learnt.",
    ),
    Trait(
        "demonstrations", "demonstrations", "count", "How many prompts have a worked response to imitate?",
        "Imitation is the stable way, from tens of rows for a form and from a thousand for a skill.",
    ),
    Trait(
        "demonstration_quality", "demonstrations", "choice", "How good are they: clean, mixed (some wrong), or poor?",
        "The ceiling of imitation is the quality of what is imitated.",
        ("clean", "mixed", "poor"),
    ),
    Trait(
        "demonstration_kind", "demonstrations", "choice", "Do they teach a form (format, style) or a skill?",
        "A form needs tens of rows, a skill a thousand.",
        ("format", "skill"),
    ),
    Trait(
        "demonstration_author", "demonstrations", "choice", "Who wrote them: people, another model, or this model?",
        "An instruct model imitating foreign solutions can lose what it could.",
        ("people", "model", "own"),
    ),
    Trait(
        "demonstration_coverage", "demonstrations", "choice", "Do they cover what will be asked, or leave cases out?",
        "Imitation does not reach cases that nobody showed.",
        ("full", "partial"),
    ),
    Trait(
        "collectable", "demonstrations", "flag", "Could you collect good demonstrations like what will be asked?",
        "Where they can be had, they are the shortest path.",
    ),
    Trait(
        "prompts", "feedback", "count", "How many prompts have an answer that can be checked?",
        "Sampling and reinforcement learning learn from prompts, not from worked responses.",
    ),
    Trait(
        "verifier", "feedback", "choice", "What can tell a right response from a wrong one?",
        "It decides whether the model's own responses can be used at all.",
        ("none", "rule", "unit-tests", "environment", "judge"),
    ),
    Trait(
        "verifier_on_gold", "feedback", "share", "Which share of known right responses does it accept?",
        "A verifier that refuses right responses teaches the wrong thing.",
    ),
    Trait(
        "judge_agreement", "feedback", "share", "How well does the judge rank like people (Spearman)?",
        "A judge that ranks unlike people is exploited, not obeyed.",
    ),
    Trait(
        "verifier_explains", "feedback", "flag", "Does it say what is wrong (a trace, a failing test), not only that?",
        "What the failure says can be turned into corrected demonstrations, where a reward is one number.",
    ),
    Trait(
        "preference_pairs", "feedback", "count", "How many pairs say which of two responses is better?",
        "They can be learnt from directly, without a reward model.",
    ),
    Trait(
        "thumbs", "feedback", "count", "How many responses carry a thumb up or down?",
        "Single verdicts can be learnt from without pairs.",
    ),
    Trait(
        "start", "model", "choice", "Is the model a base model, or instruct (already post-trained)?",
        "A base model gains from imitation; an instruct model may lose by foreign demonstrations.",
        ("base", "instruct"),
    ),
    Trait(
        "parameters", "model", "number", "How large is the model?",
        "Memory and price grow with it, and small models seldom find long solutions by themselves.",
        unit="billion weights",
    ),
    Trait(
        "row_tokens", "model", "number", "How long are prompt and response together?",
        "Memory and price grow with it.", unit="tokens",
    ),
    Trait(
        "pass_at_1", "model", "share", "How often is one response right, as the model is?",
        "Nearly always: nothing to train. Never: nothing of its own to learn from.",
    ),
    Trait(
        "pass_at_k", "model", "share", "For which share of prompts is at least one of 16 responses right?",
        "It measures what the model can reach already, which training by reward can bring out.",
    ),
    Trait(
        "format_rate", "model", "share", "Which share of the right answers has the form asked for?",
        "A wrong form looks like a lack of skill and is taught with tens of rows.",
    ),
    Trait(
        "equal_groups", "model", "share", "For which share of prompts are 16 responses all right or all wrong?",
        "Such prompts teach a comparison inside the group nothing.",
    ),
    Trait(
        "teacher", "teacher", "choice", "Does some model do the task already? Do you get its text, or also its logits?",
        "What a teacher does can be copied far more cheaply than found by reward.",
        ("none", "black-box", "white-box"),
    ),
    Trait(
        "teacher_permitted", "teacher", "flag", "Do licence and terms permit training on its output?",
        "Settle it before a pipeline is built on it.",
    ),
    Trait(
        "steps", "horizon", "count", "How many actions does one attempt take (1: a single response)?",
        "Small mistakes add up over many steps, and one reward at the end says little about each.",
    ),
    Trait(
        "reward", "horizon", "choice", "Is success seen only at the end (outcome), or step by step (stepwise)?",
        "A reward for each step is denser than one for the whole.",
        ("outcome", "stepwise"),
    ),
    Trait(
        "beyond", "horizon", "flag", "Must the model become better than anything it could be shown?",
        "Imitation does not pass its best example.",
    ),
    Trait(
        "sft_result", "progress", "choice", "What did supervised fine-tuning bring so far?",
        "The next rung is for what this one cannot reach: new kinds of problems, a plateau.",
        ("untried", "enough", "plateau"),
    ),
    Trait(
        "last_round", "progress", "choice", "What did the last round of rejection sampling bring?",
        "While rounds gain, another is cheaper and calmer than reinforcement learning.",
        ("untried", "gained", "stalled"),
    ),
    Trait(
        "gpus", "compute", "count", "How many GPUs?", "It decides what fits.",
    ),
    Trait(
        "gpu_memory", "compute", "number", "How much memory has each?",
        "It decides what fits.", unit="gigabytes",
    ),
    Trait(
        "hours", "compute", "number", "For how many hours may they run?",
        "Sampling and reinforcement learning take many times the work of imitation.", unit="hours",
    ),
    Trait(
        "instability", "compute", "choice", "Can you bear runs that collapse and have to be tuned again?",
        "Reinforcement learning collapses more often than imitation.",
        ("no", "yes"),
    ),
)  # fmt: skip
BY_NAME = {trait.name: trait for trait in TRAITS}
GROUPS = tuple(dict.fromkeys(trait.group for trait in TRAITS))

# What cannot both be said: when a trait has this value, the others must be unknown (or one of the values given).
_DEPENDS: dict[tuple[str, Value], tuple[str, ...]] = {
    ("demonstrations", 0): (
        "demonstration_quality", "demonstration_kind", "demonstration_author", "demonstration_coverage",
    ),
    ("verifier", "none"): ("verifier_on_gold", "verifier_explains", "judge_agreement"),
    ("teacher", "none"): ("teacher_permitted",),
    ("gpus", 0): ("gpu_memory",),
    ("gap", "behaviour"): ("facts_megabytes",),
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """What is known: trait → value. A trait that is not in it is unknown."""

    values: Mapping[str, Value]

    def get(self, name: str) -> Value | None:
        """Return the value of a trait, None where it is unknown."""
        return self.values.get(name)

    def replaced(self, **changes: Value | None) -> "Traits":
        """Return these traits with others in their place; None makes one unknown. Nothing is checked."""
        merged = {**self.values, **changes}
        return Traits({name: value for name in BY_NAME if (value := merged.get(name)) is not None})

    def contradiction(self) -> str | None:
        """Return what cannot be true at once, in a sentence, or None."""
        for (name, value), others in _DEPENDS.items():
            if self.get(name) == value:
                for other in others:
                    if self.get(other) is not None:
                        return f"{name} is {_said(value)}, and {other} is {_said(self.values[other])}"
        one, many = self.get("pass_at_1"), self.get("pass_at_k")
        if one is not None and many is not None and float(many) < float(one):
            return f"pass_at_k is {many}, below pass_at_1, {one}"
        if self.get("judge_agreement") is not None and self.get("verifier") not in (None, "judge"):
            return f"judge_agreement is {self.get('judge_agreement')}, and verifier is {self.get('verifier')}"
        return None


def make_traits(given: Mapping[str, object]) -> Traits:
    """Return checked traits. Raises PosttrainError for unknown names and values, and contradictions."""
    values: dict[str, Value | None] = {}
    for name, value in given.items():
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1)
            raise ConfigurationError(
                f"there is no trait '{name}'" + (f"; did you mean {near[0]}?" if near else ""), "advisor traits"
            )
        values[name] = BY_NAME[name].read(value)
    traits = Traits({}).replaced(**values)
    wrong = traits.contradiction()
    if wrong:
        raise ConfigurationError(
            f"these traits contradict each other: {wrong}", "correct one of the two, or set it to unknown"
        )
    return traits


def parse_settings(settings: list[str]) -> dict[str, str]:
    """Return `name=value` arguments as a mapping. Raises PosttrainError for one without `=`."""
    found = {}
    for one in settings:
        name, equals, value = one.partition("=")
        if not equals:
            raise ConfigurationError(f"--set is '{one}'; expected name=value", "advisor ask --set verifier=unit-tests")
        found[name.strip()] = value
    return found


def read_file(path: Path) -> dict[str, Any]:
    """Return what a traits file says: `traits`, and `task` (model, data, verifier) where a probe wrote it.

    JSON or TOML; bare `name = value` lines are traits too. Raises PosttrainError where it cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
        read = json.loads(text) if text.lstrip()[:1] in ("{", "[") else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", "advisor probe writes one") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is neither JSON nor TOML: {error}", "advisor traits --json shows the names"
        ) from error
    if not isinstance(read, dict):
        raise ConfigurationError(
            f"{path} holds a {type(read).__name__}; expected an object of traits", "advisor traits"
        )
    read = read["data"] if isinstance(read.get("data"), dict) else read  # what --json printed
    traits = read["traits"] if "traits" in read else {name: read[name] for name in read if name != "task"}
    if not isinstance(traits, dict):
        raise ConfigurationError(
            f"`traits` in {path} is a {type(traits).__name__}; expected an object", "advisor traits"
        )
    task = read.get("task")
    return {"traits": traits, "task": task if isinstance(task, dict) else {}}


def schema() -> dict[str, Any]:
    """Return the questions as a JSON schema (2020-12), null standing for unknown."""
    kinds: dict[str, dict[str, Any]] = {
        "flag": {"type": ["boolean", "null"]},
        "count": {"type": ["integer", "null"], "minimum": 0},
        "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "number": {"type": ["number", "null"], "minimum": 0},
    }
    properties: dict[str, Any] = {}
    for trait in TRAITS:
        allowed = {"enum": [*trait.values, None]} if trait.kind == "choice" else kinds[trait.kind]
        properties[trait.name] = {"title": trait.question, "description": trait.why, **allowed}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _said(value: Value) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
