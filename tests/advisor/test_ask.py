"""The decisions of `advisor ask`: the next question, which answers count, the files, and the command that follows."""

import json
from pathlib import Path

import pytest

from advisor.advice.questions import questions
from advisor.ask import FIRST, Asked, ask, interview, next_command, write_answer
from advisor.task.traits import BY_NAME, Traits, make_traits
from posttrain.errors import ConfigurationError, UnwritableError


def _interview(known: Traits, answers: dict[str, list[str]]) -> tuple[Traits, list[str], list[str]]:
    """Return the traits after an interview with these answers, the names asked for, and the notes."""
    asked: list[str] = []
    notes: list[str] = []

    def answer(question: Asked) -> str:
        asked.append(question.trait.name)
        given = answers.get(question.trait.name, [])
        return given.pop(0) if given else ""

    return interview(known, answer, notes.append), asked, notes


def test_the_interview_ends_where_no_answer_could_change_the_recommendation() -> None:
    """No question twice, none that is known, none about a verifier that is not there."""
    known, asked, notes = _interview(make_traits({"evaluation": True}), {"verifier": ["none"], "gap": ["behaviour"]})
    assert known == make_traits({"evaluation": True, "verifier": "none", "gap": "behaviour"})
    assert "evaluation" not in asked and len(set(asked)) == len(asked) > FIRST and notes == []
    assert questions(known, set(asked)) == []
    assert not {"verifier_on_gold", "judge_agreement", "verifier_explains", "facts_megabytes"} & set(asked)


def test_a_wrong_answer_is_explained_and_asked_again() -> None:
    """Until it is valid; `q` ends the interview."""
    known, asked, notes = _interview(Traits({}), {"evaluation": ["perhaps", "yes"], "prompting": ["q"]})
    assert known == make_traits({"evaluation": True})
    assert asked[:2] == ["evaluation", "evaluation"] and asked[-1] == "prompting"
    assert len(notes) == 1 and "evaluation is 'perhaps'; expected yes, no" in notes[0]


def test_each_question_says_how_many_are_left() -> None:
    """Five are counted; each further one is offered."""
    trait = BY_NAME["gap"]
    assert Asked(trait, 2, 9).counter == "2/5"
    assert Asked(trait, 2, 1).counter == "2/3"
    assert Asked(trait, 6, 4).counter == "6, offered: 4 more could change the answer"
    assert Asked(trait, 6, 0).counter == "6, offered: the last that could change the answer"


@pytest.mark.parametrize("name", BY_NAME)
def test_a_single_trait_is_an_answer(name: str) -> None:
    """Each trait alone gives a recommendation, and the command that repeats it."""
    answer = ask({name: BY_NAME[name].example})
    assert answer.traits == make_traits({name: BY_NAME[name].example})
    assert answer.traits.command.startswith(f"advisor ask --no-input --set {name}=")


def test_traits_win_over_the_file_and_its_task_is_kept(tmp_path: Path) -> None:
    """A probe's file names the task, so the next command is the pilot."""
    file, out = tmp_path / "traits.json", tmp_path / "advice.json"
    file.write_text('{"traits": {"verifier": "rule", "pass_at_k": 0.1}, "task": {"model": "starter"}}')
    answer = ask({"pass_at_k": "60%", "prompting": "tried"}, file)
    assert answer.traits.values == {"prompting": "tried", "verifier": "rule", "pass_at_k": 0.6}
    write_answer(answer, out)
    assert json.loads(out.read_text())["task"] == {"model": "starter"}
    assert next_command(answer, out) == f"next: advisor pilot {out}"
    assert next_command(answer, tmp_path / "advice.md") is None
    without_task = ask(dict(answer.traits.values))
    assert str(next_command(without_task, out)).startswith(f"next: advisor plan {out} --model MODEL")
    assert next_command(without_task, None) == f"to keep and try it: {answer.traits.command} --out advice.json"
    assert next_command(ask({"verifier": "none"}), None) is None  # nothing to train, nothing to try


def test_what_cannot_be_read_or_written_is_an_error_by_name(tmp_path: Path) -> None:
    """With the next step in its hint."""
    with pytest.raises(ConfigurationError, match=r"none\.toml"):
        ask({}, tmp_path / "none.toml")
    with pytest.raises(UnwritableError, match=r"a\.json") as error:
        write_answer(ask({}), tmp_path / "no" / "a.json")
    assert "--out" in error.value.hint
