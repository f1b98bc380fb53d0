r"""LaTeX becomes the text that its own build would print: nothing from stale files, nothing hidden in macros."""

import itertools
import json
import re
import tracemalloc
from pathlib import Path

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import Kind, Section, Text, read
from survey.fulltext.latex import find_root, read_latex
from tests.builders import latex


def text_of(body: str, preamble: str = "") -> Text:
    """Return the text of a document of one file."""
    return read_latex({"main.tex": latex(body, preamble).encode()})


def words(body: str, preamble: str = "") -> str:
    """Return the text of a document of one file on one line."""
    return " ".join(text_of(body, preamble).text.split())


def tree(**files: str) -> dict[str, bytes]:
    """Return a source tree; in the names __ stands for a slash, and .tex is added."""
    return {name.replace("__", "/") + ".tex": text.encode() for name, text in files.items()}


def section_of(text: Text, word: str) -> Section:
    """Return the section of the only `word` in `text`."""
    assert text.text.count(word) == 1
    return text.section_at(text.text.index(word))


# The root file


@pytest.mark.parametrize(
    ("name", "listing"),
    [
        ("00README.json", json.dumps({"sources": [{"filename": "short.tex", "usage": "toplevel"}]})),
        ("00README.XXX", "figure.tex ignore\nshort.tex toplevelfile\n"),
    ],
)
def test_the_root_is_the_file_that_the_readme_names(name: str, listing: str) -> None:
    files = {**tree(short=latex("CHOSEN"), main=latex("OTHER " * 50)), name: listing.encode()}
    assert "CHOSEN" in read_latex(files).text


@pytest.mark.parametrize(
    "listing",
    [
        "not json",
        "[]",
        '{"sources": null}',
        '{"sources": [{"filename": "gone.tex", "usage": "toplevel"}]}',
        '{"sources": [{"filename": ["a"], "usage": "toplevel"}, 3]}',
        "[" * 100_000,
    ],
)
def test_a_readme_that_names_no_file_is_passed_over(listing: str) -> None:
    assert "FOUND" in read_latex({**tree(main=latex("FOUND")), "00README.json": listing.encode()}).text


def test_of_two_roots_the_longer_build_is_the_paper() -> None:
    files = tree(rebuttal=latex("REBUTTAL " * 5), paper=latex(r"\input{body}"), body="PAPER " * 50)
    text = read_latex(files).text
    assert "PAPER" in text
    assert "REBUTTAL" not in text


def test_a_standalone_subfile_is_a_part_and_not_the_root() -> None:
    part = latex("PART " * 50).replace(r"\documentclass{article}", r"\documentclass[../main.tex]{subfiles}")
    text = read_latex(tree(main=latex("FIRST\n\\subfile{parts/one}\nLAST"), parts__one=part)).text
    assert re.sub(r"(PART\s+)+", "PART ", " ".join(text.split())) == "FIRST PART LAST"


def test_a_commented_documentclass_makes_no_root() -> None:
    sources = {"old.tex": "%\\documentclass{article}\n" + "x" * 500, "new.tex": latex("text")}
    assert find_root(sources) == "new.tex"


def test_a_source_without_any_file_is_unreadable() -> None:
    with pytest.raises(UnreadableError, match=r"no \.tex file"):
        read_latex({})


# The closure of \input


@pytest.mark.parametrize(
    "command",
    [
        r"\input{sections/one}",
        r"\input{sections/one.tex}",
        r"\input sections/one",
        r"\input{./sections/one}",
        r"\include{sections/one}",
        r"\subfile{sections/one}",
        r"\import{sections/}{one}",
        r"\subimport{sections}{one.tex}",
    ],
)
def test_an_input_file_stands_in_the_place_of_its_command(command: str) -> None:
    files = tree(main=latex(f"BEFORE\n{command}\nAFTER"), sections__one="INSIDE")
    assert read_latex(files).text.split() == ["BEFORE", "INSIDE", "AFTER"]


