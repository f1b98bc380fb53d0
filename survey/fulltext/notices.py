"""Notices: texts that stand in the place of a paper and are none, such as a withdrawal or a form to wait for."""

import re

from posttrain.errors import UnreadableError

IS_NOTICE = "a notice that the paper is withdrawn, not a paper"
_LONGEST_NOTICE = 4_000  # characters; a paper that tells of a withdrawal is longer
_THING = r"(?:e-?print|paper|article|manuscript|submission|preprint|work|document|report|version|draft)"
# "This paper has been withdrawn", "We have withdrawn this manuscript", "The authors withdraw the submission",
# "This submission has been removed by arXiv administrators", "[Paper withdrawn]"
_WITHDRAWN = re.compile(
    rf"\b(?:this|the|our)\s(?:\w+\s){{0,2}}{_THING}\s(?:\[?v?\d*\]?\s)?(?:has|have|had|is|was|were|will)\s(?:now\s|temporarily\s)?"
    r"(?:been\s|be\s|being\s)?(?:temporarily\s|now\s)?(?:withdrawn|retracted|removed\sby\sarxiv)"
    rf"|\b(?:we|i|authors?(?:\(s\))?)\s(?:have\s|has\s|hereby\s|would like to\s|wish to\s|decided to\s|had to\s){{0,3}}"
    rf"(?:withdrawn?|withdrew|retract(?:ed)?)\s(?:this|the|our)\s(?:\w+\s){{0,2}}{_THING}"
    rf"|^\W*(?:{_THING}\s)?(?:withdrawn|retracted)\b(?:\sby\s|\W*$)"
    rf"|\b{_THING}\swithdrawn\b",
    re.IGNORECASE | re.MULTILINE,
)
# "withdrawn due to an error", and not "Withdrawn from ICLR 2025", "replaces the withdrawn arXiv:2401.00001"
_SAYS_WITHDRAWN = re.compile(
    r"(?<!the )(?<!a )(?<!previously )\bwithdrawn\b(?! from (?!arxiv\b|publication\b))", re.IGNORECASE
)
# Adobe's forms (XFA) hold this page for every other reader.
_PLEASE_WAIT = re.compile(
    r"\bplease wait\b.{0,40}if this message is not eventually replaced", re.IGNORECASE | re.DOTALL
)


def refuse_notice(text: str) -> None:
    """Raise UnreadableError where a text is a notice in the place of a paper."""
    if len(text) > _LONGEST_NOTICE:
        return
    if _PLEASE_WAIT.search(text):
        raise UnreadableError("a form that only its maker's reader can show (please wait), not a paper")
    if _WITHDRAWN.search(text):
        raise UnreadableError(IS_NOTICE)


def is_withdrawn(comments: str) -> bool:
    """Say whether the comments of arXiv's metadata say that a paper is withdrawn.

    A paper withdrawn from a venue, or in the place of a withdrawn one, is still a paper.
    """
    return _WITHDRAWN.search(comments) is not None or _SAYS_WITHDRAWN.search(comments) is not None
