"""The app in the browser: `posttrain app`, or `streamlit run app.py`. Its code is in posttrain/app.py."""

from posttrain.app import show

show()