def test_inputs_within_inputs_are_followed() -> None:
    files = tree(main=latex(r"\input{a}"), a=r"A \input{b}", b="B")
    assert read_latex(files).text.split() == ["A", "B"]


def test_a_file_that_no_one_inputs_is_not_counted() -> None:
    files = tree(main=latex(r"NEW \input{table}"), table="TABLE", table_old="STALE", intro_v2="STALE")
    assert "STALE" not in read_latex(files).text


def test_an_input_in_a_comment_is_not_followed() -> None:
    files = tree(main=latex("TEXT\n% \\input{old}\n"), old="STALE")
    assert "STALE" not in read_latex(files).text


def test_a_missing_input_is_noted_and_the_rest_is_read() -> None:
    text = text_of(r"BEFORE \input{tables/gone} AFTER")
    assert text.text.split() == ["BEFORE", "AFTER"]
    assert text.note == "not in the source: tables/gone"


def test_nothing_missing_leaves_no_note() -> None:
    assert text_of("all here").note == ""


@pytest.mark.parametrize(
    "files",
    [
        tree(main=latex(r"\input{main}")),
        tree(main=latex(r"\input{a}"), a=r"\input{b}", b=r"\input{a}"),
    ],
)
def test_files_that_input_each_other_are_unreadable(files: dict[str, bytes]) -> None:
    with pytest.raises(UnreadableError, match="runs in a circle"):
        read_latex(files)


@pytest.mark.parametrize(
    "command",
    [
        r"\input{/etc/passwd}",
        r"\input /etc/passwd",
        r"\input{../../../../etc/passwd}",
        r"\include{../secret}",
        r"\import{/etc/}{passwd}",
        r"\import{../}{secret}",
        r"\subfile{a/../../secret}",
    ],
)
def test_an_input_outside_the_source_is_refused(command: str) -> None:
    with pytest.raises(UnreadableError, match="leaves the source"):
        text_of(f"TEXT {command}")


@pytest.mark.parametrize("command", [r"\verbatiminput{/etc/passwd}", r"\lstinputlisting{/etc/passwd}", r"\openin1=x"])
def test_no_command_opens_a_file_of_this_machine(command: str) -> None:
    for line in Path("/etc/passwd").read_text().split():
        assert line not in words(f"TEXT {command}")


def test_a_root_in_a_folder_may_reach_its_neighbours_within_the_source() -> None:
    files = tree(paper__main=latex(r"\input{../shared/one}"), shared__one="INSIDE")
    assert read_latex(files).text.strip() == "INSIDE"


def test_inputs_that_double_each_other_stop_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survey.fulltext.latex.files.MAX_TEXT", 1 << 20)
    files = {f"f{n}.tex": (f"\\input{{f{n + 1}}}" * 2).encode() for n in range(25)}
    files |= {"f25.tex": b"x" * 100, "main.tex": latex(r"\input{f0}").encode()}
    with pytest.raises(UnreadableError, match="more than 1 MB of LaTeX"):
        read_latex(files)


# Comments


def test_comments_are_out_and_an_escaped_percent_sign_stays() -> None:
    assert words("A 95\\% share % GONE\nB\\\\% GONE\nC") == "A 95% share B C"


@pytest.mark.parametrize(
    "body",
    [
        "A\n\\begin{comment}\nGONE\n\\end{comment}\nB",
        "A\n\\iffalse\nGONE\n\\fi\nB",
        "A\n\\iffalse GONE \\else B \\fi",
        "A\n%\\begin{comment}\nB\n%\\end{comment}",
    ],
)
def test_comment_environments_and_iffalse_are_out(body: str) -> None:
    assert words(body) == "A B"


@pytest.mark.parametrize("link", [r"\url{http://x.org/a%20b}", r"\href{http://x.org/a%20b}{here}"])
def test_a_percent_sign_in_an_address_begins_no_comment(link: str) -> None:
    assert words(f"A {link} GSM8K") in ("A GSM8K", "A here GSM8K")


