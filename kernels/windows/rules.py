"""What a window is made of: the names, the order and the constants that every backend shares."""

from __future__ import annotations

DEFAULT_LENGTHS = (63, 126, 252, 504)
"""Window lengths in sessions: a quarter, half a year, one year, two years."""

FEATURES = ("volatility", "range", "extrema", "slope")
"""The order of the features in the last axis of `window_features` and in `feature_ranks`."""

MIN_COVERAGE = 0.8
"""The smallest share of a window's sessions that must have a bar."""

FLAT_RANGE = 1e-4
"""A window whose range (log price) lies below this is flat."""

PRE_SCORE_DECIMALS = 12
"""Pre-scores are rounded so that those equal on paper tie, and those equal to the threshold are kept."""

REASONS = ("kept", "incomplete", "flat", "below_threshold", "beyond_top_k")
"""Why a window is kept or dropped, in the order of the codes in `RankedWindows.reason`."""

KEPT, INCOMPLETE, FLAT, BELOW_THRESHOLD, BEYOND_TOP_K = range(len(REASONS))
