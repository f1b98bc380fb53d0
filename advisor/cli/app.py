"""The frame of `advisor`."""

from reference_impls.errors import RunError
from survey.commands import make_app, run
from survey.errors import SurveyError

app = make_app("What you should train with: traits of a task in, ranked pipelines with reasons out; and does it work?")


def main() -> None:
    """Run the command line."""
    run(app, "advisor", (RunError, lambda error: SurveyError(error.message, error.hint)))
