"""arXiv's HTML: the text with its sections, the watermark as the stamp, nothing of the page around the paper."""

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import Kind, identify, kind_of, read
from survey.fulltext.sections import Section
from survey.paper import IdSource
from tests.builders import latexml

PAGE = latexml(
    "2401.00001v2",
    title="Counting <em>in</em> Words",
    body="""<section class="ltx_section"><h2>1 Introduction</h2><p class="ltx_p">We use HotpotQA
      <cite class="ltx_cite">[gsm8k2021]</cite> and <math alttext="\\mathrm{GSM8K}"><mi>x</mi></math>.</p>
      <figure class="ltx_table"><figcaption class="ltx_caption">Table 1: SVAMP</figcaption>
      <table class="ltx_tabular"><tr><td>ASDiv</td><td>1</td></tr></table></figure></section>
      <section class="ltx_bibliography"><ul><li>TriviaQA: a dataset</li></ul></section>
      <section class="ltx_appendix"><h2>A More</h2>
      <table class="ltx_tabular"><tr><td>MuSiQue</td></tr></table></section>
      <script>var humaneval = 1</script><a class="ltx_ref ltx_url" href="x">https://x.org/webshop</a>""",
)


def test_the_text_has_its_sections() -> None:
    """Body, caption, table, references and appendix; a table of the appendix belongs to the appendix."""
    text = read(Kind.HTML, PAGE)
    names = {"HotpotQA": Section.BODY, "SVAMP": Section.CAPTION, "ASDiv": Section.TABLE,
             "TriviaQA": Section.REFERENCES, "MuSiQue": Section.APPENDIX, "GSM8K": Section.BODY}  # fmt: skip
    assert {name: text.section_at(text.text.index(name)) for name in names} == names
    assert (text.surface, text.title) == ("html", "Counting in Words")


def test_what_is_no_text_of_the_paper_is_left_out() -> None:
    """Citation keys, scripts, addresses and the bar of the page."""
    text = read(Kind.HTML, PAGE).text
    for word in ("gsm8k2021", "humaneval", "webshop", "Report issue"):
        assert word not in text


def test_the_watermark_gives_the_id() -> None:
    """Of version 2 only the id and its month are known."""
    found = identify(Kind.HTML, PAGE)
    assert (found.arxiv_id and found.arxiv_id.id, found.source, found.is_first) == ("2401.00001", IdSource.STAMP, False)


def test_another_page_is_refused() -> None:
    """A captcha is HTML too."""
    assert kind_of(b"<!DOCTYPE html><html>please wait</html>", "a.html") is Kind.HTML
    with pytest.raises(UnreadableError, match="not a paper of arXiv"):
        read(Kind.HTML, b"<!DOCTYPE html><html>please wait</html>")
