"""What the field trains with: from papers to trend tables with honest intervals.

    arXiv → listing → download → store → fulltext → mentions → domain · method · data_source
          → warehouse → trends → report

A module imports only from earlier in this flow; `tests/test_architecture.py` holds it to that.
"""

__version__ = "0.1.0"
