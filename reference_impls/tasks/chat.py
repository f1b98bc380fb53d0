"""Chat messages of real files: their words for roles, their parts, their tool calls.

A message comes out with the keys that chat templates read: `role`, `content`, `tool_calls`, `reasoning_content`,
`name`, `tool_call_id`, and `weight`, by which a turn is trained on or not. Sources of the layouts: OpenAI's and
Anthropic's messages, ShareGPT (`from`, `value`), LLaMA-Factory (`function_call`, `observation`), Axolotl (`train`).
"""

import json
from collections.abc import Mapping, Sequence

from reference_impls.tasks.row import Message, NoRowError

ROLES = {
    "human": "user", "gpt": "assistant", "chatgpt": "assistant", "bot": "assistant", "model": "assistant",
    "function_call": "assistant", "observation": "tool", "function_response": "tool", "function": "tool",
}  # fmt: skip
_THOUGHTS = ("reasoning_content", "reasoning", "thinking")  # a message's thought, by the names that files have for it
_WEIGHTS = ("weight", "train", "trained")
_TAKEN = {"role", "from", "content", "value", "tool_calls", "function_call", *_THOUGHTS, *_WEIGHTS}
NO_MESSAGES = "messages without role and content"
NO_CALL = "a tool call without the name of a function"
NO_TOOLS = "tools are not a list of functions with names"


def messages_of(values: Sequence[object]) -> tuple[Message, ...]:
    """Return the messages of a chat. Raises NoRowError where a value is no message, or holds more than text."""
    return tuple(message for value in values for message in _messages(value))


def is_chat(value: object) -> bool:
    """Whether a value is a list of messages."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) and _role(item) for item in value)


def tools_of(value: object) -> tuple[Mapping[str, object], ...]:
    """Return definitions of tools as chat templates take them, from a list or its JSON. Raises NoRowError."""
    listed = _parsed(value)
    if not listed:
        return ()
    if not isinstance(listed, list):
        raise NoRowError(NO_TOOLS)
    return tuple(map(_tool, listed))


def _role(message: Mapping[str, object]) -> str | None:
    role = message.get("role", message.get("from"))
    return role if isinstance(role, str) and role else None


def _messages(value: object) -> list[Message]:
    """Return a message as chat templates read it; one that holds several results of tools is several messages."""
    role = _role(value) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or role is None:
        raise NoRowError(NO_MESSAGES)
    content, calls, thought, results = _parts(value.get("content", value.get("value")))
    if results:
        return [*results, *([{"role": ROLES.get(role, role), "content": content}] if content else [])]
    calls += _calls(value.get("tool_calls")) + _calls(value.get("function_call"))
    if role == "function_call":  # {"from": "function_call", "value": "{\"name\": …, \"arguments\": …}"}
        calls, content = _calls(content), ""
    thought = next((text for name in _THOUGHTS if (text := value.get(name)) and isinstance(text, str)), thought)
    if content is None and not calls and not thought:
        raise NoRowError(NO_MESSAGES)
    message: dict[str, object] = {"role": ROLES.get(role, role), "content": content}
    named = {"tool_calls": calls, "reasoning_content": thought}
    others = {name: item for name, item in value.items() if name not in _TAKEN and item is not None}
    return [{**message, **{name: item for name, item in named.items() if item}, **_weight(value), **others}]


def _weight(message: Mapping[str, object]) -> dict[str, object]:
    """Return `weight` where it is not 1, from `weight: 0` or `train: false`. Raises NoRowError for others."""
    weight = weight_of(next((message[name] for name in _WEIGHTS if message.get(name) is not None), None))
    return {} if weight else {"weight": 0}


def weight_of(value: object) -> bool:
    """Return whether a weight is 1, or left out. Raises NoRowError for a weight that is neither 0 nor 1."""
    if value is None or value in (0, 1):
        return value is None or bool(value)
    if isinstance(value, str) and value.strip().lower() in ("0", "1", "0.0", "1.0", "true", "false"):
        return value.strip().lower() in ("1", "1.0", "true")
    raise NoRowError("a weight other than 0 and 1")


def _parts(content: object) -> tuple[str | None, list[Message], str, list[Message]]:
    """Return text, tool calls, thought and results of tools of a content, which may be a list of parts."""
    if content is None or isinstance(content, str):
        return content, [], "", []
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        raise NoRowError(NO_MESSAGES)
    texts: list[str] = []
    calls: list[Message] = []
    thoughts: list[str] = []
    results: list[Message] = []
    for part in content:
        kind = part.get("type", "text") if isinstance(part, Mapping) else "text"
        if kind == "tool_use":  # Anthropic: {"type": "tool_use", "name": …, "input": {…}}
            calls += _calls({**part, "arguments": part.get("input", {})})
        elif kind == "tool_result":
            text = _parts(part.get("content"))[0] or ""
            results.append({"role": "tool", "content": text, "tool_call_id": part.get("tool_use_id", "")})
        elif kind in ("thinking", "reasoning"):
            thoughts.append(_text(part, kind))
        elif kind in ("text", "input_text", "output_text"):
            texts.append(_text(part, "text"))
        else:
            raise NoRowError(f"a part of the kind '{kind}' in a message: only text is trained on")
    return "".join(texts), calls, "".join(thoughts), results


def _text(part: object, name: str) -> str:
    """Return the text of a part: of a string, of {"type": "text", "text": …}, of {"type": "thinking", "thinking": …}.

    Apache Arrow fills the parts of a column to the same keys, so an empty `image_url` next to a text is no image.
    """
    text = part if isinstance(part, str) else None
    if isinstance(part, Mapping):
        text = part.get(name, part.get("text"))
        media = [key for key, item in part.items() if key not in ("type", name, "text", "content") and _is_media(key)
                 and item]  # fmt: skip
        if media:
            raise NoRowError(f"a part of the kind '{media[0]}' in a message: only text is trained on")
    if not isinstance(text, str):
        raise NoRowError(NO_MESSAGES)
    return text


def _is_media(name: str) -> bool:
    return any(word in name for word in ("image", "audio", "video"))


def _calls(value: object) -> list[Message]:
    """Return tool calls as {type, function: {name, arguments}}, from OpenAI's, flat ones, and the JSON of either.

    Arguments that are the JSON of an object become that object: a template writes them as JSON itself, and
    would put quotes around a text.
    """
    parsed = _parsed(value)
    if not parsed:
        return []
    calls: list[Message] = []
    for call in parsed if isinstance(parsed, list) else [parsed]:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if isinstance(function, str) and isinstance(call, Mapping):
            function = {"name": function, "arguments": call.get("arguments", {})}
        name = function.get("name") if isinstance(function, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(call, Mapping) or not (name and isinstance(name, str)):
            raise NoRowError(NO_CALL)
        arguments = _parsed(function.get("arguments", function.get("parameters", {})))
        described = {"name": name, "arguments": {} if arguments is None else arguments}
        calls.append({**({"id": call["id"]} if call.get("id") else {}), "type": "function", "function": described})
    return calls


def _tool(tool: object) -> Mapping[str, object]:
    """Return a definition as {type, function: {name, …}}; a flat one is wrapped."""
    tool = _parsed(tool)
    function = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(tool, Mapping) or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise NoRowError(NO_TOOLS)
    described = {name: item for name, item in function.items() if item is not None}
    return {"type": "function", "function": described}


def _parsed(value: object) -> object:
    """Return a value, or the object or list whose JSON it is."""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            parsed: object = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return parsed
    return value
