"""How often running answers are redrawn."""

from contextlib import ExitStack

from serving.ui.streaming import COST, PACE, Pace


def test_many_answers_at_once_are_redrawn_less_often() -> None:
    pace = Pace()
    assert pace.seconds == PACE
    with ExitStack() as running:
        for _ in range(50):
            running.enter_context(pace.joined())
        assert pace.seconds == 50 * COST > PACE
    assert pace.seconds == PACE
