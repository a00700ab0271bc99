"""What a wave chart shows: bars, a wave with those inside it, and the prices that matter."""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from kernels.panel import Float64Array1D, SessionArray1D
from kernels.waves import CLASSES
from resources.charts.checks import require, require_days, require_value, require_vector

STATUSES = ("confirmed", "setup", "part")
KINDS = ("low", "high")


@dataclass(frozen=True)
class Bars:
    """The bars of one symbol.

    Attributes:
        sessions: `datetime64[D]` [T], strictly rising, T of 1 or more.
        open, high, low, close: float64 [T], dollars; NaN where there is no bar.

    Raises:
        InvalidInputError: a wrong shape, dtype or order, named by field.
    """

    sessions: SessionArray1D
    open: Float64Array1D
    high: Float64Array1D
    low: Float64Array1D
    close: Float64Array1D

    def __post_init__(self) -> None:
        require_days("Bars.sessions", self.sessions)
        for name in ("open", "high", "low", "close"):
            require_vector(f"Bars.{name}", getattr(self, name), len(self.sessions))


class Pivot(NamedTuple):
    """Where a leg ends: the session, the price in dollars, and whether it is a "low" or a "high"."""

    session: np.datetime64
    price: float
    kind: str


@dataclass(frozen=True)
class Wave:
    """A wave count with those of its legs.

    Attributes:
        wave_class: name of the class, see kernels/waves.
        direction: 1: starts at a low; -1: starts at a high.
        status: confirmed, setup or part.
        pivots: one more than legs, in the order of time; two or more.
        children: the waves that resolve legs.
        leg: of its parent, the leg that it resolves, counted from 1; 0 without a parent.
        pattern_id: as in `patterns`.
        position: leading or ending, of a diagonal in such a place; else "".

    Raises:
        InvalidInputError: an unknown class, status or kind, more pivots than the class has, pivots out of order, or a
            child of a leg that isn't there.
    """

    wave_class: str
    direction: int
    status: str
    pivots: tuple[Pivot, ...]
    children: tuple["Wave", ...] = ()
    leg: int = 0
    pattern_id: str = ""
    position: str = ""

    def __post_init__(self) -> None:
        require(
            self.wave_class in CLASSES,
            "Wave.wave_class",
            expected=f"one of {', '.join(CLASSES)}",
            got=self.wave_class,
            mend="pass the column `class` of `patterns`",
        )
        require(
            self.status in STATUSES and self.direction in (-1, 1),
            "Wave.status and Wave.direction",
            expected=f"one of {', '.join(STATUSES)}, and 1 or -1",
            got=f"{self.status} and {self.direction}",
            mend="pass the columns `status` and `direction` of `patterns`",
        )
        most = len(CLASSES[self.wave_class].legs)
        require(
            2 <= len(self.pivots) <= most + 1,
            "Wave.pivots",
            expected=f"2 to {most + 1} pivots of {self.wave_class}",
            got=len(self.pivots),
            mend="pass the first pivot and one for each leg",
        )
        for pivot in self.pivots:
            require_value("Wave.pivots, price", pivot.price)
        known = all(pivot.kind in KINDS for pivot in self.pivots)
        rising = all(before.session < after.session for before, after in pairwise(self.pivots))
        require(
            known and rising,
            "Wave.pivots",
            expected="lows and highs on rising sessions",
            got=[(str(pivot.session), pivot.kind) for pivot in self.pivots],
            mend="pass the column `pivots` of `patterns`",
        )
        require(
            all(1 <= child.leg < len(self.pivots) for child in self.children),
            "Wave.children, leg",
            expected=f"1 to {len(self.pivots) - 1}",
            got=[child.leg for child in self.children],
            mend="pass only the waves inside this one's legs",
        )

    @property
    def legs(self) -> int:
        """How many legs there are."""
        return len(self.pivots) - 1

    @property
    def title(self) -> str:
        """The class for a reader: "Contracting triangle"."""
        return self.wave_class.replace("_", " ").capitalize()

    @property
    def direction_words(self) -> str:
        """Whether it begins upward or downward."""
        return "upward" if self.direction == 1 else "downward"


class Level(NamedTuple):
    """A price in dollars and its words, such as "1.618 x W1"."""

    price: float
    words: str


class ChannelLine(NamedTuple):
    """A line, straight on semilog scale: from a price in dollars at a session, `slope` in log price per bar."""

    session: np.datetime64
    price: float
    slope: float


@dataclass(frozen=True)
class WaveChart:
    """A wave on its bars.

    Attributes:
        symbol: the ticker.
        bars: what is drawn. A pivot outside their sessions is left out.
        wave: the count.
        name: the company's name, or "".
        facts: what else the header says, such as "score 0.72".
        targets: where the wave under way is expected to end.
        invalidation: the price that refutes the count; NaN for none.
        channel: lines of the channel.

    Raises:
        InvalidInputError: a price that is no number of a sensible size.
    """

    symbol: str
    bars: Bars
    wave: Wave
    name: str = ""
    facts: tuple[str, ...] = ()
    targets: tuple[Level, ...] = ()
    invalidation: float = np.nan
    channel: tuple[ChannelLine, ...] = ()

    def __post_init__(self) -> None:
        for target in self.targets:
            require_value("WaveChart.targets", target.price)
        require_value("WaveChart.invalidation", self.invalidation)
        for line in self.channel:
            require_value("WaveChart.channel, price", line.price)
            require_value("WaveChart.channel, slope", line.slope)


def leg_names(wave_class: str) -> tuple[str, ...]:
    """What the legs of a class are called: 1 .. 5, A .. E, A-B-C or W-X-Y."""
    if wave_class.startswith("double"):
        return ("W", "X", "Y")
    numbered = len(CLASSES[wave_class].legs) == 5 and not wave_class.endswith("triangle")
    return tuple("12345" if numbered else "ABCDE"[: len(CLASSES[wave_class].legs)])


_ROMAN = {"1": "i", "2": "ii", "3": "iii", "4": "iv", "5": "v"}


def pivot_words(wave_class: str, depth: int) -> tuple[str, ...]:
    """What stands at the pivots of a wave: 0 1 2 .., one degree lower (i) (ii) .., then i ii ..; below that nothing."""
    names = leg_names(wave_class)
    if depth == 0:
        return ("0", *names)
    small = [_ROMAN.get(name, name.lower()) for name in names]
    return ("", *(f"({name})" for name in small)) if depth == 1 else ("", *small)
