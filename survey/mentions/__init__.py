"""Mentions: where a text names a benchmark, which domain that makes, and what it cites."""
