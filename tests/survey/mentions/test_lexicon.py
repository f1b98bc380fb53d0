"""The lexicon: 26 printed keys, and for every alias a text in which it counts and, where a rule is, one it refuses."""

import pytest

from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import Alias, Benchmark, LexiconName, load_lexicon

LEXICON = load_lexicon()
FINDER = MentionFinder(LEXICON)
ALIASES = [(benchmark, alias) for benchmark in LEXICON.benchmarks for alias in benchmark.aliases]
REFUSALS = [(b, part) for b, alias in ALIASES for part in alias.refuses.split("; ") if part]


def test_the_lexicon_has_the_26_printed_keys_in_four_domains() -> None:
    """Survey, Table 4: ten agentic, seven QA, four mathematics, five code."""
    sizes = {domain: sum(b.domain == domain for b in LEXICON.benchmarks) for domain in LEXICON.study.domains}
    assert sizes == {"agentic": 10, "qa": 7, "math": 4, "code": 5}
    assert len(ALIASES) == 56


@pytest.mark.parametrize(("benchmark", "alias"), ALIASES, ids=lambda value: getattr(value, "spelling", ""))
def test_every_alias_counts_in_its_own_example(benchmark: Benchmark, alias: Alias) -> None:
    """An alias that its own example does not find is a typo in the table."""
    assert alias.reason
    assert FINDER.counts(alias.counts.encode()).get(benchmark.key, 0) >= 1


@pytest.mark.parametrize(("benchmark", "text"), REFUSALS)
def test_every_rule_refuses_its_own_example(benchmark: Benchmark, text: str) -> None:
    """A near miss that counts is a rule that does not work."""
    assert benchmark.key not in FINDER.counts(text.encode())


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("We claimed and aimed; a disclaimer by Jaime. CLAIMED!", {}),
        ("AIME24, AIME 2025, MT-AIME2024 and 0.40AIME avg@32", {"aime": 4}),
        ("bird species, birds, BigBird and a mockingbird", {}),
        ("the Spider [40] and Bird [14] benchmarks", {"bird": 1}),
        ("37,536 from the BIRD-train split, Mini-BIRD", {"bird": 2}),
        ("Steven Bird. 2006. NLTK. A SQL note", {}),
        ("by the will of Alfred Nobel, who served an embodied Alfredo", {}),
        ("on ALFRED and ALFWorld", {"alfred": 1, "alfworld": 1}),
        ("wind2web and Mind2Web and Online-Mind2Web", {"mind2web": 3}),
        ("VisualWebArena, VideoWebArena, Video-WebArena and V-WebArena", {}),
        ("WebArena-Lite beside VisualWebArena", {"webarena": 1}),
        ("MGSM8K, GSM-8K, gsm8k_test and GSM 8k", {"gsm8k": 4}),
        ("MGSM and GSM-Plus and TinyGSM", {}),
        ("SWE-bench Verified, SWE-bench Lite, Multi-SWE-bench, SWEBench", {"swe-bench": 4}),
        ("HumanEval+, HumanEval-X, human evaluation, human-evaluated", {"humaneval": 2}),
        ("2WikiMQA, 2WikiMultiHopQA, 2Wiki, 2 WikiMultihopQA; see 2Wikipedia", {"2wikimultihopqa": 4}),
        ("ModelsHotpotQA MethodHotPotQAEM onHotpotQAand", {"hotpotqa": 3}),
        ("MuSiQue0 Musique0102 MUSIQUE", {"musique": 3}),
        ("such as diverse and as division", {}),
        ("text-to-SQL benchmarks Bird, Spider 2.0", {"bird": 1}),
        ("TABLE V\nWebArena results, and V-WebArena", {"webarena": 1}),
        ("visual\n\nWebArena", {"webarena": 1}),
        ("both human evaluation (human-eval) and Human-Eval", {"humaneval": 1}),
        ("aime24, aime240", {"aime": 1}),
        ("as we benchmark, strategies we benchmarked", {}),
        ("MiniWoB++, MiniWoB and MiniWobChat", {"miniwob++": 2}),
    ],
)
def test_doubtful_names_are_settled_by_rule(text: str, counts: dict[str, int]) -> None:
    """The traps of real papers, each class with its verdict."""
    assert FINDER.counts(text.encode()) == counts


def test_the_printed_lexicon_counts_the_literal_list() -> None:
    """As a plain reader would: the 26 keys as whole words in any case, the animal included, no alias."""
    finder = MentionFinder(load_lexicon(LexiconName.PRINTED))
    text = "wind2web, Mind2Web, a Bird, claimed, 2WikiMQA, 2WikiMultihopQA, MiniWoB++, MiniWoB, SWEbench, swe-bench"
    assert finder.counts(text.encode()) == {
        "mind2web": 1, "bird": 1, "2wikimultihopqa": 1, "miniwob++": 1, "swe-bench": 1
    }  # fmt: skip


def test_the_fingerprint_names_the_lexicon() -> None:
    """Two lexicons never share a fingerprint, and one lexicon has one."""
    assert load_lexicon().fingerprint == LEXICON.fingerprint != load_lexicon(LexiconName.PRINTED).fingerprint
