"""Which names the tests take from the program, read from the tests alone: the program has no say in it."""

import ast
import builtins
import sys
from collections.abc import Sequence
from functools import lru_cache


@lru_cache(maxsize=4096)  # a group of rollouts shares its tests
def borrowed(setup: str, tests: tuple[str, ...], entry: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that the program must define, and the modules of the standard library that the tests use.

    `math.isclose` in a test is the library's, whatever the program imports or calls `math`. Tests that cannot be read
    use no names; the run then reports that they cannot be run.
    """
    try:
        nodes = [node for text in [setup, *tests] for node in ast.walk(ast.parse(text))]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return (), ()
    used = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)} - _defined(
        nodes
    )
    unknown = sorted(used - set(dir(builtins)) - {entry})
    modules = [name for name in unknown if name in sys.stdlib_module_names]
    names = [entry] * bool(entry) + [name for name in unknown if name not in modules]
    # a program may be asked to define `sum` itself: then the tests use no other name of its
    return tuple(names or sorted(used)), tuple(modules)


def _defined(nodes: Sequence[ast.AST]) -> set[str]:
    """Return the names that the tests define themselves."""
    names = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    names |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))}
    names |= {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    aliases = [node for node in nodes if isinstance(node, ast.alias)]
    return names | {alias.asname or alias.name.split(".")[0] for alias in aliases}
