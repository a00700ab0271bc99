"""JSON that is one text for one value, and says which value it can't hold."""

import json
import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.errors import WavemillError
from resources.canonical_json import canonical_json

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES))
def test_canonical_json_is_one_text_whatever_the_order(value: dict[str, Any]) -> None:
    data = canonical_json(value)
    assert canonical_json(dict(reversed(value.items()))) == data
    assert canonical_json(json.loads(data)) == data
    assert data.isascii()
    assert b"NaN" not in data or "NaN" in repr(value)


def test_canonical_json_keeps_every_digit_and_knows_numpy_and_dates() -> None:
    value = {
        "b": np.float32(0.1),
        "a": 0.1 + 0.2,
        "c": (np.int64(3), np.bool_(True), math.nan),
        "d": date(2020, 1, 2),
    }
    assert canonical_json(value) == (
        b'{\n "a": 0.30000000000000004,\n "b": 0.10000000149011612,\n "c": [\n  3,\n  true,\n  null\n ],\n'
        b' "d": "2020-01-02"\n}\n'
    )


@pytest.mark.parametrize("value", [math.inf, -math.inf, object(), {1}, b"x", np.zeros(2)])
def test_other_values_are_refused_with_their_place(value: object) -> None:
    with pytest.raises(WavemillError, match=r"JSON value settings\.list\[1\]"):
        canonical_json({"settings": {"list": [1, value]}})
