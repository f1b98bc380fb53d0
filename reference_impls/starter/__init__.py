"""The starter policy: a tiny language model of this project's own, so that every technique runs without any
download."""
