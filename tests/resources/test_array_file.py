"""Arrays as files: the same arrays back, the same bytes twice, and damage refused as what it is."""

import json
import pickle
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from safetensors import SafetensorError
from safetensors.numpy import save

from kernels.errors import InvalidInputError
from resources.array_file import decode_arrays, encode_arrays

DTYPES = st.sampled_from([np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint64, np.float32, np.float64])
ARRAYS = st.dictionaries(
    st.text(max_size=8).filter(lambda name: name != "__metadata__"),
    DTYPES.flatmap(lambda dtype: npst.arrays(dtype, npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))),
    max_size=4,
)
HEADERS = st.dictionaries(st.text(), st.none() | st.integers(-(2**63), 2**63) | st.text() | st.lists(st.booleans()))


@settings(max_examples=60)
@given(arrays=ARRAYS, header=HEADERS)
def test_arrays_and_header_come_back_as_they_were(arrays: dict[str, np.ndarray], header: dict[str, Any]) -> None:
    back, told = decode_arrays(encode_arrays(arrays, header))
    assert told == header
    assert back.keys() == arrays.keys()
    for name, values in arrays.items():
        assert (back[name].dtype, back[name].shape) == (values.dtype, values.shape)
        assert back[name].tobytes() == values.tobytes()


@settings(max_examples=30)
@given(arrays=ARRAYS, header=HEADERS)
def test_the_same_arrays_are_the_same_bytes_in_any_order(arrays: dict[str, np.ndarray], header: dict[str, Any]) -> None:
    turned = {name: np.array(arrays[name], order="F") for name in reversed(arrays)}
    assert encode_arrays(turned, dict(reversed(header.items()))) == encode_arrays(arrays, header)


def test_every_second_column_is_written_as_it_is_seen() -> None:
    whole = np.arange(24).reshape(4, 6)
    back, _ = decode_arrays(encode_arrays({"seen": whole[:, ::2], "turned": whole.T}, {}))
    assert back["seen"].tolist() == whole[:, ::2].tolist()
    assert back["turned"].tolist() == whole.T.tolist()


def test_the_header_is_plain_json_at_the_beginning_of_the_file() -> None:
    data = encode_arrays({"counts": np.arange(3)}, {"through": date(2017, 12, 29), "rate": float("nan"), "seed": 7})
    size = int.from_bytes(data[:8], "little")
    note = json.loads(data[8 : 8 + size])["__metadata__"]["note"]
    assert json.loads(note) == {"through": "2017-12-29", "rate": None, "seed": 7}


SMALL = encode_arrays({"counts": np.arange(6).reshape(2, 3)}, {"made_from": "abc", "done": {"63": 2}})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 64,
        b"some text that is longer than a header's size",
        SMALL + b"\x00",
        pickle.dumps({"counts": [1, 2, 3]}),
        save({"counts": np.arange(3)}),
        save({"counts": np.arange(3)}, metadata={"another": "{}"}),
        save({"counts": np.arange(3)}, metadata={"note": "no JSON"}),
        save({"counts": np.arange(3)}, metadata={"note": "[1, 2]"}),
        save({"counts": np.arange(3)}, metadata={"note": "null"}),
    ],
)
def test_what_is_no_file_of_ours_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decode_arrays(data)


def test_a_file_that_ends_early_is_a_value_error_wherever_it_ends() -> None:
    for size in range(len(SMALL)):
        with pytest.raises(ValueError, match=r"\w"):
            decode_arrays(SMALL[:size])


@settings(max_examples=300)
@given(place=st.integers(0, len(SMALL) - 1), change=st.integers(1, 255))
def test_a_changed_byte_gives_arrays_and_an_object_or_a_value_error(place: int, change: int) -> None:
    data = bytearray(SMALL)
    data[place] ^= change
    try:
        arrays, header = decode_arrays(bytes(data))
    except ValueError:
        return
    assert isinstance(header, dict)
    assert all(isinstance(values, np.ndarray) for values in arrays.values())


def test_nothing_executable_is_written() -> None:
    with pytest.raises(SafetensorError, match="object"):
        encode_arrays({"objects": np.array([print], dtype=object)}, {})
    with pytest.raises(InvalidInputError, match="JSON value call"):
        encode_arrays({}, {"call": print})
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads(SMALL)  # noqa: S301
