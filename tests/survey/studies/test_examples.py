"""The example studies: each alias counts in a sentence of its own, and near misses do not."""

from collections import Counter

import pytest

from survey.mentions.finder import MentionFinder, hyperscan_engine, re_engine
from survey.mentions.lexicon import load_lexicon
from survey.studies.load import load_study

# benchmark → texts in which it is counted once, and nothing else is
COUNTS = {
    "agents": {
        "webarena": ["on WebArena and", "the Web-Arena-Lite tasks"],
        "visualwebarena": ["VisualWebArena", "Visual WebArena tasks"],
        "mind2web": ["Online-Mind2Web"],
        "webvoyager": ["(WebVoyager)", "Web-Voyager"],
        "browsecomp": ["BrowseComp-ZH", "Browse-Comp"],
        "gaia": ["the GAIA validation set"],
        "webshop": ["WebShop,"],
        "osworld": ["OSWorld-Verified"],
        "androidworld": ["AndroidWorld"],
        "screenspot": ["ScreenSpot-Pro", "ScreenSpot-v2"],
        "windowsagentarena": ["WindowsAgentArena", "Windows Agent Arena"],
        "swe-bench": ["SWE-bench Verified", "SWEBench"],
        "terminal-bench": ["Terminal-Bench 2.0", "TerminalBench"],
        "mle-bench": ["MLE-bench"],
        "paperbench": ["PaperBench"],
        "tau-bench": ["on τ-bench", "τ²-bench retail", "Tau-Bench", "tau2-bench", r"$\tau$-bench", "τ-Bench."],
        "bfcl": ["BFCL-v3", "the Berkeley Function Calling Leaderboard"],
        "toolbench": ["ToolBench"],
        "agentbench": ["AgentBench"],
        "alfworld": ["ALFWorld"],
    },
    "reasoning": {
        "gsm8k": ["GSM8K", "GSM-8K"],
        "svamp": ["SVAMP"],
        "math": ["the MATH dataset"],
        "math-500": ["MATH-500", "MATH500", "MATH 500"],
        "aime": ["AIME 2024", "AIME25", "AIME’24", "AIME'24", "the AIME problems"],
        "amc": ["AMC 23", "AMC23", "AMC 12"],
        "hmmt": ["HMMT Feb"],
        "olympiadbench": ["OlympiadBench"],
        "minerva": ["Minerva Math"],
        "omni-math": ["Omni-MATH"],
        "usamo": ["USAMO 2025"],
        "gpqa": ["GPQA-Diamond"],
        "mmlu-pro": ["MMLU-Pro", "MMLU Pro"],
        "hle": ["Humanity's Last Exam", "Humanity’s Last Exam", "on HLE,"],
        "scibench": ["SciBench"],
        "arc-agi": ["ARC-AGI-2"],
        "bbh": ["BBH", "BIG-Bench Hard"],
        "zebralogic": ["ZebraLogic"],
    },
    "long-context": {
        "needle": ["needle-in-a-haystack", "Needle in a Haystack", "needle in the haystack", "NIAH"],
        "ruler": ["on RULER at 128k"],
        "infinitebench": ["InfiniteBench", "∞Bench", r"$\infty$-Bench"],
        "babilong": ["BABILong"],
        "longbench": ["LongBench v2"],
        "l-eval": ["L-EVAL", "L-Eval"],
        "helmet": ["on HELMET,"],
        "loogle": ["LooGLE"],
        "zeroscrolls": ["ZeroSCROLLS"],
        "novelqa": ["NovelQA"],
        "locomo": ["LoCoMo"],
        "longmemeval": ["LongMemEval"],
    },
    "safety": {
        "advbench": ["AdvBench"],
        "harmbench": ["HarmBench"],
        "jailbreakbench": ["JailbreakBench"],
        "strongreject": ["StrongREJECT"],
        "agentdojo": ["AgentDojo"],
        "agentharm": ["AgentHarm"],
        "xstest": ["XSTest"],
        "or-bench": ["OR-Bench"],
        "beavertails": ["BeaverTails"],
        "do-not-answer": ["Do-Not-Answer"],
        "truthfulqa": ["TruthfulQA", "Truthful QA"],
        "bbq": ["on BBQ,"],
        "simpleqa": ["Chinese SimpleQA"],
        "halueval": ["HaluEval"],
        "wmdp": ["WMDP"],
        "cybench": ["Cybench"],
        "salad-bench": ["SALAD-Bench"],
    },
}
REFUSES = {
    "agents": [
        "the Gaia DR3 catalogue", "GAIA DR3", "as we benchmark", "StableToolBench", "a web shopping agent", "tauben",
    ],
    "reasoning": ["a math problem", "j'aime", "it claimed", "the AMC network", "hle", "mmlu probe", "bbhx"],
    "long-context": ["a ruler", "his helmet", "level evaluation", "locomotion", "LongVideoBench"],
    "safety": ["a barbecue, bbq", "models do not answer", "for benchmarks", "or benchmark"],
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("engine", [hyperscan_engine, re_engine])
def test_every_alias_of_an_example_study_counts_in_a_sentence(name: str, engine: object) -> None:
    """And no alias is without a sentence; with hyperscan and with `re`."""
    lexicon = load_lexicon(study=load_study(name))
    finder = MentionFinder(lexicon, engine)  # type: ignore[arg-type]
    assert set(COUNTS[name]) == set(lexicon.domains)
    used: Counter[tuple[str, str]] = Counter()
    wrong: list[tuple[str, str, object]] = []
    for key, texts in COUNTS[name].items():
        for text in texts:
            mentions = [mention for mention in finder.find(f"We use {text} here.".encode()) if mention.counted]
            used.update((mention.benchmark, mention.alias) for mention in mentions)
            if [mention.benchmark for mention in mentions] != [key]:
                wrong.append((key, text, [mention.benchmark for mention in mentions]))
    wrong += [("none", text, finder.counts(text.encode())) for text in REFUSES[name] if finder.counts(text.encode())]
    unused = {(b.key, alias.spelling) for b in lexicon.benchmarks for alias in b.aliases} - set(used)
    assert (wrong, unused) == ([], set())
