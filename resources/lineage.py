"""What a session's tables are made from: the fingerprints of every partition in its look-back, as one fingerprint."""

from collections.abc import Iterable, Mapping
from datetime import date

from kernels.errors import MissingHistoryError
from resources.calendar import ALL_SESSIONS, session_number
from resources.parquet_lake import ParquetLake, fingerprint
from resources.price_history import history_sessions, lookback_start, missing_history

# The longest window, plus the bar before it that tells whether its first bar is a swing.
LOOKBACK = 505
SHORTEST_WINDOW = 63


def made_from_lookback(
    lake: ParquetLake,
    keys: Iterable[str],
    tables: Iterable[str],
    extra: Mapping[str, object],
    lookback: int = LOOKBACK,
) -> dict[str, str]:
    """For each session the fingerprint of `tables` over its look-back, and of `extra`.

    Args:
        lake: where the tables lie.
        keys: sessions as ISO dates.
        tables: tables that must have a partition for every session of the look-back, from the start of history.
        extra: settings that the result depends on; a mapping value is looked up by session.
        lookback: sessions, the session's own included.

    Raises:
        MissingHistoryError: a partition is missing; the message says which, and the command that fills the range.
    """
    keys, tables = list(keys), list(tables)
    oldest = min(lake.stamps("prices"), default=None)
    days = {key: date.fromisoformat(key) for key in keys}
    sessions = {key: history_sessions(lookback_start(day, lookback), day, oldest) for key, day in days.items()}
    needed = sorted({str(session) for each in sessions.values() for session in each})
    found = {table: lake.infos(table, needed) for table in tables}
    for table, infos in found.items():
        missing = [key for key in needed if key not in infos]
        if missing:
            raise missing_history(table, missing, f"the look-back of {keys[0]} to {keys[-1]}")
    made_from = {}
    for key in keys:
        parts: dict[str, object] = {
            name: value[key] if isinstance(value, Mapping) else value for name, value in extra.items()
        }
        for table, infos in found.items():
            parts[table] = [infos[str(session)].fingerprint for session in sessions[key]]
        made_from[key] = fingerprint(parts)
    return made_from


def require_inputs(lake: ParquetLake, table: str, keys: Iterable[str]) -> dict[str, str]:
    """The fingerprints of one table's partitions for the sessions `keys`.

    Raises:
        MissingHistoryError: a partition is missing, with the command that makes it.
    """
    keys = list(keys)
    found = lake.fingerprints(table, keys)
    missing = [key for key in keys if key not in found]
    if missing:
        span = f'"dagster/asset_partition_range_start": "{missing[0]}"'
        span += f', "dagster/asset_partition_range_end": "{missing[-1]}"'
        raise MissingHistoryError(
            f"table `{table}`",
            expected=f"a partition for each of the {len(keys)} sessions asked for",
            got=f"{len(missing)} missing, {missing[0]} to {missing[-1]}",
            mend=f"dagster job execute -m definitions -j daily_sp500 --tags '{{{span}}}'",
        )
    return found


def require_history(lake: ParquetLake, keys: Iterable[str]) -> None:
    """Refuse sessions with less history than the shortest window.

    Raises:
        MissingHistoryError: with the range that is missing and the command that fills it.
    """
    oldest = min(lake.stamps("prices"), default=None)
    for key in keys:
        number = session_number(date.fromisoformat(key))
        have = 0 if oldest is None else number - session_number(date.fromisoformat(oldest)) + 1
        if have >= SHORTEST_WINDOW:
            continue
        expected = f"{SHORTEST_WINDOW} sessions of bars up to {key} at least, {LOOKBACK} for the longest window"
        if number < SHORTEST_WINDOW - 1:
            raise MissingHistoryError(
                "table `prices`",
                expected=expected,
                got=f"a session that is number {number + 1} of the calendar",
                mend=f"choose a session from {ALL_SESSIONS[SHORTEST_WINDOW - 1]} on",
            )
        first = lookback_start(date.fromisoformat(key), LOOKBACK)
        last = ALL_SESSIONS[number - max(have, 0)]
        raise MissingHistoryError(
            "table `prices`",
            expected=expected,
            got=f"{max(have, 0)} sessions; {first} to {last} is missing",
            mend=missing_history("prices", [str(first), str(last)], "").mend,
        )
