"""The counts of a universe are those of its symbols, whatever the portions, and a run that is killed goes on."""

from collections.abc import Callable
from dataclasses import fields, replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import InvalidInputError, MissingHistoryError
from kernels.market import instruments, simulate
from kernels.nulls import null_histograms
from kernels.panel import PricePanel
from kernels.volatility import fit_gjr
from kernels.waves import SPAN_BUCKETS, STAGES, ScanSettings
from resources import null_build
from resources.array_file import decode_arrays
from resources.calendar import ALL_SESSIONS, session_number
from resources.null_build import NullRequest, build_null, symbol_keys
from resources.null_state import NullStates
from resources.null_table import TABLE, NullDistributions, NullModel, null_table
from resources.parquet_lake import ParquetLake

THROUGH = date(2017, 12, 29)
MODEL = NullModel(date(2018, 1, 1), THROUGH, "block", 20.0, 7, None, 504)
BARS = ("open", "high", "low", "close")
NAMES = tuple("ABCDE")
STATE_FILE = "2018-01-01.counting"


def market(rows: int = 5, count: int = 127, seed: int = 3) -> PricePanel:
    """Split-adjusted bars up to `THROUGH`."""
    bars = simulate(instruments(seed, rows), count, seed=seed)
    later = np.ones(bars.close.shape)
    later[:, :-1] = np.cumprod(bars.split_ratio[:, :0:-1], axis=1)[:, ::-1]
    prices = {name: np.ascontiguousarray(getattr(bars, name) / later) for name in BARS}
    stop = session_number(THROUGH) + 1
    return PricePanel(NAMES[:rows], ALL_SESSIONS[stop - count : stop], **prices, volume=bars.volume)


def some_of(panel: PricePanel, rows: list[int]) -> PricePanel:
    arrays = {each.name: np.ascontiguousarray(getattr(panel, each.name)[rows]) for each in fields(panel)[2:]}
    return PricePanel(tuple(panel.symbols[row] for row in rows), panel.sessions, **arrays)


def without_bars(panel: PricePanel, row: int, columns: list[int] | slice) -> PricePanel:
    changed = {each.name: getattr(panel, each.name).copy() for each in fields(panel)[2:]}
    for values in changed.values():
        values[row, columns] = np.nan
    return replace(panel, **changed)


def still(panel: PricePanel, row: int | slice) -> PricePanel:
    changed = {name: getattr(panel, name).copy() for name in BARS}
    for values in changed.values():
        values[row] = 50.0
    return replace(panel, **changed)


def request(made_from: str = "abc", **changed) -> NullRequest:
    asked = {"model": MODEL, "lengths": (63, 126), "surrogates": 2, "bins": 50, "backend": "cpu"}
    return NullRequest(**asked | changed, made_from=made_from)


def build(
    panel: PricePanel,
    asked: NullRequest | None = None,
    states: NullStates | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[NullDistributions, dict[int, list[str]]]:
    fresh = NullStates(ParquetLake("memory://nowhere").files)
    fresh.drop("2018-01-01")
    return build_null(panel, asked or request(), states or fresh, progress)


def counts_of(panel: PricePanel, row: int, length: int, **options) -> np.ndarray:
    """The counts of one symbol alone, by the kernel itself."""
    bars = [np.ascontiguousarray(getattr(panel, name)[row : row + 1, -(length + 1) :]) for name in BARS]
    known = {"surrogates": 2, "null": "block", "seed": 7, "bins": 50, "backend": "cpu"}
    return null_histograms(*bars, symbol_keys([panel.symbols[row]]), **known | options).counts[0]


@pytest.fixture(scope="module")
def panel() -> PricePanel:
    return market()


@pytest.fixture
def states(lake) -> NullStates:
    return NullStates(lake.files)


def test_the_counts_are_those_of_every_symbol_alone_added_up(panel) -> None:
    found, left_out = build(panel)
    assert (found.model, found.lengths.tolist(), found.symbols.tolist()) == (MODEL, [63, 126], [5, 5])
    assert (left_out, found.surrogates.tolist()) == ({}, [10, 10])
    assert found.histograms.buckets == SPAN_BUCKETS
    assert found.histograms.counts.dtype == np.int64
    for place, length in enumerate((63, 126)):
        alone = [counts_of(panel, row, length) for row in range(5)]
        assert np.array_equal(found.histograms.counts[place], sum(alone))
        assert not any(np.array_equal(alone[0], other) for other in alone[1:])


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (replace(MODEL, null="sign", seed=2**64 - 1), {"null": "sign", "seed": 2**64 - 1}),
        (replace(MODEL, block=3.5), {"block": 3.5}),
        (replace(MODEL, max_skip=2, max_span=40), {"settings": ScanSettings(max_skip=2, max_span=40)}),
    ],
)
def test_every_option_of_the_model_reaches_the_kernel(panel, model, options) -> None:
    found, _ = build(panel, request(model=model, lengths=(63,), bins=9, surrogates=3))
    alone = [counts_of(panel, row, 63, **options, bins=9, surrogates=3) for row in range(5)]
    assert np.array_equal(found.histograms.counts[0], sum(alone))
    plain = [counts_of(panel, row, 63, bins=9, surrogates=3) for row in range(5)]
    assert not np.array_equal(sum(alone), sum(plain))


