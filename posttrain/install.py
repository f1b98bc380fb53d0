"""How posttrain came onto this machine, and the command that adds an extra to it: it is on no package index by name."""

import json
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent.parent  # that of the clone, or site-packages


def install_hint(*extras: str) -> str:
    """Return the command that installs the extras, `train` or `app`, from where this copy of posttrain came.

    In a clone: pip install -e '/home/me/posttrain[train]', or: make test, in /home/me/posttrain. From a wheel or a
    repository, by the address that the installer noted: pip install 'posttrain[train] @ file:///home/me/a.whl'. Where
    nothing was noted: pip install 'posttrain[train]'.
    """
    words = ",".join(extras)
    if (_FOLDER / "pyproject.toml").exists():
        return f"{_pip('-e', f'{_FOLDER}[{words}]')}, or: make test, in {_FOLDER}"
    address = _address()
    return _pip(f"posttrain[{words}] @ {address}" if address else f"posttrain[{words}]")


def _pip(*arguments: str) -> str:
    return shlex.join(["pip", "install", *arguments])


def _address() -> str:
    """Return the address in direct_url.json, which installers write for all but an index; empty where there is none.

    It is what a requirement takes after the `@`: file:///home/me/a.whl, or git+https://host/name.git@main. Source: the
    specification "Recording the Direct URL Origin of installed distributions" (PEP 610).
    """
    try:
        noted: dict[str, Any] = json.loads(distribution("posttrain").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return ""
    url, vcs, folder = noted.get("url", ""), noted.get("vcs_info"), noted.get("subdirectory")
    if url and vcs:
        revision = vcs.get("requested_revision") or vcs.get("commit_id")
        url = f"{vcs.get('vcs', 'git')}+{url}" + (f"@{revision}" if revision else "")
    return f"{url}#subdirectory={folder}" if url and folder else url
