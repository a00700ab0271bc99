"""p-values and q-values of a session's patterns, against the null distributions of its quarter."""

from collections.abc import Iterable, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.discovery import q_values
from kernels.nulls import p_values
from kernels.waves import CLASS_NAMES, STAGES, ScanSettings, stage_index
from resources.calendar import ALL_SESSIONS
from resources.contracts import PATTERNS
from resources.null_table import DIRECTIONS, TABLE, NullDistributions, null_distributions_of, quarter_of
from resources.parquet_lake import ParquetLake
from resources.pattern_table import SIGNIFICANCE_COLUMNS

CALIBRATE = 'dagster job execute -m definitions -j calibrate_null --tags \'{{"dagster/partition": "{quarter}"}}\''


class Nulls:
    """The null distributions that serve a scan, by session; each quarter is read once."""

    def __init__(self, lake: ParquetLake, settings: ScanSettings) -> None:
        self._lake, self._settings = lake, settings
        self._read: dict[date, tuple[NullDistributions | None, str]] = {}

    def of(self, session: date) -> NullDistributions | None:
        """The null distributions of the session's quarter; None where there are none, or they fit another search."""
        return self._of_quarter(quarter_of(session))[0]

    def missing(self, session: date, windows: Iterable[int] = ()) -> str:
        """Why p-values of a session are unknown, and the command that makes them known; "" where they aren't.

        Args:
            session: the session.
            windows: sessions of the windows that are searched; 0 = none.
        """
        found, reason = self._of_quarter(quarter_of(session))
        others = set(windows) - {0} - set([] if found is None else found.lengths.tolist())
        if found is None or not others:
            return reason
        key = found.model.quarter.isoformat()
        named = ", ".join(str(length) for length in sorted(others))
        return (
            f"the null distributions for the quarter from {key} have none for windows of {named} sessions, so p-values "
            f"in these are unknown: with more history or these lengths, {CALIBRATE.format(quarter=key)}"
        )

    def fingerprint(self, session: date) -> str:
        """Of what the p-values of a session are made from."""
        key = quarter_of(session).isoformat()
        return self._lake.fingerprints(TABLE, [key]).get(key, "")

    def _of_quarter(self, quarter: date) -> tuple[NullDistributions | None, str]:
        if quarter not in self._read:
            self._read[quarter] = self._load(quarter)
        return self._read[quarter]

    def _load(self, quarter: date) -> tuple[NullDistributions | None, str]:
        key = quarter.isoformat()
        mend = CALIBRATE.format(quarter=key)
        if self._lake.info(TABLE, key) is None:
            return None, f"there are no null distributions for the quarter from {key}, so p-values are unknown: {mend}"
        found = null_distributions_of(self._lake.read(TABLE, key))
        searched = found.model.max_skip, found.model.max_span
        wanted = self._settings.max_skip, self._settings.max_span
        if searched != wanted:
            return None, (
                f"the null distributions for the quarter from {key} are of a search with max_skip, max_span = "
                f"{searched}, not {wanted}, so p-values are unknown: with the same scan settings, {mend}"
            )
        return found, ""


def with_significance(table: pa.Table, windows: Mapping[str, int], found: NullDistributions | None) -> pa.Table:
    """Compare the patterns of a session with the null distributions of its quarter.

    A test is a cell of a symbol: a stage, a direction and a bucket of spans that fits into its window, whether or not a
    pattern was found there. Confirmed patterns, parts included, are one family, setups another.

    Args:
        table: the `patterns` of one session; what the columns of the significance hold is replaced.
        windows: sessions of the window that each symbol was searched in; of all that were searched.
        found: the null distributions; None = unknown, and then the columns are null.

    Returns:
        The table with the columns of the significance: null where there is no null distribution of the window's length.
    """
    count = table.num_rows
    if found is None or not count:
        return _replaced(table, {name: pa.nulls(count) for name in SIGNIFICANCE_COLUMNS})
    names = pc.dictionary_encode(table["symbol"].combine_chunks())
    symbol = names.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    window = np.array([windows[name] for name in names.dictionary.to_pylist()])[symbol]
    legs = table["legs"].to_numpy()
    class_index = pc.index_in(table["class"], pa.array(CLASS_NAMES)).to_numpy()
    stage = stage_index(class_index, legs)
    direction = table["direction"].to_numpy().astype(np.int64)
    span = _spans(table)

    row, known = np.searchsorted(found.lengths, window), np.isin(window, found.lengths)
    p_value = np.full(count, np.nan)
    p_value[known] = p_values(
        found.histograms,
        row=row[known],
        stage=stage[known],
        direction=direction[known],
        span=span[known],
        score=table["score"].to_numpy()[known],
    )
    edges = np.array(found.histograms.buckets)
    cells = len(STAGES), len(DIRECTIONS), len(edges) + 1
    cell = np.ravel_multi_index((stage, (direction < 0).astype(np.int64), np.searchsorted(edges, span)), cells)
    test = symbol * np.int64(np.prod(cells)) + cell
    fitting = len(DIRECTIONS) * _buckets_that_fit(found, windows)
    q_value = np.full(count, np.nan)
    confirmed = stage < len(CLASS_NAMES)
    for family, stages in ((confirmed, len(CLASS_NAMES)), (~confirmed, len(STAGES) - len(CLASS_NAMES))):
        q_value[family] = q_values(p_value[family], test[family], stages * fitting)
    unknown = np.isnan(p_value)
    model = found.model
    return _replaced(
        table,
        {
            "p_value": pa.array(p_value, mask=unknown),
            "q_value": pa.array(q_value, mask=unknown),
            "null_model": pa.array(np.full(count, model.null), mask=unknown),
            "surrogates": pa.array(found.surrogates[np.where(known, row, 0)], mask=unknown),
            "null_through": pa.array(np.full(count, np.datetime64(model.through)), mask=unknown),
        },
    )


def _spans(table: pa.Table) -> npt.NDArray[np.int64]:
    """Sessions from the first pivot of each pattern to its last: int64 [P]."""
    pivots = table["pivots"].combine_chunks()
    numbers = np.searchsorted(ALL_SESSIONS, pc.struct_field(pivots.flatten(), "session").to_numpy(zero_copy_only=False))
    last = np.cumsum(pc.list_value_length(pivots).to_numpy(zero_copy_only=False)) - 1
    return np.asarray(numbers[last] - numbers[last - table["legs"].to_numpy()], dtype=np.int64)


def _buckets_that_fit(found: NullDistributions, windows: Mapping[str, int]) -> int:
    """How many buckets of spans the windows of all symbols have together, of the lengths with a null distribution."""
    searched = np.array(list(windows.values()), dtype=np.int64)
    shortest = np.r_[0, np.array(found.histograms.buckets)[:-1] + 1]
    longest = np.minimum(searched[np.isin(searched, found.lengths)], found.model.max_span) - 1
    return int((shortest <= longest[:, np.newaxis]).sum())


def _replaced(table: pa.Table, columns: Mapping[str, pa.Array]) -> pa.Table:
    for name, values in columns.items():
        field = PATTERNS.schema.field(name)
        table = table.set_column(table.schema.get_field_index(name), field, values.cast(field.type))
    return table
