"""Rules are read from the text in which the class table writes them."""

from __future__ import annotations

import numpy as np
import pytest

from kernels.errors import InvalidInputError
from kernels.waves import CLASSES
from kernels.waves.naive_patterns import Shape, holds
from kernels.waves.notation import LENGTH, PRICE, SHORTER, SLOPE, Rule, Term


@pytest.mark.parametrize(
    ("text", "lesser", "greater", "strict"),
    [
        ("x2 > x0", Term(PRICE, 0, 0, 1.0), Term(PRICE, 2, 0, 1.0), True),
        ("x4 <= x1", Term(PRICE, 4, 0, 1.0), Term(PRICE, 1, 0, 1.0), False),
        ("l2 < 0.9 l1", Term(LENGTH, 2, 0, 1.0), Term(LENGTH, 1, 0, 0.9), True),
        ("l2 >= 1.05 l1", Term(LENGTH, 1, 0, 1.05), Term(LENGTH, 2, 0, 1.0), False),
        ("l3 >= min(l1, l5)", Term(SHORTER, 1, 5, 1.0), Term(LENGTH, 3, 0, 1.0), False),
        ("slope(2, 4) > slope(1, 3)", Term(SLOPE, 1, 3, 1.0), Term(SLOPE, 2, 4, 1.0), True),
    ],
)
def test_a_rule_has_a_lesser_and_a_greater_side(text, lesser, greater, strict):
    rule = Rule("name", text)
    assert (rule.lesser, rule.greater, rule.strict) == (lesser, greater, strict)


@pytest.mark.parametrize(
    ("text", "pivot", "final"),
    [
        ("x2 > x0", 2, True),
        ("x2 < x0", 2, False),
        ("x3 > x1", 3, False),
        ("x3 < x1", 3, True),
        ("x3 <= x1", 3, True),
        ("x4 > x1", 4, True),
        ("x4 <= x1", 4, False),
        ("x5 > x3", 5, False),
        ("x5 < x3", 5, True),
        ("l2 < 0.9 l1", 2, True),
        ("l2 >= 0.9 l1", 2, False),
        ("l3 < l1", 3, True),
        ("l3 > l1", 3, False),
        ("l3 >= min(l1, l5)", 5, True),
        ("slope(2, 4) > slope(1, 3)", 4, False),
        ("slope(1, 3) > slope(2, 4)", 4, False),
    ],
)
def test_a_rule_knows_its_last_pivot_and_whether_going_further_can_mend_it(text, pivot, final):
    rule = Rule("name", text)
    assert (rule.pivot, rule.final) == (pivot, final)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x2",
        "x2 >",
        "> x0",
        "x2 = x0",
        "x2 == x0",
        "x2 != x0",
        "x6 > x0",
        "x-1 > x0",
        "x2 > x0 > x1",
        "x2 > 5",
        "y2 > x0",
        "l0 < l1",
        "l6 < l1",
        "2 l1 > l2",
        "0.9l1 > l2",
        "-0.9 l1 > l2",
        "0.9 x1 > x2",
        "l2 < l1 0.9",
        "min(l1) < l3",
        "min(x1, x3) < x5",
        "max(l1, l5) > l3",
        "slope(2, 6) > slope(1, 3)",
        "slope(24) > slope(13)",
        "x2 > x0 ",
    ],
)
def test_a_text_that_is_no_rule_is_refused_and_named(text):
    rule = Rule("odd_rule", text)
    with pytest.raises(InvalidInputError, match="odd_rule") as refused:
        rule.lesser  # noqa: B018
    assert repr(text) in str(refused.value)
    with pytest.raises(InvalidInputError, match=r"classes\.py"):
        rule.pivot  # noqa: B018


DECLARED = sorted({(rule.text, rule) for known in CLASSES.values() for rule in known.rules}, key=lambda pair: pair[0])


@pytest.mark.parametrize("rule", [rule for _, rule in DECLARED], ids=[text for text, _ in DECLARED])
def test_going_further_never_mends_a_final_rule_and_mends_the_others(rule):
    """Waves go up and down by random lengths; then the last one goes ever further."""
    if SLOPE in (rule.lesser.kind, rule.greater.kind):
        assert not rule.final
        return
    rng = np.random.default_rng(1)
    sign = 1 if rule.pivot % 2 == 1 else -1
    broken, mended = 0, 0
    for _ in range(300):
        x = np.cumsum([0.0, *(rng.uniform(0.1, 1.0, rule.pivot) * (-1.0) ** np.arange(rule.pivot))])
        further = [*np.linspace(0, 3, 40), 50.0]
        held = [
            holds(rule, Shape(tuple(range(rule.pivot + 1)), (*x[:-1].tolist(), float(x[-1] + sign * more))))
            for more in further
        ]
        if not held[0]:
            broken += 1
            mended += any(held)
    assert broken > 0
    assert mended == (0 if rule.final else broken)
