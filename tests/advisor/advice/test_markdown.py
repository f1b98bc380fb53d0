"""The answer as Markdown holds what the JSON holds, and its last line gives the same answer again."""

import shlex

import pytest

from advisor.advice.evidence import Field
from advisor.advice.markdown import as_markdown
from advisor.advice.recommend import recommend
from advisor.advice.text import as_data
from advisor.task.examples import examples, generated_tasks
from advisor.task.traits import Traits, make_traits, parse_settings


@pytest.mark.parametrize("place", range(4))
def test_an_example_as_markdown(place: int) -> None:
    """Title, each reason with sources and dissent, each change, each trait, and the command that says it again."""
    traits = examples()[place].traits
    told = as_data(recommend(traits), Field(), {})
    page, top = as_markdown(told), told["ranked"][0]
    assert page.startswith(f"# {top['title']}\n")
    for reason in top["reasons"]:
        assert f"{reason['points']:+d}: {reason['text']}" in page
        assert all(f"but [{one['source']}] {one['says']}" in page for one in reason["dissent"])
    for one in told["would_change"]:
        assert f"`{one['top']}`" in page and f"`{one['trait']} = " in page
    words = shlex.split(page.strip().splitlines()[-1].strip("`"))
    again = make_traits(parse_settings([words[at + 1] for at, word in enumerate(words) if word == "--set"]))
    assert again == traits


def test_nothing_known_is_a_page_too() -> None:
    """Nobody faces an error for not knowing."""
    page = as_markdown(as_data(recommend(Traits({})), Field(), {}))
    assert "- nothing\n" in page and page.rstrip().endswith("`advisor ask --no-input`")


def test_the_examples_lead_to_different_answers_that_can_be_argued_with() -> None:
    """Each has a leader that some rule speaks for, and something that would change it."""
    leaders = {}
    for example in examples():
        found = recommend(example.traits)
        assert found.top.score > 20 and found.would_change, example.title
        leaders[example.title] = found.top.pipeline.id
    assert len(set(leaders.values())) >= 3, leaders


def test_generated_tasks_can_be_asked_for_by_name() -> None:
    """All eight, each with a sentence."""
    tasks = generated_tasks()
    assert len(tasks) == 8 and "task:addition" in tasks and all(about.endswith(".") for about in tasks.values())
