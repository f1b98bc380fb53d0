"""The decisions of `advisor ask`: the next question, which answers count, the files, and the command that follows."""

import json
from pathlib import Path

import pytest

from advisor.ask import FIRST, ask, interview, next_command, next_question, write_answer
from advisor.task.traits import BY_NAME, Trait, Traits, make_traits
from posttrain.errors import ConfigurationError, UnwritableError


def _interview(known: Traits, answers: dict[str, list[str]]) -> tuple[Traits, list[str], list[str]]:
    """Return the traits after an interview with these answers, the names asked for, and the notes."""
    asked: list[str] = []
    notes: list[str] = []

    def answer(trait: Trait) -> str:
        asked.append(trait.name)
        given = answers.get(trait.name, [])
        return given.pop(0) if given else ""

    return interview(known, answer, notes.append), asked, notes


def test_everybody_is_asked_the_first_questions_and_then_what_could_change_the_answer() -> None:
    """No question twice, none that is known, and at the end nothing is left that could change the answer."""
    known, asked, notes = _interview(make_traits({"evaluation": True}), {"domain": ["math"], "verifier": ["none"]})
    assert known == make_traits({"evaluation": True, "domain": "math", "verifier": "none"})
    assert asked[: len(FIRST) - 1] == [name for name in FIRST if name != "evaluation"]
    assert len(set(asked)) == len(asked) > len(FIRST) and notes == []
    assert next_question(known, set(asked)) is None
    assert not {"verifier_on_gold", "judge_agreement", "verifier_explains"} & set(asked)  # without a verifier


def test_a_wrong_answer_is_explained_and_asked_again() -> None:
    """Until it is valid; `q` ends the interview."""
    known, asked, notes = _interview(Traits({}), {"domain": ["cooking", "code"], "evaluation": ["q"]})
    assert known == make_traits({"domain": "code"})
    assert asked == ["domain", "domain", "evaluation"]
    assert len(notes) == 1 and "domain is 'cooking'; expected qa, math" in notes[0]


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
