"""The explanation of a paper: every mention and cue with its words, offset and reason; and the papers of a cell."""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from posttrain.errors import ConfigurationError, NothingMatchedError
from survey.labels.cues import CueFinder
from survey.labels.readings import DataSource, Method
from survey.mentions.domain import DEFAULT_THRESHOLD, Rule, domain_levels
from survey.mentions.lexicon import LexiconName, load_lexicon
from survey.paper import find_arxiv_id
from survey.period import Period, period_of
from survey.store.chosen import text_of
from survey.store.papers import Store
from survey.store.texts import StoredText
from survey.trends.domain import thresholds_by_label
from survey.trends.published import Axis
from survey.trends.trend import READINGS, Scope, TrendTable, sections_of
from survey.warehouse.sample import Sample

_AROUND = 40  # bytes of text shown on either side of a mention
_DECIDING = ("sft.", "rl.", "hybrid.", "preference.", "other.", "none.training-free", "none.survey")  # cues of a method


def explain(sample: Sample, asked: str, data: Path) -> dict[str, Any]:
    """Return all that is known about the paper `asked`: an id (also in a URL), a local key, or words of its title.

    Shared counts hold no places: there `offset`, `found` and `context` are null and each entry stands for `n` mentions.
    Raises PosttrainError with exit code 3 where the sample lacks the paper, or several have such a title.
    """
    paper, arxiv_id, title, published, is_day, surface, id_source = _find(sample, asked, data)
    counts: Counter[str] = Counter()
    domains = {}
    by_alias: list[dict[str, Any]] = []
    aliases = {
        (b.key, a.spelling): a.reason
        for b in load_lexicon(_lexicon(sample), sample.warehouse.study).benchmarks
        for a in b.aliases
    }
    for benchmark, domain, alias, section, n in sample.warehouse.query("explain_counts", paper=paper):
        counts[benchmark] += n
        domains[benchmark] = domain
        reason = aliases.get((benchmark, alias), "")
        by_alias.append(
            {"benchmark": benchmark, "domain": domain, "alias": alias, "section": section, "offset": None,
             "counted": True, "reason": reason, "found": None, "context": None, "n": n}
        )  # fmt: skip
    stored = _text(arxiv_id, data) if sample.has_places else None
    mentions = _places(sample, paper, stored[0]) if stored else by_alias
    lacks = stored[1] if stored else ""
    method, data_source = _labels(sample, paper, title, stored[0] if stored else None)
    return {
        "arxiv_id": arxiv_id, "title": title, "published": published.isoformat() if published else None,
        "published_is": None if published is None else "day" if is_day else "month", "surface": surface,
        "id_source": id_source, "lacks": lacks, "mentions": mentions, "counts": dict(counts.most_common()),
        "domains": sorted(
            domain
            for domain, level in domain_levels(counts, domains, Rule.ANY_NAME).items()
            if level >= sample.warehouse.study.threshold_of(domain)
        ),
        "method": method, "data_source": data_source,
    }  # fmt: skip


def as_lines(explained: Mapping[str, Any], has_places: bool, threshold: int = DEFAULT_THRESHOLD) -> list[str]:
    """Return an explanation as lines for a terminal; shared counts have no places, only how often a name appears."""
    lines = [
        f"{explained['arxiv_id']}  {explained['title']}",
        f"version 1: {day_of(explained)}; surface: {explained['surface']}; id from: {explained['id_source']}",
        *([f"the text lacks parts: {explained['lacks']}"] if explained["lacks"] else []),
        f"domains at {threshold} mentions: {', '.join(explained['domains']) or 'none'}",
        "counts: " + (", ".join(f"{name} {n}" for name, n in explained["counts"].items()) or "none"),
    ]
    for mention in explained["mentions"]:
        where = f"@{mention['offset']}" if has_places else f"×{mention['n']}"
        shows_words = mention["context"] and mention["counted"]
        words = f"…{mention['context']}…" if shows_words else mention["reason"]
        verdict = "counts " if mention["counted"] else "refused"
        lines.append(f"  {verdict} {mention['benchmark']:<16} {mention['section'] + ' ' + where:<19} {words}")
    return lines + _label_lines(explained)


