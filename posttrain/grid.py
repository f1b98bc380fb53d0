"""A table of text cells, and its lines on a terminal of any width."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Grid:
    """A table ready to be written: a title, column heads and cells, and below them the notes.

    The last cell of a row that has fewer cells than the head runs over the rest of the columns.
    """

    title: str
    notes: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 2  # columns from here on hold numbers, aligned on the right
    grouped: bool = False  # rows with the same first cell belong together and are set apart from the others

    def starts(self) -> list[bool]:
        """Return for each row whether a further group starts with it."""
        if not self.grouped:
            return [False] * len(self.rows)
        firsts = [row[0] for row in self.rows]
        return [index > 0 and first != firsts[index - 1] for index, first in enumerate(firsts)]


def layout(grid: Grid, room: int) -> Iterator[tuple[str, bool]]:
    """Yield the lines of head and rows in at most `room` columns, and whether each is a heading."""
    for plan in _plans(grid):
        if plan.breaks_cells:
            widths = _narrowed(plan, room)
        else:
            widths = [max(pair) for pair in zip(plan.heads, plan.cells, strict=True)]
        if sum(widths) + plan.gap * (len(widths) - 1) + plan.indent <= room:
            yield from _lines(grid, plan, widths, room)
            return
    parts = list(_parts(grid, room))
    for number, part in enumerate(parts):
        if number:
            yield "", False
        if len(parts) == 1:  # a single column beside the keys, which nothing makes narrower
            plan = list(_plans(grid))[-1]
            yield from _lines(grid, plan, _narrowed(plan, room, break_words=True), room)
        else:
            yield from layout(part, room)


@dataclass(frozen=True)
class _Plan:
    """How a table could stand: columns between cells, the first column above its group, heads and cells broken."""

    gap: int
    is_headed: bool
    breaks_cells: bool
    heads: tuple[int, ...]  # columns that the head of each column needs
    cells: tuple[int, ...]  # columns that its cells need where they are not broken
    words: tuple[int, ...]  # columns that its longest word needs

    @property
    def indent(self) -> int:
        """Columns before each row that stands below the name of its group."""
        return 2 if self.is_headed else 0


def _plans(grid: Grid) -> Iterator[_Plan]:
    """Yield the ways in which a table could stand, the best first."""
    can_head = grid.grouped and grid.numeric_from > 1
    for is_headed in (False, True) if can_head else (False,):
        head = grid.head[is_headed:]
        rows = [row[is_headed:] for row in grid.rows if len(row) == len(grid.head)]
        columns = list(zip(*rows, strict=True)) or [()] * len(head)
        cells = tuple(max(map(_width, column), default=0) for column in columns)
        words = tuple(max((_width(word) for cell in column for word in _units(cell)), default=0) for column in columns)
        broken = tuple(max(map(_width, name.split()), default=0) for name in head)
        if not is_headed:
            yield _Plan(2, is_headed, False, tuple(map(_width, head)), cells, words)
        for gap in (2, 1) if is_headed or not can_head else (2,):
            yield _Plan(gap, is_headed, False, broken, cells, words)
        if is_headed or not can_head:
            for gap in (2, 1):
                yield _Plan(gap, is_headed, True, broken, cells, words)


def _narrowed(plan: _Plan, room: int, break_words: bool = False) -> list[int]:
    """Return widths of columns whose cells are broken: the widest gives way first, down to its longest word."""
    least = [max(pair) for pair in zip(plan.heads, plan.words, strict=True)]
    if break_words:
        least = [min(width, max(1, room // (2 * len(least)))) for width in least]
    widths = [max(pair) for pair in zip(plan.heads, plan.cells, strict=True)]
    over = sum(widths) + plan.gap * (len(widths) - 1) + plan.indent - room
    while over > 0 and (loose := [column for column, width in enumerate(widths) if width > least[column]]):
        widths[max(loose, key=widths.__getitem__)] -= 1
        over -= 1
    return widths


def _lines(grid: Grid, plan: _Plan, widths: Sequence[int], room: int) -> Iterator[tuple[str, bool]]:
    numeric_from = grid.numeric_from - plan.is_headed
    margin, gap = " " * plan.indent, " " * plan.gap

    def aligned(cells: Sequence[str]) -> Iterator[str]:
        broken = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
        for number in range(max(map(len, broken))):
            parts = [lines[number] if number < len(lines) else "" for lines in broken]
            yield (margin + gap.join(map(_padded, parts, widths, map(numeric_from.__le__, range(len(parts)))))).rstrip()

    yield from ((line, True) for line in aligned(grid.head[plan.is_headed :]))
    group = None
    for row, starts in zip(grid.rows, grid.starts(), strict=True):
        if starts:
            yield "", False
        if plan.is_headed and row[0] != group:
            group = row[0]
            yield from ((line, True) for line in wrapped(group, room))
        cells = row[plan.is_headed :]
        if len(cells) == len(widths):
            yield from ((line, False) for line in aligned(cells))
            continue
        before = margin + gap.join(map(_padded, cells[:-1], widths, [False] * len(widths))) + gap * (len(cells) > 1)
        lines = wrapped(cells[-1], room - len(before), "  ")
        yield from ((f"{before if not n else ' ' * len(before)}{line}".rstrip(), False) for n, line in enumerate(lines))


def _parts(grid: Grid, room: int) -> Iterator[Grid]:
    """Yield a table as several, each with the first columns and as many of the others as fit."""
    keys = grid.numeric_from if grid.numeric_from < len(grid.head) else 1
    start = keys
    while start < len(grid.head):
        stop = start + 1
        while stop < len(grid.head) and _fits(_part(grid, keys, start, stop + 1), room):
            stop += 1
        yield _part(grid, keys, start, stop)
        start = stop


def _part(grid: Grid, keys: int, start: int, stop: int) -> Grid:
    is_first = start == keys
    rows = [row for row in grid.rows if is_first or len(row) == len(grid.head)]
    chosen = tuple(row if len(row) < len(grid.head) else row[:keys] + row[start:stop] for row in rows)
    return replace(grid, head=grid.head[:keys] + grid.head[start:stop], rows=chosen, numeric_from=keys)


def _fits(grid: Grid, room: int) -> bool:
    *_, last = _plans(grid)
    return sum(_narrowed(last, room)) + last.gap * (len(last.heads) - 1) + last.indent <= room


def wrapped(text: str, width: int, later: str = "") -> list[str]:
    """Return `text` in lines of at most `width` columns, broken at spaces; `later` begins each line but the first.

    Intervals stay whole (`30% to 90%`, `(30% to 90%)`); a word that is wider than a line is cut.
    """
    margin = text[: len(text) - len(text.lstrip(" "))]
    lines: list[str] = [margin]
    for unit in _units(text[len(margin) :]):
        before = lines[-1]
        joined = f"{before} {unit}" if before.strip() else before + unit
        if _width(joined) <= width:
            lines[-1] = joined
            continue
        rest = unit
        if before.strip():
            lines.append(later)
        while _width(lines[-1] + rest) > width > len(later):
            room = width - len(lines[-1])
            lines[-1] += rest[:room]
            rest = rest[room:]
            lines.append(later)
        lines[-1] += rest
    return lines


def _units(text: str) -> list[str]:
    """Return the parts of a text between which a line may break."""
    whole = re.sub(r"\([^()]{1,30}\)", lambda match: match[0].replace(" ", _JOINED), text)
    whole = re.sub(r"(?<=[\d%]) to (?=[\d.-])", f"{_JOINED}to{_JOINED}", whole)
    whole = re.sub(r"(?<=\bof) (?=\d)| (?=×)", _JOINED, whole)
    return [unit.replace(_JOINED, " ") for unit in whole.split(" ")]


_JOINED = "\N{NO-BREAK SPACE}"


def _padded(text: str, width: int, to_right: bool) -> str:
    blank = " " * max(0, width - _width(text))
    return blank + text if to_right else text + blank


def _width(text: str) -> int:
    """Return how many columns a text takes; most characters take one, a Chinese one two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
