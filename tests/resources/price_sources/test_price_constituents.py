from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from kernels.errors import PriceDataError
from resources.price_sources import UNIVERSE_COLUMNS
from resources.price_sources.constituents import read_constituents


def listed(folder: Path, *rows: str, header: str = "symbol,name,sector,member_from,member_to") -> Path:
    path = folder / "constituents.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_constituents_come_sorted_with_names_and_sectors(tmp_path: Path) -> None:
    path = listed(tmp_path, 'MSFT,"Microsoft, Inc",Tech', "NA,,", "A,Agilent,Health Care", header="Symbol,NAME,sector")
    constituents = read_constituents(path)
    assert tuple(constituents.table.columns) == UNIVERSE_COLUMNS
    assert constituents.table["symbol"].tolist() == ["A", "MSFT", "NA"]
    assert constituents.table["name"].tolist() == ["Agilent", "Microsoft, Inc", "NA"]
    assert constituents.table["sector"].tolist() == ["Health Care", "Tech", "Unknown"]
    assert constituents.table["member_from"].isna().all()
    assert not constituents.membership_known


def test_a_universe_as_of_a_session_holds_its_members_only(tmp_path: Path) -> None:
    path = listed(
        tmp_path,
        "OLD,Old,X,2010-01-04,2014-06-30",
        "NEW,New,X,2014-07-01,",
        "ALL,All,X,2000-01-03,",
    )
    constituents = read_constituents(path)
    assert constituents.membership_known

    def members(day: str) -> list[str]:
        return constituents.as_of(date.fromisoformat(day))["symbol"].tolist()

    assert members("1999-12-31") == []
    assert members("2010-01-03") == ["ALL"]
    assert members("2010-01-04") == members("2014-06-30") == ["ALL", "OLD"]
    assert members("2014-07-01") == ["ALL", "NEW"]
    assert constituents.table["member_to"].tolist()[2] == pd.Timestamp("2014-06-30")
    assert constituents.table["member_from"].dtype == "datetime64[s]"


def test_membership_is_unknown_when_one_row_has_none(tmp_path: Path) -> None:
    constituents = read_constituents(listed(tmp_path, "A,A,X,2014-07-01,", "B,B,X,,"))
    assert not constituents.membership_known
    assert constituents.as_of(date(2000, 1, 3))["symbol"].tolist() == ["A", "B"]


def test_constituents_may_be_parquet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "symbol": ["B", "A"],
            "name": ["b", None],
            "sector": ["X", "Y"],
            "member_from": pd.to_datetime(["2014-07-01", "2015-07-01"]),
            "member_to": pd.to_datetime([None, "2016-07-01"]),
        }
    )
    frame.to_parquet(tmp_path / "constituents.parquet")
    constituents = read_constituents(tmp_path / "constituents.parquet")
    assert constituents.membership_known
    assert constituents.table["name"].tolist() == ["A", "b"]
    assert constituents.as_of(date(2017, 1, 3))["symbol"].tolist() == ["B"]


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        (["A,A,X,,", "A,A,X,,"], "more than one row for A"),
        (["A,A,X,,", "../x,A,X,,"], "'../x' is no symbol"),
        (["nan,A,X,,"], "'nan' is no symbol"),
        ([",A,X,,"], "'' is no symbol"),
        (["A,A,X,2015-01-02,2014-01-02"], "A from 2015-01-02 to 2014-01-02"),
        (["A,A,X,,", "B,B,X,soon,"], "'soon' in row 2"),
        (["A,A,X,2015-01-02T00:00:00Z,"], "'2015-01-02T00:00:00Z' in row 1"),
        ([], "a header without rows"),
    ],
)
def test_a_faulty_list_is_refused(tmp_path: Path, rows: list[str], got: str) -> None:
    path = listed(tmp_path, *rows)
    with pytest.raises(PriceDataError) as caught:
        read_constituents(path)
    assert got in caught.value.got
    assert str(path) in caught.value.where


def test_missing_columns_are_listed(tmp_path: Path) -> None:
    with pytest.raises(PriceDataError, match="no name, sector"):
        read_constituents(listed(tmp_path, "A", header="symbol"))
