r"""Demonstrations as token ids: which tokens of a row are trained on.

Every turn of the assistant is trained on, from where the template begins an answer up to the token that ends it; all
else is read and not trained on. A turn is found by rendering the chat up to it, with and without the answer:

    messages[:i], begun   <|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n
    messages[:i + 1]      <|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n

A template may write a turn in another way once later turns follow (Qwen3 leaves out the thought). Such a turn becomes
a sequence of its own, as the policy would have written it at that time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from posttrain.errors import ConfigurationError
from reference_impls.model.batches import Encoded
from reference_impls.model.templates import RowRefusedError, Template, named, opens_thought
from reference_impls.model.thoughts import answer_of, thought_of
from reference_impls.tasks.row import Message, Row, is_trained

TRUNCATED_AT_MOST = 0.05  # of the rows; beyond it a run would learn never to stop
REFUSED_AT_MOST = 0.05  # of the rows; beyond it the template and the rows do not fit together
Turns = Literal["all", "last"]


@dataclass
class Intake:
    """How many rows are trained on, cut off and left out, and why; no row is left out silently."""

    kept: int = 0
    truncated: int = 0  # the end of the response was cut off, and its end-of-sequence token with it
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> rows
    sequences: int = 0  # of token ids; a row is several where the template writes earlier turns in another way
    turns_trained: int = 0
    turns_masked: int = 0  # turns of the assistant that are read and not trained on: weight 0, or not the last
    tokens_trained: int = 0
    tokens_masked: int = 0

    def drop(self, reason: str) -> None:
        """Count a row that is left out."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def lines(self) -> list[str]:
        """Return the counts in words, a line for each reason that rows are left out for."""
        turns = f"{self.turns_trained:,} turns" + (f" ({self.turns_masked:,} masked)" if self.turns_masked else "")
        tokens = f"{self.tokens_trained:,} tokens trained on, {self.tokens_masked:,} read"
        cut = f", {self.truncated:,} cut off at max_response_tokens" if self.truncated else ""
        kept = f"training on {self.kept:,} rows: {turns}, {tokens}{cut}"
        return [kept, *(f"left out {count:,} rows: {reason}" for reason, count in self.dropped.items())]

    def as_dict(self) -> dict[str, object]:
        """Return the counts for result.json."""
        return {
            "kept": self.kept, "truncated": self.truncated, "no_eos": self.truncated, "dropped": self.dropped,
            "sequences": self.sequences, "turns_trained": self.turns_trained, "turns_masked": self.turns_masked,
            "tokens_trained": self.tokens_trained, "tokens_masked": self.tokens_masked,
        }  # fmt: skip


@dataclass
class Refusals:
    """Rows that a template refuses: counted by reason, and the end of the run where several are more than 5 %."""

    rows: int
    """Rows in all, refused or not."""
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, row: Row, error: RowRefusedError) -> None:
        """Count a row. Raises ConfigurationError with its number where there are too many."""
        self.counts[str(error)] += 1
        refused = self.counts.total()  # a single row of a small split is left out, unless it is all there is
        if refused == self.rows or (refused > 1 and refused > REFUSED_AT_MOST * self.rows):
            raise ConfigurationError(f"{named(row)}{error}", _hint(error)) from error


@dataclass(frozen=True)
class _Turn:
    """A turn of the assistant: the chat up to its end, and where in that text the answer begins."""

    text: str
    start: int
    closed: bool = False  # the text is not the template's own: a thought was closed, or written out


def encode_demonstrations(
    template: Template, rows: Iterable[Row], *, max_prompt_tokens: int, max_response_tokens: int, turns: Turns = "all"
) -> tuple[list[Encoded], Intake]:
    """Return the rows that have a response, as ids, and how many rows were left out and why.

    A prompt, with all earlier turns, that is too long is dropped: cut, it would ask another question. Raises
    ConfigurationError where nothing is left, where more than 5 % of the last answers are cut off, and where the
    template refuses more than 5 % of the rows, with the number of the first.
    """
    encoded: list[Encoded] = []
    rows = tuple(rows)
    intake, refusals = Intake(), Refusals(len(rows))
    for row in rows:
        if not row.is_demonstration:
            intake.drop(row.untrained or _nothing_to_imitate(row))
            continue
        try:
            sequences = demonstration_of(template, row, turns)
        except RowRefusedError as error:
            refusals.add(row, error)
            intake.drop(str(error))
            continue
        if not sequences:
            intake.drop("no response")
            continue
        if any(len(each.prompt) + last_turn(each) > max_prompt_tokens for each in sequences if not row.is_text):
            intake.drop("prompt too long")
            continue
        limit = max_response_tokens + (max_prompt_tokens if row.is_text else 0)  # a text has no prompt
        encoded += _count(intake, row, sequences, limit)
    _demand_some(encoded, intake, rows, max_response_tokens)
    return encoded, intake


