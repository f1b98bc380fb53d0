"""The app: trends to look at, advice to argue with, pilots to watch. `make app`, or `streamlit run app.py`.

It decides nothing: every number comes from survey, advisor and the run folders. With `-- --allow-verifiers` a pilot may
name a verifier of your own, a Python module that is imported and run.
"""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "posttrain" / "icon.svg"  # a named icon would be fetched from a font server

st.set_page_config(page_title="posttrain", page_icon=str(ICON), layout="wide")
st.navigation(
    [
        st.Page("survey/page.py", title="Trends", icon=":material/bar_chart:", default=True),
        st.Page("advisor/pages/advice.py", title="Advisor", url_path="advisor", icon=":material/alt_route:"),
        st.Page("advisor/pages/pilot.py", title="Pilot", icon=":material/science:"),
    ],
    position="top",
).run()
