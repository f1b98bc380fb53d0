"""The app: trends to look at, advice to argue with, pilots to watch. `make app`, or `posttrain app`.

It decides nothing: every number comes from survey, advisor and the run folders. With `-- --allow-verifiers` a pilot may
name a verifier of your own, a Python module that is imported and run.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from posttrain.errors import ConfigurationError
from posttrain.install import install_hint

_ROOM = Path(__file__).resolve().parent
ICON = _ROOM / "icon.svg"  # a named icon would be fetched from a font server


def show() -> None:
    """Draw the page that the address names. Streamlit runs this for every look at the app."""
    import streamlit as st

    st.set_page_config(page_title="posttrain", page_icon=str(ICON), layout="wide")
    st.navigation(
        [
            st.Page(_page("survey", "page", "trends.py"), title="Trends", icon=":material/bar_chart:", default=True),
            st.Page(
                _page("advisor", "pages", "advice.py"),
                title="Advisor", url_path="advisor", icon=":material/alt_route:",
            ),
            st.Page(_page("advisor", "pages", "pilot.py"), title="Pilot", icon=":material/science:"),
        ],
        position="top",
    ).run()  # fmt: skip


def serve(port: int, *, headless: bool = False, arguments: Sequence[str] = ()) -> int:
    """Serve the app until Ctrl-C and return the server's exit code. `arguments` go to the pages.

    On POSIX the server takes the place of this process, so that whoever ends the command ends the server. Raises
    ConfigurationError where Streamlit is not installed.
    """
    if find_spec("streamlit") is None:
        raise ConfigurationError("the app needs Streamlit, which is not installed", install_hint("app"))
    options = ["--server.port", str(port), *(["--server.headless", "true"] if headless else [])]
    command = [sys.executable, "-m", "streamlit", "run", str(script()), *options, "--", *arguments]
    if os.name == "posix":
        os.execv(sys.executable, command)
    return subprocess.run(command, check=False).returncode


def script() -> Path:
    """Return the file that Streamlit runs: app.py of a checkout, in a wheel posttrain/entry/app.py.

    Each lies in a folder of its own with .streamlit/config.toml, which Streamlit reads there. Streamlit puts the folder
    of the file on the path of imports: in posttrain/ our statistics.py would hide Python's.
    """
    for folder in (_ROOM / "entry", _ROOM.parent):
        if (folder / "app.py").exists() and (folder / ".streamlit" / "config.toml").exists():
            return folder / "app.py"
    raise FileNotFoundError(f"app.py is in neither {_ROOM / 'entry'} nor {_ROOM.parent}: reinstall posttrain")


def _page(room: str, *parts: str) -> Path:
    """Return the file of a page inside its package, in a checkout and in a wheel."""
    return _ROOM.parent.joinpath(room, *parts)
