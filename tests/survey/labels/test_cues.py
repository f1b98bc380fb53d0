"""Cues and parts: each wording finds what it must and passes over what it must not, and only own work counts."""

import pytest

from survey.fulltext import Section
from survey.labels.cues import Cue, CueFinder, load_cues
from survey.labels.passages import Part, parts, sentences
from survey.store.texts import StoredText

CUES = load_cues()


def stored(text: str, *spans: tuple[int, Section]) -> StoredText:
    """A text as it lies in a shard."""
    return StoredText(0, memoryview(text.encode()), spans or ((0, Section.BODY),))


@pytest.mark.parametrize("cue", CUES, ids=lambda cue: cue.name)
def test_a_cue_finds_its_sentences_and_passes_over_the_others(cue: Cue) -> None:
    """The examples in cues.toml are its tests; each has a reason."""
    assert cue.reason
    assert cue.finds
    assert all(cue.regex.search(sentence) for sentence in cue.finds)
    assert not any(cue.regex.search(sentence) for sentence in cue.passes)


def test_names_are_unique_and_every_kind_is_known() -> None:
    """65 cues, of eleven kinds."""
    assert len({cue.name for cue in CUES}) == len(CUES) == 65
    kinds = {"sft", "train", "rl", "hybrid", "preference", "other", "none", "api", "open_weight", "benchmark", "human"}
    assert {cue.kind for cue in CUES} == kinds


PAPER = """A title of a paper on agents
Abstract
We fine-tune Llama-3-8B with LoRA on our data. It is good and it is fast.
1 Introduction
Unlike SFT of language models, search costs little. Wei et al. fine-tune Llama for this.
2 Related Work
We fine-tune Llama on things, says a paper about others.
2.1 Reinforcement learning
GRPO is widely used by the community.
3 Method
The generator is trained with GRPO on rollouts. Baselines fine-tuned with PPO are weaker.
4 Conclusion
In the future we fine-tune Qwen too.
"""


def test_parts_follow_the_headings() -> None:
    """Related work ends at the next chapter, not at its own sections."""
    found = {part: PAPER[start:end] for start, end, part in parts(PAPER, ((0, Section.BODY),))}
    assert list(found) == [Part.ABSTRACT, Part.INTRODUCTION, Part.RELATED, Part.OWN, Part.CLOSING]
    assert "GRPO is widely used" in found[Part.RELATED]
    assert "generator" in found[Part.OWN]


def test_related_work_is_not_read() -> None:
    """Nor are references and tables."""
    text = stored(f"{PAPER}We fine-tune BERT in a reference.", (0, Section.BODY), (len(PAPER), Section.REFERENCES))
    assert not any("widely used" in one.text or "in a reference" in one.text for one in sentences(text))


def test_sentences_that_compare_or_cite_are_set_aside() -> None:
    """They are kept, as what they are: `unlike SFT`, `Wei et al. fine-tune`, `baselines fine-tuned with PPO`."""
    places = CueFinder(scan=False).read(stored(PAPER), "").matches
    own = {(place.cue, place.part) for place in places if place.own}
    aside = {(place.cue, place.part) for place in places if not place.own}
    assert ("sft.we-tune-lm", Part.ABSTRACT) in own
    assert ("rl.trained", Part.OWN) in own
    assert ("sft.name", Part.INTRODUCTION) in aside
    assert all(PAPER.encode()[place.start : place.end].strip() for place in places)
    assert not any(place.part in (Part.RELATED, Part.CLOSING) for place in places)


@pytest.mark.slow
def test_both_ways_of_looking_give_the_same_evidence() -> None:
    """All patterns at once by the engine, or sentence by sentence."""
    every = "\n".join(sentence for cue in CUES for sentence in (*cue.finds, *cue.passes))
    text = stored(f"{PAPER}5 Appendix of examples\n{every}")
    scanned, plain = CueFinder().read(text, "Teaching agents"), CueFinder(scan=False).read(text, "Teaching agents")
    assert scanned == plain
    assert scanned.features() == plain.features()
    assert len({place.cue for place in plain.matches}) == len(CUES)


def test_features_count_sentences() -> None:
    """One sentence counts a cue once; related work and the conclusion are no part of the whole."""
    features = CueFinder(scan=False).read(stored(PAPER), "Fine-tuning agents").features()
    assert features["sft.we-tune-lm@abstract"] == 1
    assert features["sft.title@title"] == 1
    assert features["sft.we-tune-lm@we"] == 1
    assert features["sentences"] == 7


def test_a_text_of_one_endless_word_takes_no_time() -> None:
    """A key, or a picture in base64."""
    assert CueFinder(scan=False).read(stored("fine-tune" * 40_000), "").matches == ()
