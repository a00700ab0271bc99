"""Which counter belongs to which draw: (series, session number, stream, block), under the seed as the key.

Series 0 is the market, series 1 to 11 are the sectors in the order of `model.SECTORS`, and instrument row r is series
`FIRST_INSTRUMENT_SERIES + r`. A session number is the index into the array of all exchange sessions.
"""

from __future__ import annotations

MARKET_SERIES = 0
FIRST_SECTOR_SERIES = 1
FIRST_INSTRUMENT_SERIES = 16

PATH_STREAM = 0
SHAPE_STREAM = 1
PARAMETER_STREAM = 2