# Macros


@pytest.mark.parametrize(
    "definition",
    [
        r"\newcommand{\gsm}{GSM8K}",
        r"\newcommand\gsm{GSM8K}",
        r"\newcommand*{\gsm}{GSM8K\xspace}",
        r"\newcommand{\gsm}[0]{GSM8K}",
        r"\renewcommand{\gsm}{GSM8K}",
        r"\providecommand{\gsm}{GSM8K}",
        r"\DeclareRobustCommand{\gsm}{GSM8K}",
        r"\def\gsm{GSM8K}",
        r"\newcommand{\gsm}{\textsc{Gsm}8K}",
    ],
)
@pytest.mark.parametrize(
    ("use", "printed"),
    [
        (r"on \gsm{} we", "on gsm8k we"),
        (r"on \gsm\ we", "on gsm8k we"),
        (r"on {\gsm}, we", "on gsm8k, we"),
        (r"on \gsm-hard", "on gsm8k-hard"),
    ],
)
def test_a_name_in_a_macro_counts_as_often_as_it_is_printed(definition: str, use: str, printed: str) -> None:
    assert words(use, definition).lower() == printed


def test_macros_within_macros_are_expanded() -> None:
    preamble = r"\newcommand{\gsm}{GSM}\newcommand{\gsmk}{\gsm8K}\def\both{\gsmk{} and \gsmk}"
    assert words(r"\both", preamble) == "GSM8K and GSM8K"


def test_the_longer_of_two_macro_names_is_meant() -> None:
    assert words(r"\gsmhard", r"\def\gsm{GSM8K}\def\gsmhard{GSM-Hard}") == "GSM-Hard"


def test_a_macro_with_arguments_is_left_alone_and_its_argument_stays() -> None:
    preamble = r"\newcommand{\bench}[1]{\textsc{#1}}\def\two#1#2{#2}"
    assert words(r"\bench{GSM8K} and \bench{MATH}", preamble) == "GSM8K and MATH"


def test_a_definition_alone_counts_nothing() -> None:
    assert words(r"\newcommand{\gsm}{GSM8K} text") == "text"


def test_macros_that_multiply_each_other_stay_bounded() -> None:
    names = "abcdefghij"
    laughs = "".join(f"\\def\\lol{a}{{{f'{chr(92)}lol{b} ' * 10}}}" for a, b in itertools.pairwise(names))
    text = text_of(r"TEXT \lola", laughs + r"\def\lolj{laugh}").text
    assert "TEXT" in text
    assert len(text) < 100_000


def test_one_round_of_expansion_is_bounded_before_it_is_made() -> None:
    """Ten thousand uses of a long macro would be 190 MB."""
    source = {"main.tex": latex(r"\a " * 10_000, r"\def\a{" + "laugh " * 3_200 + "}").encode()}
    tracemalloc.start()
    try:
        text = read_latex(source).text
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) < 1_000_000
    assert peak < 20_000_000


def test_a_macro_that_names_itself_ends() -> None:
    assert "TEXT" in text_of(r"TEXT \a", r"\def\a{x\a}").text


# Markup


@pytest.mark.parametrize(
    "hidden",
    [
        r"\cite{gsm8k}",
        r"\citep[see][p.~3]{gsm8k,math}",
        r"\citet*{gsm8k}",
        r"\Citeauthor{gsm8k}",
        r"\textcite{gsm8k}",
        r"\nocite{gsm8k}",
        r"\label{tab:gsm8k}",
        r"\ref{tab:gsm8k}",
        r"\autoref{tab:gsm8k}",
        r"\Cref{tab:gsm8k}",
        r"\eqref{eq:gsm8k}",
        r"\hyperref[sec:gsm8k]{}",
        r"\url{https://example.org/gsm8k}",
        r"\includegraphics[width=.5\linewidth]{figures/gsm8k.pdf}",
        r"\bibliography{gsm8k}",
        r"\bibliographystyle{gsm8k}",
        r"\usepackage[gsm8k]{gsm8k}",
        r"\begin{gsm8k}",
    ],
)
def test_keys_labels_addresses_and_file_names_are_not_text(hidden: str) -> None:
    assert words(f"A {hidden} B") == "A B"


