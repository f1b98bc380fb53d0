"""Bad input: whatever lies among the papers ends as one counted skip, and the good paper beside it is counted."""

import gzip
import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from posttrain.errors import ExitCode
from tests.builders import FILLER, latex, latexml, make_pdf, make_tar, markdown_paper
from tests.chain import (
    DATA,
    answer,
    command_line,
    only_source,
    read_texts,
    save,
    save_table,
    sources,
    table_of,
    take_in,
    texts,
)

GOOD = markdown_paper("2501.00001", "We use GSM8K. " * 5, published="2025-01-02")
YEAR = "Written in 2025. "
PLEASE_WAIT = (
    "Please wait...\nIf this message is not eventually replaced by the proper contents of the document, your\n"
    + ("viewer may not be able to display this type of document. Words that fill the page of this form up. " * 2)
)
# FILLER as it comes from a font that numbers its glyphs and does not say which letters they are
SHIFTED = "\n".join("".join(chr(ord(c) - 29) if c.isalpha() else c for c in line) for line in (FILLER * 2).splitlines())


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", content: bytes = b"x 2025") -> bytes:
    """A tar with one member."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname, info.size = kind, target, len(content) if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _sparse(size: int, start: bytes = b"") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(start)
            file.truncate(size)

    return write


def _listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


_TEI = '<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><div><p>{}</p></div></body></text></TEI>'
_LAUGHS = '<!DOCTYPE TEI [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

# name: (what lies there, words of its reason). What is bytes or text is written, what is a function is called.
BAD: dict[str, tuple[bytes | str | Callable[[Path], object], str]] = {
    # files that are not what their name says
    "empty.pdf": (b"", "an empty file"),
    "blank.md": (" \n\n", "an empty file"),
    "empty.parquet": (b"", "an empty file"),
    "empty.jsonl": (b"", "no line with arXiv metadata: an empty file"),
    "page.pdf": ("<html><body>404 Not Found</body></html>", "an HTML page named .pdf"),
    "text.parquet": ("plain words", "a text, which no paper comes in"),
    "torn.parquet": (b"PAR1 torn", "a damaged Parquet file"),
    "letter.docx": (b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml", "an Office document or a book"),
    "torn.jsonl.gz": (gzip.compress(b"{}" * 90)[:12], "damaged gzip"),
    "endless.jsonl.gz": (gzip.compress(b"x" * (60 << 20)), "a line of more than 50 MB"),
    "other.md.gz": (make_tar({"a.md": "GSM8K"}), "an archive with the name of a single text"),
    "picture.png": (b"\x89PNG\r\n\x1a\n", "a PNG image, which no paper comes in"),
    "zeros.md": (bytes(9_000), "a binary file, not a text"),
    # PDF
    "locked.pdf": (make_pdf([FILLER], encrypt=True), "an encrypted PDF"),
    "cut.pdf": (make_pdf([FILLER])[:120], "a damaged PDF"),
    "scan.pdf": (make_pdf(["7"]), "a PDF of 1 pages without a text layer"),
    "form.pdf": (make_pdf([PLEASE_WAIT]), "a form that only its maker's reader can show (please wait)"),
    "shifted.pdf": (make_pdf([SHIFTED]), "a PDF of 1 pages whose fonts do not say which letters they show"),
    # notices in the place of a paper
    "gone.md": ("# On Otters\n\nWe have withdrawn this manuscript for an error in Lemma 2. 2025", "is withdrawn"),
    "gone.tar": (
        make_tar({"main.tex": latex("This submission has been removed by arXiv administrators. 2025")}, gz=False),
        "is withdrawn",
    ),
    "left.pdf": (make_pdf([f"{FILLER}\nThis paper was withdrawn by its authors in 2025."]), "is withdrawn"),
    "gone.html": (latexml("2501.00009v1", "On Otters", "<p>The authors retract this paper.</p>"), "is withdrawn"),
    # pages on which a conversion failed
    "fatal.html": (
        latexml("2501.00009v1", "On Otters", "<p>Conversion to HTML had a Fatal error and exited abruptly.</p>"),
        "an HTML page with an error: its conversion from LaTeX failed",
    ),
    "list.html": (
        latexml("2501.00009v1", "On Otters", '<section class="ltx_bibliography"><p>A. Lutra. GSM8K.</p></section>'),
        "an HTML page with references alone: its conversion from LaTeX failed",
    ),
    # lists of papers
    "ids.txt": ("2501.00011\narXiv:2501.00012v2\n", "a list of 2 papers"),
    "dois.md": ("# mine\n- https://doi.org/10.48550/arXiv.2501.00011\n- 10.1000/182\n", "a list of 2 papers"),
    "old.txt": ("hep-th/9901001\nhttps://arxiv.org/abs/math.GT/0309136\n", "a list of 2 papers"),
    "refs.bib": ("@misc{a, eprint={2501.00011}}", "a list of"),
    "left.jsonl": (
        '{"id": "2501.00011", "title": "T", "comments": "This paper has been withdrawn"}',
        "withdrawn, as the comments of its metadata say",
    ),
    # archives
    "torn.tar.gz": (make_tar({"main.tex": latex(FILLER)})[:-20], "damaged gzip"),
    "torn.tar": (make_tar({"main.tex": latex(FILLER)}, gz=False)[:700], "damaged tar"),
    "bomb.gz": (gzip.compress(bytes(16 << 20)) * 66, "unpacks to more than 1024 MB: a gzip bomb"),
    "long.gz": (gzip.compress(b"GSM8K 2025 " * (6 << 20)), "a text of 66 MB; expected at most 50"),
    "deep.tar": (_member("a/" * 40 + "main.tex"), "lies 41 folders deep"),
    "up.tar": (_member("../main.tex"), "member '../main.tex' leaves the archive's folder"),
    "absolute.tar": (_member("/etc/main.tex"), "member '/etc/main.tex' leaves the archive's folder"),
    "link.tar": (_member("main.tex", tarfile.SYMTYPE, "/etc/passwd"), "member 'main.tex' is a link to '/etc/passwd'"),
    "hard.tar": (_member("main.tex", tarfile.LNKTYPE, "/etc/passwd"), "member 'main.tex' is a link to '/etc/passwd'"),
    "foreign.tar": (_member(os.fsdecode(b"../caf\xe9.tex")), "leaves the archive's folder"),
    "figures.tar": (_member("figure.png"), "an archive without a .tex file"),
    # LaTeX
    "circle.tar": (
        make_tar({"main.tex": latex(r"2025 \input{a}"), "a.tex": r"\input{main}"}, gz=False),
        "\\input runs in a circle",
    ),
    "itself/main.tex": (latex(r"2025 \input{main}"), "\\input runs in a circle: main.tex → main.tex"),
    "passwd/main.tex": (latex(r"2025 \input{/etc/passwd}"), "\\input{/etc/passwd} leaves the source"),
    "parent/main.tex": (latex(r"2025 \input{../../secret}"), "\\input{../../secret} leaves the source"),
    "hollow/main.tex": (latex("% 2025"), "a LaTeX source without text"),
    # records
    "shape.json": ('{"a": 1}', "JSON of an unknown shape (a)"),
    "torn.json": ('{"body_text": [', "broken JSON"),
    "deep.json": ("[" * 200_000, "broken JSON"),
    "other.xml": ("<html/>", "XML with the root <html>"),
    "laughs.xml": (_LAUGHS + "]>" + _TEI.format("&i;"), ""),
    "lines.jsonl": ('{"prompt": "hi"}\n' * 30, "no arXiv metadata in its first 20 lines"),
    # too much
    "200mb.md": (_sparse(200 << 20, b"GSM8K "), "a text of 200 MB; expected at most 50"),
    "2501.00009.tex": (_sparse(200 << 20, b"2025 "), "a text of 200 MB; expected at most 50"),
    "200mb.json": (_sparse(200 << 20, b"{"), "a text of 200 MB; expected at most 50"),
    "600mb.pdf": (_sparse(600 << 20, b"%PDF-1.4"), "a file of 600 MB; expected at most 500"),
    # not files at all
    "pipe.pdf": (os.mkfifo, "a pipe or a device, not a file"),
    "pipe.jsonl": (os.mkfifo, "a pipe or a device, not a file"),
    "zero.md": (lambda path: path.symlink_to("/dev/zero"), "a pipe or a device, not a file"),
    "socket.md": (_listen, "a pipe or a device, not a file"),
    "gone.pdf": (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file or directory"),
    "ring.pdf": (lambda path: path.symlink_to("ring.pdf"), "cannot be read: Too many levels of symbolic links"),
    "again": (lambda path: path.symlink_to(".", target_is_directory=True), "a link to a folder"),
    # names
    "two\nlines.pdf": ("no PDF", "a text named .pdf"),
    "🤖.pdf": ("no PDF", "a text named .pdf"),
    os.fsdecode(b"caf\xe9.pdf"): ("no PDF", "a text named .pdf"),
}

TAKES_SECONDS = {"bomb.gz", "long.gz", "200mb.json", "2501.00009.tex"}


def _lay(name: str) -> None:
    what = BAD[name][0]
    if callable(what):
        Path("papers").mkdir(exist_ok=True)
        what(Path("papers", name))
    else:
        save(name, what)


def _shown(name: str) -> str:
    return f"papers/{name}".encode("utf-8", "backslashreplace").decode()


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in TAKES_SECONDS else []) for name in BAD],
    ids=lambda name: name.encode("ascii", "backslashreplace").decode(),
)
def test_bad_input_ends_as_one_skip_with_its_reason(name: str) -> None:
    """At the step that finds it, and the good paper beside it stays; none runs into the time limit of a paper."""
    _lay(name)
    save("good.md", GOOD)
    result = take_in()
    found = result.skipped
    if found:
        assert [path for path, _ in found] == [_shown(name)]
        assert [source.paper for source in sources()] == ["2501.00001"]
    else:
        found = read_texts().failed
        assert list(texts()) == ["2501.00001"]
    [(_, reason)] = found
    assert BAD[name][1] in reason
    assert "reader failed" not in reason
    assert "took longer than" not in reason


@pytest.mark.slow
def test_all_bad_input_at_once_through_the_command_line() -> None:
    """Every command ends well, says what it passed over, and the good paper is in the report."""
    laid = set(BAD) - TAKES_SECONDS
    for name in sorted(laid):
        _lay(name)
    save("good.md", GOOD)
    ingested = command_line("ingest", "papers", "--json")
    assert ingested.returncode == ExitCode.OK, ingested.stderr
    skipped = answer(ingested)["skipped"]
    extracted = command_line("extract", "--json")
    assert extracted.returncode == ExitCode.OK, extracted.stderr
    bad = [source for source in sources() if source.paper != "2501.00001"]
    assert len(skipped) + len(bad) == len(laid)
    assert {failure["arxiv_id"] for failure in answer(extracted)["failed"]} == {source.paper for source in bad}
    assert {skip["path"] for skip in skipped} <= {_shown(name) for name in laid}
    assert command_line("label").returncode == ExitCode.OK
    report = answer(command_line("report", "--json"))
    assert [row["n"] for row in report["tables"][0]["rows"] if row["k"]] == [1]
    status = command_line("status", "--json")
    assert answer(status)["flow"]["labelled"] == 1
    assert {skip["path"] for skip in answer(status)["flow"]["skipped"]} == {skip["path"] for skip in skipped}
    assert "Traceback" not in ingested.stderr + extracted.stderr + status.stderr


def test_nothing_but_bad_input_ends_with_exit_code_4() -> None:
    save("empty.pdf", b"")
    done = command_line("ingest", "papers")
    assert done.returncode == ExitCode.PARTIAL
    assert "skipped papers/empty.pdf: an empty file" in done.stdout


@pytest.mark.parametrize(
    "name", ["two\nlines.md", "🤖 é 数.md", "--help.md", "a'b\"c;d.md", os.fsdecode(b"caf\xe9.md")]
)
def test_a_paper_with_an_odd_name_is_a_paper(name: str) -> None:
    save(name, GOOD)
    assert take_in().ingested == 1
    assert only_source().name == _shown(name)
    assert read_texts().extracted == 1


def test_latin_1_is_read_and_not_skipped() -> None:
    """In markdown and in LaTeX, whose older sources are written in it."""
    save("a.md", markdown_paper("2501.00001", "Gödel uses GSM8K.").encode("latin-1"))
    save("2501.00002.tar.gz", make_tar({"main.tex": latex(YEAR + "Gödel uses MMLU.").encode("latin-1")}))
    assert take_in().skipped == []
    read_texts()
    assert "Gödel uses GSM8K." in texts()["2501.00001"][1]
    assert "Gödel uses MMLU." in texts()["2501.00002"][1]


def test_utf16_with_its_mark_is_read() -> None:
    save("a.md", GOOD.encode("utf-16"))
    assert take_in().skipped == []
    read_texts()
    assert "We use GSM8K." in texts()["2501.00001"][1]


def test_a_bad_file_is_not_kept_as_a_raw_paper() -> None:
    save("page.pdf", "<html>")
    take_in()
    assert not [path for path in (DATA / "raw").rglob("*") if path.is_file()]


def test_nothing_is_ever_written_under_a_name_from_an_archive() -> None:
    save("up.tar", _member("../../../escaped.tex"))
    save("2501.00001.tar", _member("inside.tex", content=latex(YEAR).encode()))
    take_in()
    read_texts()
    assert not list(Path().rglob("*.tex"))
    assert not list(Path().resolve().parent.rglob("escaped.tex"))


def test_a_file_and_a_folder_without_permission_are_skipped() -> None:
    closed = save("closed.md", GOOD)
    folder = save("shut/a.md", GOOD).parent
    closed.chmod(0)
    folder.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("this user (root) may read everything")
        skipped = dict(take_in().skipped)
    finally:
        closed.chmod(0o600)
        folder.chmod(0o700)
    assert skipped == {"papers/closed.md": "cannot be read: Permission denied",
                       "papers/shut": "cannot be read: Permission denied"}  # fmt: skip


def test_a_table_of_bad_texts_costs_its_bad_rows_alone() -> None:
    """Null bytes, control characters and half letters are text; nothing and blanks are none."""
    bodies = ["We use GSM8K.\0\x01\x02", "", "﷽" * 1000, " \t\n", "\u202eWe use MMLU."]
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(5)], bodies))
    take_in()
    assert [paper for paper, _ in read_texts().failed] == ["2501.00001", "2501.00003"]
