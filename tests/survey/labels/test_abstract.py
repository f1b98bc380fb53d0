"""Abstracts: their cues, the labelled sample, and the classifier that learns from it."""

from pathlib import Path

import pytest
from pyarrow import parquet

from posttrain.reference import reference_path
from survey.bundled.facts import sampled_population
from survey.labels.abstract import (
    ABSTRACT_SCOPES,
    FIRST_CHARACTERS,
    AbstractCueFinder,
    AbstractMethod,
    AbstractSource,
    cut,
    plain,
)
from survey.labels.abstract_classifier import AbstractClassifier, unseen_methods
from survey.labels.abstract_readings import (
    MACHINE,
    Stratum,
    abstracts_of_texts,
    labelled_abstracts,
    sampled_frame,
)
from survey.labels.abstract_validation import bundled_unseen
from survey.labels.agreement import Agreement, agreement_of
from survey.labels.classifier import read_features
from survey.labels.cues import Cue, load_cues
from survey.labels.readings import TRAINS, bundled_labels, by_paper, settled_method

CUES = load_cues("abstract_cues.toml")
METHODS = tuple(map(str, AbstractMethod))

ABSTRACT = (
    "Language models are usually fine-tuned at great cost. Reinforcement learning is fashionable. "
    "In this paper we propose NAME, which needs no fine-tuning of the retriever. "
    "We fine-tune Llama-3-8B on ten thousand sums and then train it with GRPO. "
    "Unlike baselines trained with PPO, it counts. The model reaches 90 %."
)


@pytest.fixture(scope="module")
def finder() -> AbstractCueFinder:
    """One that looks at every sentence with plain `re`."""
    return AbstractCueFinder(scan=False)


@pytest.mark.parametrize("cue", CUES, ids=lambda cue: cue.name)
def test_a_cue_finds_its_sentences_and_passes_over_the_others(cue: Cue) -> None:
    """The examples in abstract_cues.toml are its tests; each has a reason."""
    assert cue.reason
    assert cue.finds
    assert cue.passes
    assert all(cue.regex.search(sentence) for sentence in cue.finds)
    assert not any(cue.regex.search(sentence) for sentence in cue.passes)


def test_names_are_unique_over_both_files() -> None:
    """A feature belongs to one cue."""
    names = [cue.name for cue in (*load_cues(), *CUES)]
    assert len(set(names)) == len(names)
    assert {cue.kind for cue in CUES} == {"tunes", "online", "both", "prefers", "nothing", "else"}


def test_a_cue_counts_where_it_stands(finder: AbstractCueFinder) -> None:
    """Before the first "we", in the own work, aside where the sentence compares, and where it denies training."""
    counts = finder.features("Counting with GRPO", ABSTRACT)
    assert counts["sentences"] == 6
    assert counts["online.algorithm@title"] == 1
    assert counts["tunes.any@before"] == 1
    assert counts["online.name@before"] == 1
    assert counts["tunes.any@own"] == counts["tunes.any@we"] == 1
    assert counts["tunes.any@aside"] == 1, "no fine-tuning of the retriever"
    assert counts["online.algorithm@aside"] == 1, "baselines trained with PPO"
    assert counts["both.sequence@own"] == 1
    assert {name.partition("@")[2] for name in counts if "@" in name} <= set(ABSTRACT_SCOPES)


