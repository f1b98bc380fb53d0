"""The `survey` command: each of its commands ends in something one can open."""

from survey.cli import papers, tables
from survey.cli.app import main

__all__ = ["main", "papers", "tables"]
