"""`alerts_sensor`: looks at each new session, and sends its setups that are unlike chance, and what became of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import date

import dagster as dg

from resources.alert_delivery import Clock, close, deliver, settle_unfinished
from resources.alert_records import AlertRecords, State, open_alert_records
from resources.alerts import COLUMNS, fallen_setups, new_setups, standing_setups
from resources.lineage import LOOKBACK
from resources.parquet_lake import ParquetLake
from resources.price_history import lookback_start
from resources.settings import Settings, read_settings
from resources.webhook import VARIABLE, Webhook
from resources.wiring import LakeResource

SESSIONS_LOOKED_AT = 5
"""Of more new sessions than this, only the last ones are looked at."""

# The button that tests a sensor, or a tick after one that took too long, must not send what is being sent.
_ONE_AT_A_TIME = threading.Lock()


@dg.sensor(
    name="alerts_sensor",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.STOPPED,
    description=f"Sends new setups that are unlike chance, and those of them that were invalidated, to {VARIABLE}; "
    "each at most once. See docs/alerts.md.",
)
def alerts_sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SkipReason:
    """Look at the sessions that are new since the last tick, and send what waits."""
    settings = read_settings()
    if settings.alert_url is None:
        return dg.SkipReason(f"{VARIABLE} isn't set, so nothing is sent; docs/alerts.md says how to set it")
    if not _ONE_AT_A_TIME.acquire(blocking=False):
        return dg.SkipReason("the evaluation before is still sending")
    try:
        return _evaluate(context, lake.open(), settings, Webhook(settings.alert_url))
    finally:
        _ONE_AT_A_TIME.release()


def _evaluate(
    context: dg.SensorEvaluationContext, lake: ParquetLake, settings: Settings, webhook: Webhook
) -> dg.SkipReason:
    known = lake.partitions("patterns")
    if not known:
        return dg.SkipReason("the lake has no patterns yet")
    warn = context.log.warning
    records = open_alert_records(lake.root)
    settle_unfinished(records, date.fromisoformat(known[-1]), warn)
    # The first time nothing older than the newest session is news.
    fresh = known[-1:] if context.cursor is None else [key for key in known if key > context.cursor]
    for key in fresh[:-SESSIONS_LOOKED_AT]:
        warn(f"no alerts of {key}: it is older than the last {SESSIONS_LOOKED_AT} new sessions")
    found = 0
    for key in fresh[-SESSIONS_LOOKED_AT:]:
        found += _look_at(lake, records, date.fromisoformat(key), settings, warn)
    made = deliver(records, webhook.post, Clock(time.monotonic, time.sleep), warn)
    context.update_cursor(max(known[-1], context.cursor or ""))
    return dg.SkipReason(_told(fresh[-SESSIONS_LOOKED_AT:], found, made))


def _look_at(
    lake: ParquetLake, records: AlertRecords, session: date, settings: Settings, warn: Callable[[str], None]
) -> int:
    """Make records of the events of a session; returns how many."""
    patterns = lake.read("patterns", session.isoformat(), COLUMNS)
    # A pattern older than the longest window isn't looked for any more.
    first = lookback_start(session, LOOKBACK)
    told = {
        record.event["pattern_id"]: record
        for record in records.told_setups()
        if first <= date.fromisoformat(record.event["session"]) < session
    }
    fallen = []
    if told:
        setups = [record.event for record in told.values()]
        start = date.fromisoformat(min(setup["session"] for setup in setups))
        history = lake.history(start, session, {setup["symbol"] for setup in setups})
        fallen = fallen_setups(setups, standing_setups(patterns), history)
    events = []
    for event in fallen:
        record = told[event["pattern_id"]]
        if record.state in (State.WAITING, State.FAILED):
            close(records, record.moved(State.GIVEN_UP, f"invalidated on {session}, before it was sent"), warn)
        else:
            events.append(event)
    events += new_setups(patterns, session, settings.alert_p_value, settings.alert_risk_reward)
    return records.add(events)


def _told(looked_at: list[str], found: int, made: Counter[str]) -> str:
    """The tick in one line."""
    sessions = f"{', '.join(looked_at)}: {found} new alerts" if looked_at else "no new session"
    counts = ", ".join(f"{count} {state}" for state, count in sorted(made.items()) if not state.startswith("because"))
    reasons = "; ".join(sorted(each for each in made if each.startswith("because")))
    return "; ".join(filter(None, (sessions, counts, reasons)))
