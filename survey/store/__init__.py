"""The store: raw files as they came, which paper each is, and the text that was read from them."""
