"""A real receiver of alerts on this machine: it answers as it is told, and keeps what it was sent."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG, DROP = "hang", "drop"


@dataclass
class Receiver:
    """What the server does and has seen.

    Attributes:
        answers: for each request in turn a status, a status with a Location, HANG (never answers) or DROP (hangs up);
            204 when they are used up.
        requests: (method, path, headers, body as JSON) of each request.
    """

    answers: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/hook/0p3n-sesame?token=s3cret") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [body for _, _, _, body in self.requests]


@contextmanager
def receiver(certificate: str | None = None) -> Iterator[Receiver]:
    """Serve until the context ends; over TLS if there is a PEM file with certificate and key."""
    state, ended = Receiver(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            # In one piece: the requests of several threads must not mix.
            answer = state.answers.pop(0) if state.answers else 204
            state.requests.append((self.command, self.path, dict(self.headers), json.loads(body) if body else None))
            if answer == HANG:
                ended.wait(30.0)
            if answer in (HANG, DROP):
                self.close_connection = True
                return
            status, location = answer if isinstance(answer, tuple) else (answer, None)
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.handle_any()

        def do_GET(self) -> None:
            self.handle_any()

        def log_message(self, *args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def free_port() -> int:
    """A port on which nobody listens."""
    with receiver() as gone:
        return gone.port
