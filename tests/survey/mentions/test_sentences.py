"""Sentences as papers write them, with the right counts read by eye: from text as its file holds it to the counts."""

import pytest

from survey.fulltext.normalise import normalise
from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import LexiconName, load_lexicon
from survey.studies.load import load_study

FINDER = MentionFinder(load_lexicon())
AGENTS = MentionFinder(load_lexicon(study=load_study("agents")))


def counted(text: str, finder: MentionFinder = FINDER) -> dict[str, int]:
    return finder.counts(normalise(text, join_hyphens=True).encode())


# ---- abbreviations of the paper's own -----------------------------------------------------------------------------

ABBREVIATIONS: list[tuple[str, dict[str, int]]] = [
    ("We report StrategyQA (SQA) first. SQA needs two hops; SQA-dev is small.", {"strategyqa": 3}),
    ("LiveCodeBench [17] (LCB), then LCB v5 and LCB_v6.", {"livecodebench": 3}),
    ("LiveCodeBench (Jain et al., 2024) (LCB). In LCB, ...", {"livecodebench": 2}),
    ("HumanEval (henceforth HE), on which HE is saturated", {"humaneval": 2}),
    ("**HumanEval** (**HE**) and HE+ follow.", {"humaneval": 2}),
    ("WebArena (“WA”): WA has 812 tasks.", {"webarena": 2}),
    ("LCB: LiveCodeBench, AIME: a contest. Table 3 has LCB 40.1.", {"livecodebench": 2, "aime": 1}),
    ("SQA = StrategyQA. On SQA we lose.", {"strategyqa": 2}),
    ("SQA stands for StrategyQA; SQA is hard.", {"strategyqa": 2}),
    ("LCB (LiveCodeBench) and later LCB", {"livecodebench": 2}),
    # the same letters for something else, before the introduction and behind a second one
    ("LCB is a lower confidence bound. We use LiveCodeBench (LCB). LCB is new.", {"livecodebench": 2}),
    ("TriviaQA (TQA) and TQA again, TruthfulQA (TQA) and TQA.", {"triviaqa": 2}),
    ("TQA, HQA, LCB and HE without a word on them", {}),
    ("on code generation (LCB) and others", {}),
    ("LiveCodeBench (LCB). On code generation (LCB) and mathematics we gain.", {"livecodebench": 2}),
    ("LiveCodeBench (LCB) is new. LiveCodeBench (LCB) in the next chapter. LCB.", {"livecodebench": 3}),
    # brackets that shorten nothing
    ("GSM8K (EM), HotpotQA (F1), HumanEval (pass@1). EM and F1 rise.", {"gsm8k": 1, "hotpotqa": 1, "humaneval": 1}),
    ("SWE-bench (SWE), SWE-Gym and SWE-agent", {"swe-bench": 1}),
    ("GSM8K (GSM), GSM-Plus, GSM-Hard", {"gsm8k": 1}),
    ("HumanEval (ours: 80.1; theirs: HE 70)", {"humaneval": 1}),
    ("TriviaQA (24) and MuSiQue (2). 24 and 2.", {"triviaqa": 1, "musique": 1}),
    # a short form is a word of its own, in its own case
    ("HumanEval (HE). SHE said he is THE one; HELLO", {"humaneval": 1}),
    ("HumanEval (HE). HE, K., and HE, Z. Deep residual learning.", {"humaneval": 1}),
    ("HumanEval (HE): https://example.org/HE/HE.html", {"humaneval": 1}),
]

# ---- years --------------------------------------------------------------------------------------------------------

YEARS: list[tuple[str, dict[str, int]]] = [
    ("AIME’27, aime_27, AIME-2031, aime1999, Aime 1983", {"aime": 5}),
    ("aime26_run3, `aime_2026/train`, aime2025-ii", {"aime": 3}),
    ("AIME 2024/2025 and AIME24/25", {"aime": 2}),
    ("claime24, maime25x, aimed24", {}),
    ("AIME 2019, held by the Society for Artificial Intelligence in Medicine", {}),
    ("Riaño D. (eds) Artif. Intell. Med. AIME 2019. LNCS", {}),
]

