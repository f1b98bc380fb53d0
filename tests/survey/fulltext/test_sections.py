"""A place in a paper belongs to one section, found without any markup."""

import pytest

from survey.fulltext.sections import Section, Text, join_pieces, section_at, split_plain

BODY = "We train a model and look at what it does.\n" * 10


def section_of(text: str, word: str) -> Section:
    """Return the section of the only `word` in `text`."""
    assert text.count(word) == 1
    return section_at(split_plain(text), text.index(word))


@pytest.mark.parametrize(
    "heading",
    [
        "References", "REFERENCES", "7 References", "VI. Bibliography", "## References:",
        # in bold or underlined, as converters write headings
        "**References**", "## **References**", "# **8. References**", "__REFERENCES__", "*References*",
        "<b>References</b>",
        "### 9 **Bibliography** ###", "**VII. REFERENCES**",
        # small capitals and spaced letters in PDF text
        "R EFERENCES", "R E F E R E N C E S", "7 R EFERENCES", "BIBLIO GRAPHY", "B IBLIOGRAPHY",
        # other languages
        "Literaturverzeichnis", "## Références", "Bibliographie", "REFERENCIAS", "Bibliografía", "Referências",
        "Riferimenti bibliografici", "Список литературы", "## 参考文献", "参考 文献", "참고문헌", "Kaynakça",
        "5. Literatura",
        # the singular, above its first entry
        "Reference\n[1] Lutra.", "Reference:\n1. Lutra.",
    ],
)  # fmt: skip
def test_references_begin_at_their_heading(heading: str) -> None:
    text = f"{BODY}BEFORE\n{heading}\nCITED. A paper of others.\n"
    assert section_of(text, "BEFORE") is Section.BODY
    assert section_of(text, "CITED") is Section.REFERENCES


def test_a_references_heading_in_the_first_quarter_is_a_table_of_contents() -> None:
    text = f"Contents\nReferences\n{BODY}INSIDE\n"
    assert section_of(text, "INSIDE") is Section.BODY


def test_the_word_references_within_a_sentence_is_no_heading() -> None:
    text = f"{BODY}The\nreferences are many.\nINSIDE\n"
    assert section_of(text, "INSIDE") is Section.BODY


@pytest.mark.parametrize("line", ["Reference", "references.", "Literature", "References to others", "in References"])
def test_a_line_that_only_looks_like_the_heading_is_none(line: str) -> None:
    """A column of a table, the end of a sentence, a section on the literature."""
    assert section_of(f"{BODY}The\n{line}\nare many.\nINSIDE\n", "INSIDE") is Section.BODY


@pytest.mark.parametrize(
    "heading",
    [
        "**Appendix**",
        "A PPENDIX B",
        "## **A Prompts of All Tasks**",
        "Anhang",
        "Appendix",
        "# Appendix A: Prompts",
        "A Prompts of All Tasks",
        "A.1 Details",
    ],
)
def test_an_appendix_follows_the_references(heading: str) -> None:
    text = f"{BODY}References\nCITED. A paper of others, 2020.\n{heading}\nBEHIND\n"
    assert section_of(text, "CITED") is Section.REFERENCES
    assert section_of(text, "BEHIND") is Section.APPENDIX


def test_an_appendix_is_not_looked_for_before_the_references() -> None:
    text = f"{BODY}Appendix\nINSIDE\n{BODY}References\nCITED. A paper of others.\n"
    assert section_of(text, "INSIDE") is Section.BODY
    assert section_of(text, "CITED") is Section.REFERENCES


def test_a_cited_survey_in_lower_case_does_not_begin_an_appendix() -> None:
    text = f"{BODY}References\nWang. 2023.\na survey of models\nCITED\n"
    assert section_of(text, "CITED") is Section.REFERENCES


@pytest.mark.parametrize("start", ["Table 1: ", "Figure 12. ", "Fig. 3: ", "TABLE A2 | "])
def test_a_caption_reaches_to_the_end_of_its_sentence(start: str) -> None:
    text = f"{BODY}{start}SCORES of all models.\nAFTER it the text goes on.\n{BODY}"
    assert section_of(text, "SCORES") is Section.CAPTION
    assert section_of(text, "AFTER") is Section.BODY


def test_a_mention_of_a_table_is_no_caption() -> None:
    text = f"{BODY}Table 1 shows the SCORES of all.\n{BODY}"
    assert section_of(text, "SCORES") is Section.BODY


def test_a_caption_without_an_end_stops_after_800_characters() -> None:
    text = f"{BODY}Table 1: scores {'and more ' * 100} AFTER\n{BODY}"
    assert section_of(text, "AFTER") is Section.BODY


def test_pieces_join_to_a_text_whose_spans_name_their_sections() -> None:
    pieces = [(Section.BODY, "one"), (Section.BODY, " "), (Section.BODY, "two"), (Section.TABLE, "three")]
    text, spans = join_pieces(pieces)
    assert text == "one\ntwo\nthree"
    assert spans == ((0, Section.BODY), (8, Section.TABLE))
    assert Text("latex", text, spans).section_at(text.index("three")) is Section.TABLE


def test_a_text_without_spans_is_body() -> None:
    assert section_at((), 5) is Section.BODY
