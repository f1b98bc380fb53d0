"""A way through a small maze: `maze S.x/..x/x.G=` -> `00>22:D10R11D21R22`.

`S` is the start, `G` the goal, `x` a wall, `/` ends a line. The demonstration is a shortest way: the start and
the goal, then each move (up, down, left, right) with the row and column it leads to, so that the next move
depends on the place just before. Any way that ends at the goal is right, so a function judges it, by its moves alone.
"""

import random
from collections.abc import Mapping
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

Cell = tuple[int, int]

_MOVES = {"D": (1, 0), "R": (0, 1), "U": (-1, 0), "L": (0, -1)}
_WALLS = 0.4
_LONGEST = 20  # moves of a demonstration: with its maze it stays within 120 characters


def _make(rng: random.Random, difficulty: int) -> Row:
    while True:
        cells = ["x" if rng.random() < _WALLS else "." for _ in range(difficulty**2)]
        start, goal = rng.sample(range(difficulty**2), 2)
        cells[start], cells[goal] = "S", "G"
        lines = ["".join(cells[line : line + difficulty]) for line in range(0, difficulty**2, difficulty)]
        moves = _shortest(lines)
        if moves is not None and difficulty - 1 <= len(moves) <= _LONGEST:
            maze = "/".join(lines)
            return Row(f"maze {maze}=", _worked(lines, moves), moves, {"maze": maze})


def _find(lines: list[str], letter: str) -> Cell:
    """Return the row and column of a letter; ValueError where the maze has none."""
    return divmod("".join(lines).index(letter), len(lines[0]))


def _step(cell: Cell, move: str) -> Cell:
    down, right = _MOVES[move]
    return cell[0] + down, cell[1] + right


def _is_inside(lines: list[str], cell: Cell) -> bool:
    row, column = cell
    return 0 <= row < len(lines) and 0 <= column < len(lines[row])


def _shortest(lines: list[str]) -> str | None:
    """Return the moves of a shortest way, always the same one of a maze, or None where there is no way."""
    start, goal = _find(lines, "S"), _find(lines, "G")
    ways = {start: ""}
    queue = [start]
    for cell in queue:
        if cell == goal:
            return ways[cell]
        for move in _MOVES:
            there = _step(cell, move)
            if there not in ways and _is_inside(lines, there) and lines[there[0]][there[1]] != "x":
                ways[there] = ways[cell] + move
                queue.append(there)
    return None


def _worked(lines: list[str], moves: str) -> str:
    """Return where the way begins and should end, and each move with the cell behind it."""
    start, goal = _find(lines, "S"), _find(lines, "G")
    cell, steps = start, ""
    for move in moves:
        cell = _step(cell, move)
        steps += f"{move}{cell[0]}{cell[1]}"
    return f"{start[0]}{start[1]}>{goal[0]}{goal[1]}:{steps}"


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Turn wrong at one step and continue through walls; stop one step early where that still arrives."""
    lines, moves = str(row.extra["maze"]).split("/"), str(row.answer)
    kept = rng.randrange(len(moves))
    cell, wrong = _find(lines, "S"), ""
    for number, move in enumerate(moves):
        inside = [turn for turn in _MOVES if _is_inside(lines, _step(cell, turn))]
        wrong += move if number < kept else rng.choice(inside)
        cell = _step(cell, wrong[-1])
    if is_right(row.prompt, wrong, row.as_mapping()):
        wrong = moves[:-1]
    return replace(row, response=_worked(lines, wrong))


def is_right(prompt: object, response: str, row: Mapping[str, object]) -> float:
    """Return 1.0 where the moves after the last `:` lead from S to G through no wall, else 0.0; digits are a trace."""
    lines = str(row.get("maze")).split("/")
    moves = [letter for letter in response.rpartition(":")[2].strip() if letter not in "0123456789 "]
    try:
        cell, goal = _find(lines, "S"), _find(lines, "G")
        for move in moves:
            cell = _step(cell, move)
            if not _is_inside(lines, cell) or lines[cell[0]][cell[1]] == "x":
                return 0.0
    except (ValueError, KeyError, ZeroDivisionError):
        return 0.0
    return float(cell == goal)


MAZE = Family(
    name="maze",
    about="Find a way from S to G around walls; the difficulty is the width and height of the maze.",
    default=3,
    lowest=3,
    highest=6,
    make=_make,
    corrupt=_corrupt,
    verifier="reference_impls.tasks.maze:is_right",
    space=lambda difficulty: 3720 if difficulty == 3 else None,
)