@pytest.mark.parametrize("portion", [1, 3, 4])
def test_the_size_of_the_portions_changes_nothing(panel, monkeypatch, portion) -> None:
    whole, _ = build(panel)
    monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", portion)
    told: list[int] = []
    found, _ = build(panel, progress=told.append)
    assert null_table(found).equals(null_table(whole))
    assert sum(told) == 5 * (63 + 126)
    assert len(told) == 2 * -(-5 // portion)


@settings(max_examples=8)
@given(st.permutations(range(5)), st.integers(1, 4))
def test_symbols_in_two_parts_in_any_order_add_up_to_the_whole(order: list[int], cut: int) -> None:
    panel = market()
    parts = [build(some_of(panel, sorted(part)))[0] for part in (order[:cut], order[cut:])]
    whole, _ = build(panel)
    assert np.array_equal(sum(part.histograms.counts for part in parts), whole.histograms.counts)
    assert sum(part.symbols for part in parts).tolist() == whole.symbols.tolist()


class Killed(BaseException):
    """What no code of ours catches."""


def killed_after(portions: int) -> Callable[[int], None]:
    told: list[int] = []

    def progress(count: int) -> None:
        told.append(count)
        if len(told) == portions:
            raise Killed

    return progress


@pytest.mark.parametrize("portions", range(1, 7))
def test_a_run_that_is_killed_goes_on_and_counts_nothing_twice(lake, panel, monkeypatch, portions) -> None:
    whole, _ = build(panel)
    monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", 2)
    with pytest.raises(Killed):
        build(panel, states=NullStates(lake.files), progress=killed_after(portions))
    done = [63 * 2, 63 * 2, 63 * 1, 126 * 2, 126 * 2, 126 * 1]
    told: list[int] = []
    found, _ = build(panel, states=NullStates(ParquetLake(lake.root).files), progress=told.append)
    assert told == [sum(done[:portions]), *done[portions:]]
    assert null_table(found).equals(null_table(whole))


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(panel, states, monkeypatch) -> None:
    whole, _ = build(panel)
    for portion in (2, 1, 3, 2):
        monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", portion)
        with pytest.raises(Killed):
            build(panel, states=states, progress=killed_after(2))
    found, _ = build(panel, states=states)
    assert null_table(found).equals(null_table(whole))


def test_a_state_is_kept_for_the_same_data_and_settings_only(lake, panel, states, monkeypatch) -> None:
    monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", 2)
    with pytest.raises(Killed):
        build(panel, states=states, progress=killed_after(2))
    before = lake.files.read(TABLE, STATE_FILE)
    other = request("of another seed", model=replace(MODEL, seed=8))
    told: list[int] = []
    found, _ = build(panel, other, states, told.append)
    assert np.array_equal(found.histograms.counts, build(panel, other)[0].histograms.counts)
    assert told[0] == 63 * 2
    assert lake.files.read(TABLE, STATE_FILE) != before
    assert states.read("2018-04-01", "of another seed").done == {}
    states.drop("2018-01-01")
    states.drop("2018-01-01")
    assert states.read("2018-01-01", "of another seed").done == {}
    assert lake.partitions(TABLE) == []


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 4
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],
        lambda _: b"",
        lambda _: b"some text, and nothing of the counts",
        lambda data: flipped(data, -200),
        lambda data: data.replace(b'\\"63\\": 4', b'\\"63\\": 3'),
        lambda data: data.replace(b'\\"done\\"', b'\\"gone\\"'),
        lambda data: data.replace(b'\\"sha256\\"', b'\\"sha255\\"'),
    ],
)
def test_a_damaged_state_is_as_good_as_none(lake, panel, states, monkeypatch, damage) -> None:
    monkeypatch.setattr(null_build, "ROWS_AT_A_TIME", 2)
    with pytest.raises(Killed):
        build(panel, states=states, progress=killed_after(2))
    before = lake.files.read(TABLE, STATE_FILE)
    assert states.read("2018-01-01", "abc").done == {63: 4}
    lake.files.write(TABLE, STATE_FILE, damage(before))
    assert lake.files.read(TABLE, STATE_FILE) != before
    assert states.read("2018-01-01", "abc").done == {}
    found, _ = build(panel, states=states)
    assert null_table(found).equals(null_table(build(panel)[0]))


