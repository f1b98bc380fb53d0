"""The bank: measured contexts."""
