"""Mentions: where a text names a benchmark, the domains of a paper that follow, and the papers that it cites."""
