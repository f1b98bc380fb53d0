"""arXiv's bulk archives: every item a paper, checked against the manifest before any is believed."""

import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from survey.ingest import Ingested, ingest
from survey.store.papers import Store
from tests.builders import FILLER, latex, make_pdf, make_tar

ITEMS = {
    "2401/2401.00001.gz": make_tar({"main.tex": latex(f"GSM8K {FILLER}")}),
    "2401/2401.00002.pdf": make_pdf([f"HotpotQA {FILLER}"]),
    "2401/hep-th9901001.gz": make_tar({"main.tex": latex(FILLER)}),
}


def _archive(items: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in items.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _manifest(data: bytes, items: int, md5: str | None = None) -> str:
    digest = md5 or hashlib.md5(data).hexdigest()
    return (
        "<?xml version='1.0' standalone='yes'?><arXivSRC><file><filename>src/arXiv_src_2401_001.tar</filename>"
        f"<md5sum>{digest}</md5sum><num_items>{items}</num_items><size>{len(data)}</size></file></arXivSRC>"
    )


def _take_in(items: dict[str, bytes], manifest: str | None) -> tuple[Ingested, set[str]]:
    folder = Path("src")
    folder.mkdir(exist_ok=True)
    (folder / "arXiv_src_2401_001.tar").write_bytes(_archive(items))
    if manifest is not None:
        (folder / "arXiv_src_manifest.xml").write_text(manifest)
    with Store(Path("data")) as store:
        result = ingest([folder / "arXiv_src_2401_001.tar"], store)
        return result, {source.paper for source in store.sources()}


def test_every_item_is_a_paper_by_arxivs_own_name_for_it() -> None:
    """Sources and PDFs, with ids of the new and the old form; a second time nothing is new."""
    manifest = _manifest(_archive(ITEMS), 3)
    result, papers = _take_in(ITEMS, manifest)
    assert (result.ingested, result.skipped) == (3, [])
    assert papers == {"2401.00001", "2401.00002", "hep-th/9901001"}
    assert _take_in(ITEMS, manifest)[0].unchanged == 3


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (_manifest(_archive(ITEMS), 3, md5="0" * 32), "its MD5 is"),
        (_manifest(_archive(ITEMS) + b"x", 3), "the manifest says"),
        ("<arXivSRC></arXivSRC>", "does not name it"),
        ("<arXivSRC>", "cannot be read"),
    ],
)
def test_an_archive_that_is_not_what_the_manifest_says_is_skipped_whole(manifest: str, reason: str) -> None:
    """Nothing of it comes into the store, and the reason says what to do."""
    result, papers = _take_in(ITEMS, manifest)
    assert papers == set()
    ((_, told),) = result.skipped
    assert reason in told


def test_items_that_are_missing_or_no_papers_are_told() -> None:
    """What is there is taken; the difference is counted."""
    items = {**ITEMS, "2401/readme.html": b"<html>", "2401/2401.00009.gz": b""}
    result, papers = _take_in(items, _manifest(_archive(items), 7))
    assert len(papers) == 3
    assert sorted(why for _, why in result.skipped) == [
        "5 items in it; the manifest says 7", "an empty file", "an item that is not named for a paper"
    ]  # fmt: skip


def test_without_a_manifest_the_archive_is_taken_as_it_is() -> None:
    """The check needs something to check against."""
    assert _take_in(ITEMS, None)[0].ingested == 3