def test_only_the_first_characters_are_read(finder: AbstractCueFinder) -> None:
    """One source cuts abstracts, so all are cut there."""
    padding = "We count sums. " * (FIRST_CHARACTERS // 15 + 1)
    assert not any(name.startswith("online") for name in finder.features("", f"{padding}We train it with PPO."))


def test_text_becomes_plain() -> None:
    """Curly quotes and dashes, accents, line breaks; an abbreviation ends no sentence."""
    assert plain("naïve “SFT” – a\n  test’s") == 'naive "SFT" - a test\'s'
    assert cut("As Wei et al. Show, it is so. We count.") == ["As Wei et al. Show, it is so.", "We count."]
    assert cut("") == []


@pytest.mark.slow
def test_both_ways_of_looking_give_the_same_counts(finder: AbstractCueFinder) -> None:
    """All patterns at once by the engine, or sentence by sentence, on every example of every cue."""
    scanning = AbstractCueFinder()
    texts = [" ".join(f"{part}." for part in (*cue.finds, *cue.passes)) for cue in (*load_cues(), *CUES)]
    for text in (ABSTRACT, *texts):
        assert scanning.features(text, text) == finder.features(text, text)


def test_the_sample_weighs_as_much_as_its_strata() -> None:
    """900 abstracts; the weights of a stratum add up to the papers that it has."""
    sample = labelled_abstracts()
    assert len({paper.arxiv_id for paper in sample}) == len(sample) == 900
    for year in ("2023", "2024", "2025"):
        for stratum in Stratum:
            own = [paper for paper in sample if (paper.year, paper.stratum) == (year, stratum)]
            assert len(own) == own[0].drawn
            assert sum(paper.weight for paper in own) == pytest.approx(own[0].population)


def test_readers_agree_as_documented() -> None:
    """Of 900 abstracts the readers give 873 the same method; a source stands only where a reader says it trains."""
    sample = labelled_abstracts()
    assert sum(paper.method is not None for paper in sample) == 873
    for paper in sample:
        for method, source in zip(paper.methods, paper.sources, strict=True):
            assert source is None or method is not AbstractMethod.NONE


def test_the_frame_puts_abstracts_in_strata() -> None:
    """One without a language model is outside; "fine tuning" in two words is no training but after `supervised`."""
    frame = sampled_frame()
    assert frame.stratum_of("Birds\n\nWe count birds with PPO.") is None
    assert frame.stratum_of("LLMs\n\nWe ask them.") is Stratum.OTHER
    assert frame.stratum_of("LLMs\n\nWe finetune them.") is Stratum.TRAINING
    assert frame.stratum_of("LLMs\n\nBy fine tuning.") is Stratum.OTHER
    assert frame.stratum_of("LLMs\n\nBy supervised fine tuning.") is Stratum.TRAINING


def measured(route: str) -> Agreement:
    """The agreement of a route with the readers, where these agree."""
    settled = [paper for paper in labelled_abstracts() if paper.method]
    guesses = [str(getattr(bundled_unseen()[paper.arxiv_id], route)) for paper in settled]
    found = agreement_of([str(paper.method) for paper in settled], guesses, METHODS)
    assert found
    return found


def test_the_classifier_is_worth_what_the_docs_say() -> None:
    """Kappa 0.6 on abstracts that it has not seen: above all that was there before, below the 0.7 that was aimed at."""
    chosen = measured("method")
    assert chosen.kappa is not None
    assert chosen.low is not None
    assert chosen.kappa > 0.60
    assert chosen.low > 0.49, "what TF-IDF and the cues of whole texts reach"
    docs = (Path(__file__).parents[3] / "docs" / "labels.md").read_text(encoding="utf-8")
    assert f"kappa {chosen.kappa:.2f} ({chosen.low:.2f} to {chosen.high:.2f})" in docs
    rows = dict(zip(METHODS, chosen.confusion.counts, strict=True))
    for method, row in rows.items():
        assert f"| {method} | {' | '.join(map(str, row))} |" in docs


@pytest.mark.slow
def test_the_committed_labels_are_those_of_classifiers_that_have_not_seen_them() -> None:
    """Ten folds from the committed numbers give abstract_validation.csv again."""
    features = read_features(reference_path("abstract_training.parquet"))
    again = unseen_methods(labelled_abstracts(), features)
    same = [found == bundled_unseen()[found.arxiv_id] for found in again]
    assert sum(same) >= 895, "another processor may round a tie the other way"


@pytest.mark.slow
def test_a_classifier_learns_from_the_abstracts_it_is_given_and_no_others() -> None:
    """From those of two methods it knows these two, and the sources of theirs."""
    features = read_features(reference_path("abstract_training.parquet"))
    sample = [
        p for p in labelled_abstracts() if p.method in (AbstractMethod.RL, AbstractMethod.PREFERENCE) and p.source
    ]
    examples = {paper.arxiv_id: paper for paper in sample}
    classifier = AbstractClassifier(examples, features)
    guesses = classifier.methods([features[i] for i in examples])
    right = sum(guess is paper.method for guess, paper in zip(guesses, sample, strict=True))
    assert right / len(sample) > 0.9
    assert set(classifier.sources([features[i] for i in examples])) <= set(AbstractSource)
    assert classifier.methods([]) == []


def test_abstracts_of_texts_have_labelled_texts() -> None:
    """The reader had the abstracts of papers that train; the machine those of all texts that were read twice."""
    papers = by_paper(bundled_labels())
    assert all(settled_method(papers[i]) in TRAINS for i in abstracts_of_texts())
    assert len(abstracts_of_texts()) == 142
    assert all(len(papers[i]) > 1 for i in abstracts_of_texts(MACHINE))


@pytest.mark.slow
@pytest.mark.corpus
def test_the_committed_numbers_are_those_of_the_abstracts(corpora: Path, finder: AbstractCueFinder) -> None:
    """Every labelled abstract lies in the stratum that its row states; plain `re` finds the cues of every ninth."""
    papers = {
        row["arxiv_id"]: row
        for row in parquet.read_table(
            corpora / "arxiv_abstracts_2022_2025.parquet", columns=["arxiv_id", "title", "abstract"]
        ).to_pylist()
    }
    features, frame = read_features(reference_path("abstract_training.parquet")), sampled_frame()
    first = sampled_population().first_characters
    assert first == FIRST_CHARACTERS
    for at, paper in enumerate(labelled_abstracts()):
        row = papers[paper.arxiv_id]
        assert frame.stratum_of(f"{row['title']}\n\n{row['abstract'][:first]}") is paper.stratum
        if at % 9 == 0:
            assert finder.features(row["title"], row["abstract"]) == features[paper.arxiv_id]


def test_an_unseen_label_has_one_of_its_routes() -> None:
    """The chosen method is that of the regression, of the trees, or of both."""
    assert all(
        found.method in (found.by_regression, found.by_trees, found.by_both) for found in bundled_unseen().values()
    )
