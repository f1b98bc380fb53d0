"""The flow diagram: every step is the one before it less its losses, and the picture shows these numbers."""

import re
from datetime import date
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree

from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.cli import main
from survey.status import status
from survey.store.papers import Store
from survey.writing.flow import NOT_ASKED, UNDATED, Flow, flow_of
from survey.writing.prisma import drawing
from tests.builders import FILLER, make_pdf, markdown_paper

pytestmark = pytest.mark.slow  # each labels papers or runs whole commands

DATA = Path("data")


def _survey(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["survey", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0)


def _sums(flow: Flow) -> None:
    assert sum(flow.identified.values()) == flow.duplicates + flow.unreadable + flow.screened
    assert flow.screened == sum(flow.excluded.values()) + flow.sought
    assert flow.sought == sum(flow.not_retrieved.values()) + flow.assessed
    assert flow.assessed == sum(flow.ineligible.values()) + flow.included


def _collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three listed papers, one of them here, one absent from arXiv; four files more, one of them twice, one broken."""
    Path("papers").mkdir()
    Path("papers/a.md").write_text(markdown_paper("2403.00001", "HotpotQA " * 6 + FILLER))
    Path("papers/b.md").write_text(markdown_paper("2403.00001", "HotpotQA twice " * 6 + FILLER))
    Path("papers/c.md").write_text("GSM8K without an id " * 40)
    Path("papers/d.pdf").write_bytes(b"%PDF-1.4 broken")
    Path("papers/e.pdf").write_bytes(make_pdf([""], stamp=""))
    assert _survey(monkeypatch, "ingest", "papers") == 0
    with Ledger(DATA) as ledger:
        ids = ["2403.00001", "2403.00002", "2403.00003"]
        ledger.add_listed(Listed(name, 1, "A title", "Words.", ("cs.CL",), date(2024, 3, 1)) for name in ids)
        ledger.add_absence("2403.00002", "metadata only", "none")


def _flow() -> Flow:
    with Store(DATA) as store:
        return flow_of(store, status(store)["flow"]["domains"])


def test_the_sums_agree_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """After ingest, after extract and after label."""
    _collected(monkeypatch)
    _sums(_flow())
    assert _flow().included == 0
    for step in ("extract", "label"):
        assert _survey(monkeypatch, step) == 0
        _sums(_flow())


def test_every_loss_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six records or more of two sources; the paper without a date is assessed and not included."""
    _collected(monkeypatch)
    for step in ("extract", "label"):
        _survey(monkeypatch, step)
    flow = _flow()
    assert flow.identified["lists of arXiv ids"] == 3
    assert flow.unreadable >= 1
    assert flow.excluded == {NOT_ASKED: 1}
    assert sum(flow.not_retrieved.values()) == 1
    assert flow.ineligible[UNDATED] == 1
    assert (flow.included, flow.domains["qa"]) == (1, 1)


def test_the_picture_shows_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As XML with a title for a screen reader; each box has its n, and no text leaves the picture."""
    _collected(monkeypatch)
    assert _survey(monkeypatch, "status", "--prisma", "flow.svg") == 0
    root = etree.fromstring(Path("flow.svg").read_bytes())
    text = " ".join("".join(node.itertext()) for node in root.iter("{*}text"))
    flow = _flow()
    for title, n in (("Papers screened", flow.screened), ("Reports assessed for eligibility", flow.assessed)):
        assert f"{title} (n\u00a0=\u00a0{n:,})" in text
    assert root.find("{*}title").text == "PRISMA 2020 flow diagram"
    assert _survey(monkeypatch, "status", "--prisma", "flow.png") == 2


def test_a_long_reason_stays_inside_its_box() -> None:
    """Reasons are wrapped and escaped; thousands have separators; boxes do not overlap."""
    reasons = {f"a <very> long & winding reason of a failed reading number {n}": 1_200 + n for n in range(6)}
    flow = Flow({"api": 20_000}, 0, 0, 20_000, {}, 20_000, {}, 20_000, reasons, 20_000 - sum(reasons.values()), {})
    root = etree.fromstring(drawing(flow).encode())
    boxes = [tuple(float(box.get(name)) for name in ("x", "y", "width", "height"))
             for box in root.iter("{*}rect") if box.get("class") == "box"]  # fmt: skip
    for text in root.iter("{*}text"):
        if text.get("x") and text.get("class") in (None, "strong"):
            x, y = float(text.get("x")), float(text.get("y"))
            inside = [b for b in boxes if b[0] < x < b[0] + b[2] and b[1] < y < b[1] + b[3]]
            assert len(inside) == 1
            assert x + 7.6 * len("".join(text.itertext())) < inside[0][0] + inside[0][2]
    left = sorted(b for b in boxes if b[0] < 100)
    assert all(a[1] + a[3] < b[1] for a, b in pairwise(left))
    assert re.search(r"n\u00a0=\u00a01,203", "".join(root.itertext()))
