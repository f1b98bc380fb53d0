"""posttrain: which post-training method to use, by the literature, by rules and by small pilots."""

__version__ = "0.1.0"
