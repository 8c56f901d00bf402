"""An S3 server (moto, in a process of its own) behind a proxy that counts requests, and fails, delays and cuts those a test names."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BUCKET = "curate-tests"


def kind_of(method, path):
    """What a request is: LIST, POST (many are removed) or its method."""
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    return "LIST" if method == "GET" and "list-type" in query else method


class Proxy(ThreadingHTTPServer):
    """`fault(kind, path, headers)` says what becomes of a request: None, 503, 500, 403, "cut" (half the answer), "lost" (none of it,
    though the server has done it) or a number of seconds to wait."""

    daemon_threads = True

    def __init__(self, port):
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = port
        self.one = threading.Lock()
        self.calm()

    def calm(self):
        self.fault = lambda kind, path, headers: None
        self.careless = False  # leaves If-None-Match out
        self.seen, self.sizes, self.failed = Counter(), Counter(), Counter()

    def handle_error(self, request, client_address):
        """A client that went away is no matter."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16  # one packet an answer: each further one may cost 40 ms

    def log_message(self, *arguments):
        pass

    def handle_expect_100(self):
        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.wfile.flush()
        return True

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy, kind = self.server, kind_of(self.command, self.path)
        proxy.seen[kind] += 1
        what = proxy.fault(kind, self.path, self.headers)
        if what is not None:
            proxy.failed[str(what)] += 1
        if isinstance(what, float):
            time.sleep(what)
        if isinstance(what, int):
            code = {503: "SlowDown", 500: "InternalError", 403: "AccessDenied"}[what]
            self.answer(what, {}, f"<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>".encode())
            return
        with proxy.one if self.headers.get("If-None-Match") else contextlib.nullcontext():  # as a store has it, and moto has not
            connection = http.client.HTTPConnection("127.0.0.1", proxy.behind, timeout=60)
            headers = {n: v for n, v in self.headers.items() if n.lower() != "if-none-match" or not proxy.careless}
            connection.request(self.command, self.path, body, headers)
            got = connection.getresponse()
            data = got.read()
            connection.close()
        proxy.sizes[kind] += len(data)
        if what == "lost":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answer(got.status, dict(got.getheaders()), data, len(data) // 2 if what == "cut" else None)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve

    def answer(self, status, headers, data, cut=None):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection") or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(data)))
        elif not headers:
            self.send_header("Content-Length", "0")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data if cut is None else data[:cut])
        if cut is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def s3():
    """The proxy, with the bucket behind it; the environment says where it is."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    environment = {
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1",
    }  # fmt: skip
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )  # fmt: skip
    proxy = Proxy(port)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        request(port, "PUT", f"/{BUCKET}")
        yield proxy, {**environment, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.server_port}"}
    finally:
        proxy.shutdown()
        proxy.server_close()
        server.kill()
        server.wait()


def request(port, method, path):
    """One request, once the server is up."""
    deadline = time.monotonic() + 60
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path)
            assert connection.getresponse().status == 200
            return
        except ConnectionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        finally:
            connection.close()
