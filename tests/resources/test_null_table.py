"""The table of null distributions: everything comes back from it, and each row says which cell it is."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import ContractError
from kernels.nulls import NullHistograms
from kernels.waves import STAGES
from resources.calendar import ALL_SESSIONS, FIRST_SESSION, is_session
from resources.contracts import NULL_DISTRIBUTIONS
from resources.null_table import (
    TABLE,
    NullDistributions,
    NullModel,
    last_session_before,
    null_distributions_of,
    null_table,
    quarter_of,
)
from tests.lake_rows import WRITTEN

QUARTER = date(2018, 1, 1)
MODEL = NullModel(QUARTER, date(2017, 12, 29), "block", 20.0, 7, None, 504)


def distributions(
    seed: int = 1,
    *,
    lengths: tuple[int, ...] = (63, 126),
    buckets: tuple[int, ...] = (21, 63, 126),
    bins: int = 5,
    most: int = 9,
    model: NullModel = MODEL,
) -> NullDistributions:
    """Random counts up to `most`, and at least one surrogate in each cell."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most, (len(lengths), len(STAGES), 2, len(buckets), bins + 1), endpoint=True)
    counts[..., -1] += 1
    symbols = rng.integers(1, 500, len(lengths)).astype(np.int32)
    return NullDistributions(model, np.array(lengths, np.int32), symbols, NullHistograms(counts, buckets, "cpu", ""))


def assert_equal(found: NullDistributions, expected: NullDistributions) -> None:
    assert found.model == expected.model
    for name in ("lengths", "symbols", "surrogates"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert ours.dtype == theirs.dtype
        assert ours.tolist() == theirs.tolist()
    assert found.histograms.counts.dtype == np.int64
    assert np.array_equal(found.histograms.counts, expected.histograms.counts)
    assert found.histograms.buckets == expected.histograms.buckets


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    lengths=st.sampled_from([(3,), (63, 126), (63, 126, 252, 504)]),
    buckets=st.sampled_from([(1,), (21, 63, 126, 252, 504), (5, 6)]),
    bins=st.integers(1, 12),
    most=st.sampled_from([0, 1, 40_000, 2**31 - 1]),
    model=st.builds(
        NullModel,
        quarter=st.just(QUARTER),
        through=st.dates(date(2000, 1, 3), date(2017, 12, 31)),
        null=st.sampled_from(["block", "gjr", "sign"]),
        block=st.floats(1.0, 1e6),
        seed=st.sampled_from([0, 7, 2**63, 2**64 - 1]),
        max_skip=st.none() | st.integers(1, 2**31 - 1),
        max_span=st.integers(1, 2**31 - 1),
    ),
)
def test_distributions_come_back_from_their_table(seed, lengths, buckets, bins, most, model) -> None:
    made = distributions(seed, lengths=lengths, buckets=buckets, bins=bins, most=most, model=model)
    table = null_table(made)
    NULL_DISTRIBUTIONS.enforce(table, QUARTER.isoformat())
    assert table.num_rows == len(lengths) * len(STAGES) * 2 * len(buckets)
    assert_equal(null_distributions_of(table), made)


def test_distributions_come_back_from_the_lake(lake) -> None:
    made = distributions()
    lake.write(TABLE, "2018-01-01", null_table(made), **WRITTEN)
    assert_equal(null_distributions_of(lake.read(TABLE, "2018-01-01")), made)


def test_every_row_says_which_cell_it_is_and_holds_its_counts() -> None:
    made = distributions(3)
    counts = made.histograms.counts
    rows = {
        (row["length"], row["class"], row["legs"], row["direction"], row["span_to"]): row
        for row in null_table(made).to_pylist()
    }
    assert len(rows) == counts[..., 0].size
    for (length, stage, side, bucket), _ in np.ndenumerate(counts[..., 0]):
        kind, sessions, last = STAGES[stage], (63, 126)[length], (21, 63, 126)[bucket]
        row = rows[sessions, kind.name, kind.legs, (1, -1)[side], last]
        cell = counts[length, stage, side, bucket].tolist()
        assert row["span_from"] == (0, 22, 64)[bucket]
        assert row["counts"] == cell[:-1]
        assert (row["with_pattern"], row["surrogates"]) == (sum(cell[:-1]), sum(cell))
        assert row["symbols"] == made.symbols[length]
        assert (row["quarter"], row["through"]) == (QUARTER, date(2017, 12, 29))
        assert (row["null_model"], row["block"], row["seed"]) == ("block", 20.0, 7)
        assert (row["max_skip"], row["max_span"]) == (None, 504)


