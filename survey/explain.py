"""Why a paper is where it is: every mention with its alias, section, place and reason."""

from collections import Counter
from typing import Any

from survey.benchmarks import LexiconName, load_lexicon
from survey.domain import DEFAULT_THRESHOLD, Rule, assign_domains
from survey.errors import ExitCode, SurveyError
from survey.paper import find_arxiv_id
from survey.sample import Sample


def explain(sample: Sample, asked: str) -> dict[str, Any]:
    """Return everything that is known of the paper `asked` (an id, with version or URL around it, or a local key).

    The bundled counts hold no places: there `offset` is null and each entry stands for `n` mentions.
    Raises SurveyError with exit code 3 where the sample lacks the paper.
    """
    found = find_arxiv_id(asked)
    key = found.id if found else asked
    rows = sample.warehouse.query("explain_paper", arxiv_id=key)
    if not rows:
        where = "the bundled sample" if sample.is_default else "your sample"
        raise SurveyError(
            f"{key} is not in {where}",
            "survey ingest a copy of it, or survey status to see what is there",
            ExitCode.NOTHING_MATCHED,
        )
    paper, arxiv_id, title, published, surface, id_source = rows[0]
    aliases = {(b.key, a.spelling): a.reason for b in load_lexicon(_lexicon(sample)).benchmarks for a in b.aliases}
    counts: Counter[str] = Counter()
    domains = {}
    mentions: list[dict[str, Any]] = []
    for benchmark, domain, alias, section, n in sample.warehouse.query("explain_counts", paper=paper):
        counts[benchmark] += n
        domains[benchmark] = domain
        if sample.is_default:
            reason = aliases.get((benchmark, alias), "")
            mentions.append(_mention(benchmark, domain, alias, section, None, True, reason) | {"n": n})
    if not sample.is_default:
        mentions = [_mention(*row) for row in sample.warehouse.query("explain_mentions", paper=paper)]
    return {
        "arxiv_id": arxiv_id, "title": title, "published": published.isoformat() if published else None,
        "surface": surface, "id_source": id_source, "mentions": mentions, "counts": dict(counts.most_common()),
        "domains": sorted(assign_domains(counts, domains, DEFAULT_THRESHOLD, Rule.ANY_NAME)),
        "method": None, "data_source": None,
    }  # fmt: skip


def _lexicon(sample: Sample) -> LexiconName:
    return LexiconName(sample.warehouse.provenance().get("lexicon", LexiconName.ALIASES))


def _mention(
    benchmark: str, domain: str, alias: str, section: str, offset: int | None, counted: bool, reason: str
) -> dict[str, Any]:
    return {
        "benchmark": benchmark, "domain": domain, "alias": alias, "section": section,
        "offset": offset, "counted": counted, "reason": reason,
    }  # fmt: skip
