"""`python -m advisor.cli` is `advisor`."""

from posttrain.start import advisor

advisor()
