"""Domains follow from counts: thresholds are inclusive and monotone, both rules as stated."""

from hypothesis import given
from hypothesis import strategies as st

from survey.mentions.domain import Rule, assign_domains, domain_levels
from survey.mentions.lexicon import load_lexicon
from tests.strategies import mention_counts

DOMAINS = load_lexicon().domains


def test_the_threshold_is_inclusive() -> None:
    """Five mentions reach a threshold of five; four do not."""
    assert assign_domains({"gsm8k": 5, "hotpotqa": 4}, DOMAINS, 5) == {"math"}


def test_any_name_needs_one_benchmark_alone_and_domain_sum_takes_them_together() -> None:
    """Three of GSM8K and two of AIME are five of mathematics, but of no single name."""
    counts = {"gsm8k": 3, "aime": 2}
    assert assign_domains(counts, DOMAINS, 5, Rule.ANY_NAME) == set()
    assert assign_domains(counts, DOMAINS, 5, Rule.DOMAIN_SUM) == {"math"}


@given(mention_counts(), st.integers(1, 19), st.sampled_from(Rule))
def test_a_higher_threshold_never_adds_a_domain(counts: dict[str, int], threshold: int, rule: Rule) -> None:
    """Whatever the counts and the rule."""
    assert assign_domains(counts, DOMAINS, threshold + 1, rule) <= assign_domains(counts, DOMAINS, threshold, rule)


@given(mention_counts())
def test_the_sum_reaches_at_least_what_one_name_reaches(counts: dict[str, int]) -> None:
    """Domain-sum levels bound any-name levels from above."""
    single, together = (domain_levels(counts, DOMAINS, rule) for rule in (Rule.ANY_NAME, Rule.DOMAIN_SUM))
    assert all(together[domain] >= level for domain, level in single.items())
