"""What you should train with: task traits to a ranked post-training pipeline, its price, and a pilot."""

from posttrain.start import while_loading

while_loading()
