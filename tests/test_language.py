"""Names say what they hold."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REFUSED = {"one", "told", "said", "made", "worth", "place", "found", "learnt"}  # of each there is a better name at hand


def test_no_name_says_nothing() -> None:
    """No variable, argument, function, class, attribute or module of the product has a name that fits any value."""
    files = [
        path for room in ("posttrain", "survey", "advisor", "reference_impls") for path in (ROOT / room).rglob("*.py")
    ]
    assert len(files) > 150
    bound = {(path.relative_to(ROOT), line, name) for path in files for line, name in _bound(path)}
    assert sorted(f"{path}:{line} {name}" for path, line, name in bound if name.strip("_") in REFUSED) == []


def _bound(path: Path) -> Iterator[tuple[int, str]]:
    yield 0, path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
