"""Options of multiple-choice rows: put below the question, as the model has to see them, and the label of the answer.

ARC has `{"text": […], "label": […]}`, MMLU a list of texts and an index from 0, MMLU-Pro `options` and a letter.
"""

import re
from collections.abc import Mapping

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
CHOICES = ("choices", "options")


def options_of(choices: object) -> dict[str, str]:
    """Return label → text of the options; none where the column holds something else."""
    if isinstance(choices, Mapping):
        if not isinstance(choices.get("text"), list):  # {"A": "red", "B": "blue"}
            texts = choices if all(isinstance(text, str) for text in choices.values()) else {}
            return {str(label): str(text) for label, text in texts.items()}
        listed, labels = choices["text"], choices.get("label")
        named = labels if isinstance(labels, list) and len(labels) == len(listed) else LETTERS[: len(listed)]
        return {str(label): str(text) for label, text in zip(named, listed, strict=False)}
    if not isinstance(choices, list) or not 0 < len(choices) <= len(LETTERS):
        return {}
    if all(isinstance(item, Mapping) and "text" in item for item in choices):
        labelled = [(item.get("label", letter), item["text"]) for item, letter in zip(choices, LETTERS, strict=False)]
        return {str(label): str(text) for label, text in labelled}
    if not all(isinstance(item, (str, int, float)) for item in choices):
        return {}
    return {letter: str(item) for letter, item in zip(LETTERS, choices, strict=False)}


def with_options(question: str, options: Mapping[str, str]) -> str:
    """Return the question with an option a line below it, as `B. blue`; as it is where it has them already."""
    if all(_has(question, label, text) for label, text in options.items()):
        return question
    return "\n".join([question.rstrip(), *(f"{label}. {text}" for label, text in options.items())])


def label_of(answer: str, options: Mapping[str, str]) -> str:
    """Return the label of an answer that is an index from 0; any other answer as it is."""
    known = answer in options or answer in options.values()
    if not known and answer.isascii() and answer.isdigit() and int(answer) < len(options):
        return list(options)[int(answer)]
    return answer


def _has(question: str, label: str, text: str) -> bool:
    # "A. red", "(A) red", "A) red", "A: red"
    return re.search(rf"(?<!\w){re.escape(label)}[).:]?\s+{re.escape(text)}(?!\w)", question) is not None
