"""`Webhook`: sends a body to one address by HTTP POST, and tells for certain what came of it, if that can be told.

What belongs here: one request. What doesn't: what is sent, and whether it is tried again (`resources/alert_delivery`).
The address is a secret: whoever knows it can post there. So no error and no reason repeats any of it.
"""

import ssl
from collections.abc import Mapping
from enum import StrEnum
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from kernels.errors import SettingsError

VARIABLE = "WAVEMILL_ALERT_URL"
TIMEOUT = 10.0
"""Seconds to wait for the connection, and then for the answer."""

_THIS_MACHINE = ("127.0.0.1", "localhost")


class Fate(StrEnum):
    """What came of a request.

    Attributes:
        SENT: the receiver has confirmed it.
        FAILED: there was no connection, or the receiver has refused it.
        UNKNOWN: it was on its way, and no answer came.
    """

    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Outcome(NamedTuple):
    """What came of a request, and why, in words without the address."""

    fate: Fate
    reason: str


class Webhook:
    """Posts JSON to one address. Redirects aren't followed, proxies aren't used, certificates are checked."""

    def __init__(self, url: str) -> None:
        """Keep the address; nothing is connected yet.

        Raises:
            SettingsError: see `require_webhook_url`.
        """
        self._url = require_webhook_url(url)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Send one request and wait for the status of the answer; its text isn't read.

        Args:
            body: JSON.
            headers: beside those that every request has.

        Returns:
            SENT for a status of 200 to 299, FAILED for any other and where no connection came about; else UNKNOWN.
        """
        connection = self._connection()
        try:
            try:
                connection.connect()
            except OSError as error:
                return Outcome(Fate.FAILED, f"no connection: {_kind(error)}")
            try:
                named = {"Content-Type": "application/json", "User-Agent": "wavemill", "Connection": "close"}
                connection.request("POST", self._target(), body, {**named, **headers})
                status = connection.getresponse().status
            except (OSError, HTTPException) as error:
                return Outcome(Fate.UNKNOWN, f"no answer: {_kind(error)}")
        finally:
            connection.close()
        if 200 <= status <= 299:
            return Outcome(Fate.SENT, f"HTTP status {status}")
        redirected = ", a redirect, which isn't followed" if 300 <= status <= 399 else ""
        return Outcome(Fate.FAILED, f"HTTP status {status}{redirected}")

    def _connection(self) -> HTTPConnection:
        kind = HTTPSConnection if self._url.scheme == "https" else HTTPConnection
        return kind(self._url.hostname or "", self._url.port, timeout=TIMEOUT)

    def _target(self) -> str:
        query = f"?{self._url.query}" if self._url.query else ""
        return f"{self._url.path or '/'}{query}"


def require_webhook_url(url: str) -> SplitResult:
    """The parts of an address that alerts may be sent to: https, or http to this machine itself.

    Raises:
        SettingsError: any other text; the message doesn't repeat it.
    """
    fault = _fault(url)
    if fault:
        raise SettingsError(
            f"environment variable {VARIABLE}",
            expected="https://<host>/<path>, or http:// for 127.0.0.1 and localhost",
            got=fault,
            mend=f"correct {VARIABLE}, or unset it to send nothing",
        )
    return urlsplit(url)


def _fault(url: str) -> str:
    """What is wrong with an address, without any of it; "" if nothing is."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return "a space, a control character, or a letter beyond ASCII"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return "a host or a port that is none"
    faults = {
        "another scheme than http and https": parts.scheme not in ("http", "https"),
        "no host": not host,
        "port 0": port == 0,
        "a user name or a password, which isn't sent": "@" in parts.netloc,
        "http to another machine, where others can read along": parts.scheme == "http" and host not in _THIS_MACHINE,
    }
    return next((fault for fault, found in faults.items() if found), "")


def _kind(error: Exception) -> str:
    """The kind of an error; its own words may name the host."""
    reason = f" ({error.reason})" if isinstance(error, ssl.SSLError) and error.reason else ""
    return f"{type(error).__name__}{reason}"