@pytest.mark.parametrize(
    ("raw", "printed"),
    [
        (r"\href{https://example.org/math}{GSM8K}", "GSM8K"),
        (r"\hyperref[sec:x]{GSM8K}", "GSM8K"),
        (r"\textbf{\emph{GSM8K}}", "GSM8K"),
        (r"{\bf GSM8K}", "GSM8K"),
        (r"\textcolor{red}{GSM8K}", "GSM8K"),
        (r"\textsc{Trivia}QA", "TriviaQA"),
        (r"Trivia\-QA", "TriviaQA"),
        (r"GSM8K~\cite{x}, MATH", "GSM8K , MATH"),
        (r"$\text{GSM8K}^2$", "GSM8K2"),
        (r"GSM\_8K \#1 \&{} \{x\}", "GSM_8K #1 & x"),
        (r"Q\&A costs \$5", "Q&A costs $5"),
        (r"SWE--bench --- now", "SWE-bench - now"),
    ],
)
def test_words_inside_commands_stay(raw: str, printed: str) -> None:
    assert words(raw) == printed


@pytest.mark.parametrize(
    "raw",
    [
        r"\multicolumn{2}{c}{GSM8K}",
        r"\multicolumn{1}{p{3cm}|}{\textbf{GSM8K}}",
        r"\multirow{2}{*}{GSM8K}",
        r"\multirow[t]{-2}{*}{GSM8K}",
        r"\rotatebox[origin=c]{90}{GSM8K}",
        r"\resizebox{\textwidth}{!}{GSM8K}",
        r"\begin{tabular}{l|c}GSM8K\end{tabular}",
        r"\begin{tabular}[t]{@{}l p{3cm}@{}}GSM8K\end{tabular}",
        r"\begin{tabular*}{5cm}{lc}GSM8K\end{tabular*}",
        r"\begin{tabularx}{\linewidth}{lX}GSM8K\end{tabularx}",
    ],
)
def test_the_layout_of_a_table_does_not_grow_into_its_cells(raw: str) -> None:
    assert words(raw) == "GSM8K"


def test_the_first_cell_in_braces_is_no_layout() -> None:
    assert words(r"\begin{tabular}{l}{\bf GSM8K} & \multirow{2}*{MATH}\end{tabular}{\small end}").startswith("GSM8K |")


def test_table_cells_do_not_grow_together() -> None:
    assert words(r"GSM8K & MATH \\ AIME & GPQA\\[2pt]").startswith("GSM8K | MATH AIME | GPQA")


@pytest.mark.parametrize(
    ("raw", "letter"),
    [
        (r"\"{o}", "ö"),
        (r"\'e", "é"),
        (r"\c{c}", "ç"),
        (r"\v{s}", "š"),
        (r"\~n", "ñ"),
        (r"\'{\i}", "í"),
        (r"\H{o}", "ő"),
    ],
)
def test_accents_become_letters(raw: str, letter: str) -> None:
    assert words(f"x{raw}y") == f"x{letter}y"


def test_bytes_that_are_not_utf_8_are_latin_1() -> None:
    assert read_latex({"main.tex": latex("Gödel").encode("latin-1")}).text.strip() == "Gödel"


def test_a_byte_order_mark_is_no_text() -> None:
    assert read_latex({"main.tex": latex("TEXT").encode("utf-8-sig")}).text.strip() == "TEXT"


# The title


