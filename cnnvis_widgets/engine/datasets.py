"""Pictures in folders, with their labels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from .errors import ImageError

_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"}


@dataclass(frozen=True)
class Folder(Sequence[tuple[Path, int]]):
    """Paths of pictures with the index of their class; the classes are the names of the sub-folders, sorted."""

    paths: tuple[Path, ...]
    targets: tuple[int, ...]
    classes: tuple[str, ...]

    @overload
    def __getitem__(self, index: int) -> tuple[Path, int]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[tuple[Path, int]]: ...
    def __getitem__(self, index: int | slice) -> tuple[Path, int] | Sequence[tuple[Path, int]]:
        """(path, class index), or a list of these."""
        if isinstance(index, slice):
            return list(zip(self.paths[index], self.targets[index], strict=True))
        return self.paths[index], self.targets[index]

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[tuple[Path, int]]:
        return zip(self.paths, self.targets, strict=True)


def folder(path: str | os.PathLike[str]) -> Folder:
    """The pictures in a folder, one sub-folder a class; without sub-folders, all are of one class.

    Raises
    ------
    ImageError
        If there is no such folder, or no picture in it.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        msg = f"There is no folder {str(path)!r} (looked in {Path.cwd()}): check the path."
        raise ImageError(msg)
    groups = sorted(each for each in root.iterdir() if each.is_dir()) or [root]
    found = [(file, index) for index, group in enumerate(groups) for file in _pictures(group)]
    if not found:
        msg = f"{str(path)!r} holds no picture ({', '.join(sorted(_ENDINGS))}): give a folder of pictures."
        raise ImageError(msg)
    paths, targets = zip(*found, strict=True)
    return Folder(paths, targets, tuple(group.name for group in groups))


def _pictures(group: Path) -> list[Path]:
    return sorted(file for file in group.rglob("*") if file.suffix.lower() in _ENDINGS)
