"""Post-training techniques one can read, trust and run; a recommendation is tried on them in a pilot."""

from posttrain.start import while_loading

while_loading()