@pytest.mark.parametrize(
    "title",
    [
        r"\title{Learning to \\ Count}",
        r"\title[Short]{Learning to Count}",
        r"\title{Learning to Count\thanks{Work done at home.}}",
        r"\newcommand{\name}{Learning}\title{\name{} to Count}",
    ],
)
def test_the_title_is_read_without_its_notes(title: str) -> None:
    assert text_of("body", title).title == "Learning to Count"


def test_the_title_counts_once_wherever_it_is_set() -> None:
    assert words("body", r"\title{About GSM8K}") == "About GSM8K body"
    assert words(r"\title{About GSM8K} \maketitle body") == "About GSM8K body"


# Sections

PAPER = r"""\begin{abstract}ABSTRACT\end{abstract}
BODY
\begin{figure}\includegraphics{x}\caption{FIGCAPTION with \textbf{words}}\end{figure}
\begin{table*}\caption[short]{TABCAPTION}\begin{tabular}{lc} CELL & 1 \end{tabular}\end{table*}
MIDDLE
\begin{thebibliography}{9}\bibitem[Key(2020)]{key} CITED\end{thebibliography}
\appendix
APPENDIX
\begin{table}\caption{LATECAPTION}\begin{tabular}{c} LATECELL\end{tabular}\end{table}"""


@pytest.mark.parametrize(
    ("word", "section"),
    [
        ("ABSTRACT", Section.BODY),
        ("BODY", Section.BODY),
        ("FIGCAPTION", Section.CAPTION),
        ("TABCAPTION", Section.CAPTION),
        ("CELL", Section.TABLE),
        ("MIDDLE", Section.BODY),
        ("CITED", Section.REFERENCES),
        ("APPENDIX", Section.APPENDIX),
        ("LATECAPTION", Section.APPENDIX),
        ("LATECELL", Section.APPENDIX),
    ],
)
def test_every_place_has_its_section(word: str, section: Section) -> None:
    text = text_of(PAPER)
    at = re.search(rf"\b{word}\b", text.text)
    assert at is not None
    assert text.section_at(at.start()) is section


def test_references_behind_the_appendix_do_not_end_it() -> None:
    text = text_of(r"BODY \appendix ONE \begin{thebibliography}{9}CITED\end{thebibliography} TWO")
    found = [section_of(text, word) for word in ("BODY", "ONE", "CITED", "TWO")]
    assert found == [Section.BODY, Section.APPENDIX, Section.REFERENCES, Section.APPENDIX]


# The bibliography

BBL = r"\begin{thebibliography}{9}\bibitem{k} CITED paper\end{thebibliography}"


@pytest.mark.parametrize("place", [r"\bibliography{refs}", r"\printbibliography", r"\printbibliography[heading=none]"])
def test_the_bbl_stands_in_the_place_of_the_bibliography(place: str) -> None:
    files = {"main.tex": latex(f"BODY\n{place}\nBEHIND").encode(), "main.bbl": BBL.encode()}
    text = read_latex(files)
    assert section_of(text, "CITED") is Section.REFERENCES
    assert section_of(text, "BEHIND") is Section.BODY
    assert text.text.index("BODY") < text.text.index("CITED") < text.text.index("BEHIND")


def test_a_bbl_of_biblatex_is_references_too() -> None:
    files = {
        "main.tex": latex(r"BODY \printbibliography").encode(),
        "main.bbl": rb"\entry{k}{article}{} CITED \endentry",
    }
    assert section_of(read_latex(files), "CITED") is Section.REFERENCES


BIB = rb"""@comment{no entry}
@article{one, title = {CITED {GSM8K} work}, author={Nobody}, eprint = {2110.14168}, year=2021}
@misc{two, title = "QUOTED title", url = {https://arxiv.org/abs/2402.03300v2}}
@misc{three, title={UNCITED}}
@misc{broken, title={never ends
"""


