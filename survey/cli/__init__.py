"""The `survey` command: each of its commands ends in something one can open."""

from survey.cli import annotations, downloads, papers, status, studies, tables
from survey.cli.app import main

__all__ = ["annotations", "downloads", "main", "papers", "status", "studies", "tables"]
