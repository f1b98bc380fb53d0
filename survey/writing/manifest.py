"""The manifest of a report: its options, versions and hashes, from which the same bytes can be made again.

It holds no date and no path but those that were given, so the same report has the same manifest everywhere.
"""

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from posttrain.version import __version__
from survey.studies.model import Study
from survey.surface import Surface
from survey.warehouse.database import Warehouse
from survey.writing.options import Options

_SCHEMA = 1
_LIBRARIES = ("duckdb", "numpy", "pyarrow", "pylatexenc", "vl-convert-python")  # on which the bytes of a report rest
_BUNDLED = ("mentions.parquet", "published/*.csv", "validation.csv", "abstracts/*", "abstract_*.csv")  # that it reads
_NEW = "write a new one: survey report … --manifest FILE"


@dataclass(frozen=True)
class Manifest:
    """What a report was made of, and the hash of its bytes."""

    options: Options
    versions: Mapping[str, str]
    inputs: Mapping[str, str]  # SHA-256 by name: bundled tables, counts, own counts, the study
    output: str  # SHA-256

    def as_text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps({"manifest": _SCHEMA, "command": "survey report", **asdict(self)}, indent=2) + "\n"

    def differences(self, other: "Manifest") -> list[str]:
        """Return what differs here (`other`) from this manifest, in words; empty where the bytes are the same."""
        lines = []
        for kind, then, now in (("data", self.inputs, other.inputs), ("version", self.versions, other.versions)):
            for name in sorted({*then, *now}):
                if then.get(name) != now.get(name):
                    lines.append(
                        f"{kind} {name}: {_short(now.get(name))} here, {_short(then.get(name))} in the manifest"
                    )
        if self.output != other.output:
            lines.append(f"the report: {_short(other.output)} here, {_short(self.output)} in the manifest")
        elif lines:
            lines.append("the report itself is the same, bit for bit")
        return lines


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    return f"sha256 {value[:12]}…" if len(value) == 64 else value


def manifest_of(options: Options, data: Path, study: Study, content: str | bytes) -> Manifest:
    """Return the manifest of a report with these bytes, on own data in `data` or on the bundled counts."""
    versions = {"posttrain": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    written = content if isinstance(content, bytes) else content.encode()
    return Manifest(options, versions, dict(_inputs(options, data, study)), hashlib.sha256(written).hexdigest())


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file. Raises ConfigurationError where it is none, or of a version not known here."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        given = values["options"]
        schema, versions, inputs, output = (values[name] for name in ("manifest", "versions", "inputs", "output"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", _NEW) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} is no manifest of a report: {error}", _NEW) from error
    known = {field.name for field in fields(Options)}
    if schema != _SCHEMA or not isinstance(given, dict) or set(given) - known:
        unknown = ", ".join(sorted(set(given) - known)) or f"version {schema}"
        raise ConfigurationError(f"{path} holds what this version does not know: {unknown}", _NEW)
    lists = {name: tuple(given.get(name) or ()) for name in ("category", "words")}
    return Manifest(Options(**(given | lists)), versions, inputs, str(output))


def _inputs(options: Options, data: Path, study: Study) -> Iterator[tuple[str, str]]:
    """Yield the name and the hash of everything that a report reads."""
    yield "study", _hash(study.model_dump_json(exclude={"source", "published"}).encode())
    if options.counts:
        yield "counts", _hash(Path(options.counts).read_bytes())
    own = False
    for surface in Surface if not options.counts else ():
        path = warehouse_path(data, study.warehouse, surface)
        if path.exists() and (not options.surface or options.surface == surface):
            own = True
            with Warehouse.open(path) as warehouse:
                yield f"own counts of {surface}", warehouse.digest()
    if own and (data / "validation.csv").exists():
        yield "own validation.csv", _hash((data / "validation.csv").read_bytes())
    folder = reference_path("mentions.parquet").parent
    for pattern in _BUNDLED:
        for path in sorted(folder.glob(pattern)):
            yield f"bundled {path.relative_to(folder).as_posix()}", _hash(path.read_bytes())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
