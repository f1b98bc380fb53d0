"""The title of a text is the paper's, whatever arXiv, a venue or a converter has put above it."""

import pytest

from survey.fulltext.markdown import identify_markdown, read_markdown
from survey.fulltext.pdf import identify_pdf
from survey.fulltext.titles import is_stamp, title_of
from survey.paper import ArxivId
from tests.builders import FILLER, make_pdf

TITLE = "Otters at Sea: A Study of Rafts"
STAMPS = (
    "arXiv:2501.01234v1 [cs.CL] 3 Jan 2025",
    "arXiv:2501.01234v1  [cs.CL]  3 Jan 2025",
    "arXiv: 2501.01234v1[cs.CL]3 Jan 2025",
    "# arXiv:2501.01234v1 [cs.CL] 3 Jan 2025",
    "**arXiv:2501.01234v1 \\[cs.CL\\] 3 Jan 2025**",
    "<sub>arXiv:2501.01234v1 [cs.CL] 3 Jan 2025</sub>",
    "> arXiv:2501.01234v1 [cs.CL] 3 Jan 2025",
    "arXiv:2501.01234v1\n[cs.CL]\n3 Jan 2025",
    "arXiv:2501.01234v1 [cs.CL] 3 Jan\n2025",
    "3 Jan 2025\n[cs.CL]\narXiv:2501.01234v1",
    "5202 naJ 3 ]LC.sc[ 1v43210.1052:viXra",
    "\n\n".join("5202 naJ 3 ]LC.sc[ 1v43210.1052:viXra".replace(" ", "")),
    "arXiv:cs/0112017v1 [cs.CL] 8 Dec 2001",
    "arXiv:cmp-lg/9404001v1 4 Apr 1994",
    "arXiv preprint arXiv:2501.01234",
    "https://arxiv.org/abs/2501.01234v1",
    "Preprint. Under review.\n\narXiv:2501.01234v1 [stat.ML] 3 Jan 2025",
    "Published as a conference paper at ICLR 2025",
    "![](images/logo.png)\n\n---\n<!-- page 1 -->",
)


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("heading", ["", "# ", "## "])
def test_the_stamp_of_a_page_is_no_title(stamp: str, heading: str) -> None:
    text = f"{stamp}\n\n{heading}{TITLE}\n\nAda Lovelace\n\n{FILLER}"
    assert identify_markdown(text.encode()).title == TITLE
    assert read_markdown(text.encode()).title == (TITLE if heading else "")


def test_a_title_on_the_line_of_the_stamp_is_kept() -> None:
    assert title_of(f"arXiv:2501.01234v1 [cs.CL] 3 Jan 2025 {TITLE}\nAda Lovelace") == TITLE


def test_a_stamp_alone_or_before_the_abstract_gives_no_title() -> None:
    assert title_of("arXiv:2501.01234v1 [cs.CL] 3 Jan 2025\n") == ""
    assert title_of("arXiv:2501.01234v1 [cs.CL] 3 Jan 2025\n\n## Abstract\nOtters hold hands.") == ""


@pytest.mark.parametrize(
    "title",
    [
        "March 2024 in Review: Reward Models",
        "2024-05-01 Was a Hot Day",
        "[Re] On Otters",
        "Copyright Traps for Large Language Models",
        "arXivDIGESTables: Synthesizing Tables",
        "Preprint Servers and Their Readers",
        "GPT-4 Technical Report",
        "1.5-Pints Technical Report",
        "(Mis)Fitting: Scaling Laws",
        "C# and F# for Otters",
    ],
)
def test_a_title_that_looks_like_a_part_of_a_stamp_is_kept_whole(title: str) -> None:
    assert title_of(f"{title}\nAda Lovelace") == title
    assert title_of(f"arXiv:2501.01234v1 [cs.CL] 3 Jan 2025\n\n# {title}\nAda Lovelace") == title
    assert not is_stamp(title)


def test_an_escaped_stamp_says_which_paper_it_is() -> None:
    identity = identify_markdown(f"arXiv:2501.01234v2 \\[cs.CL\\] 3 Feb 2025\n\n# {TITLE}\n\n{FILLER}".encode())
    assert identity.arxiv_id == ArxivId("2501.01234", 2)


def test_a_stamp_set_large_along_the_line_is_no_title_of_a_pdf() -> None:
    """As some converters of PDFs turn the margin into the head of the page."""
    data = make_pdf([FILLER], title="arXiv:2501.01234v1 [cs.CL] 3 Jan 2025")
    assert identify_pdf(data).title == ""
