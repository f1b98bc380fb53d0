"""The task: what is known about it, the model and the budget."""
