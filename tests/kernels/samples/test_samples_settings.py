from __future__ import annotations

import math

import pytest

from kernels.errors import InvalidInputError
from kernels.samples import COLUMNS, SampleSettings
from kernels.trading.model import FREE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seed", -1),
        ("seed", 2**63),
        ("seed", 1.5),
        ("lookback", 2),
        ("lookback", 40_000),
        ("forward", 0),
        ("forward", True),
        ("embargo", -1),
        ("max_leverage", 0.0),
        ("max_leverage", math.inf),
        ("max_leverage", math.nan),
        ("max_leverage", "2"),
        ("flat_share", -0.1),
        ("hold_share", 1.1),
        ("hold_share", math.nan),
        ("validation_share", None),
        ("held_out_share", 1.0),
        ("costs", 10.0),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field, value):
    with pytest.raises(InvalidInputError, match=field):
        SampleSettings(**{field: value})


def test_shares_of_states_above_one_are_refused():
    with pytest.raises(InvalidInputError, match="flat_share"):
        SampleSettings(flat_share=0.5, long_share=0.4, short_share=0.2)


def test_shares_that_leave_nothing_for_train_are_refused():
    with pytest.raises(InvalidInputError, match="train"):
        SampleSettings(validation_share=0.5, test_share=0.5)


def test_the_edges_of_the_ranges_are_accepted():
    SampleSettings(seed=2**63 - 1, lookback=3, forward=1, max_leverage=1e-3, embargo=0, costs=FREE)
    SampleSettings(flat_share=0.7, long_share=0.2, short_share=0.1)
    SampleSettings(hold_share=1, validation_share=0, test_share=0, held_out_share=0)


def test_columns_are_named_by_their_group_and_floats_are_float32():
    for name, column in COLUMNS.items():
        assert column.group == "key" or name.startswith(f"{column.group}_")
        assert column.dtype in ("float32", "int32", "int16", "int8", "bool")
        assert column.unit
        assert column.text
