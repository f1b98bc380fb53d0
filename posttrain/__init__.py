"""posttrain: which post-training method to use, by the literature, by rules and by small pilots.

    import posttrain as pt
    pt.trends("method", by="half")

Each function is the verb of a command. Nothing heavy is imported before one is called; docs/python.md lists them all.
"""

from posttrain.version import __version__ as __version__

TYPE_CHECKING = False  # typing's own; the package loads no module, for every command begins with it
if TYPE_CHECKING:
    from typing import Any

    from posttrain.face.advisor import bank, memory, pilot, plan, recommend
    from posttrain.face.survey import chart, diff, growth, mentions, papers, published, trends

__all__ = [
    "bank",
    "chart",
    "diff",
    "growth",
    "memory",
    "mentions",
    "papers",
    "pilot",
    "plan",
    "published",
    "recommend",
    "trends",
]


_OF_ADVISOR = ("bank", "memory", "pilot", "plan", "recommend")


def __getattr__(name: str) -> "Any":
    """Return a function of the face; its module is imported now. Raises AttributeError for any other name."""
    if name not in __all__:
        raise AttributeError(f"module 'posttrain' has no attribute {name!r}; expected one of {', '.join(__all__)}")
    from importlib import import_module

    return getattr(import_module(f"posttrain.face.{'advisor' if name in _OF_ADVISOR else 'survey'}"), name)


def __dir__() -> list[str]:
    """Return the names that a notebook offers."""
    return sorted([*globals(), *__all__])
