"""Work off the main thread: what is shown of it, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from cnnvis_widgets.widgets._task import Task


def test_of_many_parts_at_most_ten_a_second_are_shown_and_always_the_last() -> None:
    shown: list[int] = []
    task = Task(shown.append, lambda: None, lambda error: None)
    task.submit(lambda: iter(range(1000)))
    assert task.wait(20)
    assert shown[0] == 0
    assert shown[-1] == 999
    assert len(shown) < 20


def test_a_part_that_came_too_soon_is_shown_although_the_next_one_takes_long() -> None:
    shown: list[str] = []
    go_on = threading.Event()

    def work() -> Iterator[str]:
        yield "first"
        yield "second, at once"
        assert go_on.wait(20)
        yield "third"

    task = Task(shown.append, lambda: None, lambda error: None)
    task.submit(work)
    deadline = time.monotonic() + 5
    while len(shown) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert shown == ["first", "second, at once"]
    go_on.set()
    assert task.wait(20)
    assert shown[-1] == "third"


def test_what_was_done_before_a_failure_is_shown_before_it() -> None:
    told: list[str] = []

    def work() -> Iterator[str]:
        yield "first"
        yield "second, at once"
        raise ValueError

    task = Task(told.append, lambda: None, lambda error: told.append(type(error).__name__))
    task.submit(work)
    assert task.wait(20)
    assert told == ["first", "second, at once", "ValueError"]


def test_nothing_held_back_is_shown_after_a_cancel() -> None:
    shown: list[str] = []
    go_on = threading.Event()

    def work() -> Iterator[str]:
        yield "first"
        yield "second, at once"
        assert go_on.wait(20)

    task = Task(shown.append, lambda: None, lambda error: None)
    task.submit(work)
    deadline = time.monotonic() + 5
    while not shown and time.monotonic() < deadline:
        time.sleep(0.001)
    assert task.cancel()
    time.sleep(0.2)
    go_on.set()
    assert task.wait(20)
    assert shown == ["first"]


def test_what_was_cancelled_is_not_wanted_while_its_last_step_still_runs() -> None:
    """So a question asked again right after a cancel is not taken for one that is under way."""
    shown: list[str] = []
    begun, go_on = threading.Event(), threading.Event()

    def work() -> Iterator[str]:
        begun.set()
        assert go_on.wait(20)
        yield "late"

    task = Task(shown.append, lambda: None, lambda error: None)
    assert not task.wanted
    task.submit(work)
    assert begun.wait(20)
    assert task.wanted
    task.cancel()
    assert task.busy
    assert not task.wanted
    task.submit(lambda: iter(["again"]))
    assert task.wanted
    go_on.set()
    assert task.wait(20)
    assert not task.wanted
    assert shown == ["again"]
