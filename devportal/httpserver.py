"""A small threaded WSGI server that keeps connections open, as the real platform does.

Werkzeug's own server closes every connection and waits 10 ms after each answer, which would hide what pooling clients gain.
"""

import contextlib
import http.server
import io
import socket
import socketserver
import ssl
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

LENGTH_REQUIRED = 411
CONNECTION = "devportal.connection"
"""Key of the environment under which an application finds the client's socket, to cut it off on order."""


class _Handler(http.server.BaseHTTPRequestHandler):
    """Runs the application for each request of one connection. Silent, because addresses may carry webhook secrets."""

    protocol_version = "HTTP/1.1"
    server_version = "devportal"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    server: "Server"

    def do_GET(self) -> None:
        """Answer one request, whatever its method."""
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            self.close_connection = True
            self.send_error(LENGTH_REQUIRED)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.application(self._environ(body), self._start)
        try:
            self._write(b"".join(answer))
        finally:
            if hasattr(answer, "close"):
                answer.close()

    do_POST = do_HEAD = do_OPTIONS = do_PUT = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        self._status, self._headers = status, headers

    def _write(self, body: bytes) -> None:
        code, _, reason = self._status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in self._headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _environ(self, body: bytes) -> "WSGIEnvironment":
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": self.server.host,
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.server.scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            CONNECTION: self.connection,
        }
        environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()}
        return environ


class Server(socketserver.ThreadingTCPServer):
    """One listening address, serving in its own thread from the start. `port` 0 takes a free one."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, application: "WSGIApplication", host: str, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__((host, port), _Handler)
        self.application = application
        self.host = host
        self.port: int = self.server_address[1]
        self.scheme = "https" if tls else "http"
        self._open: set[socket.socket] = set()
        if tls:
            # The handshake happens on the first read, so in the connection's own thread.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name=f"devportal:{self.port}")
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close what is open."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection while it is open."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are everyday; anything else is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
