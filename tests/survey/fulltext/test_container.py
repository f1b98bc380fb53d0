"""An e-print archive is read in memory; one that is damaged, too large, or reaches outside its folder is refused."""

import gzip
import io
import tarfile

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import container
from survey.fulltext.container import open_container
from tests.builders import FILLER, make_pdf, make_tar


def tar_of(*members: tarfile.TarInfo) -> bytes:
    """Return a plain tar of `members` without content."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as archive:
        for member in members:
            archive.addfile(member)
    return out.getvalue()


def link(kind: bytes) -> tarfile.TarInfo:
    """Return a member of the type `kind` that points to a file of the machine."""
    member = tarfile.TarInfo("main.tex")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize("gz", [True, False])
def test_a_tar_gives_its_text_files_by_path(gz: bool) -> None:
    data = make_tar({"main.tex": "text", "sections/intro.tex": "intro", "main.bbl": "cited"}, gz=gz)
    assert open_container(data) == {"main.tex": b"text", "sections/intro.tex": b"intro", "main.bbl": b"cited"}


def test_a_tar_from_before_the_ustar_mark_is_known_by_its_checksum() -> None:
    data = bytearray(make_tar({"main.tex": "text"}, gz=False))
    data[257:265] = bytes(8)
    data[148:156] = b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    assert open_container(bytes(data)) == {"main.tex": b"text"}


def test_a_gzipped_single_file_gives_its_content() -> None:
    assert open_container(gzip.compress(b"\\documentclass{article}")) == b"\\documentclass{article}"


def test_a_gzipped_pdf_gives_the_pdf() -> None:
    pdf = make_pdf([FILLER])
    assert open_container(gzip.compress(pdf)) == pdf


def test_gzip_members_in_a_row_are_all_unpacked() -> None:
    assert open_container(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_figures_and_appledouble_files_are_left_out() -> None:
    data = make_tar({"main.tex": "text", "._main.tex": b"\x00\x05\x16\x07", "figures/one.png": b"\x89PNG"})
    assert open_container(data) == {"main.tex": b"text"}


def test_a_gzip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_UNPACKED", 2 << 20)
    with pytest.raises(UnreadableError, match="more than 2 MB: a gzip bomb"):
        open_container(gzip.compress(bytes(8 << 20)))


def test_the_limit_holds_over_all_files_of_a_plain_tar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_UNPACKED", 1 << 20)
    files = {f"{number}.tex": bytes(1 << 19) for number in range(3)}
    with pytest.raises(UnreadableError, match="more than 1 MB of text"):
        open_container(make_tar(files, gz=False))


def test_one_text_past_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_TEXT", 1 << 20)
    with pytest.raises(UnreadableError, match=r"huge\.tex: 2 MB of text; expected at most 1"):
        open_container(make_tar({"huge.tex": bytes(2 << 20)}))


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_MEMBERS", 3)
    three = {f"{number}.tex": "" for number in range(3)}
    assert len(open_container(make_tar(three))) == 3
    with pytest.raises(UnreadableError, match="more than 3 members"):
        open_container(make_tar({**three, "4.tex": ""}))


@pytest.mark.parametrize("name", ["../main.tex", "a/../../main.tex", "/etc/main.tex", "../figure.png"])
def test_a_member_outside_the_folder_refuses_the_whole_archive(name: str) -> None:
    with pytest.raises(UnreadableError, match="leaves the archive's folder"):
        open_container(make_tar({"good.tex": "text", name: "bad"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_refuses_the_whole_archive(kind: bytes) -> None:
    with pytest.raises(UnreadableError, match=r"'main\.tex' is a link to '/etc/passwd'"):
        open_container(tar_of(tarfile.TarInfo("good.tex"), link(kind)))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_a_device_is_never_opened(kind: bytes) -> None:
    assert open_container(tar_of(link(kind))) == {}


def test_folders_nested_past_the_limit_are_refused() -> None:
    assert isinstance(open_container(make_tar({"a/" * 29 + "main.tex": "text"})), dict)
    with pytest.raises(UnreadableError, match="31 folders deep"):
        open_container(make_tar({"a/" * 30 + "main.tex": "text"}))


def test_a_gzip_cut_short_is_damaged() -> None:
    data = make_tar({"main.tex": FILLER * 50})
    with pytest.raises(UnreadableError, match="damaged gzip"):
        open_container(data[: len(data) // 2])


def test_a_gzip_with_a_wrong_byte_is_damaged() -> None:
    data = bytearray(make_tar({"main.tex": FILLER * 50}))
    data[-6] ^= 0xFF  # in the checksum
    with pytest.raises(UnreadableError, match="damaged gzip"):
        open_container(bytes(data))


def test_a_tar_cut_short_is_damaged() -> None:
    data = make_tar({"main.tex": FILLER * 50}, gz=False)
    with pytest.raises(UnreadableError, match="damaged tar"):
        open_container(data[:2_000])


def test_a_tar_whose_first_block_is_wrong_is_damaged() -> None:
    data = bytearray(make_tar({"main.tex": "text"}, gz=False))
    data[0] ^= 0xFF
    with pytest.raises(UnreadableError, match="damaged tar"):
        open_container(bytes(data))
