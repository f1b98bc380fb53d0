"""Citations: every written form of an id, titles through bad type-setting, and what looks like a citation only."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.extract import extract
from survey.fulltext import Section
from survey.ingest import ingest
from survey.mentions.citations import CitationFinder, citations_received
from survey.store.chosen import chosen_texts
from survey.store.papers import Store
from survey.store.texts import StoredText, read_shard

CITING = "2501.00001"
OTTERS = "Teaching Otters to Sort Pebbles by Weight"
PAPERS = [
    (CITING, "How Otters Learn the Weight of Things"),
    ("2402.03300", OTTERS),
    ("1412.6980", "Atoms of Gradient Descent Without Regret"),
    ("hep-th/9901001", "Strings and Other Things in Eleven Rooms"),
    ("math.GT/0309136", "Knots That Tie Themselves in the Dark"),
    ("local:98e7afa9c5d3", "A Field Guide to Careful Measurement"),
]


def stored(references: str, body: str = "We study otters.\n", appendix: str = "") -> StoredText:
    """A text with a reference list, and an appendix where one is given."""
    start, end = len(body.encode()), len((body + references).encode())
    spans = [(0, Section.BODY), (start, Section.REFERENCES)] + ([(end, Section.APPENDIX)] if appendix else [])
    return StoredText(0, memoryview((body + references + appendix).encode()), tuple(spans))


def cited(references: str, papers: list[tuple[str, str]] = PAPERS) -> set[str]:
    """The papers that the list cites, in a text of the first paper."""
    return CitationFinder(papers).find(stored(references), CITING)


@pytest.mark.parametrize(
    "written",
    [
        "arXiv:2402.03300", "arXiv:2402.03300v2", "arXiv preprint arXiv:2402.03300, 2024", "CoRR abs/2402.03300 (2024)",
        "CoRR, abs/2402.03300", "https://arxiv.org/abs/2402.03300.", "http://arxiv.org/pdf/2402.03300v12.pdf",
        "doi: 10.48550/arXiv.2402.03300", "https://doi.org/10.48550/ARXIV.2402.\n03300", "arXiv:2402.\n03300",
        "arXiv:2402\n.03300", "arXiv: 2402. 03300", "arXiv:2402.033\n00", "corrabs/2402.03300", "arXiv2402.03300",
        "[2402.03300]", "arXiv:2402.03300[cs.CL]", "ARXIV.\n2402.03300", "2402.03300",
    ],
)  # fmt: skip
def test_an_id_is_found_however_it_is_written(written: str) -> None:
    assert cited(f"References\n[7] A. Lutra. On stones. {written}\n[8] B. Enhydra.") == {"2402.03300"}


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("arXiv:hep-th/9901001v2", "hep-th/9901001"), ("abs/hep-th/9901001", "hep-th/9901001"),
        ("hep-\nth/9901001", "hep-th/9901001"), ("hepth/9901001", "hep-th/9901001"),
        ("arXiv:math/0309136", "math.GT/0309136"), ("math.GT/\n0309136", "math.GT/0309136"),
        ("arXiv:1412.6980", "1412.6980"), ("arXiv:1412.6980\n9 B. Enhydra", "1412.6980"),
    ],
)  # fmt: skip
def test_an_id_of_the_older_kinds_is_found(written: str, key: str) -> None:
    """Four digits before 2015, an archive's name before 2007, with or without subject class and hyphen."""
    assert cited(f"References\n[7] A. Lutra. On stones. {written}\n") == {key}


@pytest.mark.parametrize(
    "trap",
    [
        "arXiv:2402.033001", "arXiv:12402.03300", "0.2402.03300", "x2402.03300", "doi 10.1145/2402.03300",
        "arXiv:2402.0330", "pages 2402-03300", "arXiv:2402.03301", "xhep-th/99010011", "astro-ph/9901001",
    ],
)  # fmt: skip
def test_a_number_that_is_no_id_of_the_sample_is_none(trap: str) -> None:
    """Longer numbers, publishers' DOIs, other papers' ids."""
    assert cited(f"References\n[7] A. Lutra. On stones. {trap}. 2024.") == set()