# ---- apostrophes, dashes, quotes ----------------------------------------------------------------------------------

SIGNS: list[tuple[str, dict[str, int]]] = [
    ("a BIRD`S EYE VIEW, a bird´s-eye view, BIRD'S-EYE", {}),
    ("BIRD’S dev set and BIRD's train set", {"bird": 2}),
    ("‘GSM8K’, “SVAMP”, «ASDiv», „MuSiQue“", {"gsm8k": 1, "svamp": 1, "asdiv": 1, "musique": 1}),
    ("GSM−8K, SWE—bench, ALF‐World, Trivia‑QA", {"gsm8k": 1, "swe-bench": 1, "alfworld": 1, "triviaqa": 1}),
    ("HotpotQA’s and HotpotQA‘s questions", {"hotpotqa": 2}),
    ("ＧＳＭ８Ｋ in full width, 𝐆𝐒𝐌𝟖𝐊 in bold mathematics", {"gsm8k": 2}),
]

# ---- people and animals -------------------------------------------------------------------------------------------

PERSONS: list[tuple[str, dict[str, int]]] = [
    ("The tasks were set by Alfred Kinsey and King Alfred.", {}),
    ("Alfred, J. and Bird, S. A benchmark of SQL.", {}),
    ("Alfred et al. released a benchmark of household tasks.", {}),
    ("a robot called Alfred does household tasks", {}),
    ("Alfred said that the tasks are done.", {}),
    ("We use the Alfred benchmark [12] of household tasks.", {"alfred": 1}),
    ("on Alfred, an embodied instruction following data set", {"alfred": 1}),
    ("Our database course follows Charlie Bird and Bird et al.", {}),
    ("E. Bird. 2009. SQL for everyone", {}),
    ("Bird and Klein, 2009 query a database", {}),
    ("Spider and Bird are text-to-SQL data sets.", {"bird": 1}),
    ("Spider Bird\nexecution accuracy in SQL", {"bird": 1}),
    ("CIFAR-10 has Airplane, Bird, Cat, Deer; Spider is no class of this database.", {}),
    ("BIRD, CAT, DEER, DOG, FROG are classes.", {}),
    ("a database of Bird species and Bird song", {}),
    ("BIRD-WATCHING and BIRD STRIKES near airports", {}),
    ("Aime Traore teaches math. Aime said so.", {}),
    ("on MATH500, Aime and AMC", {"aime": 1}),
    ("Artificial Intelligence for Musical Ears (AIME) listens. AIME is deaf.", {}),
    ("AIME (Automated Item Mining Engine) mines; AIME24 is the contest.", {"aime": 1}),
    ("the American Invitational Mathematics Examination (AIME). AIME is hard.", {"aime": 2}),
    ("AIME (American Invitational Mathematics Examination) is hard.", {"aime": 1}),
    ("BIRD (Bayesian Inference of Relational Dynamics). BIRD is fast.", {}),
    ("BIRD (BIg Bench for LaRge-scale Database Grounded Text-to-SQL Evaluation)", {"bird": 1}),
    ("La musique, de musique, musique concrète, musique classique", {}),
    ("Hotpot is spicy food. A hotpot dish. Beijing Hotpot dinner", {}),
]

# ---- addresses ----------------------------------------------------------------------------------------------------

ADDRESSES: list[tuple[str, dict[str, int]]] = [
    ("https://github.com/princeton-nlp/SWE-bench and www.alfworld.github.io", {}),
    ("webarena.dev, alfworld.github.io, swebench.com", {}),
    ("huggingface.co/datasets/gsm8k, a copy of GSM8K", {"gsm8k": 1}),
    ("[HumanEval](data/humaneval.jsonl) in text", {"humaneval": 1}),
    ("GSM8K (https://github.com/openai/grade-school-math), SVAMP.", {"gsm8k": 1, "svamp": 1}),
    ("GSM8K. In WebShop/ALFWorld we act; data/gsm8k/test.jsonl", {"gsm8k": 2, "webshop": 1, "alfworld": 1}),
]

# ---- names in pieces ----------------------------------------------------------------------------------------------

