"""Bibliographies are read back by parsers that are not ours: nothing of a title, an author or an id is lost."""

import csv
import io

import rispy
from bibtexparser.entrypoint import parse_string
from bibtexparser.model import Entry as Block
from hypothesis import given, settings
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text

from survey.writing.bibliography import Bibliography, bibtex, in_bibtex, written
from survey.writing.entries import Entry

ODD = Entry(
    "2402.03300", "50% of {A} & B_c #1: $\\infty$-type τ-bench, \"naïve\" ~x^2 \\o", "2024-02-05",
    ("Ana Żółć", "José de la Peña", "王小明", "Johnson and Johnson Labs"), ("cs.CL", "cs.AI"), ("math",), "latex",
)  # fmt: skip
PLAIN = Entry("hep-th/9901001", "Strings", "1999-01", domains=("qa",))
LOCAL = Entry("local:0a1b2c", "Without an id", "")


def _parsed(text: str) -> dict[str, dict[str, str]]:
    library = parse_string(text)
    assert not library.failed_blocks
    blocks = [block for block in library.blocks if isinstance(block, Block)]
    return {block.key: {field.key: str(field.value) for field in block.fields} for block in blocks}


def _shown(source: str) -> str:
    braces = source.replace(r"{\textbraceleft}", r"\{").replace(r"{\textbraceright}", r"\}")  # which it does not know
    return " ".join(LatexNodes2Text(strict_latex_spaces=True).latex_to_text(braces).split())


def test_bibtex_is_read_back_with_arxivs_fields() -> None:
    """eprint, archivePrefix, primaryClass, DOI; and what LaTeX sets is the title and the authors as they were."""
    parsed = _parsed(bibtex([ODD, PLAIN, LOCAL]))
    assert list(parsed) == ["arxiv-2402.03300", "arxiv-hep-th-9901001", "local-0a1b2c"]
    odd = parsed["arxiv-2402.03300"]
    assert (odd["eprint"], odd["archivePrefix"], odd["primaryClass"]) == ("2402.03300", "arXiv", "cs.CL")
    assert (odd["year"], odd["month"], odd["doi"]) == ("2024", "feb", "10.48550/arXiv.2402.03300")
    assert _shown(odd["title"]) == "50% of {A} & B_c #1: ∞-type τ-bench, ”naïve” ~xˆ2 ø"
    names = [_shown(name) for name in odd["author"].split(" and ") if not name.startswith("{J") and "Labs" not in name]
    assert names[:3] == ["Ana Żółć", "José de la Peña", "王小明"]
    assert "{Johnson and Johnson Labs}" in odd["author"]
    assert "eprint" not in parsed["local-0a1b2c"] and "year" not in parsed["local-0a1b2c"]


def test_capitals_inside_words_survive_a_style() -> None:
    """A style that writes titles small leaves what stands in braces."""
    assert in_bibtex("DeepSeekMath: Training GPT-4 on GSM8K", protect=True) == (
        "{DeepSeekMath:} Training {GPT-4} on {GSM8K}"
    )


def test_commands_of_tex_in_a_title_become_characters() -> None:
    """arXiv keeps what authors typed; a path with a backslash is no command."""
    assert in_bibtex('G\\"odel, {\\o} and \\emph{not}') == r"G{\"o}del, {\o} and not"
    assert in_bibtex("in C:\\qqq") == r"in C:{\textbackslash}qqq"


def test_money_is_no_mathematics() -> None:
    """Two dollars that enclose no formula are two dollars."""
    assert in_bibtex("Between $50 and $60") == r"Between \$50 and \$60"
    assert in_bibtex("The $k$-means of $x_{1}$") == "The $k$-means of $x_{1}$"
    assert in_bibtex("An open ${x$ brace") == r"An open \${\textbraceleft}x\$ brace"


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30))
def test_no_title_breaks_the_file(title: str) -> None:
    """Whatever a title holds, the entry after it is still there, and the braces are even."""
    text = bibtex([Entry("2401.00001", title, "2024-01"), PLAIN])
    assert "arxiv-hep-th-9901001" in _parsed(text)
    assert text.count("{") == text.count("}")


def test_keys_are_unique_and_stay_the_same() -> None:
    """A paper's key depends on no other paper of the list; old and new ids never meet."""
    papers = ["2402.03300", "2402.03301", "cs/0301001", "cond-mat/0301001", "math/0301001", "local:12", "local:13"]
    keys = [Entry(paper, "Same title", "2024-02").key for paper in papers]
    assert len(set(keys)) == len(papers)
    assert all(key.isascii() and not set(key) & set(' ,{}"#%~\\:') for key in keys)


def test_ris_is_read_back() -> None:
    """One value a line, every author a line, the DOI and the address."""
    text = written([ODD, PLAIN, LOCAL], Bibliography.RIS)
    assert text.startswith("TY  - UNPB\n") and text.count("ER  -") == 3
    odd, plain, local = rispy.loads(text)
    assert odd["title"] == ODD.title and odd["authors"] == list(ODD.authors)
    assert (odd["doi"], odd["year"]) == ("10.48550/arXiv.2402.03300", "2024")
    assert plain["urls"] == ["https://arxiv.org/abs/hep-th/9901001"]
    assert "doi" not in local


def test_a_line_break_in_a_title_is_no_new_field() -> None:
    """RIS and BibTeX hold a title in one line."""
    entry = Entry("2401.00001", "A title\nER  - \n@misc{x,", "2024-01")
    assert len(rispy.loads(written([entry, PLAIN], Bibliography.RIS))) == 2
    assert len(_parsed(bibtex([entry, PLAIN]))) == 2


def test_csv_is_read_back() -> None:
    """With a head, and authors and categories in one cell each."""
    row = next(csv.DictReader(io.StringIO(written([ODD], Bibliography.CSV))))
    assert (row["arxiv_id"], row["title"], row["categories"]) == ("2402.03300", ODD.title, "cs.CL cs.AI")
    assert row["authors"].split("; ") == list(ODD.authors)
