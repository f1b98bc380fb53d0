"""`advisor ask`: from known traits to a recommendation, with the questions that are still worth asking."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from advisor.advice.data import as_data
from advisor.advice.evidence import Field
from advisor.advice.markdown import as_markdown
from advisor.advice.questions import questions
from advisor.advice.recommend import Recommendation, recommend
from advisor.task.file import TraitsFile, read_traits
from advisor.task.traits import Trait, Traits, make_traits
from posttrain.errors import PosttrainError
from posttrain.files import write_json, write_whole

FIRST = 5  # questions that are asked; each further one is offered


def ask(
    traits: Mapping[str, object],
    file: Path | None = None,
    data: Path | None = None,
    complete: Callable[[Traits], Traits] | None = None,
) -> Recommendation:
    """Return the recommendation for these traits, which win over those in a traits file.

    data: the folder of the user's own papers, for the evidence; the bundled sample if left out. complete: asks for
    more traits, such as `interview` on a terminal.

    Raises ConfigurationError for unknown names, wrong values, contradictions and an unreadable file.
    """
    content = read_traits(file) if file else TraitsFile()
    known = make_traits({**content.traits, **traits})
    if complete:
        known = complete(known)
    return recommend(known, Field(data), content.task)


@dataclass(frozen=True)
class Asked:
    """A question as an interview puts it."""

    trait: Trait
    number: int  # from 1
    left: int  # further questions that could change the answer

    @property
    def counter(self) -> str:
        """`2/5` for the first questions, then `6, offered: 4 more could change the answer`."""
        if self.number <= FIRST:
            return f"{self.number}/{min(FIRST, self.number + self.left)}"
        more = f"{self.left} more could change the answer" if self.left else "the last that could change the answer"
        return f"{self.number}, offered: {more}"


def interview(known: Traits, answer: Callable[[Asked], str], note: Callable[[str], None]) -> Traits:
    """Return the traits with the answers to the questions that change the recommendation most, one after the other.

    After each answer the next most useful question is computed anew; it ends where none could change the answer.

    answer: gives a text for a question, `q` to end. note: gets the message of an answer that is not valid, and the
    question is asked again.
    """
    asked: set[str] = set()
    while open_questions := questions(known, asked):
        trait = open_questions[0].trait
        given = answer(Asked(trait, len(asked) + 1, len(open_questions) - 1))
        if given == "q":
            break
        try:
            known = make_traits({**known.values, trait.name: given})
            asked.add(trait.name)
        except PosttrainError as error:
            note(error.message)
    return known


def write_answer(recommendation: Recommendation, out: Path) -> None:
    """Write the answer as JSON, or as a page where the name ends in `.md`. Raises UnwritableError."""
    hint = "make room on the disk, or take another --out"
    if out.suffix == ".md":
        write_whole(out, as_markdown(recommendation), hint)
    else:
        write_json(out, as_data(recommendation), hint)


def next_command(recommendation: Recommendation, out: Path | None) -> str | None:
    """Return the command that tries the answer, None where no recommended pipeline can be tried here."""
    if not recommendation.can_be_tried:
        return None
    if out is None:
        return f"to keep and try it: {recommendation.traits.command} --out advice.json"
    if out.suffix == ".md":
        return None
    if recommendation.task:
        return f"next: advisor pilot {out}"
    return f"next: advisor plan {out} --model MODEL --data ROWS.jsonl --verifier VERIFIER"
