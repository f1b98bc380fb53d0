"""Studies: what a survey counts, as data: benchmarks, domains, aliases, thresholds, window and printed tables."""

BUNDLED = "2603.13985"  # the survey whose tables posttrain compares with: the default
MOST_MENTIONS = 1000  # the highest threshold
