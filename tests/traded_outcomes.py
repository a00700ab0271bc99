"""What happened after a pattern, in plain Python on the bars as they were traded: straight from the definitions."""

from pathlib import Path

from resources.parquet_lake import ParquetLake

PRICES = ("open", "high", "low", "close")


class AsTraded:
    """The bars of a lake in plain values, in the shares of any session."""

    def __init__(self, lake: Path) -> None:
        store = ParquetLake(str(lake))
        self.days = sorted(store.partitions("prices"))
        self._rows = {(day, row["symbol"]): row for day in self.days for row in store.read("prices", day).to_pylist()}

    def after(self, day: str, symbol: str, count: int) -> list[dict[str, float]]:
        """The bars of the next sessions, in the shares of `day`."""
        found, ratio, start = [], 1.0, self.days.index(day) + 1
        for later in self.days[start : start + count]:
            row = self._rows[later, symbol]
            ratio *= row["split_ratio"]
            found.append({name: row[name] * ratio for name in PRICES})
        return found

    def close(self, day: str, symbol: str) -> float:
        return self._rows[day, symbol]["close"]


def entry_of(row: dict, close: float) -> tuple[int, float, float]:
    """Side, target and invalidation of a row of `patterns`, straight from the definition."""
    if row["status"] == "setup":
        side = row["direction"] if row["legs"] % 2 == 0 else -row["direction"]
        ahead = [target for target in row["targets"] if side * (target - close) > 0]
        return side, min(ahead, key=lambda target: abs(target - close)), row["invalidation"]
    prices = [each["price"] for each in row["pivots"]]
    side = -row["direction"]
    return side, prices[-1] * (max(prices) / min(prices)) ** (0.382 * side), prices[-1]


def result_of(side: int, target: float, invalidation: float, bars: list[dict[str, float]], horizon: int) -> str:
    """What happened, straight from the rules."""
    if not bars:
        return "unknown"
    levels = sorted((target, invalidation))
    if not levels[0] < bars[0]["open"] < levels[1] or side * (target - invalidation) < 0:
        return "missed"
    if len(bars) < horizon:
        return "unknown"
    for bar in bars[:horizon]:
        if bar["low"] <= invalidation if side > 0 else bar["high"] >= invalidation:
            return "invalidation"
        if bar["high"] >= target if side > 0 else bar["low"] <= target:
            return "target"
    return "neither"
