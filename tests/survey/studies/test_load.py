"""Studies: the bundled ones load, every fault is a sentence with its line, and an extended study adds to another."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from survey.mentions.lexicon import load_lexicon
from survey.studies.load import bundled_studies, load_study
from survey.trends.published import Axis, published_cells
from survey.warehouse.database import Warehouse

PLAIN = """name = "cooking"
[domains.soups]
benchmarks = ["soupbench"]
[domains.cakes]
benchmarks = ["cakeqa"]
[benchmarks.soupbench]
aliases = [{ spelling = "soup-bench", reason = "the name" }]
[benchmarks.cakeqa]
aliases = [
    { spelling = "cake qa", reason = "the name" },
    { pattern = "c-?qa", case = "upper", reason = "the short form" },
]
"""


def _load(folder: Path, text: str) -> str:
    """The error of a study, or "" where it loads."""
    file = folder / "cooking.toml"
    file.write_text(text)
    try:
        load_study(file)
    except ConfigurationError as error:
        assert error.hint and "survey study" in error.hint
        return str(error)
    return ""


def test_the_bundled_study_is_the_table_of_the_survey() -> None:
    """Four domains in the order of the survey, 26 keys, 56 aliases that share no key, five mentions, printed tables."""
    study = load_study()
    assert bundled_studies() == ("2603.13985", "agents", "long-context", "reasoning", "safety")
    assert (list(study.domains), len(study.benchmarks)) == (["qa", "math", "agentic", "code"], 26)
    assert sum(len(spec.aliases) for spec in study.benchmarks.values()) == 56
    assert [study.threshold_of(domain) for domain in study.domains] == [5, 5, 5, 5]
    assert study.window.is_open and len(published_cells(Axis.DOMAIN, 5, study)) == 12
    assert load_lexicon(study=study).domains["gsm8k"] == "math"


def test_the_bundled_counts_are_of_the_bundled_aliases() -> None:
    """A changed alias shows: the counts carry the fingerprint of the lexicon they were made with."""
    with Warehouse.from_counts(reference_path("mentions.parquet")) as warehouse:
        assert warehouse.provenance()["fingerprint"] == load_lexicon().fingerprint


def test_a_study_has_its_domains_in_order_and_no_printed_numbers(tmp_path: Path) -> None:
    """What is not given has a default."""
    assert _load(tmp_path, PLAIN) == ""
    study = load_study(tmp_path / "cooking.toml")
    assert (study.name, list(study.domains), study.threshold_of("soups")) == ("cooking", ["soups", "cakes"], 5)
    assert published_cells(Axis.DOMAIN, 5, study) == published_cells(Axis.METHOD, None, study) == {}


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('name = "cooking"', 'nam = "cooking"', 1, "unknown key 'nam' (did you mean 'name'?)"),
        ('name = "cooking"', 'name = "soups and cakes"', 1, "name is 'soups and cakes'; expected letters, digits"),
        ('name = "cooking"', 'name = "agents"', 1, "a study that comes with posttrain; expected another"),
        ("aliases = [{ spelling", "alias = [{ spelling", 7, "unknown key 'benchmarks.soupbench.alias'"),
        ('qa", reason = "the', 'qa", raeson = "the', 10, "unknown key 'benchmarks.cakeqa.aliases.0.raeson'"),
        ('upper", reason', 'upper", exact = true, reason', 11, "unknown key 'benchmarks.cakeqa.aliases.1.exact'"),
        ('case = "upper"', 'case = "lower"', 11, "expected 'any', 'upper' or 'capital'"),
        ('"c-?qa"', '"c-?qa("', 11, "'c-?qa(' is no regular expression"),
        ('"c-?qa"', '"(c-?qa)?"', 11, "matches the empty text"),
        ('"c-?qa"', '"[a-z]{3}"', 11, "so it would match every paper"),
        ('"c-?qa"', '"c.*qa"', 11, "could run over a sentence"),
        ('"c-?qa"', '"c(?=qa)"', 11, "looks around or back; use near"),
        ('"c-?qa"', '"cqa", spelling = "cqa"', 11, "either a spelling or a pattern"),
        ('"c-?qa", case', '"c-?qa", reason = 5, case', 11, "not TOML"),
        ('["cakeqa"]', '["cakeqa", "soupbench"]', 5, "the benchmark 'soupbench' stands in soups and in cakes"),
        ('["soupbench"]', '["soupbenhc"]', 3, "'soupbenhc', which is no benchmark (did you mean 'soupbench'?)"),
        ('["soupbench"]', "[]", 3, "domains.soups.benchmarks is an empty list; expected at least one entry"),
        ('name = "cooking"\n', "", 1, "'name' is missing"),
        ("[benchmarks.soupbench]", "[benchmarks.Soup]", 6, "the benchmark 'Soup'; expected lower-case letters"),
        ("[domains.soups]", "[threshold]\ndefault = 0\n[domains.soups]", 3, "default is 0; expected 1 or more"),
        ("[domains.soups]", "[threshold]\nby_domain = { soup = 3 }\n[domains.soups]", 3, "'soup', which is no domain"),
        ("[domains.soups]", "[threshold]\nby_domain = { soups = 0 }\n[domains.soups]", 3, "is 0; expected 1 or more"),
        ("[domains.soups]", '[window]\nsince = "2025-03"\nuntil = "2025-02"\n[domains.soups]', 2, "before it begins"),
        ("[domains.soups]", '[window]\nsince = "last year"\n[domains.soups]', 3, "window.since"),
        ("[domains.soups]", '[published]\ndomain = "printed.csv"\n[domains.soups]', 3, "there is no file"),
        ("[domains.soups]", '[published]\nbenchmark = "printed.csv"\n[domains.soups]', 3, "published.benchmark"),
        ("[domains.soups]", "[threshold]\ndefault = true\n[domains.soups]", 3, "is true; expected a whole number"),
        ("[domains.soups]", "[threshold]\nabstract = 1.5\n[domains.soups]", 3, "is 1.5; expected a whole number"),
        ("[domains.soups]", "threshold = 5\n[domains.soups]", 2, "threshold is 5; expected a table"),
        ("[domains.soups]", "[window]\nsince = 2025\n[domains.soups]", 3, "since is 2025; expected a day or"),
        ('["soupbench"]', '"soupbench"', 3, 'benchmarks is "soupbench"; expected a list in brackets'),
        ('["cakeqa"]', '["cakeqa", "cakeqa"]', 5, "the benchmark 'cakeqa' stands in cakes twice"),
        ('"c-?qa"', '"cq\\u0000a"', 11, "a character that cannot be printed"),
        ('reason = "the short form"', 'reason = ""', 11, 'reason is ""; expected at least one letter'),
        ('name = "cooking"', "name = 7", 1, "name is 7; expected text in quotes"),
        ('name = "cooking"', 'name = "cooking"\nextends = "baking"', 2, "extends is 'baking'; expected one of"),
    ],
)  # fmt: skip
def test_a_fault_is_a_sentence_with_its_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    """What was found, where, and what is expected."""
    assert PLAIN.count(old) == 1, "the fault has one line"
    error = _load(tmp_path, PLAIN.replace(old, new))
    assert message in error
    assert f", line {line}:" in error or "not TOML" in error


def test_an_empty_file_and_other_bytes_are_named(tmp_path: Path) -> None:
    """A file of comments alone is empty; a byte that is not UTF-8 has its line; a mark before the text is none."""
    path = tmp_path / "mine.toml"
    for nothing in (b"", b"\n\n", b"# to do\n"):
        path.write_bytes(nothing)
        with pytest.raises(ConfigurationError, match=r"line 1: .*this file is empty"):
            load_study(path)
    path.write_bytes(PLAIN.encode() + b'title = "caf\xe9"\n')
    with pytest.raises(ConfigurationError, match=f"line {PLAIN.count(chr(10)) + 1}: the byte 0xe9 is not UTF-8"):
        load_study(path)
    path.write_bytes(b"\xef\xbb\xbf" + PLAIN.encode())
    assert load_study(path).name == "cooking"


def test_a_benchmark_in_no_domain_is_a_fault(tmp_path: Path) -> None:
    """It would be counted for nothing."""
    text = PLAIN.replace('[domains.cakes]\nbenchmarks = ["cakeqa"]\n', "")
    assert "line 6: the benchmark 'cakeqa' is in no domain" in _load(tmp_path, text)


def test_a_study_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the names that are."""
    for name, message in (("agent", "did you mean 'agents'?"), (str(tmp_path / "no.toml"), "there is no file")):
        with pytest.raises(ConfigurationError) as error:
            load_study(name)
        assert message in str(error.value)


