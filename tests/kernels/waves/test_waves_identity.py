from __future__ import annotations

from hashlib import sha256

import numpy as np

from kernels.waves import pattern_id, pattern_ids

SESSIONS = np.array(["2018-01-02", "2018-01-03", "2018-01-04", "2018-01-05"], dtype="datetime64[D]")


def test_an_identity_is_the_documented_hash():
    expected = sha256(b"BRK.B|impulse|-1|2018-01-02,2018-01-05").hexdigest()[:16]
    assert pattern_id("BRK.B", "impulse", -1, ["2018-01-02", "2018-01-05"]) == expected


def test_identities_of_a_column_equal_those_one_by_one_and_ignore_the_padding():
    pivots = np.array([[0, 1, 3, -1, -1, -1], [0, 1, 2, 3, -1, -1]], np.int32)
    found = pattern_ids(["A", "B"], ["impulse", "impulse"], np.array([1, -1], np.int8), pivots, SESSIONS)
    dates = SESSIONS.astype(str).tolist()
    assert found == [
        pattern_id("A", "impulse", 1, [dates[0], dates[1], dates[3]]),
        pattern_id("B", "impulse", -1, dates),
    ]


def test_identities_do_not_depend_on_where_the_session_axis_begins():
    pivots = np.array([[1, 2, 3, -1, -1, -1]], np.int32)
    whole = pattern_ids(["A"], ["impulse"], np.array([1], np.int8), pivots, SESSIONS)
    later = pattern_ids(["A"], ["impulse"], np.array([1], np.int8), np.where(pivots < 0, -1, pivots - 1), SESSIONS[1:])
    assert whole == later


def test_another_symbol_direction_class_or_pivot_gives_another_identity():
    dates = SESSIONS.astype(str).tolist()
    same = [("A", "impulse", 1, dates), ("A", "impulse", 1, dates)]
    others = [
        ("B", "impulse", 1, dates),
        ("A", "zigzag", 1, dates),
        ("A", "impulse", -1, dates),
        ("A", "impulse", 1, dates[:3]),
    ]
    assert len({pattern_id(*arguments) for arguments in same}) == 1
    assert len({pattern_id(*arguments) for arguments in same + others}) == 5
    assert all(len(pattern_id(*arguments)) == 16 for arguments in others)
