"""Long work as a generator: iterate over it, wrap it in `tqdm`, ask for its result, or close it at any step."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Step(Generic[Result]):
    """How far the work is, and what can be shown of it already.

    Attributes
    ----------
    done, total : int
        `done` of `total` parts, never falling.
    result
        The partial result; the whole one at the last step.
    """

    done: int
    total: int
    result: Result


class Steps(Generic[Result]):
    """A generator of `Step`s with a length and a `result()`.

    Parameters
    ----------
    generator
        Yields the steps. It must hold no context manager across a `yield`.
    total
        How many parts the work has.
    """

    def __init__(self, generator: Generator[Step[Result], None, None], total: int) -> None:
        self._generator = generator
        self._total = total
        self._last: Step[Result] | None = None

    def __iter__(self) -> Iterator[Step[Result]]:
        return self

    def __next__(self) -> Step[Result]:
        self._last = next(self._generator)
        return self._last

    def __len__(self) -> int:
        return self._total

    def result(self) -> Result:
        """Run to the end and return the last result.

        Raises
        ------
        RuntimeError
            If the work was closed, or failed, before its last step.
        """
        for _ in self:
            pass
        if self._last is None or self._last.done < self._last.total:
            msg = "The work was closed before its last step, so there is no result: start it again."
            raise RuntimeError(msg)
        return self._last.result

    def close(self) -> None:
        """Stop the work; what was begun is undone."""
        self._generator.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
