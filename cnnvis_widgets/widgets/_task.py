"""Work off the main thread, so that a running cell, a slider and a cancel button all stay alive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Part = TypeVar("Part")

#: Partial results are shown at most this often.
FRAMES_PER_SECOND = 10

# One pool for all widgets: threads are reused, so their number does not grow with the number of widgets.
_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="cnnvis")


class Task(Generic[Part]):
    """Drives one generator at a time; the last one submitted wins.

    Parameters
    ----------
    publish
        Called in the worker thread with each part that is to be shown: at most ten a second, and always the last, as well as
        those that say `now`.
    finished
        Called when the work has come to its end.
    failed
        Called with the exception, if there was one.
    """

    def __init__(
        self, publish: Callable[[Part], None], finished: Callable[[], None], failed: Callable[[Exception], None]
    ) -> None:
        self._publish, self._finished, self._failed = publish, finished, failed
        self._guard = threading.RLock()
        self._waiting: Callable[[], Iterator[Part]] | None = None
        self._ticket = 0
        self._driven = -1  # the ticket of the work under way
        self._running: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether work is waiting or under way."""
        with self._guard:
            return self._waiting is not None or self._running is not None

    @property
    def wanted(self) -> bool:
        """Whether work is waiting or under way that nobody has cancelled; what was cancelled may still be in its last step."""
        with self._guard:
            return self._waiting is not None or (self._running is not None and self._driven == self._ticket)

    def submit(self, work: Callable[[], Iterator[Part]]) -> None:
        """Do this next, and drop whatever was wanted before."""
        with self._guard:
            self._ticket += 1
            self._waiting = work
            if self._running is None:
                self._running = _pool.submit(self._drain)

    def cancel(self) -> bool:
        """Drop all work; what is under way stops at its next step and is not shown. Whether there was any."""
        with self._guard:
            was_busy = self.busy
            self._ticket += 1
            self._waiting = None
            return was_busy

    def wait(self, timeout: float | None = None) -> bool:
        """Until nothing is left to do; False if that took longer than `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.busy:
            if deadline is not None and time.monotonic() > deadline:
                return False
            time.sleep(0.002)
        return True

    def _drain(self) -> None:
        while True:
            with self._guard:
                work, self._waiting = self._waiting, None
                if work is None:
                    self._running = None
                    return
                ticket = self._driven = self._ticket
            try:
                if self._drive(work(), ticket):
                    self._tell(ticket, self._finished)
            except Exception as error:  # noqa: BLE001 (whatever a user's model raises is shown, never lost)
                self._tell(ticket, lambda error=error: self._failed(error))  # type: ignore[misc]

    def _drive(self, parts: Iterator[Part], ticket: int) -> bool:
        """Whether the work came to its end. What was held back when it failed is shown first."""
        pace: _Pace[Part] = _Pace(lambda part: self._tell(ticket, lambda: self._publish(part)))
        try:
            for part in parts:
                if ticket != self._ticket:
                    close = getattr(parts, "close", None)
                    if close is not None:
                        close()
                    return False
                pace.add(part, now=getattr(part, "now", False))
        finally:
            pace.flush()
        return True

    def _tell(self, ticket: int, news: Callable[[], None]) -> None:
        """Only while the work is still wanted; nothing can be submitted or cancelled in between."""
        with self._guard:
            if ticket == self._ticket:
                news()


class _Pace(Generic[Part]):
    """Lets parts through at most ten times a second: of those that come too soon the last is shown in time, whatever follows."""

    def __init__(self, show: Callable[[Part], None]) -> None:
        self._show = show
        self._guard = threading.Lock()
        self._held: list[Part] = []
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def add(self, part: Part, *, now: bool = False) -> None:
        with self._guard:
            self._held = [part]
            wait = self._last + 1 / FRAMES_PER_SECOND - time.monotonic()
            if wait > 0 and not now:
                if self._timer is None:
                    self._timer = threading.Timer(wait, self.flush)
                    self._timer.daemon = True
                    self._timer.start()
                return
        self.flush()

    def flush(self) -> None:
        """Show what is held back."""
        with self._guard:
            timer, self._timer = self._timer, None
            held, self._held = self._held, []
            self._last = time.monotonic()
            for part in held:
                self._show(part)
        if timer is not None and timer is not threading.current_thread():
            timer.cancel()
            timer.join(1)
