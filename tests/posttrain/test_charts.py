"""Charts of the ground floor: what is drawn is what the data say, in either direction."""

import pytest

from posttrain.charts import COLOURS, SHAPES, interval_layers, png, scale, svg, titled

POINTS = [{"arm": arm, "share": 0.5, "low": 0.4, "high": 0.6} for arm in ("sft", "grpo")]


@pytest.mark.parametrize(("channel", "other"), [("x", "y"), ("y", "x")])
def test_every_share_has_bar_interval_and_point(channel: str, other: str) -> None:
    """Lying and standing bars; the title and its notes are in the picture."""
    layers = interval_layers(channel, {"axis": {"format": "%"}}, [{"field": "arm"}], colour=COLOURS[0])
    spec = {"data": {"values": POINTS}, "encoding": {other: {"field": "arm", "type": "nominal"}}, "layer": layers}
    picture = svg(titled(spec, "Scores", ["a note"]))
    for mark in ("bar", "rule mark", "point"):
        assert picture.count(f'aria-roledescription="{mark}"') == 2, mark
    assert "Scores" in picture and "a note" in picture and COLOURS[0] in picture
    assert png(titled(spec, "Scores")).startswith(b"\x89PNG")


def test_a_scale_never_reuses_a_colour() -> None:
    """More labels than colours are an error, not a second label in the first colour."""
    assert scale("arm", ["a", "b"], COLOURS, None)["scale"] == {"domain": ["a", "b"], "range": list(COLOURS[:2])}
    assert len(set(COLOURS)) == len(COLOURS) == len(set(SHAPES))
    with pytest.raises(ValueError, match="8 labels for 7 values"):
        scale("arm", list("abcdefgh"), COLOURS, None)