def test_an_extended_study_adds_to_the_bundled_one(tmp_path: Path) -> None:
    """Domains and benchmarks of both, the name and the printed numbers its own."""
    assert _load(tmp_path, PLAIN.replace('"cooking"', '"cooking"\nextends = "2603.13985"')) == ""
    study = load_study(tmp_path / "cooking.toml")
    assert list(study.domains) == ["qa", "math", "agentic", "code", "soups", "cakes"]
    assert (study.name, study.title, len(study.benchmarks), study.published) == ("cooking", "", 28, {})


def test_a_window_holds_whole_months_and_categories(tmp_path: Path) -> None:
    """From the first day of the first month to the last of the last; without a date or category a paper is outside."""
    window = '[window]\nsince = "2023-02"\nuntil = "2024-02"\ncategories = ["cs.CL"]\n'
    assert _load(tmp_path, PLAIN.replace("[domains.soups]", f"{window}[domains.soups]")) == ""
    held = load_study(tmp_path / "cooking.toml").window
    assert held.holds(date(2023, 2, 1), ["cs.LG", "cs.CL"]) and held.holds(date(2024, 2, 29), ["cs.CL"])
    for published, categories in (
        (date(2023, 1, 31), ["cs.CL"]), (date(2024, 3, 1), ["cs.CL"]), (date(2023, 5, 1), ["cs.LG"]),
        (date(2023, 5, 1), []), (None, ["cs.CL"]),
    ):  # fmt: skip
        assert not held.holds(published, categories)