@pytest.mark.parametrize(
    "reference",
    [
        f"A. Lutra. {OTTERS}. In Proc. of Riverside, 2024.",
        f"A. Lutra. 2024. {OTTERS.lower()}.In Proceedings of Riverside",
        f"A. Lutra, “{OTTERS.upper()},” in Riverside",
        "A. Lutra. Teaching ot-\nters to sort\npebbles by weight. Riverside",
        "A. Lutra. Teaching Otters to\n\n13\n\nSort Pebbles by Weight. Riverside",
        "A. Lutra. TeachingOtters to SortPebbles byWeight, 2024",
        r"A. Lutra. {T}eaching {O}tters to Sort P\'ebbles by Weight. Riverside",
        "A. Lutra. Téaching Öt ters to sort pebbles by weight? Riverside",
        f"Lutra A (2024) {OTTERS} (2024)",
        f"[7] {OTTERS}\n\nA. Lutra",
        f"Lutra, A.: {OTTERS}. Riverside",
    ],
)
def test_a_title_is_found_through_bad_typesetting(reference: str) -> None:
    assert cited(f"References\n[6] C. Canis. Barking.\n[7] {reference}\n[8] B. Enhydra.") == {"2402.03300"}


@pytest.mark.parametrize(
    "reference",
    [
        "On Teaching Otters to Sort Pebbles by Weight",
        "Teaching Otters to Sort Pebbles by Weight and Colour",
        "Teaching Otters to Sort Pebbles by Weights",
        "Teaching Otters to Sort Pebbles by Weight: a rebuttal",
        "Teaching otters. To sort pebbles by weight",
        "Teaching Otters to Sort Pebbles",
    ],
)
def test_a_title_inside_another_is_none(reference: str) -> None:
    """It must be a phrase of its own, and one phrase."""
    assert cited(f"References\n[7] A. Lutra. {reference}. Riverside, 2024.") == set()


def test_a_long_title_may_gain_a_word_in_a_later_version() -> None:
    """From 50 letters on nothing else contains it."""
    title = "OtterGen: Enabling Riverside Applications via Conversation of Many Otters at Once"
    papers = [*PAPERS, ("2308.00001", title)]
    assert cited(f"References\nA. Lutra. {title} Framework. Riverside.", papers) == {"2308.00001"}
    assert cited(f"References\nA. Lutra. {title.replace('Once', 'Onces')}. Riverside.", papers) == {"2308.00001"}


def test_of_two_titles_that_begin_alike_the_longer_is_meant() -> None:
    papers = [*PAPERS, ("2403.00001", OTTERS + ", and Seals"), ("2403.00002", OTTERS + ", and Seals, by Size")]
    assert cited(f"References\nA. Lutra. {OTTERS}, and Seals. Riverside.", papers) == {"2403.00001"}
    assert cited(f"References\nA. Lutra. {OTTERS}, and Seals, by size. Riverside.", papers) == {"2403.00002"}
    assert cited(f"References\nA. Lutra. {OTTERS}, 2024.", papers) == {"2402.03300"}


def test_a_title_that_two_papers_bear_names_neither() -> None:
    """Their ids still do. The same paper given twice is one paper."""
    twins = [*PAPERS, ("2404.00001", OTTERS.upper())]
    assert cited(f"References\nA. Lutra. {OTTERS}. Riverside.", twins) == set()
    assert cited(f"References\nA. Lutra. {OTTERS}. arXiv:2404.00001", twins) == {"2404.00001"}
    assert cited(f"References\nA. Lutra. {OTTERS}. Riverside.", [*PAPERS, PAPERS[1]]) == {"2402.03300"}


@pytest.mark.parametrize("title", ["Technical report", "Otters at work", "Antidisestablishmentarianism", "", "数学"])
def test_a_title_too_common_is_not_looked_for(title: str) -> None:
    """Fewer than 18 letters, or fewer than three words."""
    papers = [*PAPERS, ("2404.00001", title)]
    assert cited(f"References\nA. Lutra. {title}. Riverside.", papers) == set()
    assert cited("References\nA. Lutra. arXiv:2404.00001", papers) == {"2404.00001"}


def test_a_title_with_markup_is_compared_without_it() -> None:
    papers = [*PAPERS, ("2404.00001", r"$\textit{Otter-Nyay:}$ Redress for the \'Etat of {O}tters$^3$")]
    assert cited("References\nA. Lutra. Otter-Nyay: Redress for the État of Otters3. Riverside.", papers) == {
        "2404.00001"
    }


def test_a_local_paper_is_known_by_its_title() -> None:
    assert cited("References\nA. Lutra. A field guide to careful measurement. Riverside.") == {"local:98e7afa9c5d3"}


def test_what_the_body_names_is_no_citation() -> None:
    """Only the list counts where there is one; and the appendix, whose heading a line of the list can look like."""
    finder = CitationFinder(PAPERS)
    body = f"arXiv:2402.03300 is told apart. {OTTERS}.\n"
    assert finder.find(stored("References\nNone.", body), CITING) == set()
    appendix = "\nA. Lutra and B. Enhydra\nOn stones. arXiv:2402.03300"
    assert finder.find(stored("References\nNone.", appendix=appendix), CITING) == {"2402.03300"}


