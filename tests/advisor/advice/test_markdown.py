"""The answer as Markdown and HTML holds what the JSON holds, and its last line gives the same answer again."""

import shlex

import pytest
from lxml.html import fromstring

from advisor.advice.markdown import as_markdown
from advisor.advice.recommend import recommend
from advisor.task.examples import examples, generated_tasks
from advisor.task.traits import Traits, make_traits
from posttrain.assignments import parse_assignments


@pytest.mark.parametrize("example", range(4))
def test_an_example_as_markdown(example: int) -> None:
    """Title, each reason with linked sources and dissent, each change, each trait, and the command that repeats it."""
    answer = recommend(examples()[example].traits)
    page, top = as_markdown(answer), answer.top
    assert page.startswith(f"# {top.pipeline.title}\n")
    for reason in top.reasons:
        assert f"{reason.points:+d}: {reason.rule.because}" in page
        assert all(f"[{source.id}]({source.url})" in page for source in reason.rule.sources if source.url)
        assert all(f"but {dissent.source.link} {dissent.says}" in page for dissent in reason.rule.dissent)
    for change in answer.would_change:
        assert f"`{change.top.id}`" in page and f"`{change.trait} = " in page
    words = shlex.split(page.strip().splitlines()[-1].strip("`"))
    texts = [words[index + 1] for index, word in enumerate(words) if word == "--set"]
    assert make_traits(parse_assignments(texts, "")) == answer.traits


def test_nothing_known_is_a_page_too() -> None:
    """Nobody faces an error for not knowing."""
    page = as_markdown(recommend(Traits({})))
    assert "- nothing\n" in page and page.rstrip().endswith("`advisor ask --no-input`")


@pytest.mark.parametrize("example", range(4))
def test_an_example_in_a_notebook(example: int) -> None:
    """HTML has the title, a list item for each reason with links, each rival and each change; a frame has all."""
    answer = recommend(examples()[example].traits)
    html = fromstring(f"<div>{answer._repr_html_()}</div>")
    assert html.findtext(".//h3") == answer.top.pipeline.title
    items = [item.text_content() for item in html.iter("li")]
    assert len(items) == len(answer.why) + len(answer.rivals) + len(answer.would_change)
    assert all(reason.rule.because in item for reason, item in zip(answer.why, items, strict=False))
    links = {link.get("href") for link in html.iter("a")}
    assert links == {source.url for reason in answer.why for source in reason.rule.sources if source.url}
    frame = answer.to_frame()
    assert list(frame["id"]) == [x.pipeline.id for x in (*answer.ranked, *answer.ruled_out)]
    assert list(frame["score"].dropna()) == [option.score for option in answer.ranked]
    assert frame.loc[0, "papers_n"] == (answer.top.evidence.n if answer.top.evidence else None)


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
