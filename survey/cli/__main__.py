"""`python -m survey.cli` is `survey`."""

from posttrain.start import survey

survey()
