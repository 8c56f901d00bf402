"""A local server of the chat completions protocol that does as the document it is asked about says: `DO: 429 429 ok`."""

import json
import re
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GOOD = {"reason": "it explains", "score": 4}


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, takes_schema=True, delay=0.0):
        super().__init__(("127.0.0.1", 0), Handler)
        self.takes_schema, self.delay = takes_schema, delay
        self.asked, self.bodies, self.keys, self.times = Counter(), [], set(), []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, request, client_address):
        """A client that hung up is no news here."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = body["messages"][-1]["content"]
        name = re.search(r"NAME: (\S+)", text)[1]
        server = self.server
        with server.lock:
            server.asked[name] += 1
            n = server.asked[name]
            server.bodies.append(body)
            server.keys.add(self.headers.get("Authorization"))
            server.times.append(time.monotonic())
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            time.sleep(server.delay)
            steps = (re.search(r"DO: ([^\n]*)", text) or ["", "ok"])[1].split()
            if self.path != "/v1/chat/completions":
                self.send(404, {"error": "no such path"})
            elif "response_format" in body and not server.takes_schema:
                self.send(400, {"error": {"message": "unknown field response_format"}})
            else:
                self.do(steps[min(n, len(steps)) - 1], body)
        finally:
            with server.lock:
                server.at_once -= 1

    def do(self, step, body):
        word, _, argument = step.partition("=")
        if word.isdigit():
            key = self.headers.get("Authorization", "")
            self.send(int(word), {"error": f"said for a test to {key}"}, {"Retry-After": argument.replace("~", " ")} if argument else {})
        elif word == "hang":
            time.sleep(float(argument))
        elif word == "drip":  # a byte now and then, never whole
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(int(argument)):
                self.wfile.write(b" ")
                time.sleep(0.1)
        elif word == "half":
            data = json.dumps(completion(json.dumps(GOOD))).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
        elif word == "hangup":
            self.close_connection = True
            self.connection.close()
        elif word == "page":
            self.send(200, "<html>busy</html>")
        elif word == "nochoice":
            self.send(200, {"choices": []})
        elif word == "refusal":
            self.send(200, completion(None, refusal="I cannot help with that."))
        elif word == "cut":
            self.send(200, completion('{"reason": "it is', finish="length"))
        elif word == "say":
            self.send(200, completion(argument.replace("~", " ")))
        else:
            self.send(200, completion(json.dumps(GOOD)))

    def send(self, status, content, headers=None):
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(data), "Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)


def completion(content, refusal=None, finish="stop"):
    message = {"role": "assistant", "content": content} | ({"refusal": refusal} if refusal else {})
    return {"choices": [{"message": message, "finish_reason": finish}], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}


@contextmanager
def serving(**options):
    server = Server(**options)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
