"""A headless Chromium that opens a page from a file and tells what it did: errors, requests, sizes, pictures.

It is spoken to by the DevTools protocol over two pipes (`--remote-debugging-pipe`: JSON, a NUL behind each message). By hand:

    python -m tests.browser report.html picture.png --width 390 --dark --height 2000 --top 0
"""

from __future__ import annotations

import argparse
import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
"""The browser; None where there is none: `CHROMIUM` names it."""
PATIENCE = 60.0


class Browser:
    """One browser and one page of it; a context."""

    def __enter__(self) -> Browser:
        self.profile = tempfile.TemporaryDirectory(prefix="curate-chromium-")
        (theirs_in, self.write), (self.read, theirs_out) = os.pipe(), os.pipe()
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (theirs_in, theirs_out)]
        null = os.open(os.devnull, os.O_RDWR)
        flags = (
            "--headless=new --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe --no-first-run "
            f"--disable-background-networking --disable-dev-shm-usage --user-data-dir={self.profile.name}"
        ).split()
        actions = [(os.POSIX_SPAWN_DUP2, fd, to) for fd, to in ((ends[0], 3), (ends[1], 4), (null, 1), (null, 2))]
        self.pid = os.posix_spawn(CHROMIUM, [CHROMIUM, *flags], dict(os.environ), file_actions=actions, setpgroup=0)
        for fd in (theirs_in, theirs_out, *ends, null):
            os.close(fd)
        self.buffer, self.events, self.number, self.session = b"", [], 0, None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, *error: object) -> None:
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.read)
        os.close(self.write)
        for _ in range(50):  # its processes still write
            try:
                self.profile.cleanup()
                return
            except OSError:
                time.sleep(0.1)

    def _message(self, until: float) -> dict:
        while b"\0" not in self.buffer:
            if not select.select([self.read], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser is silent")
            piece = os.read(self.read, 1 << 20)
            if not piece:
                raise EOFError("the browser is gone")
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(line)

    def ask(self, method: str, **params: object) -> dict:
        """Call a method of the protocol; events that come meanwhile are kept."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._message(until)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, file: Path, width: int = 1400, height: int = 1000, dark: bool = False, scripts: bool = True) -> None:
        """Load a file in a window of this size, and wait until it is there."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}])
        self.ask("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.ask("Page.navigate", url=file.resolve().as_uri())
        until = time.monotonic() + PATIENCE
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message(until))

    def run(self, script: str) -> object:
        """The value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def key(self, name: str, text: str | None = None) -> None:
        """Press a key."""
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=name, **({"text": text} if text else {}))
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=name)

    def complaints(self) -> list[str]:
        """What the page wrote to the console, errors, and dialogs it opened."""
        self.run("1")  # what happened until now has arrived
        bad = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Page.javascriptDialogOpening")
        return [json.dumps(event["params"])[:2000] for event in self.events if event["method"] in bad]

    def requests(self) -> list[str]:
        """URLs the page asked for."""
        self.run("1")
        return [e["params"]["request"]["url"] for e in self.events if e["method"] == "Network.requestWillBeSent"]

    def picture(self, file: Path) -> None:
        """Write what the window shows as PNG."""
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", format="png")["data"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A picture of a page in a headless Chromium.")
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=1000)
    parser.add_argument("--top", type=int, default=0, help="pixels scrolled down")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--no-scripts", action="store_true")
    parser.add_argument("--run", default="0", help="script that runs before the picture is taken")
    asked = parser.parse_args()
    with Browser() as browser:
        browser.open(asked.page, asked.width, asked.height, asked.dark, not asked.no_scripts)
        if not asked.no_scripts:
            browser.run(f"scrollTo(0, {asked.top}); {asked.run}")
        browser.picture(asked.picture)
        print("\n".join(browser.complaints()) or "no errors")  # noqa: T201
