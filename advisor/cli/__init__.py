"""The `advisor` command: each of its commands ends in something one can open."""

from advisor.cli import ask, trials
from advisor.cli.app import main

__all__ = ["ask", "main", "trials"]
