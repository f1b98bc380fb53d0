"""The task: what we know about it, the model and the budget."""