def test_a_state_names_what_is_counted_in_its_header(lake, panel, states) -> None:
    found, _ = build(panel, states=states)
    arrays, header = decode_arrays(lake.files.read(TABLE, STATE_FILE))
    assert (header["made_from"], header["done"]) == ("abc", {"63": 5, "126": 5})
    assert np.array_equal(np.stack([arrays["63"], arrays["126"]]), found.histograms.counts)


def test_symbols_with_too_few_bars_are_left_out_by_name_and_others_keep_their_gaps(panel) -> None:
    # Of 64 sessions 57.6 are needed, of 127 sessions 114.3.
    gapped = without_bars(panel, 1, slice(-7, None))
    gapped = without_bars(gapped, 2, [-2, -9, -30, -31, -44, -60])
    gapped = without_bars(gapped, 3, slice(0, 13))
    told: list[int] = []
    found, left_out = build(gapped, progress=told.append)
    assert left_out == {63: ["B"], 126: ["D"]}
    assert found.symbols.tolist() == [4, 4]
    for place, (length, rows) in enumerate([(63, (0, 2, 3, 4)), (126, (0, 1, 2, 4))]):
        alone = [counts_of(gapped, row, length) for row in rows]
        assert np.array_equal(found.histograms.counts[place], sum(alone))
    assert not np.array_equal(counts_of(gapped, 2, 63), counts_of(panel, 2, 63))
    assert told[0] == 63 + 126
    assert sum(told) == 5 * (63 + 126)


def test_a_length_that_no_symbol_has_bars_for_is_left_out_whole(panel) -> None:
    found, left_out = build(panel, request(lengths=(63, 126, 252)))
    assert found.lengths.tolist() == [63, 126]
    assert left_out == {252: list(NAMES)}
    assert found.histograms.counts.shape[0] == 2


def test_a_history_a_little_shorter_than_the_window_is_enough(panel) -> None:
    short = replace(panel, **{each.name: getattr(panel, each.name)[..., -115:].copy() for each in fields(panel)[1:]})
    found, left_out = build(short, request(lengths=(126,)))
    assert left_out == {}
    alone = [counts_of(short, row, 126) for row in range(5)]
    assert np.array_equal(found.histograms.counts[0], sum(alone))


