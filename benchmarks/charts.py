"""Time every chart: milliseconds and bytes as SVG, and as a PNG twice as wide.

Run from the project root: `python -m benchmarks.charts`. Only what gives the same bytes twice is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from benchmarks.machine import machine
from resources.charts import (
    breakdown_chart,
    breakdown_chart_of,
    dots_chart,
    equity_chart,
    fan_chart,
    line_chart,
    png_of,
    reliability_chart,
    wave_chart,
    wave_chart_of,
)
from tests.resources.charts.samples import dots, equity, fan, line, nested, reliability, textbook

REPEATS, PNG_REPEATS = 50, 5
WIDE, SMALL = 1520, 920


def charts() -> dict[str, tuple[Callable[[], str], int]]:
    """What is timed by its name: the call, and the width of the PNG."""
    deep, small = nested(504, 2), nested(120, 2)
    pattern = textbook("impulse", 4)
    [row] = [row for row in pattern.table.to_pylist() if row["pattern_id"] == pattern.pattern_id]
    shown = fan(), equity(), line(), reliability(), dots()
    return {
        "wave, 504 bars": (lambda: wave_chart(deep), WIDE),
        "wave, 504 bars, 380 wide": (lambda: wave_chart(deep, width=380, height=340), 760),
        "wave, 120 bars": (lambda: wave_chart(small), WIDE),
        "wave, from rows": (lambda: wave_chart(wave_chart_of([row], pattern.pattern_id, pattern.panel)), WIDE),
        "breakdown, from a row": (lambda: breakdown_chart(breakdown_chart_of(row)), WIDE),
        "fan": (lambda: fan_chart(shown[0]), WIDE),
        "equity, 504 sessions": (lambda: equity_chart(shown[1]), WIDE),
        "line, 8 x 504 sessions": (lambda: line_chart(shown[2]), WIDE),
        "reliability": (lambda: reliability_chart(shown[3]), SMALL),
        "dots": (lambda: dots_chart(shown[4]), SMALL),
    }


def best_milliseconds(call: Callable[[], object], repeats: int) -> float:
    """The best of some calls, in milliseconds of this thread: other work on the machine doesn't count."""
    times = []
    for _ in range(repeats):
        start = time.thread_time()
        call()
        times.append(time.thread_time() - start)
    return 1e3 * min(times)


def main() -> None:
    """Check, time and print."""
    print(f"{machine()['cpu']}, Python {machine()['python']}")
    print(f"{'chart':26} {'ms':>6} {'bytes':>8} {'png ms':>8} {'bytes':>8}")
    for name, (draw, width) in charts().items():
        svg = draw()
        assert draw() == svg, f"{name}: other bytes at the second call"
        png = png_of(svg, width)
        svg_ms = best_milliseconds(draw, REPEATS)
        png_ms = best_milliseconds(lambda svg=svg, width=width: png_of(svg, width), PNG_REPEATS)
        print(f"{name:26} {svg_ms:6.2f} {len(svg):8,} {png_ms:8.1f} {len(png):8,}")


if __name__ == "__main__":
    main()
