"""Policies over the test block of a dataset: which sessions and symbols, what is played, tables, chart and words."""

import dataclasses
import json
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pytest

from kernels.errors import InvalidInputError, LakeError
from kernels.policies import ALL_OFFSETS, CandidateGrid, compare, decision_bars
from resources.contracts import CONTRACTS
from resources.parquet_lake import ParquetLake
from resources.policy_block import open_policy_block
from resources.policy_play import PlayOptions, choices_of, play, walks_of
from resources.policy_tables import comparison_table, equity_table, policy_chart, verdict, words_of
from resources.sample_store import SampleStore
from tests.lake_rows import WRITTEN
from tests.policy_lake import DATASET, SEEN, SETTINGS, Momentum, block_of, draw_manifest, policy_lake

OPTIONS = PlayOptions(
    offsets=2,
    random_policies=3,
    risk_aversions=(0.0, 0.5),
    grid=CandidateGrid(shares=(0.5, 1.0), stops=(0.05,), targets=(0.1,)),
)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> ParquetLake:
    return policy_lake(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def block(lake):
    return block_of(lake)


@pytest.fixture(scope="module")
def played(block):
    return play(block, Momentum(), OPTIONS)


@pytest.fixture(scope="module")
def rows(played, block):
    return compare(played, block.groups, trials=OPTIONS.trials, seed=1, resamples=100)


def manifest_of(lake) -> dict:
    return SampleStore(lake.files, DATASET).read_manifest()


def test_the_block_is_the_test_block_and_the_sessions_that_its_labels_look_at(lake, block):
    manifest = manifest_of(lake)
    first, last = manifest["blocks"]["test"]
    assert str(block.sessions[0]) == first
    assert list(block.sessions.astype(str)).index(last) == len(block.sessions) - 1 - SETTINGS.forward
    assert str(block.sessions[-1]) == manifest["sessions"][-1]
    # No bar of a train or validation sample lies in it.
    reached = manifest["sessions"].index(manifest["blocks"]["validation"][1]) + SETTINGS.forward
    assert reached + SETTINGS.embargo < block.first - SETTINGS.lookback + 1
    assert block.costs == SETTINGS.costs
    assert (block.lookback, block.forward, block.max_leverage) == (12, 8, 2.0)


def test_the_groups_are_the_symbols_of_the_splits(lake, block):
    held_out = [block.market.symbols[row] for row in block.series[block.groups["held_out"]]]
    assert held_out == manifest_of(lake)["held_out"]
    assert len(held_out) == 3
    assert (block.groups["train"] != block.groups["held_out"]).all()


def test_sessions_can_be_chosen_within_the_block_only(lake, block):
    days = block.sessions.astype(str)
    chosen = block_of(lake, start=days[5], end=days[-3])
    assert (str(chosen.sessions[0]), str(chosen.sessions[-1])) == (days[5], days[-3])
    earlier = manifest_of(lake)["blocks"]["validation"][1]
    for options in ({"start": earlier}, {"end": "2018-02-08"}, {"start": "2017-12-25"}, {"start": "soon"}):
        with pytest.raises(InvalidInputError, match="the test block"):
            block_of(lake, **options)
    with pytest.raises(InvalidInputError, match="a later one"):
        block_of(lake, start=days[5], end=days[5])


def test_sessions_that_the_model_has_seen_are_refused(lake, block):
    seen = block.sessions[3].item()
    with pytest.raises(InvalidInputError, match=f"a session after {seen}, the last one that the model has seen"):
        open_policy_block(lake, DATASET, seen)
    after = str(block.sessions[4])
    assert str(open_policy_block(lake, DATASET, seen, start=after).sessions[0]) == after


def test_a_dataset_without_a_test_block_and_one_that_is_not_there_are_refused(lake):
    draw_manifest(lake, dataclasses.replace(SETTINGS, test_share=0.0), "no-test")
    with pytest.raises(InvalidInputError, match="test_share"):
        open_policy_block(lake, "no-test", SEEN)
    with pytest.raises(LakeError, match="synthetic_dataset"):
        open_policy_block(lake, "nowhere", SEEN)


def test_other_prices_than_the_dataset_was_drawn_from_are_refused(tmp_path):
    lake = policy_lake(tmp_path)
    day = manifest_of(lake)["sessions"][50]
    prices = lake.read("prices", day)
    place = prices.column_names.index("close")
    lake.write(
        "prices",
        day,
        prices.set_column(place, prices.schema.field("close"), pc.multiply(prices["close"], 1.01)),
        **WRITTEN,
    )
    with pytest.raises(LakeError, match="have changed since"):
        block_of(ParquetLake(lake.root))


def test_symbols_without_a_bar_yet_are_left_out_and_counted(tmp_path):
    lake = policy_lake(tmp_path, rows=8)
    days = manifest_of(lake)["sessions"]
    first = block_of(lake).sessions[0].astype(str)
    # The last symbol begins after the first session of the block.
    for day in days[: days.index(first) + 1]:
        prices = lake.read("prices", day)
        lake.write("prices", day, prices.slice(0, prices.num_rows - 1), **WRITTEN)
    draw_manifest(lake, SETTINGS, "late")
    block = open_policy_block(ParquetLake(lake.root), "late", SEEN)
    assert len(block.market.symbols) == 8
    assert (len(block.series), block.unlisted) == (7, 1)
    played = play(block, Momentum(), OPTIONS)
    rows = compare(played, block.groups, trials=2, seed=1, resamples=100)
    assert "window of the first session: 1 symbols" in words_of(rows, block, {})


def test_every_policy_is_played_from_every_offset_over_the_same_accounts(played, block):
    assert [(each.name, each.kind, list(each.walks)) for each in played] == [
        ("greedy", "greedy", [0, 4]),
        ("greedy, risk aversion 0.5", "greedy", [0, 4]),
        ("buy-and-hold", "buy_and_hold", [0]),
        ("flat", "flat", [0]),
        *((f"random {seed:02d}", "random", [0, 4]) for seed in range(3)),
    ]
    assert walks_of(block, OPTIONS) == 6
    for each in played:
        for walked in each.walks.values():
            assert walked.equity.shape == (12, len(block.sessions))
    sizes = {offset: walked.choice.shape[1] for offset, walked in played[0].walks.items()}
    assert sizes == {offset: len(decision_bars(block.first, block.last, SETTINGS.forward, offset)) for offset in (0, 4)}


def test_the_random_policies_differ_and_do_not_depend_on_how_many_there_are(played, block):
    chosen = [each.walks[0] for each in played if each.kind == "random"]
    assert (chosen[0].choice != chosen[1].choice).any()
    more = play(block, Momentum(), dataclasses.replace(OPTIONS, random_policies=5, risk_aversions=(0.0,)))
    again = [each.walks[0] for each in more if each.kind == "random"][:3]
    for one, other in zip(chosen, again, strict=True):
        assert one.equity.tobytes() == other.equity.tobytes()


def test_progress_counts_the_walks(block):
    told = []
    play(block, Momentum(), dataclasses.replace(OPTIONS, every=40), told.append)
    assert told == [1] * walks_of(block, OPTIONS)


def test_the_greedy_policy_follows_what_the_model_says(played, block):
    greedy = played[0].walks[0]
    kinds = np.array(OPTIONS.grid.kinds)[greedy.choice]
    close = block.market.bars.close[block.series]
    rose = close[:, block.first] > close[:, block.first - SETTINGS.lookback + 1]
    assert (kinds[:, 0] == np.where(rose, "long", "short")).all()
    shares = choices_of(played[0], OPTIONS.grid)
    assert list(shares) == ["hold", "flat", "long", "short"]
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["long"] > 0.2


def test_a_model_of_other_terms_is_refused(block):
    for change in ({"forward": 5}, {"lookback": 13}):
        with pytest.raises(InvalidInputError, match=next(iter(change))):
            play(block, Momentum(**change), OPTIONS)


@pytest.mark.parametrize(
    "change",
    [{"every": -1}, {"offsets": 0}, {"random_policies": -1}, {"risk_aversions": ()}, {"risk_aversions": (1.0, 1.0)}],
)
def test_options_that_make_no_sense_are_refused(change):
    with pytest.raises(InvalidInputError, match=next(iter(change))):
        dataclasses.replace(OPTIONS, **change)


def test_the_tables_keep_their_contracts(rows, played, block, lake):
    compared, equity = comparison_table(rows, block, "action-values-small-1234"), equity_table(played, block)
    for name, table in (("policy_simulation", compared), ("policy_equity", equity)):
        CONTRACTS[name].enforce(table, DATASET)
        info = lake.write(name, DATASET, table, **WRITTEN)
        assert lake.read(name, DATASET).equals(table)
        assert info.rows == table.num_rows
    # In each group three lines of either greedy policy, and one of the 3 random ones and of the 2 benchmarks.
    assert compared.num_rows == 2 * (2 * 3 + 3 + 2)
    assert equity.num_rows == compared.num_rows * len(block.sessions)
    found = {(row["policy"], row["group"], row["offset"]): row for row in compared.to_pylist()}
    last = equity.filter(pc.equal(equity["session"], block.sessions[-1].item())).to_pylist()
    for row in last:
        of_row = found[row["policy"], row["group"], row["offset"]]
        assert row["equity"] - 1.0 == pytest.approx(of_row["total_return"], abs=1e-12)
    assert found["flat", "train", ALL_OFFSETS]["deflated_sharpe"] is None
    assert found["greedy", "train", ALL_OFFSETS]["trials"] == 2


def test_the_chart_names_every_policy_and_the_range_of_the_random_ones(played, block):
    svg = policy_chart(equity_table(played, block), "train")
    for name in ("greedy", "buy-and-hold", "flat", "random (median; all between)", "never seen"):
        assert (name in svg) == (name != "never seen")
    assert "never seen" in policy_chart(equity_table(played, block), "held_out")
    alone = [each for each in played if each.kind != "random"]
    assert "random" not in policy_chart(equity_table(alone, block), "train")


def test_the_words_can_say_no_better(rows, played, block):
    row = next(each for each in rows if each.kind == "greedy")
    said = {
        verdict(dataclasses.replace(row, return_ahead_low=low, return_ahead_high=high))
        for low, high in ((-0.1, 0.1), (0.01, 0.1), (-0.1, -0.01), (float("nan"), float("nan")))
    }
    assert said == {
        "no better than buy-and-hold: the difference may be chance",
        "better than buy-and-hold by more than chance",
        "worse than buy-and-hold by more than chance",
        "too few sessions to tell",
    }
    words = words_of(rows, block, {"greedy": choices_of(played[0], OPTIONS.grid)})
    assert words.count(verdict(row)) >= 1
    for expected in ("given 2 trials", "By start offset", "random policies", "Choices of greedy: hold ", "are missing"):
        assert expected in words
    assert "nan" not in words
    assert f"{block.trained_through}" in words


def test_a_policy_that_never_traded_is_told_as_such(block):
    played = play(block, Momentum(strength=0.0), OPTIONS)
    rows = compare(played, block.groups, trials=2, seed=1, resamples=100)
    words = words_of(rows, block, {"greedy": choices_of(played[0], OPTIONS.grid)})
    assert "It never held anything: the model saw no action that was worth its costs." in words
    assert "hold 100 %" in words
    assert "nan" not in words


def test_the_manifest_of_the_test_is_that_of_the_project(lake):
    assert json.loads(json.dumps(manifest_of(lake)["blocks"])).keys() == {"train", "validation", "test", "held_out"}
    assert date.fromisoformat(manifest_of(lake)["blocks"]["validation"][1]) < block_of(lake).sessions[0].item()
