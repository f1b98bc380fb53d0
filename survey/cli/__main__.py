"""`python -m survey.cli` is `survey`."""

from survey.cli import main

main()
