"""The options of a report as words: what a manifest keeps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """The options of `survey report` as words, as they stand in a manifest. None or empty means not given."""

    axis: str = "domain"
    threshold: int | None = None
    sweep: str | None = None
    by: str = "year"
    surface: str | None = None
    scope: str = "all"
    rule: str = "any-name"
    project: str = "mean-share"
    format: str = "terminal"
    cited: bool = False
    category: tuple[str, ...] = ()
    since: str | None = None
    until: str | None = None
    words: tuple[str, ...] = ()
    study: str | None = None
    counts: str | None = None
