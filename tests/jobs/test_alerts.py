"""The sensor as Dagster evaluates it, on a small lake, with a real receiver on this machine."""

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from definitions import defs
from jobs.alerts import SESSIONS_LOOKED_AT
from kernels.errors import LakeError, SettingsError
from resources import alert_records, webhook
from resources.calendar import sessions
from resources.parquet_lake import ParquetLake
from resources.wiring import LakeResource
from tests.alert_rows import setup_row, write_patterns
from tests.lake_rows import write_prices, write_quarantine
from tests.webhook_server import HANG, Receiver, free_port, receiver

DAYS = [str(day) for day in sessions(date(2018, 1, 16), date(2018, 1, 31))]
MONDAY = DAYS.index("2018-01-22")
SYMBOLS = ("AAA", "BBB")


@pytest.fixture
def server(monkeypatch) -> Iterator[Receiver]:
    with receiver() as state:
        monkeypatch.setenv("WAVEMILL_ALERT_URL", state.url())
        yield state


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    """The waits between tries, which aren't waited for."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def lake(tmp_path) -> ParquetLake:
    """Calm bars for all days, and no patterns yet."""
    lake = ParquetLake(str(tmp_path / "lake"))
    for day in DAYS:
        bars(lake, day)
    return lake


def bars(lake: ParquetLake, day: str, **lows: float) -> None:
    calm = dict.fromkeys(SYMBOLS, 112.0)
    write_prices(lake, day, calm, low=calm | lows, high=calm)
    write_quarantine(lake, day)


def tick(lake: ParquetLake, cursor: str | None = None) -> tuple[str | None, str]:
    """Evaluate the sensor as a tick does; the cursor it leaves, and what it says."""
    # As in a new process: nothing that was read before is known.
    alert_records.open_alert_records.cache_clear()
    sensor = defs.resolve_sensor_def("alerts_sensor")
    with dg.DagsterInstance.ephemeral() as instance:
        resources = {"lake": LakeResource(root=lake.root)}
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, definitions=defs, resources=resources
        ) as context:
            result = sensor.evaluate_tick(context)
    assert result.run_requests == []
    return result.cursor, result.skip_message


def kinds(server: Receiver) -> list[tuple[str, str, str]]:
    return [(event["kind"], event["pattern_id"], event["session"]) for event in server.events]


def records(lake: ParquetLake) -> dict[str, dict]:
    """The records by pattern and kind."""
    found = [json.loads(path.read_text()) for path in Path(lake.root, "alerts").glob("*.json")]
    return {f"{each['event']['pattern_id']} {each['event']['kind']}": each for each in found}


def test_it_is_off_until_someone_switches_it_on():
    sensor = defs.resolve_sensor_def("alerts_sensor")
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert sensor.minimum_interval_seconds == 60


def test_a_new_setup_is_posted_once_however_often_the_sensor_is_evaluated(lake, server):
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day), setup_row(day, "b1", "BBB", p_value=0.5))
    cursor, said = tick(lake)
    assert (cursor, said) == (day, f"{day}: 1 new alerts; 1 sent")
    assert tick(lake, cursor) == (day, "no new session")
    # And with the cursor lost, as after a reset in the UI.
    assert tick(lake) == (day, f"{day}: 0 new alerts")
    assert kinds(server) == [("new_setup", "a1", day)]
    [(method, _, headers, body)] = server.requests
    assert (method, headers["Idempotency-Key"]) == ("POST", body["id"])
    assert records(lake)["a1 new_setup"]["event"] == body


def test_what_an_event_of_the_guide_says_is_what_is_sent(lake, server):
    guide = (Path(__file__).resolve().parents[2] / "docs" / "alerts.md").read_text()
    shown = json.loads(guide.split("```json\n")[1].split("```")[0])
    write_patterns(lake, DAYS[MONDAY], setup_row(DAYS[MONDAY]))
    tick(lake)
    [sent] = server.events
    assert list(shown) == sorted(shown)
    assert {name: type(value) for name, value in shown.items()} == {name: type(value) for name, value in sent.items()}
    assert [f"| `{name}` |" in guide for name in sent] == [True] * len(sent)


def test_the_first_tick_looks_at_the_newest_session_only(lake, server):
    for day in DAYS[MONDAY : MONDAY + 3]:
        write_patterns(lake, day, setup_row(day, f"of {day}"))
    assert tick(lake)[0] == DAYS[MONDAY + 2]
    assert kinds(server) == [("new_setup", f"of {DAYS[MONDAY + 2]}", DAYS[MONDAY + 2])]


def test_two_sessions_at_once_are_looked_at_in_order(lake, server):
    write_patterns(lake, DAYS[MONDAY])
    cursor, _ = tick(lake)
    new = DAYS[MONDAY + 1 : MONDAY + 3]
    for day in new:
        write_patterns(lake, day, setup_row(day, f"of {day}"))
    cursor, said = tick(lake, cursor)
    assert (cursor, said) == (new[1], f"{new[0]}, {new[1]}: 2 new alerts; 2 sent")
    assert kinds(server) == [("new_setup", f"of {day}", day) for day in new]


def test_of_many_sessions_the_last_five_are_looked_at_and_the_others_named(lake, server, capfd):
    assert SESSIONS_LOOKED_AT == 5
    for day in DAYS[:8]:
        write_patterns(lake, day, setup_row(day, f"of {day}"))
    tick(lake, DAYS[0])
    assert [session for *_, session in kinds(server)] == DAYS[3:8]
    assert re.findall(r"no alerts of ([-\d]+)", capfd.readouterr().err) == DAYS[1:3]


def test_a_setup_that_was_sent_and_fell_is_reported_once(lake, server):
    first, second, third = DAYS[MONDAY : MONDAY + 3]
    rows = [setup_row(first), setup_row(first, "kept", "BBB"), setup_row(first, "quiet", p_value=0.2)]
    write_patterns(lake, first, *rows)
    cursor, _ = tick(lake)
    bars(lake, second, AAA=99.5, BBB=99.5)
    write_patterns(lake, second, rows[1])
    cursor, said = tick(lake, cursor)
    assert said == f"{second}: 1 new alerts; 1 sent"
    bars(lake, third, AAA=98.0)
    write_patterns(lake, third, rows[1])
    tick(lake, cursor)
    sent = [("new_setup", "a1", first), ("new_setup", "kept", first), ("invalidated", "a1", second)]
    assert sorted(kinds(server)) == sorted(sent)
    assert server.events[-1]["invalidation"] == 100.0


def test_a_setup_that_is_not_listed_for_some_sessions_is_reported_when_it_falls(lake, server):
    days = DAYS[MONDAY : MONDAY + 4]
    write_patterns(lake, days[0], setup_row(days[0]))
    cursor, _ = tick(lake)
    for day in days[1:3]:
        write_patterns(lake, day)
        cursor, _ = tick(lake, cursor)
    assert len(server.requests) == 1
    bars(lake, days[3], AAA=100.0)
    write_patterns(lake, days[3])
    tick(lake, cursor)
    assert kinds(server)[1:] == [("invalidated", "a1", days[3])]


def test_a_setup_that_falls_before_it_could_be_sent_is_not_sent(lake, server, capfd):
    first, second = DAYS[MONDAY : MONDAY + 2]
    write_patterns(lake, DAYS[MONDAY - 1])
    write_patterns(lake, first, setup_row(first))
    bars(lake, second, AAA=99.0)
    write_patterns(lake, second)
    tick(lake, DAYS[MONDAY - 1])
    assert server.requests == []
    assert records(lake)["a1 new_setup"]["state"] == "given_up"
    assert f"is given_up: invalidated on {second}, before it was sent" in capfd.readouterr().err


def test_a_failure_is_tried_again_in_the_tick_and_at_the_next(lake, server, waits):
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day))
    server.answers = [500, 503, 500, 500, 500]
    cursor, said = tick(lake)
    assert said == f"{day}: 1 new alerts; 1 failed; because HTTP status 500"
    assert len(server.requests) == 4
    assert tick(lake, cursor) == (day, "no new session; 1 sent")
    assert len(server.requests) == 6
    assert waits == [1.0, 2.0, 4.0, 1.0]
    assert {body["id"] for body in server.events} == {records(lake)["a1 new_setup"]["event"]["id"]}
    assert records(lake)["a1 new_setup"]["attempts"] == 6


def test_a_redirect_to_another_host_is_a_failure_and_nothing_goes_there(lake, server, waits):
    write_patterns(lake, DAYS[MONDAY], setup_row(DAYS[MONDAY]))
    with receiver() as other:
        server.answers = [(307, other.url())] * 4
        _, said = tick(lake)
        assert other.requests == []
    assert "1 failed; because HTTP status 307, a redirect, which isn't followed" in said
    assert len(waits) == 3


def test_a_receiver_that_is_away_for_six_sessions_is_given_up_on(lake, monkeypatch, waits, capfd):
    monkeypatch.setenv("WAVEMILL_ALERT_URL", f"http://127.0.0.1:{free_port()}/")
    write_patterns(lake, DAYS[0], setup_row(DAYS[0]))
    cursor, said = tick(lake)
    assert said.endswith("1 failed; because no connection: ConnectionRefusedError")
    for day in DAYS[1:6]:
        write_patterns(lake, day)
        cursor, said = tick(lake, cursor)
        assert "1 failed" in said
    write_patterns(lake, DAYS[6])
    assert tick(lake, cursor) == (DAYS[6], f"{DAYS[6]}: 0 new alerts")
    assert records(lake)["a1 new_setup"]["state"] == "given_up"
    assert "is given_up: not delivered within 5 sessions, after 24 attempts" in capfd.readouterr().err
    assert len(waits) == 6 * 3


def test_no_answer_leaves_it_unknown_and_it_is_not_sent_again(lake, server, monkeypatch, capfd):
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    server.answers = [HANG]
    write_patterns(lake, DAYS[MONDAY], setup_row(DAYS[MONDAY]))
    cursor, said = tick(lake)
    assert said.endswith("1 unknown")
    assert tick(lake, cursor)[1] == "no new session"
    assert len(server.requests) == 1
    assert records(lake)["a1 new_setup"]["event"]["id"] in capfd.readouterr().err


def test_after_a_crash_between_the_record_and_the_end_it_is_not_sent_again(lake, server, monkeypatch, capfd):
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day), setup_row(day, "b1", "BBB"))

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(webhook.Webhook, "post", crash)
        with pytest.raises(KeyboardInterrupt):
            tick(lake)
    assert sorted(each["state"] for each in records(lake).values()) == ["sending", "waiting"]
    [lost] = [each["event"] for each in records(lake).values() if each["state"] == "sending"]
    assert tick(lake) == (day, f"{day}: 0 new alerts; 1 sent")
    assert tick(lake)[1] == f"{day}: 0 new alerts"
    assert {event["id"] for event in server.events}.isdisjoint({lost["id"]})
    assert len(server.requests) == 1
    [warning] = [line for line in capfd.readouterr().err.splitlines() if lost["id"] in line]
    assert "is unknown" in warning


def test_without_an_address_it_says_which_variable_to_set_and_reads_nothing(lake):
    write_patterns(lake, DAYS[MONDAY], setup_row(DAYS[MONDAY]))
    cursor, said = tick(lake)
    assert cursor is None
    assert said.startswith("WAVEMILL_ALERT_URL isn't set")
    assert not Path(lake.root, "alerts").exists()


def test_http_to_another_machine_is_refused_in_words(lake, monkeypatch):
    monkeypatch.setenv("WAVEMILL_ALERT_URL", "http://hooks.example.com/s3cret")
    with pytest.raises(SettingsError, match="http to another machine, where others can read along") as caught:
        tick(lake)
    assert "s3cret" not in str(caught.value)


def test_the_thresholds_come_from_the_environment(lake, server, monkeypatch):
    monkeypatch.setenv("WAVEMILL_ALERT_P_VALUE", "0.05")
    monkeypatch.setenv("WAVEMILL_ALERT_RISK_REWARD", "2.5")
    day = DAYS[MONDAY]
    wanted = {"a1": (0.0005, 2.0), "b1": (0.04, 3.0), "c1": (0.06, 3.0), "d1": (None, 9.0), "e1": (0.05, 2.5)}
    write_patterns(lake, day, *(setup_row(day, name, p_value=p, risk_reward=r) for name, (p, r) in wanted.items()))
    tick(lake)
    assert sorted(event["pattern_id"] for event in server.events) == ["b1", "e1"]


def test_the_address_is_in_no_log_no_record_and_no_message(lake, server, monkeypatch, waits, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(webhook, "TIMEOUT", 0.2)
    day = DAYS[MONDAY]
    write_patterns(lake, day, *(setup_row(day, f"p{number}") for number in range(3)))
    server.answers = [HANG, 500, (302, server.url()), 500, 404, 500, 500, 500, 500]
    cursor, said = tick(lake)
    monkeypatch.setenv("WAVEMILL_ALERT_URL", f"https://127.0.0.1:{server.port}/hook/0p3n-sesame?token=s3cret")
    said += tick(lake, cursor)[1]
    captured = capfd.readouterr()
    assert "is unknown" in captured.err
    assert "2 failed" in said
    assert waits
    stored = "".join(path.read_text() for path in Path(lake.root, "alerts").iterdir())
    for text in (caplog.text, said, captured.out, captured.err, stored):
        for secret in ("0p3n-sesame", "s3cret", f"127.0.0.1:{server.port}"):
            assert secret not in text


def test_names_are_data_and_arrive_as_they_are(lake, server):
    name = '"<script>\\\n\u00e4'
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day, "a/../1", name))
    tick(lake)
    [event] = server.events
    assert (event["symbol"], event["pattern_id"]) == (name, "a/../1")
    assert len(list(Path(lake.root, "alerts").iterdir())) == 1


def test_a_lake_without_patterns_is_said(lake, server):
    assert tick(lake) == (None, "the lake has no patterns yet")
    assert server.requests == []


@pytest.mark.usefixtures("server")
def test_a_damaged_table_fails_the_tick_and_is_looked_at_again(lake):
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day))
    path = Path(lake.root, "patterns", f"{day}.parquet")
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    with pytest.raises(LakeError, match="materialise `patterns`"):
        tick(lake)
    path.write_bytes(whole)
    assert tick(lake)[1] == f"{day}: 1 new alerts; 1 sent"


def test_a_second_evaluation_while_one_is_sending_sends_nothing(lake, server, monkeypatch):
    monkeypatch.setattr(webhook, "TIMEOUT", 1.5)
    day = DAYS[MONDAY]
    write_patterns(lake, day, setup_row(day))
    server.answers = [HANG]
    first = threading.Thread(target=tick, args=(lake,))
    first.start()
    for _ in range(1000):
        if server.requests:
            break
        time.sleep(0.01)
    assert tick(lake)[1] == "the evaluation before is still sending"
    first.join()
    assert len(server.requests) == 1
    assert records(lake)["a1 new_setup"]["state"] == "unknown"
