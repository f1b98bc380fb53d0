"""Files of traits: TOML or JSON, written by a person, by `advisor probe`, or by `advisor ask --json`."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from posttrain.errors import ConfigurationError


@dataclass(frozen=True)
class TraitsFile:
    """The contents of a traits file, not checked yet."""

    traits: Mapping[str, object] = field(default_factory=dict)
    task: Mapping[str, object] = field(default_factory=dict)  # model, data and verifier, where a probe wrote them


def read_traits(path: Path) -> TraitsFile:
    """Return the traits and the task in a JSON or TOML file; bare `name = value` lines are traits.

    Raises ConfigurationError where the file cannot be read or holds no traits.
    """
    content = _parsed(path)
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"{path} holds a {type(content).__name__}; expected an object of traits", "advisor traits"
        )
    if isinstance(content.get("data"), dict):  # the object that --json prints
        content = content["data"]
    traits = content["traits"] if "traits" in content else {name: content[name] for name in content if name != "task"}
    if not isinstance(traits, dict):
        raise ConfigurationError(
            f"`traits` in {path} is a {type(traits).__name__}; expected an object", "advisor traits"
        )
    task = content.get("task")
    return TraitsFile(traits, task if isinstance(task, dict) else {})


def _parsed(path: Path) -> object:
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text) if text.lstrip()[:1] in ("{", "[") else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", "advisor probe writes one") from error
    except (ValueError, RecursionError) as error:  # of UTF-8 too, and of a thousand brackets
        raise ConfigurationError(
            f"{path} is neither JSON nor TOML: {error}", "advisor traits --json shows the names"
        ) from error
