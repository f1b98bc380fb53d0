"""What you should train with: task traits to a ranked post-training pipeline, its price, and a pilot."""
