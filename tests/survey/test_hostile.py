"""Hostile input: two hundred files, broken, nested, endless or misnamed, end as counted skips, and nothing escapes."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from survey.store.chosen import papers_without_text
from survey.store.papers import Store
from tests.builders import FILLER, latex, latexml, make_pdf, make_tar, markdown_paper
from tests.chain import DATA, counts, read_texts, save, sources, table_of, take_in

GOOD = markdown_paper("2501.99999", "We use GSM8K. " * 5, published="2025-01-02")


def _parquet() -> bytes:
    out = io.BytesIO()
    ids = [f"2502.{number:05d}" for number in range(1, 41)]
    parquet.write_table(pyarrow.table(table_of(ids, [FILLER * 3] * 40)), out, row_group_size=10)
    return out.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


TEX = latex(f"{FILLER} 2025").encode()
WHOLE = {
    "a.pdf": make_pdf([FILLER, FILLER]),
    "a.tar.gz": make_tar({"main.tex": TEX, "b.tex": TEX}),
    "a.tar": make_tar({"main.tex": TEX}, gz=False),
    "a.zip": _zip({"main.tex": TEX}),
    "a.tex": TEX,
    "a.html": latexml("2503.00001v1", "On Otters", f"<p>{FILLER}</p>"),
    "a.json": json.dumps({"paper_id": "2503.00002", "body_text": [{"text": FILLER}], "bib_entries": {}}).encode(),
    "a.xml": f'<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><p>{FILLER}</p></body></text></TEI>'.encode(),
    "a.jsonl.gz": gzip.compress(b'{"id": "2503.00003", "title": "On Otters"}\n' * 5, mtime=0),
    "a.parquet": _parquet(),
}


def _damaged(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Each format cut short, with bytes changed, with zeros inside, under the name of another."""
    names = list(WHOLE)
    for number in range(12):
        for name, content in WHOLE.items():
            changed = bytearray(content)
            match number % 4:
                case 0:
                    del changed[rng.randrange(1, len(changed)) :]
                case 1:
                    for _ in range(20):
                        changed[rng.randrange(len(changed))] = rng.randrange(256)
                case 2:
                    start = rng.randrange(len(changed))
                    changed[start : start + 50] = bytes(50)
                case _:
                    pass
            called = name if number % 4 < 3 else names[(names.index(name) + number // 4 + 1) % len(names)]
            yield f"{number}-{name.partition('.')[2]}-{called}", bytes(changed)


def _bombs(rng: random.Random) -> Iterator[tuple[str, bytes]]:
    """Archives in archives, paths that leave, endless lines and nesting without a floor."""
    zeros = bytes(30 << 20)
    inner = gzip.compress(TEX, mtime=0)
    for _ in range(30):
        inner = gzip.compress(inner, mtime=0)
    yield from {
        "nested.tar.gz": inner,
        "nested.zip": _zip({"a.zip": _zip({"b.zip": _zip({"main.tex": TEX})})}),
        "zeros.zip": _zip({f"{number}.tex": zeros for number in range(3)}),
        "big.zip": _zip({"main.tex": bytes(60 << 20)}),
        "up.zip": _zip({"../../escaped.tex": TEX, "main.tex": TEX}),
        "absolute.zip": _zip({"/tmp/escaped.tex": TEX}),
        "zeros.bz2": bz2.compress(zeros),
        "zeros.xz": lzma.compress(zeros),
        "line.md": b"GSM8K " * 4_000_000,
        "line.tex": b"\\documentclass{a}\\begin{document}" + b"{" * 200_000,
        "line.html": latexml("2503.00009v1", "x", "<div>" * 3_000 + FILLER),
        "deep.json": b'{"body_text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep-docling.json": json.dumps(
            {"schema_name": "DoclingDocument", "texts": [], "groups": [{"children": [{"$ref": "#/groups/0"}]}],
             "body": {"children": [{"$ref": "#/groups/0"}]}}
        ).encode(),
        "numbers.json": json.dumps({"pdf_info": [1, None, {"para_blocks": [7, {"lines": 3}]}]}).encode(),
        "nul.txt": b"\0".join([b"GSM8K"] * 9_000),
        "long-number.jsonl": b'{"id": ' + b"9" * 100_000 + b"}",
        "surrogate.json": b'{"body_text": [{"text": "\\ud800 GSM8K"}], "title": "\\udfff"}',
        "tags.md": b"<b" * 500_000,
        "hyphens.md": b"a-\n1\n" * 20_000,
        "headings.md": b"# **1. " * 300_000,
        "brackets.md": b"GSM8K (" * 200_000,
        "quotes.md": "“LCB” (LiveCodeBench (".encode() * 50_000,
    }.items()  # fmt: skip
    for number in range(60):
        yield f"noise-{number}{rng.choice(['.pdf', '.md', '.json', '.gz', '.zip', '.parquet', ''])}", rng.randbytes(400)


@pytest.mark.slow
def test_two_hundred_hostile_files_end_as_counted_skips_and_a_good_paper_is_counted() -> None:
    """Every file is a copy of a paper or a skip with its reason, and no reader crashes, hangs or writes elsewhere."""
    rng = random.Random(11)
    files = {**dict(_damaged(rng)), **dict(_bombs(rng))}
    assert len(files) >= 200
    contents = {"good": GOOD.encode()}
    for number, (name, content) in enumerate(files.items()):
        save(f"{number}/{name}", content)  # a folder each, for a folder with a .tex file is one paper
        contents[str(number)] = content
    save("good/good.md", GOOD)
    before = {path for path in Path().rglob("*") if DATA not in path.parents}
    result = take_in()
    read_texts()
    named = [source.name for source in sources()] + [path for path, _ in result.skipped]
    # two files of the same bytes are one copy, and the second counts as unchanged
    assert {contents[Path(name).parts[1]] for name in named} == set(contents.values())
    with Store(DATA) as store:
        reasons = [reason for _, reason in result.skipped] + list(papers_without_text(store).values())
    assert all(reasons)
    assert not [reason for reason in reasons if "crashed" in reason or "took longer" in reason]
    assert {path for path in Path().rglob("*") if DATA not in path.parents} - before == {DATA}
    assert counts()["2501.99999"] == {"gsm8k": 5}
