"""The `survey` command: each of its commands ends in something one can open."""

from survey.cli import annotations, papers, studies, tables
from survey.cli.app import main

__all__ = ["annotations", "main", "papers", "studies", "tables"]