@pytest.mark.parametrize("rows", [[], [0, 1, 2]])
def test_without_any_symbol_with_bars_enough_it_says_how_to_get_them(panel, states, rows) -> None:
    short = replace(panel, **{each.name: getattr(panel, each.name)[..., -50:].copy() for each in fields(panel)[1:]})
    with pytest.raises(MissingHistoryError, match="null_distributions 2018-01-01") as raised:
        build(some_of(short, rows), request(model=replace(MODEL, null="gjr")), states)
    assert "90% of the 64 sessions up to 2017-12-29" in raised.value.expected
    assert raised.value.got == f"none among {len(rows)}, in 50 sessions of history"
    assert "price_history" in raised.value.mend


def test_prices_that_stand_still_hold_no_pattern(panel) -> None:
    found, left_out = build(still(panel, slice(None)))
    assert left_out == {}
    counts = found.histograms.counts
    assert not counts[..., :-1].any()
    assert (counts[..., -1] == 10).all()
    table = null_table(found)
    assert set(table["with_pattern"].to_pylist()) == {0}
    one_still, _ = build(still(panel, 2))
    assert np.array_equal(one_still.histograms.counts[0], sum(counts_of(still(panel, 2), row, 63) for row in range(5)))


@pytest.mark.parametrize("null", ["block", "sign"])
def test_a_row_shorter_than_the_block_has_surrogates_like_any_other(panel, null) -> None:
    found, _ = build(panel, request(model=replace(MODEL, null=null, block=1000.0), lengths=(63,)))
    alone = [counts_of(panel, row, 63, null=null, block=1000.0) for row in range(5)]
    assert np.array_equal(found.histograms.counts[0], sum(alone))
    assert found.surrogates.tolist() == [10]


def test_a_stage_without_a_pattern_in_any_surrogate_is_counted_as_such(panel) -> None:
    found, _ = build(panel, request(model=replace(MODEL, max_span=8), lengths=(63,)))
    table = null_table(found)
    assert found.surrogates.tolist() == [10]
    by_stage = found.histograms.counts[0].sum(axis=1)[:, 0]
    empty = [stage for stage in range(len(STAGES)) if not by_stage[stage, :-1].any()]
    assert empty
    assert len(empty) < len(STAGES)
    # No span reaches beyond the first bucket.
    assert {row["with_pattern"] for row in table.to_pylist() if row["span_from"] > 8} == {0}


def test_gjr_fits_its_parameters_to_all_bars_because_a_short_window_holds_too_few() -> None:
    panel = market(count=300)
    found, _ = build(panel, request(model=replace(MODEL, null="gjr")))
    parameters, fit = fit_gjr(panel.close, 0, 299)
    assert fit.rows == 5
    for place, length in enumerate((63, 126)):
        alone = [counts_of(panel, row, length, null="gjr", parameters=parameters) for row in range(5)]
        assert np.array_equal(found.histograms.counts[place], sum(alone))


def test_gjr_without_bars_enough_for_a_fit_is_refused_with_words(panel) -> None:
    with pytest.raises(InvalidInputError, match="at least 250 returns"):
        build(panel, request(model=replace(MODEL, null="gjr")))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": replace(MODEL, null="tea leaves")}, "one of block, gjr, sign"),
        ({"model": replace(MODEL, block=0.5)}, "a finite number of bars, at least 1"),
        ({"surrogates": 0}, "surrogates of null_histograms"),
        ({"bins": 0}, "bins of null_histograms"),
        ({"backend": "abacus"}, "one of auto, naive, cpu, gpu"),
    ],
)
def test_an_option_out_of_its_range_is_refused_and_leaves_no_state(lake, panel, states, changed, words) -> None:
    with pytest.raises(InvalidInputError, match=words):
        build(panel, request(**changed), states)
    assert lake.files.stamps(TABLE) == {}


def test_the_key_of_a_symbol_is_its_own_and_never_changes() -> None:
    keys = symbol_keys(["AAPL", "MSFT"])
    assert keys.dtype == np.int64
    assert keys.tolist() == [2212478401631069419, -8774999821032831519]
    assert symbol_keys(["MSFT"]).tolist() == keys[1:].tolist()
    assert symbol_keys([]).shape == (0,)
    assert len(set(symbol_keys([f"S{number}" for number in range(5000)]).tolist())) == 5000
