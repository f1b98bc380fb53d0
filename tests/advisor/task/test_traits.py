"""Traits: what may be said of a task, and what is refused with a reason."""

import json
from pathlib import Path

import pytest

from advisor.task.file import TraitsFile, read_traits
from advisor.task.traits import BY_NAME, GROUPS, TRAITS, make_traits, schema
from posttrain.errors import PosttrainError


def test_each_question_is_asked_once_and_says_why() -> None:
    """Names are unique, and every question has a wording and a reason."""
    assert len(BY_NAME) == len(TRAITS) == 41
    assert GROUPS == ("task", "demonstrations", "feedback", "model", "teacher", "horizon", "progress", "compute")
    for trait in TRAITS:
        assert trait.question.endswith("?")
        assert trait.why.endswith(".")
        assert trait.kind != "choice" or len(trait.values) >= 2
        assert trait.read(trait.example) is not None


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("verifier", "Unit-Tests", "unit-tests"),
        ("evaluation", "yes", True),
        ("evaluation", False, False),
        ("demonstrations", "1_000", 1000),
        ("demonstrations", 1e3, 1000),
        ("demonstrations", "1,000", 1000),
        ("demonstrations", "10k", 10_000),
        ("parameters", "7B", 7.0),
        ("parameters", "500M", 0.5),
        ("parameters", "7 billion", 7.0),
        ("parameters", "1.5bn", 1.5),
        ("traces", "2 million", 2_000_000),
        ("gpu_memory", "80gib", 85.89934592),
        ("hours", "90min", 1.5),
        ("pass_at_k", "60 percent", 0.6),
        ("row_tokens", "1,024 tokens", 1024.0),
        ("gpu_memory", "24GB", 24.0),
        ("gpu_memory", "24 GB", 24.0),
        ("facts_megabytes", "2GB", 2000.0),
        ("row_tokens", "2k", 2000.0),
        ("hours", "2d", 48.0),
        ("pass_at_1", "35%", 0.35),
        ("pass_at_1", "30%", 0.3),
        ("pass_at_1", 0, 0.0),
        ("parameters", "0.5", 0.5),
        ("gpus", "unknown", None),
        ("gpus", None, None),
    ],
)
def test_a_value_is_read_as_people_write_it(name: str, given: object, value: object) -> None:
    """Percentages, thousands and cases are understood; unknown is a value."""
    assert make_traits({name: given}).get(name) == value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"verifer": "rule"}, "there is no trait 'verifer'; did you mean verifier?"),
        ({"verifier": "unit-test"}, "did you mean unit-tests?"),
        ({"pass_at_1": 1.5}, "expected a share from 0 to 1"),
        ({"pass_at_1": "nan"}, "expected a share from 0 to 1"),
        ({"demonstrations": -1}, "expected a whole number from 0"),
        ({"demonstrations": 2.5}, "expected a whole number from 0"),
        ({"demonstrations": "1e999"}, "expected a whole number from 0"),
        ({"parameters": "1,5"}, "expected a number of billion weights from 0"),
        ({"demonstrations": "10,00"}, "expected a whole number from 0"),
        ({"demonstrations": "1k to 2k"}, "expected a whole number from 0"),
        ({"row_tokens": 100, "response_tokens": 200}, "response_tokens is 200, above row_tokens, 100"),
        ({"gap": "behaviour", "facts_megabytes": 5}, "gap is behaviour, and facts_megabytes is 5"),
        ({"parameters": "7 apples"}, "expected a number of billion weights from 0"),
        ({"demonstrations": "10%"}, "expected a whole number from 0"),
        ({"parameters": [7]}, "expected a number of billion weights from 0"),
        ({"evaluation": "perhaps"}, "expected yes, no, or unknown"),
        ({"demonstrations": 0, "demonstration_quality": "clean"}, "demonstrations is 0, and demonstration_quality"),
        ({"verifier": "none", "verifier_on_gold": 1}, "verifier is none, and verifier_on_gold"),
        ({"teacher": "none", "teacher_permitted": True}, "teacher is none, and teacher_permitted is yes"),
        ({"pass_at_1": 0.5, "pass_at_k": 0.4}, "pass_at_k is 0.4, below pass_at_1, 0.5"),
        ({"judge_agreement": 0.9, "verifier": "rule"}, "judge_agreement is 0.9, and verifier is rule"),
        ({"gpus": 0, "gpu_memory": 80}, "gpus is 0, and gpu_memory is 80"),
    ],
)
def test_what_cannot_be_is_refused_by_name(given: dict[str, object], message: str) -> None:
    """Unknown names, wrong values and contradictions say what was found and what was expected."""
    with pytest.raises(PosttrainError) as error:
        make_traits(given)
    assert message in error.value.message
    assert error.value.hint


def test_an_unknown_trait_lists_the_known_ones() -> None:
    """Nobody has to guess a name."""
    with pytest.raises(PosttrainError) as error:
        make_traits({"budget": 3})
    assert all(name in error.value.hint for name in BY_NAME)


def test_a_file_may_be_json_toml_or_an_answer(tmp_path: Path) -> None:
    """What a probe wrote, what a person wrote, and what --json printed are all read."""
    for name, text in [
        ("a.json", '{"traits": {"gpus": 1}, "task": {"model": "starter"}}'),
        ("b.toml", 'gpus = 1\n[task]\nmodel = "starter"\n'),
        ("c.json", json.dumps({"schema_version": 1, "data": {"traits": {"gpus": 1}, "task": {"model": "starter"}}})),
    ]:
        (tmp_path / name).write_text(text)
        assert read_traits(tmp_path / name) == TraitsFile({"gpus": 1}, {"model": "starter"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "neither JSON nor TOML"),
        pytest.param(b"\xff\xfe", "neither JSON nor TOML", id="UTF-16"),
        (b"[1]", "holds a list"),
        (b'{"traits": 3}', "is a int"),
        (b"", ""),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    """A file that holds no traits is an error with its name; an empty one holds none."""
    path = tmp_path / "traits.json"
    path.write_bytes(content)
    if not message:
        assert read_traits(path) == TraitsFile({}, {})
        return
    with pytest.raises(PosttrainError, match=message):
        read_traits(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(PosttrainError, match=r"none\.json"):
        read_traits(tmp_path / "none.json")


def test_the_schema_holds_every_trait_and_unknown() -> None:
    """A form can be drawn from it; null stands for unknown everywhere."""
    properties = schema()["properties"]
    assert set(properties) == set(BY_NAME)
    for property_ in properties.values():
        assert None in property_["enum"] if "enum" in property_ else "null" in property_["type"]


@pytest.mark.parametrize("value", ["1e400", "nan", "-inf", "1e300", "99999999999999999999999"])
@pytest.mark.parametrize("name", ["parameters", "steps", "gpu_memory"])
def test_numbers_that_nothing_has_are_refused(name: str, value: str) -> None:
    """Before anything is computed from them."""
    with pytest.raises(PosttrainError, match=f"{name} is '{value}'; expected"):
        make_traits({name: value})


@pytest.mark.parametrize("value", ["numeric", "exact:#", "math", "choice", "regex:[0-9]+"])
def test_a_verifier_of_a_run_is_a_rule(value: str) -> None:
    """The names that probe and plan take are understood; they compare by rule."""
    assert make_traits({"verifier": value}).get("verifier") == "rule"
