"""The pictures that a gallery looks through: of a long data set each is fetched when it is needed, and not before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, overload

import numpy as np
from PIL import Image

_TRY = "give a list of pictures, or cw.folder(path)."
#: An iterator is kept whole, so that it can be gone through again; one with more pictures than this may have no end.
_MOST = 10_000


class DataSet(Sequence[Any]):
    """What a person gave, and what was dropped on the page after it.

    Parameters
    ----------
    given
        Anything with a length and numbered items is left where it is, and may grow; of an iterator, the items are taken now, up to
        10,000.

    Raises
    ------
    TypeError
        If it is no data set: nothing to go through, or one picture alone, which going through would take apart.
    ValueError
        If an iterator gives more.
    """

    def __init__(self, given: Any = None) -> None:
        self._given = _numbered(given)
        self._added: list[Any] = []

    def append(self, picture: Any) -> None:
        """Put another picture at the end."""
        self._added.append(picture)

    def __len__(self) -> int:
        return len(self._given) + len(self._added)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        """The item of that number; `ImageError` says which one the data set itself cannot give."""
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        count = len(self._given)
        if index >= count:
            return self._added[index - count]
        try:
            return self._given[index]
        except IndexError:  # it has become shorter
            raise
        except Exception as error:
            from ..engine.errors import ImageError

            what = f"{type(error).__name__}: {error}".splitlines()[0]
            msg = f"Picture {index + 1} of the data set cannot be fetched ({what})."
            raise ImageError(msg) from error


def _numbered(given: Any) -> Any:
    if given is None:
        return ()
    wrong = _why_none(given)
    if wrong:
        msg = f"dataset is {wrong}"
        raise TypeError(msg)
    if hasattr(given, "__getitem__") and hasattr(given, "__len__"):
        return list(given) if isinstance(given, list) else given
    taken = list(islice(given, _MOST + 1))
    if len(taken) > _MOST:
        msg = f"dataset gives more than {_MOST:,} pictures and has no length: give a part of it, itertools.islice(pictures, {_MOST})."
        raise ValueError(msg)
    return taken


def _why_none(given: Any) -> str:
    """What a thing is instead of a data set, and what to give; "" if it is one."""
    if isinstance(given, (str, bytes, os.PathLike)):
        return f"{os.fspath(given)!r}: {_TRY}"
    if isinstance(given, Mapping):
        return f"a {type(given).__name__}: {_TRY}"
    if isinstance(given, Image.Image) or getattr(given, "ndim", 4) in (2, 3):
        return "one picture: give a list of them, [picture]."
    if hasattr(given, "dataset") and hasattr(given, "batch_size"):
        return f"a {type(given).__name__}, which gives batches: give its pictures, loader.dataset."
    if not isinstance(given, Iterable) and not hasattr(given, "__getitem__"):
        return (
            f"{given!r}: {_TRY}" if isinstance(given, (int, float, np.generic)) else f"a {type(given).__name__}: {_TRY}"
        )
    return ""
