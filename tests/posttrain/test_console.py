"""Progress where there is no terminal: a line now and then, and silence for short work."""

import pytest

from posttrain import console


def test_long_work_says_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A part a second: nothing in the first half minute, then a line every half minute, with the time left."""
    now = 100.0
    monkeypatch.setattr("posttrain.console.time.monotonic", lambda: now)
    with console.progress("reading") as advance:
        for done in range(1, 241):
            now += 1
            advance(done, 240)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert lines[0] == "reading: 30 of 240, about 4 min left"
    assert lines[-1] == "reading: 240 of 240"


def test_the_time_left_is_left_out_until_it_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first of a hundred parts loads a model for a minute; each of the others takes ten seconds."""
    now = 100.0
    monkeypatch.setattr("posttrain.console.time.monotonic", lambda: now)
    with console.progress("counting") as advance:
        for done in range(1, 101):
            now += 60 if done == 1 else 10
            advance(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["counting: 1 of 100", "counting: 4 of 100", "counting: 7 of 100, about 16 min left"]


def test_numbers_have_a_unit_where_the_label_gives_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("posttrain.console.time.monotonic", lambda: now)
    with console.progress("pilot", "% of the work") as advance:
        advance(1, 100)
        now += 60
        advance(21, 100)
    assert capsys.readouterr().err == "pilot: 21 of 100 % of the work, about 4 min left\n"


def test_short_work_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Tests, pipes and cron jobs see no progress of work that takes less than half a minute."""
    with console.progress("reading") as advance:
        advance(0, 0)
        advance(3, 4)
    assert capsys.readouterr().err == ""
