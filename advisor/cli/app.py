"""The frame of `advisor`."""

from posttrain.commands import make_app, run

app = make_app("What you should train with: traits of a task in, ranked pipelines with reasons out; and does it work?")


def main() -> None:
    """Run the command line."""
    run(app, "advisor")
