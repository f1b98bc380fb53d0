"""The flow diagram of PRISMA 2020 as SVG: boxes with their numbers, losses on the right, the phases on the left."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from posttrain.grid import wrapped
from posttrain.version import __version__
from survey.writing.flow import Flow

_WIDTH = 860
_BAR, _LEFT, _RIGHT, _BOX = 20, 72, 474, 362  # x of the phases, of both columns, and the width of a box
_LINE, _PAD, _GAP = 20, 14, 30  # pixels: of a line of text, inside a box, between boxes
_FIRST = 118  # pixels of the first row at least, so that its phase fits beside it
_LETTERS = 44  # that fit a line of a box
_INK, _RULE, _PHASE, _HEAD = "#1f2933", "#52606d", "#cfe3f5", "#fbe7b5"
_FONT = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_STYLE = (
    f"text{{font:14px {_FONT};fill:{_INK}}}.strong{{font-weight:600}}.small{{font-size:12px;fill:{_RULE}}}"
    ".phase{font-weight:600;text-anchor:middle}.head{font-weight:600;text-anchor:middle}"
    f".box{{fill:#fff;stroke:{_RULE};stroke-width:1.2}}.arrow{{stroke:{_RULE};stroke-width:1.5;fill:none}}"
)


@dataclass(frozen=True)
class _Box:
    """A box: its first line, and a line for each reason or source below it."""

    title: str
    n: int
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def lines(self) -> list[tuple[str, bool]]:
        """The lines of text, and whether each is of the title."""
        title = [(line, True) for line in wrapped(f"{self.title} (n\u00a0=\u00a0{self.n:,})", _LETTERS - 8)]
        return title + [
            (line, False)
            for name, n in self.parts
            for line in wrapped(f"– {name} (n\u00a0=\u00a0{n:,})", _LETTERS, "   ")
        ]

    @property
    def height(self) -> int:
        """Pixels."""
        return _LINE * len(self.lines) + 2 * _PAD - 4


def drawing(flow: Flow, about: str = "") -> str:
    """Return the diagram as SVG; `about` is a line below it on what was counted."""
    removed = {
        "duplicate records of a paper": flow.duplicates,
        "files that are no paper, or unreadable": flow.unreadable,
    }
    domains = tuple((f"in the domain {name}", n) for name, n in flow.domains.items())
    rows = [
        (_box("Records identified", flow.identified), _box("Records removed before screening", removed)),
        (_Box("Papers screened", flow.screened), _box("Papers excluded", flow.excluded)),
        (_Box("Reports sought for retrieval", flow.sought), _box("Reports not retrieved", flow.not_retrieved)),
        (_Box("Reports assessed for eligibility", flow.assessed), _box("Reports excluded", flow.ineligible)),
        (_Box("Papers included in the tables", flow.included, domains), None),
    ]
    parts, tops = [], []
    y = 66
    for number, (left, right) in enumerate(rows):
        height = max(left.height, right.height if right else 0, 0 if number else _FIRST)
        tops.append((y, height))
        parts.append(_drawn(left, _LEFT, y, height))
        if right:
            parts += [_drawn(right, _RIGHT, y, height), _arrow(_LEFT + _BOX, y + height / 2, _RIGHT, y + height / 2)]
        if number + 1 < len(rows):
            middle = _LEFT + _BOX / 2
            parts.append(_arrow(middle, y + height, middle, y + height + _GAP))
        y += height + _GAP
    for name, first, last in (("Identification", 0, 0), ("Screening", 1, 3), ("Included", 4, 4)):
        parts.append(_phase(name, tops[first][0], tops[last][0] + tops[last][1] - tops[first][0]))
    notes = wrapped(" ".join(filter(None, [about, f"Drawn by posttrain {__version__} after PRISMA 2020."])), 118)
    parts += [
        f'<text class="small" x="{_LEFT}" y="{y + 4 + 16 * at}">{escape(line)}</text>' for at, line in enumerate(notes)
    ]
    return _page(parts, y + 16 * len(notes) + 8, flow)


def _page(parts: list[str], height: int, flow: Flow) -> str:
    summary = (
        f"{sum(flow.identified.values()):,} records identified, {flow.screened:,} papers screened, "
        f"{flow.assessed:,} reports assessed, {flow.included:,} papers included."
    )
    width = _RIGHT + _BOX - _LEFT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title about">',
            f'<title id="title">PRISMA 2020 flow diagram</title><desc id="about">{escape(summary)}</desc>',
            f"<style>{_STYLE}</style>",
            f'<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0L10 5L0 10z" fill="{_RULE}"/></marker></defs>',
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            f'<rect x="{_LEFT}" y="18" width="{width}" height="32" rx="5" fill="{_HEAD}" stroke="{_RULE}"/>',
            f'<text class="head" x="{_LEFT + width / 2:g}" y="39">',
            "Identification of papers via listings and files</text>",
            *parts,
            "</svg>",
            "",
        ]
    )


def _box(title: str, parts: Mapping[str, int]) -> _Box:
    return _Box(title, sum(parts.values()), tuple((name, n) for name, n in parts.items() if n))


def _drawn(box: _Box, x: int, y: int, height: int) -> str:
    first = y + (height - _LINE * len(box.lines)) / 2 + 15
    kinds = {True: ' class="strong"', False: ""}
    text = "".join(
        f'<text{kinds[is_title]} x="{x + _PAD}" y="{first + _LINE * at:g}" xml:space="preserve">{escape(line)}</text>'
        for at, (line, is_title) in enumerate(box.lines)
    )
    return f'<rect class="box" x="{x}" y="{y}" width="{_BOX}" height="{height}" rx="3"/>{text}'


def _arrow(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path class="arrow" d="M{x1:g} {y1:g}L{x2:g} {y2:g}" marker-end="url(#tip)"/>'


def _phase(name: str, y: int, height: int) -> str:
    x, middle = _BAR + 15, y + height / 2
    return (
        f'<rect x="{_BAR}" y="{y}" width="30" height="{height}" rx="5" fill="{_PHASE}" stroke="{_RULE}"/>'
        f'<text class="phase" transform="translate({x + 5} {middle:g}) rotate(-90)">{name}</text>'
    )
