"""When decisions fall: every so many sessions, from several offsets."""

from __future__ import annotations

from kernels.errors import InvalidInputError


def start_offsets(every: int, count: int) -> tuple[int, ...]:
    """`count` offsets spread evenly over 0 .. every - 1: floor(k * every / count).

    Raises:
        InvalidInputError: fewer than one session between decisions, or not 1 .. every offsets.
    """
    if every < 1:
        raise InvalidInputError(
            "sessions between decisions", expected="at least 1", got=repr(every), mend="decide every session: 1"
        )
    if not 1 <= count <= every:
        raise InvalidInputError(
            "start offsets",
            expected=f"from 1 to {every}, the sessions between decisions",
            got=repr(count),
            mend="ask for fewer start offsets, or decide less often",
        )
    return tuple(place * every // count for place in range(count))


def decision_bars(first: int, last: int, every: int, offset: int) -> tuple[int, ...]:
    """The bars at whose close decisions fall: `first`, then `first` + offset, and every `every` bars from there.

    So all money is at work from the first session on, whatever the offset; where it isn't 0, the first stint lasts only
    `offset` sessions. A decision at `last` would never be filled, and is left out.
    """
    return tuple(sorted({first, *range(first + offset, last, every)}))
