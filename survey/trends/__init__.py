"""Trends: shares by period with intervals, corrected for label errors, next to the published numbers."""