def demonstration_of(template: Template, row: Row, turns: Turns = "all") -> list[Encoded]:
    """Return the sequences of a row, uncut; none where no turn of it is to be imitated. Raises RowRefusedError."""
    if row.is_text:
        ids = template.without_end(template.tokenizer(str(row.prompt))["input_ids"])
        end = int(template.tokenizer.eos_token_id)  # of a document, where a chat has another
        return _sequence(template, [*ids, end], [False] + [True] * len(ids))
    if not template.chat:
        return _plain(template, row)
    messages = template.messages(row, whole=True)
    indices = [index for index, message in enumerate(messages) if index and is_trained(message)]
    if turns == "last":
        indices = indices[-1:] if indices[-1:] == [len(messages) - 1] else []
    if not indices:
        return []
    whole = template.render(messages, row)
    template.demand_whole(messages, row)
    shown = [_turn(template, messages, index, row) for index in indices]
    together = [turn for turn in shown if not turn.closed and whole.startswith(turn.text)]
    apart = [turn for turn in shown if turn not in together]
    return [
        *(_masked(template, whole, together) if together else []),
        *(each for turn in apart for each in _masked(template, turn.text, [turn])),
    ]


def last_turn(sequence: Encoded) -> int:
    """Return where in the response of a sequence its last turn begins."""
    masked = [index for index, trained in enumerate(sequence.trained) if not trained]
    return masked[-1] + 1 if masked else 0


def has_thought(row: Row) -> bool:
    """Whether a turn of the assistant that is trained on has a thought."""
    return any(is_trained(message) and thought_of(message) for message in row.turns)


def closes_thought(template: Template, rows: Iterable[Row]) -> bool:
    """Whether prompts close a thought that the template opens: where no row that is imitated has one to put there."""
    if not opens_thought(template):
        return False
    demonstrated = [row for row in rows if row.is_demonstration]
    return bool(demonstrated) and not any(map(has_thought, demonstrated))


def _turn(template: Template, messages: Sequence[Message], index: int, row: Row) -> _Turn:
    """Return a turn as the template writes it where the chat ends with it."""
    message = messages[index]
    before = template.render(messages[:index], row, begins=True)
    after = template.render(messages[: index + 1], row)
    opened = template.closed(before) != before
    if opened and not thought_of(message):  # there is no thought to write: the prompt closes it
        before = template.closed(before)
    if after.startswith(before) and template.keeps_thought(messages[: index + 1], row):
        return _Turn(_up_to_end(template, after, len(before)), len(before))
    if not opened and message.get("reasoning_content"):
        raise RowRefusedError("the chat template leaves out the thought (reasoning_content)")
    return _written(template, message, before, opened=opened)


def _up_to_end(template: Template, text: str, start: int) -> str:
    r"""Return the text up to the token that ends the turn: Phi-3 writes `<|end|>\n<|endoftext|>` after the last."""
    end = template.tokenizer.decode([template.end], skip_special_tokens=False)
    at = text.rfind(end, start)
    return text if at < 0 else text[: at + len(end)]


def _written(template: Template, message: Message, before: str, *, opened: bool) -> _Turn:
    """Return a turn behind a prompt after which the template itself would write another answer, or lose the thought.

    DeepSeek-R1 opens `<think>` in the prompt and leaves thoughts out of every answer.
    """
    if message.get("tool_calls"):
        raise RowRefusedError("the chat template begins a tool call in another way than it writes one")
    thought, text = thought_of(message), str(message.get("content") or "")
    if opened:
        ending = template.closed(before)[len(before.rstrip()) :].strip()  # "</think>"; none where it is closed already
        text = f"{thought}\n{ending}\n\n{answer_of(message).strip()}" if thought else answer_of(message).strip()
    end = template.tokenizer.decode([template.end], skip_special_tokens=False)
    return _Turn(f"{before}{text}{end}", len(before), closed=True)


