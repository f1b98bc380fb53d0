"""The advice: techniques, pipelines, rules, and the ranked recommendation."""
