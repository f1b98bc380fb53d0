"""The warehouse: counts and labels in DuckDB, one row per paper and benchmark."""
