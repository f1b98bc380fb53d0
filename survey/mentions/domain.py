"""Domain: which domains of a study a paper works on, by how often it names their benchmarks.

The survey's rule (arXiv:2603.13985, appendix B): a paper belongs to a domain that it names at least five times. The
survey does not print what counts as naming a domain, so there are two rules: five mentions of a single benchmark of the
domain, or five of all its benchmarks together. A threshold is always inclusive.
"""

from collections.abc import Mapping
from enum import StrEnum

DEFAULT_THRESHOLD = 5
HIGHEST_THRESHOLD = 20  # of a sweep


class Rule(StrEnum):
    """How the mentions of several benchmarks of one domain make its level."""

    ANY_NAME = "any-name"  # the most mentioned benchmark alone
    DOMAIN_SUM = "domain-sum"  # all of them together


def domain_levels(counts: Mapping[str, int], domains: Mapping[str, str], rule: Rule) -> dict[str, int]:
    """Return, for each domain that is named at all, the highest threshold at which the paper belongs to it.

    `counts` are mentions by benchmark key, `domains` the domain of each key. `sql/trend_domain.sql` says the same
    over all papers at once.
    """
    levels: dict[str, int] = {}
    for benchmark, count in counts.items():
        domain = domains[benchmark]
        before = levels.get(domain, 0)
        levels[domain] = before + count if rule is Rule.DOMAIN_SUM else max(before, count)
    return levels


def assign_domains(
    counts: Mapping[str, int],
    domains: Mapping[str, str],
    threshold: int = DEFAULT_THRESHOLD,
    rule: Rule = Rule.ANY_NAME,
) -> set[str]:
    """Return the domains of a paper with these mention counts."""
    return {domain for domain, level in domain_levels(counts, domains, rule).items() if level >= threshold}
