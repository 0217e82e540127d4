"""Great Expectations in its own process: which lines it names, and what is said when it cannot."""

import os
import signal

import pytest

from expectations import judging


def test_the_lines_that_break_an_expectation_are_named() -> None:
    # A figure or a bound that is unknown passes.
    columns = {"greater": [1, 2, None, 3.5], "less": [1, 2.5, 9, None]}
    assert judging.unexpected("ExpectFiguresWithinBounds", {}, columns) == [1]
    assert judging.unexpected("ExpectNothingBroken", {"column": "moved"}, {"moved": [0, 2, 0, 1]}) == [1, 3]


@pytest.mark.parametrize(
    ("expectation", "said"), [("ExpectNothingBroken", '"broken"'), ("ExpectNoSuchThing", "AttributeError")]
)
def test_what_cannot_be_judged_is_said(expectation: str, said: str) -> None:
    with pytest.raises(judging.NotEvaluatedError, match=said):
        judging.unexpected(expectation, {}, {"moved": [0]})


def test_a_process_that_ended_is_told_of_and_the_next_question_has_another() -> None:
    judging.get_ready()
    assert judging._judge
    os.kill(judging._judge.process.pid, signal.SIGKILL)
    with pytest.raises(judging.NotEvaluatedError, match="ended with -9"):
        judging.unexpected("ExpectNothingBroken", {}, {"broken": [0]})
    assert judging.unexpected("ExpectNothingBroken", {}, {"broken": [0, 1]}) == [1]


def test_a_question_that_is_broken_off_leaves_no_answer_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    judging.get_ready()
    assert judging._judge
    monkeypatch.setattr(judging._judge.asked, "recv", interrupted)
    with pytest.raises(KeyboardInterrupt):
        judging.unexpected("ExpectNothingBroken", {}, {"broken": [1, 1]})
    assert judging.unexpected("ExpectNothingBroken", {}, {"broken": [0, 1]}) == [1]
