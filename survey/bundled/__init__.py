"""The bundled data on abstracts, made by two named commands (make reference-abstracts)."""