def test_the_surrogates_of_a_length_are_those_of_its_cells() -> None:
    counts = np.zeros((2, len(STAGES), 2, 1, 3), np.int64)
    counts[0, ..., 1], counts[0, ..., 2], counts[1, ..., 2] = 30, 10, 60
    made = NullDistributions(
        MODEL, np.array([63, 126], np.int32), np.array([1, 2], np.int32), NullHistograms(counts, (21,), "cpu", "")
    )
    assert made.surrogates.tolist() == [40, 60]


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("surrogates", 0, "column surrogates"),
        ("symbols", 0, "column symbols"),
        ("direction", 2, "column direction"),
        ("length", None, "column length: expected length int32, no null"),
        ("quarter", date(2018, 4, 1), "column quarter"),
        ("block", float("nan"), "column block"),
    ],
)
def test_a_broken_promise_is_refused_at_the_write(lake, column, value, words) -> None:
    table = null_table(distributions())
    place = table.schema.get_field_index(column)
    values = pa.array([value, *table[column].to_pylist()[1:]], table.schema.field(column).type)
    field = table.schema.field(column).with_nullable(value is None)
    with pytest.raises(ContractError, match=words):
        lake.write(TABLE, "2018-01-01", table.set_column(place, field, values), **WRITTEN)
    assert lake.partitions(TABLE) == []


def test_a_cell_that_is_there_twice_is_refused(lake) -> None:
    table = null_table(distributions())
    with pytest.raises(ContractError, match="one row for each length, class, legs, direction, span_to"):
        lake.write(TABLE, "2018-01-01", pa.concat_tables([table, table.slice(4, 1)]), **WRITTEN)


def test_counts_that_do_not_fit_the_column_are_refused_not_wrapped() -> None:
    made = distributions()
    made.histograms.counts[0, 0, 0, 0, 0] = 2**31
    with pytest.raises(pa.ArrowInvalid, match="2147483648"):
        null_table(made)


def test_other_edges_are_told_from_the_rows_not_from_a_constant() -> None:
    made = distributions(buckets=(4, 9))
    assert null_distributions_of(null_table(made)).histograms.buckets == (4, 9)


@pytest.mark.parametrize(
    ("session", "quarter"),
    [
        (date(2017, 12, 29), date(2017, 10, 1)),
        (date(2018, 1, 2), date(2018, 1, 1)),
        (date(2018, 3, 29), date(2018, 1, 1)),
        (date(2018, 4, 2), date(2018, 4, 1)),
        (date(2020, 2, 29), date(2020, 1, 1)),
        (date(2018, 9, 28), date(2018, 7, 1)),
    ],
)
def test_the_quarter_of_a_session(session: date, quarter: date) -> None:
    assert quarter_of(session) == quarter


@given(st.sampled_from(ALL_SESSIONS.tolist()))
def test_what_serves_a_session_ends_before_its_quarter_and_nothing_lies_between(session: date) -> None:
    quarter = quarter_of(session)
    assert quarter <= session
    assert quarter_of(quarter) == quarter
    assert (quarter.day, quarter.month % 3) == (1, 1)
    through = last_session_before(quarter)
    if through is None:
        assert quarter <= FIRST_SESSION
        return
    assert through < quarter
    assert is_session(through)
    between = [through + timedelta(days=days) for days in range(1, (quarter - through).days)]
    assert not any(is_session(day) for day in between)


@pytest.mark.parametrize(
    ("quarter", "through"),
    [
        (date(2018, 1, 1), date(2017, 12, 29)),  # Friday before a long weekend
        (date(2018, 4, 1), date(2018, 3, 29)),  # Good Friday was the 30th
        (date(2021, 1, 1), date(2020, 12, 31)),
        (date(2000, 4, 1), date(2000, 3, 31)),
        (date(2000, 1, 1), None),
        (date(2028, 1, 1), date(2027, 12, 31)),
    ],
)
def test_the_last_session_before_a_quarter(quarter: date, through: date | None) -> None:
    assert last_session_before(quarter) == through
