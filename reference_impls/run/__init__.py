"""The run: loop, optimizer step, splits, evaluation, guards, folder and command line."""
