"""Pictures that took long to compute, kept on the disk under what they were computed from.

A key is a fingerprint of everything that decides the picture: weights, layer, recipe, channel, size, seed. So nothing has to be
thrown away when a network is trained, and nothing wrong comes back. A file is there whole or not at all: it is written beside its
place and moved there, and it begins with a checksum. A damaged one counts as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: The folder may hold so many bytes; then what was not used for longest goes.
LIMIT = 2**30
#: After going over the limit, so much of it is filled again: not every file that is added is to empty the folder.
LEFT = 0.9
_MAGIC = b"cnnvis1\n"
_DIGEST = 16
_ENDING, _PART = ".cell", ".part"


@dataclass(frozen=True)
class Cached:
    """What is kept under one key.

    Attributes
    ----------
    facts : dict
        Anything that JSON can hold.
    parts : dict of str to bytes
        Encoded pictures, and whatever else is bytes.
    """

    facts: dict[str, Any]
    parts: dict[str, bytes] = field(default_factory=dict)


class PictureCache:
    """Records by key, one file each.

    Parameters
    ----------
    folder
        Where; made when the first record is kept. By default `default_folder()`.
    limit
        How many bytes the folder may hold.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, limit: int = LIMIT) -> None:
        self.folder = Path(folder).expanduser() if folder is not None else default_folder()
        self.limit = limit
        self.why_not = ""  # why nothing can be kept, if that is so
        self._size: int | None = None  # of all files, as far as this object knows
        self._guard = threading.Lock()

    def get(self, key: str) -> Cached | None:
        """What is kept under a key; None if there is nothing, or it is damaged."""
        file = self._file(key)
        try:
            found = _unpacked(file.read_bytes())
        except OSError:
            return None
        if found is not None:
            with suppress(OSError):
                os.utime(file)  # used now, so that it is not the next to go
        return found

    def put(self, key: str, facts: Mapping[str, Any], parts: Mapping[str, bytes]) -> bool:
        """Keep a record; whether it is on the disk now."""
        data = _packed(facts, parts)
        try:
            _write(self._file(key), data)
        except OSError as error:
            self.why_not = f"{self.folder} cannot be written to ({error.strerror or error})"
            return False
        self.why_not = ""
        with self._guard:
            self._size = self._total() if self._size is None else self._size + len(data)
            if self._size > self.limit:
                self._size = self._emptied(int(self.limit * LEFT))
        return True

    def clear(self) -> None:
        """Remove every record."""
        with self._guard:
            self._size = self._emptied(0)

    def _file(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}{_ENDING}"

    def _total(self) -> int:
        return sum(size for _, size, _ in _files(self.folder))

    def _emptied(self, most: int) -> int:
        """Let the oldest files go until no more than so many bytes are left; what is left."""
        files = sorted(_files(self.folder))
        total = sum(size for _, size, _ in files)
        for _, size, file in files:
            if total <= most:
                break
            with suppress(OSError):
                file.unlink()
            total -= size
        return total


def default_folder() -> Path:
    """`$CNNVIS_CACHE`, else a folder of this package where the system keeps a user's caches."""
    named = os.environ.get("CNNVIS_CACHE")
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "cnnvis_widgets" / "pictures"


def _files(folder: Path) -> Iterable[tuple[float, int, Path]]:
    """(time of last use, size, path) of every record, and of what killed processes left; others' files are passed over."""
    for ending in (_ENDING, _PART):
        for file in folder.glob(f"??/*{ending}"):
            with suppress(OSError):  # it may have just gone
                about = file.stat()
                yield about.st_mtime, about.st_size, file


def _write(file: Path, data: bytes) -> None:
    """Whole or not at all, also if the process is killed meanwhile or another one writes the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=_PART)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _packed(facts: Mapping[str, Any], parts: Mapping[str, bytes]) -> bytes:
    sizes = {name: len(part) for name, part in parts.items()}
    head = json.dumps({"facts": dict(facts), "sizes": sizes}, ensure_ascii=False).encode()
    body = len(head).to_bytes(4, "little") + head + b"".join(parts.values())
    return _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST).digest() + body


def _unpacked(data: bytes) -> Cached | None:
    start = len(_MAGIC) + _DIGEST
    digest, body = data[len(_MAGIC) : start], data[start:]
    if not data.startswith(_MAGIC) or hashlib.blake2b(body, digest_size=_DIGEST).digest() != digest:
        return None
    at = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(body[4:at])
    parts = {}
    for name, size in head["sizes"].items():
        parts[name] = body[at : at + size]
        at += size
    return Cached(head["facts"], parts)
