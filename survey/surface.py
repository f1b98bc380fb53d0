"""Surface: what is read of a paper, its full text or its abstract. The two are never counted in one table."""

from enum import StrEnum


class Surface(StrEnum):
    """What is read of a paper."""

    TEXT = "text"  # extracted by `survey extract`
    ABSTRACT = "abstract"  # the title and the first characters of the abstract, as arXiv or a public list has them
