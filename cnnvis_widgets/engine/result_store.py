"""Results that outlive the process: one line of JSON each, added to the end of a file as soon as it is there.

A process that is killed loses at most the line it was writing, and a line that cannot be read is passed over.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .network import Network

_FILE = "ranking.jsonl"


class ResultStore:
    """Records by key in a file of JSON lines; of several with one key, the last counts.

    Parameters
    ----------
    path
        The file, or a folder for it; made when the first record is added. None: records are not kept.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._file = None if path is None else _file(Path(path).expanduser())
        self._records = {} if self._file is None else _read(self._file)

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of that key, if there is one."""
        return self._records.get(key)

    def add(self, key: str, record: dict[str, Any]) -> None:
        """Write a record; it is on the disk when this returns."""
        if self._file is None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, **record}, ensure_ascii=False).encode() + b"\n"
        with self._file.open("ab+") as file:
            if _cut_short(file):
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._records[key] = record


def packed(values: np.ndarray) -> dict[str, Any]:
    """An array as JSON, exactly.

    Examples
    --------
    >>> unpacked(packed(np.array([[1.5, 2.0]], np.float32)))
    array([[1.5, 2. ]], dtype=float32)
    """
    data = base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 3)).decode()
    return {"shape": list(values.shape), "dtype": values.dtype.str, "data": data}


def unpacked(stored: dict[str, Any]) -> np.ndarray:
    """The array that `packed` was given."""
    data = zlib.decompress(base64.b64decode(stored["data"]))
    return np.frombuffer(data, stored["dtype"]).reshape(stored["shape"]).copy()


def fingerprint(*things: Any) -> str:
    """A short text that differs where the bytes, numbers or words differ."""
    digest = hashlib.blake2b(digest_size=16)
    for thing in things:
        content = _bytes(thing)
        digest.update(f"{type(thing).__name__} {len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def fingerprint_of_network(network: Network) -> str:
    """Of everything that decides what a network says: its modules, weights, and preprocessing."""
    model, about = network.model, network.preprocess
    tensors = [part for name, tensor in model.state_dict().items() for part in (name, tensor)]
    normalization = getattr(about.normalization, "__qualname__", type(about.normalization).__name__)
    prepared = (about.channels, about.size, about.resize, about.mean, about.std, about.interpolation, normalization)
    return fingerprint(str(model), str(prepared), *tensors)


def _bytes(thing: Any) -> bytes:
    if isinstance(thing, Tensor):
        flat = thing.detach().cpu().contiguous().reshape(-1)
        return (
            str(thing.dtype).encode()
            + str(tuple(thing.shape)).encode()
            + flat.view(dtype=torch.uint8).numpy().tobytes()
        )
    if isinstance(thing, np.ndarray):
        return f"{thing.dtype} {thing.shape}".encode() + np.ascontiguousarray(thing).tobytes()
    return str(thing).encode()


def _file(path: Path) -> Path:
    return path / _FILE if path.is_dir() or not path.suffix else path


def _read(file: Path) -> dict[str, dict[str, Any]]:
    if not file.exists():
        return {}
    records = {}
    for line in file.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
            records[str(record.pop("key"))] = record
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # cut short when a process ended, or empty
    return records


def _cut_short(file: Any) -> bool:
    """Whether the last line has no end."""
    if file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