BROKEN: list[tuple[str, dict[str, int]]] = [
    ("Strate\ufffegyQA, ALF\ufffeWorld, AS\ufffeDiv", {"strategyqa": 1, "alfworld": 1, "asdiv": 1}),
    ("Pub\u00adMedQA and Hu\u00admanEval", {"pubmedqa": 1, "humaneval": 1}),
    ("Trivi\u00ad\naQA and Musi\u00ad que", {"triviaqa": 1, "musique": 1}),
    ("Live\x02CodeBench and SVA\x02MP", {"livecodebench": 1}),
    ("098 the Strate-\n099 gyQA and ALF-\n100 World tasks", {"strategyqa": 1, "alfworld": 1}),
    ("1 we use Web-\n2 Shop and Mind-\n3 2Web and TDW-\n4 MAT", {"webshop": 1, "mind2web": 1, "tdw-mat": 1}),
    ("Strate-\n098\ngyQA\n099\nis hard\n100\n", {"strategyqa": 1}),
    ("as Trivi-\n\n12\n\nPreprint. Under review.\n\naQA shows", {"triviaqa": 1}),
    ("as Hot-\n---\n<!-- page 7 -->\npotQA shows", {"hotpotqa": 1}),
    ("How to Read\na b\nHow to Read\nas Pub-\n4\nHow to Read\nmedQA has", {"pubmedqa": 1}),
    ("| Pub<br>MedQA | Strategy<br/>QA | GSM<br>8K |", {"pubmedqa": 1, "strategyqa": 1, "gsm8k": 1}),
    ("<i>Web</i>Shop, **ALF**World, <span class='x'>SVAMP</span>", {"webshop": 1, "alfworld": 1, "svamp": 1}),
    (r"swe\_bench, gsm\_8k, aime\_2026, ALFWorld\*", {"swe-bench": 1, "gsm8k": 1, "aime": 1, "alfworld": 1}),
    ("SVAMP<sup>2</sup> and BIRD<sup>†</sup>", {"svamp": 1, "bird": 1}),
    ("GPT-\n4 and top-\n10", {}),
]  # fmt: skip

# ---- further spellings --------------------------------------------------------------------------------------------

SPELLINGS: list[tuple[str, dict[str, int]]] = [
    ("SciWorld, Sci-World, sciworld; Science Worlds Fair", {"scienceworld": 3}),
    ("MobileWebArena, MiniWebArena, EconWebArena", {}),
    ("InterCode-SQL, InterCode (SQL), InterCode-Bash", {"intercodesql": 2}),
    ("2WMQA, 2Wiki-MQA, 2wikimhqa, Wiki2MultihopQA", {"2wikimultihopqa": 4}),
    ("human_eval/data; the human evaluation; human_evaluation", {"humaneval": 1}),
    ("our web shop sells; the Web Shop benchmark", {"webshop": 1}),
    ("ALF World, AlfWorld, alf world", {"alfworld": 2}),
]


@pytest.mark.parametrize(
    ("text", "counts"),
    [*ABBREVIATIONS, *YEARS, *SIGNS, *PERSONS, *ADDRESSES, *BROKEN, *SPELLINGS],
)
def test_a_sentence_counts_as_a_reader_counts_it(text: str, counts: dict[str, int]) -> None:
    assert counted(text) == counts


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("Gaia, the space mission of ESA; the GAIA mission; GAIA DR3 parallaxes", {}),
        ("GAIA [3] asks 466 questions; on GAIA level 3 our agent gains", {"gaia": 2}),
        ("stars of the Milky Way in GAIA", {}),
    ],
)
def test_a_star_catalogue_is_no_benchmark(text: str, counts: dict[str, int]) -> None:
    assert counted(text, AGENTS) == counts


def test_the_printed_keys_know_no_abbreviation_and_count_in_addresses() -> None:
    """They are what a plain reader of the survey would count."""
    printed = MentionFinder(load_lexicon(LexiconName.PRINTED))
    text = "LiveCodeBench (LCB). LCB. https://example.org/gsm8k"
    assert counted(text, printed) == {"livecodebench": 1, "gsm8k": 1}
