"""The benchmarks of the survey half, the first table of `make bench`; nothing here runs in the test suite.

The machine may be shared, so each pair of rivals alternates in one run on one core, CPU seconds are compared, and the
medians are reported as a ratio. The texts are made here by a fixed seed: words as unevenly frequent as English, and the
density of real papers on language models: some 90 mentions and 10 near misses a megabyte.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from statistics import median

from survey.fulltext import Section, Text
from survey.mentions.domain import HIGHEST_THRESHOLD
from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import load_lexicon
from survey.store.texts import read_shard, write_shard
from survey.trends.domain import domain_trends
from survey.warehouse.builder import CountedMention, CountedPaper, build_warehouse
from survey.warehouse.database import Warehouse

MEGABYTES = 300
ROUNDS = 5
PAPERS = 200_000


def main() -> None:
    """Run all benchmarks and print their table."""
    pin_to_one_core()
    with tempfile.TemporaryDirectory(prefix="posttrain-bench-") as folder:
        rows = [*recount(Path(folder)), sweep(Path(folder)), start_up()]
    print("| what | ours (median CPU s) | rival (median CPU s) | ratio rival/ours | note |")
    print("|---|---:|---:|---:|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def pin_to_one_core() -> None:
    """Keep this process and its children on one core, so that both rivals have the same."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def recount(folder: Path) -> list[tuple[str, ...]]:
    """Counting every alias from the compressed cache against ripgrep over the same text uncompressed."""
    texts = make_texts()
    shards = [folder / write_shard(folder, texts[start : start + 1000]) for start in range(0, len(texts), 1000)]
    plain = folder / "all.txt"
    plain.write_text("\n\n".join(text.text for text in texts))
    packed = sum(shard.stat().st_size for shard in shards)
    finder = MentionFinder(load_lexicon())
    command, rival = _search(finder, plain, folder / "patterns.txt")

    def count_all() -> int:
        return sum(sum(finder.counts(stored.text).values()) for shard in shards for stored in read_shard(shard))

    ours, theirs = alternate(lambda: own_cpu(count_all), lambda: child_cpu(command))
    megabytes = plain.stat().st_size / 1e6
    note = (
        f"{megabytes:.0f} MB of {len(texts):,} texts, {packed / 1e6:.0f} MB in the cache; {count_all():,} mentions; "
        "ours unpacks the cache and applies every rule, the rival reads plain text and knows word boundaries alone"
    )
    return [(f"recount, against {rival}", *figures(ours, theirs), note)]


def _search(finder: MentionFinder, plain: Path, patterns: Path) -> tuple[list[str], str]:
    """Return the command of the rival over the plain text, and its name: ripgrep, or GNU grep where there is none."""
    aliases = finder.lexicon.aliases_by_pattern
    if rg := shutil.which("rg"):
        patterns.write_text("\n".join(aliases))
        command = [rg, "-j1", "--count-matches", "-i", "-w", "-f", str(patterns), str(plain)]
        return command, f"`rg -j1 --count-matches` {version(rg)}"
    patterns.write_text("|".join(f"(?:{alias})" for alias in aliases))
    grep = shutil.which("grep") or "grep"
    return [grep, "--count", "-i", "-w", "-P", "-f", str(patterns), str(plain)], f"`grep -P` {version(grep)}"


def sweep(folder: Path) -> tuple[str, ...]:
    """The domain table at thresholds 1 to 20 over 200,000 papers, against one threshold."""
    rng = random.Random(7)
    keys = sorted(load_lexicon().domains)
    start = date(2023, 1, 1)
    papers = [
        CountedPaper(f"p{n}", "", start + timedelta(days=rng.randrange(912)), True, "latex", "record")
        for n in range(PAPERS)
    ]
    mentions = [
        CountedMention(paper, rng.choice(keys), "alias", "body", at, at + 1, True, "")
        for paper in rng.sample(range(PAPERS), PAPERS // 5)
        for at in range(rng.choice([1, 1, 2, 3, 5, 8, 13]))
    ]
    path = folder / "bench.duckdb"
    with build_warehouse(path, load_lexicon(), {}) as warehouse:
        warehouse.add_papers(papers)
        warehouse.add_mentions(mentions)
    with Warehouse.open(path) as warehouse:
        ours, theirs = alternate(
            lambda: own_cpu(lambda: domain_trends(warehouse, range(1, HIGHEST_THRESHOLD + 1))),
            lambda: own_cpu(lambda: [domain_trends(warehouse, [t]) for t in range(1, HIGHEST_THRESHOLD + 1)]),
        )
        begin = time.perf_counter()
        domain_trends(warehouse, range(1, HIGHEST_THRESHOLD + 1))
        wall = time.perf_counter() - begin
    note = f"{PAPERS:,} papers, {len(mentions):,} mentions; wall time of one sweep here {wall * 1000:.0f} ms"
    return ("sweep 1 to 20 from one query, against twenty queries", *figures(ours, theirs), note)


def start_up() -> tuple[str, ...]:
    """`survey --help` against a bare interpreter."""
    help_command = [sys.executable, "-m", "survey.cli", "--help"]
    ours, theirs = alternate(lambda: child_cpu(help_command), lambda: child_cpu([sys.executable, "-c", "pass"]))
    return ("`survey --help`, against `python -c pass`", *figures(ours, theirs), "a bound of 0.4 s of CPU is the aim")


def make_texts() -> list[Text]:
    """Return texts of some 60 KB each, 300 MB in all, every tenth about benchmarks."""
    rng = random.Random(26)
    words = ["".join(rng.choices("etaoinshrdlucmfwypvbgk", k=rng.randint(2, 11))) for _ in range(30_000)]
    misses = ["claimed", "aimed", "birds", "Alfred", "human evaluation", "VisualWebArena", "as we benchmark", "BigBird"]
    names = [alias.counts for benchmark in load_lexicon().benchmarks for alias in benchmark.aliases]
    frequency = [1 / (rank + 3) for rank in range(len(words))]
    texts: list[Text] = []
    size = 0
    while size < MEGABYTES * 1_000_000:
        length = int(min(max(rng.lognormvariate(9.0, 0.5), 1_000), 60_000))
        chosen = rng.choices(words, frequency, k=length)
        for at in range(rng.randrange(14_000), length, 14_000):
            chosen[at] = rng.choice(misses)
        if len(texts) % 10 == 0:
            for at in range(0, length, 210):
                chosen[at] = rng.choice(names)
        for at in range(0, length, 12):
            chosen[at] += ".\n"
        text = " ".join(chosen)
        texts.append(Text("latex", text, ((0, Section.BODY),)))
        size += len(text)
    return texts


def alternate(one: Callable[[], float], other: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Return the CPU seconds of two rivals that took turns, after one round that is not counted."""
    one(), other()
    pairs = [(one(), other()) for _ in range(ROUNDS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def own_cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this process in `work`."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def child_cpu(command: list[str]) -> float:
    """CPU seconds, user and system, of one run of `command`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.PIPE, check=True)  # grep stops at its first match before /dev/null
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(ours: list[float], theirs: list[float]) -> tuple[str, str, str]:
    """Return both medians and the ratio of the medians."""
    return f"{median(ours):.3f}", f"{median(theirs):.3f}", f"{median(theirs) / median(ours):.2f}"


def version(program: str) -> str:
    """Return the first line of what `program --version` prints."""
    return subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


if __name__ == "__main__":
    main()
