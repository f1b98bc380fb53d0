"""arXiv: which papers exist, by query API, OAI-PMH and metadata snapshot, and how they are fetched."""
