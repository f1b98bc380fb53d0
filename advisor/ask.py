"""`advisor ask`: from known traits to a recommendation, with the questions that are still worth asking."""

from collections.abc import Callable, Mapping
from pathlib import Path

from advisor.advice.data import as_data
from advisor.advice.evidence import Field
from advisor.advice.markdown import as_markdown
from advisor.advice.ranking import changes, rank
from advisor.advice.recommend import Recommendation, recommend
from advisor.task.file import TraitsFile, read_traits
from advisor.task.traits import BY_NAME, Trait, Traits, make_traits
from posttrain.errors import PosttrainError
from posttrain.files import write_json, write_whole

# The questions for everybody. After them come those whose answer could still change the recommendation.
FIRST = (
    "domain", "evaluation", "prompting", "gap", "demonstrations", "verifier", "preference_pairs", "teacher", "start",
)  # fmt: skip


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


def interview(known: Traits, answer: Callable[[Trait], str], note: Callable[[str], None]) -> Traits:
    """Return the traits with the answers to all questions that are worth asking, in their order.

    answer: gives a text for a question, `q` to end. note: gets the message of an answer that is not valid, and the
    question is asked again.
    """
    asked: set[str] = set()
    while name := next_question(known, asked):
        given = answer(BY_NAME[name])
        if given == "q":
            break
        try:
            known = make_traits({**known.values, name: given})
            asked.add(name)
        except PosttrainError as error:
            note(error.message)
    return known


def next_question(known: Traits, asked: set[str]) -> str | None:
    """Return the name of the next trait to ask for: unknown, not asked yet, and possible with the known traits."""
    could_change = (change.trait for change in changes(known, rank(known)[0][0].pipeline))
    for name in (*FIRST, *could_change):
        if name not in asked and known.get(name) is None and _may_be_known(known, name):
            return name
    return None


def _may_be_known(known: Traits, name: str) -> bool:
    trait = BY_NAME[name]
    values = trait.values or ((True, False) if trait.kind == "flag" else (1,))
    return any(known.replaced(**{name: value}).contradiction() is None for value in values)


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