def _label_lines(explained: Mapping[str, Any]) -> list[str]:
    """Return method and data source, with the places of the most explicit cues."""
    method, source = explained["method"], explained["data_source"]
    if method is None:
        return ["method: not labelled; survey label"]
    lines = [
        f"method: {method['label']} (p {method['probability']:.2f}); by cues {method['by_cues']}{_why(method)}, by the "
        f"classifier {method['by_classifier']}",
        "data source: " + (f"{', '.join(source['all'])} (p {source['probability']:.2f})" if source["all"] else "none"),
    ]
    cues = [c for c in method["cues"] if c["own"] and c["cue"].startswith(_DECIDING)][:12] + source["cues"][:6]
    return lines + [f"  {cue['cue']:<22} {cue['part']} @{cue['offset']:<8} …{cue['context'][:110]}…" for cue in cues]


def _why(method: Mapping[str, Any]) -> str:
    """Return why the cues say `none`: a cue that says so, or the lack of every other one."""
    if method["by_cues"] != "none":
        return ""
    own = [cue["cue"] for cue in method["cues"] if cue["own"] and cue["cue"].startswith("none.")]
    return f" ({own[0]})" if own else " (no cue says that the paper's own work trains a model)"


def papers(
    sample: Sample,
    domain: str | None,
    period: str | None,
    threshold: int | Mapping[str, int] | None,
    scope: Scope,
    rule: Rule,
) -> list[dict[str, Any]]:
    """Return the papers of a cell of the table: a domain (any where None) and a period such as 2025, 2025-H1, 2025-06.

    Without domain and period, every paper of the sample. The threshold is one for all domains, or by domain; the
    study's own where None. Raises ConfigurationError where the study has no such domain.
    """
    study = sample.warehouse.study
    if domain is not None and domain not in study.domains:
        raise ConfigurationError(
            f"domain is '{domain}'; expected one of {', '.join(study.domains)}", "survey report, for a table of all"
        )
    own = thresholds_by_label(study) if threshold is None else threshold
    by_domain = dict.fromkeys(study.domains, own) if isinstance(own, int) else own
    rows = sample.warehouse.query(
        "papers", domain=domain, every=domain is None, domains=list(by_domain), thresholds=list(by_domain.values()),
        sections=sections_of(scope), domain_sum=rule is Rule.DOMAIN_SUM,
    )  # fmt: skip
    return [
        {"arxiv_id": arxiv_id, "title": title, "published": published.isoformat() if published else None,
         "published_is": None if published is None else "day" if is_day else "month", "surface": surface,
         "id_source": id_source, "domains": domains or []}
        for arxiv_id, title, published, is_day, surface, id_source, domains in rows
        if _is_in(period, published)
    ]  # fmt: skip


def day_of(paper: Mapping[str, Any]) -> str:
    """Return the date of version 1 of a paper of this module, as far as it is known: a day, or the id's month."""
    published = str(paper["published"] or "unknown")
    return published[:7] if paper["published_is"] == "month" else published


def papers_behind(sample: Sample, table: TrendTable, label: str, period: str) -> list[dict[str, Any]]:
    """Return the k papers of one row of any trend table; those labelled by method or data source, the surest first."""
    if table.axis is Axis.DOMAIN:
        levels = {domain: table.thresholds.get(domain, table.threshold) for domain in table.labels}
        return papers(sample, label, period, levels, table.scope, table.rule)
    labels = [label]
    if (table.reading, label) == (READINGS[1], Method.RL):
        labels.append(str(Method.PREFERENCE))
    rows = sample.warehouse.query("papers_labelled", by_source=table.axis is Axis.DATA_SOURCE, labels=labels)
    return [
        {"arxiv_id": arxiv_id, "title": title, "published": published.isoformat(),
         "published_is": "day" if is_day else "month", "label": labelled, "probability": probability}
        for arxiv_id, title, published, is_day, labelled, probability in rows
        if _is_in(period, published)
    ]  # fmt: skip


