"""Thoughts of messages: in a field of their own, or in the text before `</think>`."""

from reference_impls.tasks.row import Message

_THOUGHT_ENDS = ("</think>", "</thinking>", "</thought>", "</reasoning>", "</seed:think>", "[/THINK]")


def thought_of(message: Message) -> str:
    """Return the thought of a message: its own field, or the part of its text before `</think>`."""
    thought = message.get("reasoning_content")
    if isinstance(thought, str) and thought.strip():
        return thought.strip()
    content = str(message.get("content") or "")
    for ending in _THOUGHT_ENDS:
        if ending in content:
            opening = ending.replace("/", "")
            return content.rpartition(ending)[0].rpartition(opening)[2].strip()
    return ""


def answer_of(message: Message) -> str:
    """Return the text of a message after its thought."""
    content = str(message.get("content") or "")
    for ending in _THOUGHT_ENDS:
        content = content.rpartition(ending)[2]
    return content


def with_thought(message: Message, thought: str) -> Message:
    """Return a message with another thought in the same place."""
    if message.get("reasoning_content"):
        return {**message, "reasoning_content": thought}
    return {**message, "content": str(message.get("content") or "").replace(thought_of(message), thought)}
