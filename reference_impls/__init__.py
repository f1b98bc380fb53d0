"""Post-training techniques one can read, trust and run; a recommendation is tried on them in a pilot."""
