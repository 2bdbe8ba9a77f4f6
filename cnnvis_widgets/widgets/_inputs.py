"""The pictures of a widget as its network takes them; they can be let go of, and are read again when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from ..engine.network import Network


class Inputs:
    """What the user gave, and what the network made of it: tensors (1, C, H, W)."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._given: list[Any] = []
        self._read: dict[int, Tensor] = {}

    def append(self, picture: Any) -> Tensor:
        """Read a picture and keep it at the end."""
        tensor = self._network.read(picture)[:1]
        self._read[len(self._given)] = tensor
        self._given.append(picture)
        return tensor

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, index: int) -> Tensor:
        """(1, C, H, W); read again if it had been released."""
        if index not in self._read:
            self._read[index] = self._network.read(self._given[index])[:1]
        return self._read[index]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[index] for index in range(len(self)))

    def release(self) -> None:
        """Let go of the tensors, not of the pictures."""
        self._read.clear()
