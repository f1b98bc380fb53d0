"""What the field trains with: from papers to trend tables with honest intervals.

    files → ingest → store │ extract → texts │ label → warehouse │ trends → grids → report
            (paper)  (raw) │ (fulltext)      │ (mentions, domain) │ (published, compare, explain)

A module imports only from earlier in its flow; `tests/test_architecture.py` has the whole list and holds it to that.
"""

from posttrain.start import while_loading

while_loading()