def test_the_lexicon_s_fingerprint_follows_what_is_counted(tmp_path: Path) -> None:
    """A reason or a threshold changes no count; an alias or a rule does."""

    def fingerprint(text: str) -> str:
        assert _load(tmp_path, text) == ""
        return load_lexicon(study=load_study(tmp_path / "cooking.toml")).fingerprint

    plain = fingerprint(PLAIN)
    assert fingerprint(PLAIN.replace("the short form", "another reason")) == plain
    assert fingerprint(PLAIN.replace("[domains.soups]", "[threshold]\ndefault = 9\n[domains.soups]")) == plain
    assert fingerprint(PLAIN.replace('case = "upper", ', "")) != plain
    assert fingerprint(PLAIN.replace("c-?qa", "c[- ]?qa")) != plain


def test_the_line_of_a_benchmark_below_a_common_header(tmp_path: Path) -> None:
    """Benchmarks may be written as lines of one table, and their keys stand in the lists of domains too."""
    short = """name = "cooking"  # a name of benchmarks
[domains.soups]
benchmarks = ["soupbench", "cakeqa"]

[benchmarks]
soupbench.aliases = [{ spelling = "soup-bench", reason = "the name" }]
cakeqa.aliases = [{ spelling = "cake qa", reason = "the name" }]
"""
    assert _load(tmp_path, short) == ""
    assert "line 7: unknown key 'benchmarks.cakeqa.aliases.0.raison'" in _load(
        tmp_path, short.replace('qa", rea', 'qa", rai')
    )
    assert "line 6: " in _load(tmp_path, short.replace("soup-bench", ""))
    assert "line 3: unknown key 'domains.soups.benchmark'" in _load(
        tmp_path, short.replace("benchmarks =", "benchmark =")
    )


VALUES = [
    "5",
    "-1",
    "true",
    '""',
    '"("',
    '"x"',
    "[]",
    "[5]",
    "[[]]",
    "{}",
    "{ a = 1 }",
    "2025-01-01",
    "nan",
    '"agents"',
    '["x"]',
]


@given(st.integers(0, PLAIN.count("\n")), st.sampled_from(VALUES), st.booleans(), st.sampled_from(
    ["extends", "window", "threshold", "published", "refused", "window.since", "threshold.by_domain", "domains"]
))  # fmt: skip
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_study_loads_or_is_refused(tmp_path: Path, line: int, value: str, extends: bool, key: str) -> None:
    """Whatever stands at a key, there is no other error than a sentence."""
    lines = (f'{key} = {value}\nextends = "agents"\n{PLAIN}' if extends else f"{key} = {value}\n{PLAIN}").splitlines()
    _load(tmp_path, "\n".join(lines))
    lines = PLAIN.splitlines()
    if line < len(lines) and "=" in lines[line]:
        lines[line] = f"{lines[line].split('=')[0]} = {value}"
    _load(tmp_path, "\n".join(['extends = "agents"'] * extends + lines))