@pytest.mark.parametrize("spans", [(), ((0, Section.BODY),)])
def test_without_a_list_the_whole_text_counts(spans: tuple[tuple[int, Section], ...]) -> None:
    text = f"{PAPERS[0][1]}\narXiv:2501.00001v1 [cs.CL]\n1. A. Lutra. {OTTERS}. 2024.\n" + "Long appendix. " * 50
    assert CitationFinder(PAPERS).find(StoredText(0, memoryview(text.encode()), spans), CITING) == {"2402.03300"}


def test_a_paper_never_cites_itself() -> None:
    """Neither by its stamp nor by its title at the head of every page."""
    assert cited(f"References\narXiv:{CITING}v3 [cs.CL] 1 Jan 2025\n{PAPERS[0][1]}.\n[1] Nobody.") == set()


def test_each_citing_paper_counts_once() -> None:
    edges = [("a", "c"), ("b", "c"), ("b", "c"), ("c", "c"), ("c", "a")]
    assert citations_received(edges) == {"c": 2, "a": 1}


def test_an_empty_sample_or_text_cites_nothing() -> None:
    assert CitationFinder([]).find(stored(f"References\n{OTTERS}. arXiv:2402.03300"), CITING) == set()
    assert CitationFinder(PAPERS).find(StoredText(0, memoryview(b""), ()), CITING) == set()


@given(st.sets(st.sampled_from(PAPERS[1:])), st.randoms(use_true_random=False), st.booleans())
def test_a_list_of_any_references_is_read_back(chosen: set[tuple[str, str]], random, by_id: bool) -> None:  # type: ignore[no-untyped-def]
    """Whatever the order, and wherever the lines break."""
    entries = [f"A. Lutra. On stones. arXiv:{key}" if by_id else f"A. Lutra. {title}. 2024" for key, title in chosen]
    random.shuffle(entries)
    text = "".join("\n" if char == " " and random.random() < 0.3 else char for char in "\n\n".join(entries))
    expected = {key for key, _ in chosen if not (by_id and key.startswith("local:"))}
    assert cited("References\n" + text) == expected


@given(st.text(max_size=200))
def test_any_text_gives_keys_of_the_sample(text: str) -> None:
    assert cited(text) <= {key for key, _ in PAPERS[1:]}


# Read by a person in the reference lists of the sample: by id under a revised title, by title alone, broken by a page
# number, behind a line that looks like an appendix, in a paper without a list.
JUDGED = {
    ("2510.20505", "2503.14234"), ("2511.10523", "2505.20243"), ("2606.05644", "2510.12460"),
    ("2504.03160", "2502.11886"), ("2503.21315", "local:98e7afa9c5d3"), ("2510.04905", "2505.15179"),
    ("2504.14858", "2503.05592"), ("2508.12778", "2507.07902"), ("2512.24903", "2505.22019"),
    ("2507.15268", "2308.08155"), ("2510.05327", "2505.10468"), ("2511.15355", "2305.13245"),
}  # fmt: skip
JUDGED_NOT = {("2506.20670", "2505.09388"), ("2510.18303", "2503.05592")}  # two entries in one; a successor


@pytest.mark.corpus
@pytest.mark.slow
def test_the_citations_of_the_real_papers(corpora: Path, tmp_path: Path) -> None:
    """1,017 citations in 1,129 papers: of 60 read, half by id, 59 were right; of 1,024 that could be seen, 7 missed."""
    with Store(tmp_path) as store:
        ingest([corpora / "papers" / "A_fulltext", corpora / "arxiv_md_2025.parquet"], store)
        extract(store, workers=2)
        papers = {
            (str(extraction.shard), int(extraction.row or 0)): copies for copies, extraction in chosen_texts(store)
        }
        titled = [
            (copies[0].paper, next((copy.title for copy in copies if copy.title), "")) for copies in papers.values()
        ]
        finder = CitationFinder(titled)
        edges = {
            (papers[shard, text.row][0].paper, found)
            for shard in {shard for shard, _ in papers}
            for text in read_shard(store.text_path(shard))
            if (shard, text.row) in papers
            for found in finder.find(text, papers[shard, text.row][0].paper)
        }
    assert len(edges) >= 1000
    assert edges >= JUDGED
    assert not edges & JUDGED_NOT
    assert citations_received(edges)["2501.12948"] >= 130
