#!/usr/bin/env python3
"""Runs commands of machine_run.py in an emulated machine, one at a time for each of its ports.

A session starts with a line, `BEGIN NONCE {"argv": [...], "terminal": [rows, columns] or null}`,
and the answer `READY NONCE`. Then frames go both ways: one letter, four bytes of length, the
payload. From outside: i (input), e (end of input). From the agent: o (output), r (error output),
x (exit status, in digits). If the other end closes, the command is killed.
"""

import fcntl
import glob
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import threading
import time

CHUNK = 65536
# An emulated processor that looks at four ports fifty times a second has spent a quarter of its time.
IDLE_SECONDS = 0.2
LOOK_SECONDS = 0.05
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "LANG": "C.UTF-8",
}


class Gone(Exception):
    """The other end has closed, or another session has started."""


class Port:
    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.lock = threading.Lock()
        self.buffer = b""

    def fill(self, seconds: float) -> None:
        """Waits for bytes, with a limit; raises Gone if the other end has closed."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        events = poll.poll(seconds * 1000)
        if any(event & select.POLLHUP for _, event in events):
            raise Gone
        if events:
            try:
                some = os.read(self.fd, CHUNK)
            except BlockingIOError:
                return
            if not some:
                raise Gone
            self.buffer += some

    def wait_for_begin(self) -> tuple[bytes, dict]:
        while True:
            while b"\n" in self.buffer:
                line, self.buffer = self.buffer.split(b"\n", 1)
                _, found, words = line.rpartition(b"BEGIN ")
                if found:
                    nonce, _, request = words.partition(b" ")
                    try:
                        return nonce, json.loads(request)
                    except ValueError:
                        pass
            try:
                self.fill(3600)
            except Gone:
                self.buffer = b""
                time.sleep(IDLE_SECONDS)

    def frame(self) -> tuple[bytes, bytes] | None:
        """Returns the next frame, or None until it is complete."""
        if len(self.buffer) < 5:
            return None
        kind, length = self.buffer[:1], struct.unpack(">I", self.buffer[1:5])[0]
        # Not a frame: the earlier session was killed, and the next one starts.
        if kind not in b"ie" or length > CHUNK:
            raise Gone
        if len(self.buffer) < 5 + length:
            return None
        payload, self.buffer = self.buffer[5 : 5 + length], self.buffer[5 + length :]
        return kind, payload

    def send(self, data: bytes) -> None:
        with self.lock:
            while data:
                poll = select.poll()
                poll.register(self.fd, select.POLLOUT)
                events = poll.poll(1000)
                if any(event & select.POLLHUP for _, event in events):
                    raise Gone
                try:
                    data = data[os.write(self.fd, data) :]
                except BlockingIOError:
                    continue

    def send_frame(self, kind: bytes, payload: bytes) -> None:
        self.send(kind + struct.pack(">I", len(payload)) + payload)


def forward(port: Port, source: int, kind: bytes) -> None:
    try:
        while some := os.read(source, CHUNK):
            port.send_frame(kind, some)
    except (Gone, OSError):
        pass


def start(request: dict) -> tuple[subprocess.Popen, int, list[tuple[int, bytes]]]:
    """Starts a command; returns it with its input and outputs."""
    size = request.get("terminal")
    environment = {**ENVIRONMENT, **request.get("environment", {})}
    if size is None:
        child = subprocess.Popen(
            request["argv"], cwd="/root", env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        outputs = [(child.stdout.fileno(), b"o"), (child.stderr.fileno(), b"r")]
        return child, child.stdin.fileno(), outputs
    master, slave = pty.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    child = subprocess.Popen(
        request["argv"], cwd="/root", env=environment, start_new_session=True,
        stdin=slave, stdout=slave, stderr=slave,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    return child, master, [(master, b"o")]


def feed(port: Port, child: subprocess.Popen, sink: int | None) -> None:
    """Passes input to the command until it ends."""
    pending = b""
    closing = False
    while child.poll() is None:
        # A command that does not read its input must not hide that it has ended.
        if pending and sink is not None:
            try:
                pending = pending[os.write(sink, pending) :]
            except BlockingIOError:
                pass
            except OSError:
                pending, sink = b"", None
        if closing and not pending and sink is not None and child.stdin is not None:
            child.stdin.close()
            sink = None
        if not pending and not closing and (frame := port.frame()):
            kind, payload = frame
            pending, closing = (payload, False) if kind == b"i" else (b"", True)
            continue
        if len(port.buffer) < 4 * CHUNK:
            port.fill(LOOK_SECONDS)
        else:
            time.sleep(LOOK_SECONDS)


def serve(port: Port) -> None:
    nonce, request = port.wait_for_begin()
    port.send(b"\nREADY " + nonce + b"\n")
    try:
        child, sink, outputs = start(request)
    except OSError as error:
        port.send_frame(b"r", f"{request['argv'][0]}: {error.strerror}\n".encode())
        port.send_frame(b"x", b"127")
        return
    os.set_blocking(sink, False) if request.get("terminal") is None else None
    readers = [threading.Thread(target=forward, args=(port, *each), daemon=True) for each in outputs]
    for reader in readers:
        reader.start()
    try:
        feed(port, child, sink)
    except Gone:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        return
    # A program that it left running may hold its output open: do not wait for that.
    for reader in readers:
        reader.join(1)
    status = child.returncode
    port.send_frame(b"x", str(status if status >= 0 else 128 - status).encode())


def main() -> None:
    def forever(path: str) -> None:
        port = Port(path)
        while True:
            try:
                serve(port)
            except (Gone, OSError):
                time.sleep(0.02)

    paths = sorted(glob.glob("/dev/virtio-ports/command.*"))
    threads = [threading.Thread(target=forever, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    if not paths:
        raise SystemExit("this machine has no ports for commands")


main()