def _is_in(period: str | None, published: date | None) -> bool:
    return period is None or (published is not None and period in {period_of(published, by) for by in Period})


def _find(sample: Sample, asked: str, data: Path) -> tuple[Any, ...]:
    named = find_arxiv_id(asked)
    by_title = named is None and not asked.startswith("local:")
    rows = sample.warehouse.query("explain_paper", asked=named.id if named else asked, by_title=by_title)
    if len(rows) == 1:
        return rows[0]
    if rows:
        some = "; ".join(f"{row[1]} {row[2]}" for row in rows[:5])
        message = f"{len(rows)} papers have '{asked}' in their title: {some}{' …' if len(rows) > 5 else ''}"
        raise NothingMatchedError(message, "survey explain ID")
    if named is None:
        message = f"'{asked}' is no arXiv id, and no title in the sample has it"
        raise NothingMatchedError(message, "survey papers, for a list of the sample")
    if not sample.is_bundled and Store.exists(data):
        with Store(data) as store:
            if next(store.sources(named.id), None):
                raise ConfigurationError(f"{named.id} is ingested, not counted", "survey extract, then survey label")
    hint = "survey papers, for a list of the sample; or survey ingest a copy of it"
    raise NothingMatchedError(f"{named.id} is not in the sample", hint)


def _text(arxiv_id: str, data: Path) -> tuple[StoredText, str] | None:
    with Store(data) as store:
        return text_of(store, arxiv_id)


def _places(sample: Sample, paper: int, stored: StoredText) -> list[dict[str, Any]]:
    """Return every mention with the words around it."""
    mentions = []
    for benchmark, domain, alias, section, start, stop, counted, reason in sample.warehouse.query(
        "explain_mentions", paper=paper
    ):
        mentions.append(
            {"benchmark": benchmark, "domain": domain, "alias": alias, "section": section, "offset": start,
             "counted": counted, "reason": reason, "found": str(stored.text[start:stop], "utf-8", "ignore"),
             "context": _around(stored, start, stop)}
        )  # fmt: skip
    return mentions


def _labels(
    sample: Sample, paper: int, title: str, stored: StoredText | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return method and data source with the routes that led there and, where the text is here, the cues' places."""
    rows = sample.warehouse.query("explain_labels", paper=paper)
    if not rows:
        return None, None
    label, probability, by_cues, by_classifier, sources, source_probability = rows[0]
    cues: list[dict[str, Any]] = [
        {"cue": match.cue, "part": match.part, "offset": match.start, "own": match.own,
         "context": _around(stored, match.start, match.end)}
        for match in (CueFinder(scan=False).read(stored, title).matches if stored else ())
        if match.start >= 0 and stored
    ]  # fmt: skip
    kinds = tuple(f"{source}." for source in DataSource)
    method = {
        "label": label, "probability": probability, "by_cues": by_cues, "by_classifier": by_classifier,
        "cues": [cue for cue in cues if not cue["cue"].startswith(kinds)],
    }  # fmt: skip
    data_source = {
        "primary": sources[0] if sources else None, "all": sources or [], "probability": source_probability,
        "cues": [cue for cue in cues if cue["cue"].startswith(kinds)],
    }  # fmt: skip
    return method, data_source


def _around(stored: StoredText, start: int, stop: int) -> str:
    return " ".join(str(stored.text[max(0, start - _AROUND) : stop + _AROUND], "utf-8", "ignore").split())


def _lexicon(sample: Sample) -> LexiconName:
    return LexiconName(sample.warehouse.provenance().get("lexicon", LexiconName.ALIASES))
