"""The verifier `exact`: the response, or the text after the last MARKER of `exact:MARKER`, is the answer itself."""

import re
import unicodedata
from collections.abc import Mapping

from reference_impls.verifiers.forms import after_thought, final_statement, gold, last_line, missing_gold
from reference_impls.verifiers.verdict import Verdict, decided, unscorable

# A sign, point, comma or slash before a digit belongs to a number and stays ("-5", ".5", "1,000", "3/4"); other
# punctuation is form: "Paris!" and "(paris)" are alike.
_PUNCTUATION = re.compile(r"([-+.,/](?=\d))|[^\w\s]|_")


def judge(response: str, row: Mapping[str, object], marker: str = "") -> Verdict:
    """Return whether the response, or the text after the last marker, stripped, equals the row's answer.

    A closed thought before it (`<think>…</think>`) is no part of the response.
    Lenient: the same after folding case, spaces and punctuation, or where the answer is the last line or is stated
    as final. A gold answer that holds the marker itself (`... #### 42`) counts from the marker on.
    """
    wanted = gold(row)
    if wanted is None:
        return unscorable(missing_gold(row))
    if marker and marker in wanted:
        wanted = wanted.rsplit(marker, 1)[1].strip()
    final = after_thought(response)
    if marker and marker not in final:
        return decided(False, _anywhere(response, wanted, ""), f"the response has no {marker!r}")
    given = final.rsplit(marker, 1)[1].strip() if marker else final.strip()
    return decided(
        given == wanted,
        _anywhere(response, wanted, marker),
        f"found {given!r:.80}, expected {wanted!r:.80}",
    )


def _anywhere(response: str, wanted: str, marker: str) -> bool:
    candidates = [response, last_line(response), final_statement(response) or ""]
    if marker and marker in response:
        candidates.append(response.rsplit(marker, 1)[1])
    return any(fold(text) == fold(wanted) for text in candidates if text.strip())


def fold(text: str) -> str:
    """Return the text without differences of case, spacing and punctuation; all-punctuation text stays itself."""
    text = unicodedata.normalize("NFKC", text).casefold()
    folded = " ".join(_PUNCTUATION.sub(lambda match: match[1] or " ", text).split()).rstrip(".,")
    return folded or text.strip()
