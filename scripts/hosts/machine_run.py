#!/usr/bin/env python3
"""machine_run.py [--wait SECONDS] [--terminal] DIRECTORY COMMAND…

Runs a command in the emulated machine of DIRECTORY. Input, output and exit status are passed on.
DIRECTORY has the sockets command.0, command.1, … of its emulator, each for one command at a time; a
lock assigns them. machine_agent.py describes the protocol.
"""

import argparse
import fcntl
import json
import os
import secrets
import select
import shutil
import socket
import struct
import sys
import termios
import threading
import time
import tty

CHUNK = 65536


def free_port(directory: str) -> socket.socket:
    """Returns a connection to a free port; waits for one."""
    paths = sorted(
        os.path.join(directory, name)
        for name in os.listdir(directory)
        if name.startswith("command.") and not name.endswith(".lock")
    )
    if not paths:
        raise SystemExit(f"no machine runs in {directory}")
    while True:
        for path in paths:
            lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            link.connect(path)
            return link
        time.sleep(0.05)


def begin(link: socket.socket, request: dict, seconds: float) -> bytes:
    """Opens the session; returns the bytes after the answer. Skips the rest of a killed session."""
    end = time.monotonic() + seconds
    heard = b""
    while time.monotonic() < end:
        nonce = secrets.token_hex(8).encode()
        # Zeros complete an unfinished frame of a killed session.
        padding = b"\0" * (CHUNK + 8) if heard else b""
        link.sendall(padding + b"\nBEGIN " + nonce + b" " + json.dumps(request).encode() + b"\n")
        retry = time.monotonic() + 3
        while time.monotonic() < retry:
            if not select.select([link], [], [], 0.5)[0]:
                continue
            some = link.recv(CHUNK)
            if not some:
                raise SystemExit("the machine went away")
            heard = (heard + some)[-2 * CHUNK :]
            _, found, rest = heard.partition(b"READY " + nonce + b"\n")
            if found:
                return rest
    raise TimeoutError


def send_input(link: socket.socket) -> None:
    try:
        while some := os.read(0, CHUNK):
            link.sendall(b"i" + struct.pack(">I", len(some)) + some)
        link.sendall(b"e\0\0\0\0")
    except OSError:
        pass


def receive(link: socket.socket, buffer: bytes) -> int:
    """Prints the command's output until it ends; returns its exit status."""
    while True:
        while len(buffer) >= 5:
            length = struct.unpack(">I", buffer[1:5])[0]
            if len(buffer) < 5 + length:
                break
            kind, payload, buffer = buffer[:1], buffer[5 : 5 + length], buffer[5 + length :]
            if kind == b"x":
                return int(payload)
            stream = sys.stdout.buffer if kind == b"o" else sys.stderr.buffer
            stream.write(payload)
            stream.flush()
        some = link.recv(CHUNK)
        if not some:
            print("machine: it went away (a power cut, or its end)", file=sys.stderr)
            return 125
        buffer += some


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--wait", type=float, default=30)
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("directory")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    request: dict = {"argv": options.command, "terminal": None}
    if options.terminal:
        size = shutil.get_terminal_size()
        request["terminal"] = [size.lines, size.columns]
        request["environment"] = {"TERM": os.environ.get("TERM", "linux")}
    link = free_port(options.directory)
    try:
        rest = begin(link, request, options.wait)
    except TimeoutError:
        print("machine: it does not answer (its console: log)", file=sys.stderr)
        return 124
    threading.Thread(target=send_input, args=(link,), daemon=True).start()
    if not options.terminal:
        return receive(link, rest)
    before = termios.tcgetattr(0)
    tty.setraw(0)
    try:
        return receive(link, rest)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


try:
    status = main()
except KeyboardInterrupt:
    status = 130
sys.stdout.flush()
# The thread that reads our input may still wait for it.
os._exit(status)
