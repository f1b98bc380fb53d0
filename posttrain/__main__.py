"""`python -m posttrain` is `posttrain`."""

from posttrain.start import posttrain

posttrain()