def _masked(template: Template, text: str, turns: Sequence[_Turn]) -> list[Encoded]:
    """Return a text as ids, with the tokens of its turns trained on, each up to the token that ends it."""
    cuts = [cut for turn in turns for cut in (turn.start, len(turn.text))]
    ids: list[int] = []
    trained: list[bool] = []
    for number, part in enumerate(template.parts(text, cuts)):
        own = number % 2 == 1  # before the first turn, the first turn, between, the second turn …
        ends = _ends(part, template.stop_ids) or _ends(part, template.special_ids) if own else []
        keeps = ends[-1] + 1 if ends else len(part) * own
        ids += part
        trained += [True] * keeps + [False] * (len(part) - keeps)
    return _sequence(template, ids, trained)


def _ends(ids: Sequence[int], endings: frozenset[int]) -> list[int]:
    return [at for at, token in enumerate(ids) if token in endings]


def _plain(template: Template, row: Row) -> list[Encoded]:
    """Return prompt and response of a model without a chat template, each encoded alone."""
    if row.reply and (row.reply.get("tool_calls") or not row.demonstration):
        raise RowRefusedError("a tool call, and the tokenizer has no chat template")
    if not row.demonstration:
        return []
    thought = thought_of(row.reply) if row.reply else ""
    if thought and thought in row.demonstration:
        thought = ""  # the text has it already
    response = f"<think>\n{thought}\n</think>\n\n{row.demonstration}" if thought else row.demonstration
    prompt, ids = template.prompt_ids(row), template.ids(response)
    return _sequence(template, [*prompt, *ids], [False] * len(prompt) + [True] * len(ids))


def _sequence(template: Template, ids: list[int], trained: list[bool]) -> list[Encoded]:
    """Return the ids from the start to the last token that is trained on, which ends the response."""
    if not any(trained):
        return []
    last = len(trained) - trained[::-1].index(True)
    ids, trained = ids[:last], trained[:last]
    if ids[-1] not in (template.stop_ids | template.special_ids | {template.end}):  # the template writes no end
        ids, trained = [*ids, template.end], [*trained, True]
    first = max(trained.index(True), 1)  # the first token of all has none before it that could predict it
    template.checked(ids)
    mask = tuple(trained[first:])
    return [Encoded(tuple(ids[:first]), tuple(ids[first:]), trained=() if all(mask) else mask)]


def _count(intake: Intake, row: Row, sequences: Sequence[Encoded], limit: int) -> list[Encoded]:
    """Count a row that is kept; return its sequences, the last answer of each cut off at the limit."""
    lengths = [last_turn(each) + limit for each in sequences]
    cut = [
        replace(each, response=each.response[:length], trained=each.trained[:length])
        for each, length in zip(sequences, lengths, strict=True)
    ]
    intake.kept += 1
    intake.truncated += any(len(each.response) > length for each, length in zip(sequences, lengths, strict=True))
    intake.sequences += len(cut)
    if not row.is_text:
        trained = sum(map(_turns_in, cut))
        intake.turns_trained += trained
        intake.turns_masked += sum(message.get("role") == "assistant" for message in row.turns) - trained
    tokens = sum(each.tokens_trained for each in cut)
    intake.tokens_trained += tokens
    intake.tokens_masked += sum(map(len, cut)) - tokens
    return cut


def _turns_in(sequence: Encoded) -> int:
    """Return how many turns of a sequence are trained on: runs of trained tokens."""
    mask = (False, *(sequence.trained or (True,)))
    return sum(trained and not before for before, trained in pairwise(mask))


def _nothing_to_imitate(row: Row) -> str:
    if any(message.get("weight") == 0 for message in row.turns):
        return "weight 0"
    return "no response"


def _hint(error: RowRefusedError) -> str:
    if "thought" in str(error):
        return "write the thought into the answer as <think>…</think>, or take a model whose template has thoughts"
    if "tool" in str(error):
        return "take a model whose chat template has tools, or remove the rows"
    return "take another model or chat template, change the row, or remove such rows"


def _demand_some(encoded: Sequence[Encoded], intake: Intake, rows: Sequence[Row], max_response_tokens: int) -> None:
    if not encoded:
        answers = (
            "rename the column of the answer to `response` to imitate it, or take grpo or rejection_sampling"
            if any(row.answer and not row.response for row in rows) and "prompt too long" not in intake.dropped
            else ""
        )
        raise ConfigurationError(
            f"no row can be trained on: {intake.dropped or 'there are none'}",
            answers or "give rows a `response`, or raise max_prompt_tokens",
        )
    if intake.truncated > TRUNCATED_AT_MOST * intake.kept:
        raise ConfigurationError(
            f"{intake.truncated} of {intake.kept} responses are longer than max_response_tokens, {max_response_tokens}",
            "raise max_response_tokens, or shorten the rows: a policy that never sees an end does not learn to stop",
        )
