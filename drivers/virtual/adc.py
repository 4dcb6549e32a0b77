"""A virtual MCP3008 and the cells on it, for `mat_adc`: it answers gpiozero's own MCP3008 word by
word, at the seam where a pin factory opens a bus.

gpiozero's mock factory would clock the bits in software over a bus that takes the default pin
factory of the whole process; there is none here, and never a fallback.
Not for: the noise and timing of a real one (docs/hardware.md).
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from drivers.virtual.pins import VirtualPins

COMMAND_BYTES = 3
START_BIT = 0x01
SINGLE_ENDED = 0x80


class _Bus:
    """One opening of the bus (gpiozero's SPI interface, as far as a converter uses it)."""

    bits_per_word = 8
    lsb_first = False

    def __init__(self, mat: VirtualCells) -> None:
        self._mat = mat

    def transfer(self, words: Sequence[int]) -> list[int]:
        """Start bit; single ended and the channel; ten bits come back (MCP3008, figure 6-1)."""
        if len(words) != COMMAND_BYTES or words[0] != START_BIT or not words[1] & SINGLE_ENDED:
            return [0] * len(words)
        counts = self._mat.reading(words[1] >> 4 & 0b111)
        return [0, counts >> 8, counts & 0xFF]

    def close(self) -> None:
        """Nothing to give back."""


class VirtualCells:
    """A mat of `cells` pressure cells on a converter at `chip_select`.

    `counts` holds what each reads; `noise` is the largest error in counts, either way.
    """

    EMPTY, LYING = 40, 500

    def __init__(
        self,
        pins: VirtualPins,
        cells: int = 4,
        *,
        chip_select: int = 0,
        noise: int = 2,
        seed: int = 1,
    ) -> None:
        self.counts = [self.EMPTY] * cells
        self.noise = noise
        self.gone = False
        """The converter has no power: its output floats high."""
        self._random = random.Random(seed)  # noqa: S311 - noise, no secret
        pins.factory.converters[chip_select] = lambda: _Bus(self)

    def press(self, cell: int | None = None, counts: int = LYING) -> None:
        """Somebody lies on one cell, or on all."""
        for n in range(len(self.counts)) if cell is None else (cell,):
            self.counts[n] = counts

    def release(self) -> None:
        """Nobody is on it."""
        self.press(counts=self.EMPTY)

    def cut(self, cell: int) -> None:
        """The lead of a cell is cut: its channel lies at ground."""
        self.counts[cell] = 0

    def reading(self, channel: int) -> int:
        """What the converter reads now."""
        if self.gone:
            return 1023
        if channel >= len(self.counts) or self.counts[channel] == 0:
            return 0
        noise = self._random.randint(-self.noise, self.noise)
        return min(1023, max(0, self.counts[channel] + noise))