def test_of_a_bib_what_the_paper_cites_is_read() -> None:
    """Title, ids and year, as references; nothing that is not cited, and a broken entry ends only itself."""
    files = {"main.tex": latex(r"BODY \citep[see][]{one, two} \bibliography{refs}").encode(), "refs.bib": BIB}
    text = read_latex(files)
    assert section_of(text, "CITED GSM8K work. arXiv:2110.14168") is Section.REFERENCES
    assert "QUOTED title. arXiv:2402.03300v2" in " ".join(text.text.split())
    assert not {"UNCITED", "Nobody", "never"} & set(text.text.split())


def test_of_a_bib_everything_is_read_where_the_paper_says_so() -> None:
    r"""`\nocite{*}`."""
    files = {"main.tex": latex(r"BODY \nocite{*} \bibliography{refs}").encode(), "refs.bib": BIB}
    assert "UNCITED" in read_latex(files).text


def test_a_bib_stands_back_behind_a_bbl() -> None:
    """The .bbl holds what was cited; the .bib all that could have been."""
    files = {
        "main.tex": latex(r"BODY \cite{one} \bibliography{refs}").encode(),
        "refs.bib": BIB,
        "main.bbl": BBL.encode(),
    }
    assert "GSM8K" not in read_latex(files).text


@pytest.mark.parametrize(
    "address",
    [r"\url{https://arxiv.org/abs/2402.03300}", r"\href{http://arxiv.org/pdf/2402.03300.pdf}{link}",
     r"\path{https://doi.org/10.48550/arXiv.2402.03300}"],
)  # fmt: skip
def test_an_address_of_references_leaves_its_arxiv_id(address: str) -> None:
    """Other addresses go, and those in the body as well."""
    bbl = BBL.replace("CITED", rf"CITED {address} \url{{https://github.com/gsm8k}}")
    text = read_latex(
        {"main.tex": latex(rf"BODY {address} \bibliography{{r}}").encode(), "main.bbl": bbl.encode()}
    ).text
    assert text.count("arXiv:2402.03300") == 1
    assert "gsm8k" not in text


def test_titles_of_biblatex_are_sentences() -> None:
    r"""`\field{title}{X}` does not run into its name."""
    bbl = rb"\entry{k}{article}{} \field{sortinit}{L} \field{title}{Learning to Count} \field{year}{2024} \endentry"
    files = {"main.tex": latex(r"BODY \printbibliography").encode(), "main.bbl": bbl}
    assert "Learning to Count. 2024." in " ".join(read_latex(files).text.split())


def test_the_bbl_of_another_root_is_not_taken() -> None:
    files = {"main.tex": latex("BODY").encode(), "main.bbl": BBL.encode(), "old.bbl": b"STALE"}
    assert "STALE" not in read_latex(files).text


def test_a_bibliography_in_the_source_is_not_counted_again_from_the_bbl() -> None:
    files = {"main.tex": latex(f"BODY {BBL}").encode(), "main.bbl": BBL.encode()}
    assert read_latex(files).text.count("CITED") == 1


@pytest.mark.corpus
def test_an_eprint_counts_what_its_paper_prints(corpora: Path) -> None:
    """2004.14974 names FEVER 31, SciFact 50 and RoBERTa 12 times outside its references (BioMedRoBERTa is another)."""
    text = read(Kind.LATEX, (corpora / "papers/A_fulltext/eprint_tar/2004.14974.gz").read_bytes())
    counts = dict.fromkeys(("FEVER", "SciFact", "RoBERTa"), 0)
    for name in counts:
        for match in re.finditer(rf"\b{name}\b", text.text, re.IGNORECASE):
            counts[name] += text.section_at(match.start()) is not Section.REFERENCES
    assert counts == {"FEVER": 31, "SciFact": 50, "RoBERTa": 12}


def test_an_abstract_in_the_preamble_is_kept() -> None:
    """Some classes want title and abstract before the document begins."""
    source = r"\documentclass{x}\title{T}\abstract{We score on GSM8K.}\begin{document}Body.\end{document}"
    text = read_latex({"main.tex": source.encode()}).text
    assert text.index("T") < text.index("We score on GSM8K.") < text.index("Body.")
