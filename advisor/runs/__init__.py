"""Pilot runs: the plan, the folder, a process per stage, the status and the outcome."""
