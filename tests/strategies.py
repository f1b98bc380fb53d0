"""Hypothesis strategies: texts that name benchmarks in every doubtful way, and mention counts."""

from hypothesis import strategies as st

from survey.mentions.lexicon import load_lexicon

_LEXICON = load_lexicon()
_NAMES = [alias.counts for benchmark in _LEXICON.benchmarks for alias in benchmark.aliases]
_REFUSED = [alias.refuses for benchmark in _LEXICON.benchmarks for alias in benchmark.aliases if alias.refuses]
_PLAIN = [
    "we",
    "claimed",
    "birds",
    "the SQL database",
    "Visual",
    "é",
    "数",
    "𝐆𝐒𝐌",
    "-",
    "\n",
    "\n\n",
    "2",
    "K",
    "QA",
    "ALFRED",
]


def texts() -> st.SearchStrategy[str]:
    """Texts of names, near misses and plain words, glued together or apart."""
    word = st.sampled_from([*_NAMES, *_REFUSED, *_PLAIN]) | st.text(max_size=8)
    return st.lists(st.tuples(word, st.sampled_from(["", " ", "\n", ". "])), max_size=25).map(
        lambda pairs: "".join(word + gap for word, gap in pairs)
    )


def mention_counts() -> st.SearchStrategy[dict[str, int]]:
    """Mention counts of one paper by benchmark key, zero included."""
    return st.dictionaries(st.sampled_from(sorted(_LEXICON.domains)), st.integers(0, 30))
