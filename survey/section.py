"""The sections of a paper that counts distinguish."""

from enum import StrEnum


class Section(StrEnum):
    """The sections of a paper that counts distinguish. Body, tables and captions are the body scope.

    Hidden is text that the page holds and nobody sees, such as white words on white paper: no scope counts it.
    """

    BODY = "body"
    TABLE = "table"
    CAPTION = "caption"
    REFERENCES = "references"
    APPENDIX = "appendix"
    HIDDEN = "hidden"
