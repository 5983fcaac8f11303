# Written by anklume. The connection to its machines: community.general.incus, without the parts
# that a machine could abuse.
"""Runs Ansible's commands in a machine of anklume's; accepts no more from it than was requested."""

from __future__ import annotations

DOCUMENTATION = r"""
name: anklume_incus
short_description: Incus, as far as a hostile machine may be trusted
description:
  - The connection C(community.general.incus), for machines whose root may be an attacker.
  - Refuses to work if a machine's facts would become variables, because they could then name another machine.
  - Always connects as root and uses C(/bin/sh). Accepts only the machine's name in the inventory.
  - Ends a command only after its last output has arrived; Incus may lose it otherwise.
  - Ends a command that does not end by itself or prints too much; the machine then counts as unreachable.
  - Fetches a file without following a symbolic link, neither in the machine nor on this host.
options:
  remote_addr:
    description: The machine.
    type: string
    default: inventory_hostname
    vars:
      - name: inventory_hostname
  remote:
    description: Incus's remote.
    type: string
    default: local
    vars:
      - name: ansible_incus_remote
  project:
    description: Incus's project.
    type: string
    default: default
    vars:
      - name: ansible_incus_project
  remote_user:
    description: Always root.
    type: string
    default: root
  executable:
    description: Always this shell.
    type: string
    default: /bin/sh
  command_seconds:
    description: How long one command of a task may take.
    type: int
    default: 1800
    vars:
      - name: anklume_command_seconds
  answer_mib:
    description: How much one command of a task may say.
    type: int
    default: 32
    vars:
      - name: anklume_answer_mib
  fetch_mib:
    description: How much one fetched file may have.
    type: int
    default: 1024
    vars:
      - name: anklume_fetch_mib
"""

import os
import re
import secrets
import selectors
import shlex
import tempfile
import time
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible_collections.community.general.plugins.connection.incus import (
    Connection as IncusConnection,
)

# Only the controller's own set_stats makes these. If Ansible cannot read one, it stops for all
# machines (seen: 2.16, 2.19).
STATISTICS = '"ansible_stats"'
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
# A transfer can start while the one before it ends: Incus removes the old socket and, now and then,
# the new one with it (seen: 7.0). No part of the file has been transferred then, so a retry is safe.
SOCKET_GONE = re.compile(r"forkfile\.sock: connect: (no such file or directory|connection refused)")
TRANSFERS = 5
TRANSFER_PAUSE = 0.3
PIECE = 64 * 1024
MIB = 1024 * 1024
# Incus closes the streams as soon as a program has ended, and then its client may lose the last
# output: it pings each stream when it opens, and stops reading if the answer cannot be sent any
# more. Ansible fails on the empty answer (seen: 3 to 6 of 1,000; on a busy host 29 of 200). So the
# shell says on both streams that they are complete, and waits until this side closes its input.
END = "printf %s {mark}; printf %s {mark} >&2; cat >/dev/null; exit $anklume_rc"


def without(mark, said):
    """Returns the output before the mark; a program in the background may have written after it."""
    before, found, after = said.rpartition(mark)
    return before + after if found else said


class Marks:
    """Notices when both streams have ended with the mark."""

    def __init__(self, mark):
        self._mark = mark
        self._tails = {"stdout": b"", "stderr": b""}
        self._missing = {"stdout", "stderr"}

    def see(self, stream, piece):
        seen = self._tails[stream] + piece
        if self._mark in seen:
            self._missing.discard(stream)
        self._tails[stream] = seen[-len(self._mark) + 1 :]

    @property
    def complete(self):
        return not self._missing


class Connection(IncusConnection):
    """Like the collection's own, but it trusts the machine less."""

    transport = "anklume_incus"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if C.INJECT_FACTS_AS_VARS:
            raise AnsibleError(
                "Nothing runs in a machine if its facts become variables: the machine could then send the rest of the "
                "play to another machine. Set inject_facts_as_vars = False in ansible.cfg (`anklume sync` does) and "
                "remove other settings of it, also ANSIBLE_INJECT_FACT_VARS in the environment."
            )

    def exec_command(self, cmd, in_data=None, sudoable=True):
        """Returns status, standard output and standard error, as Ansible's connections do."""
        if not self._connected:
            self._connect()
        self._display.vvv(f"EXEC {cmd}", host=self._instance())
        mark = secrets.token_hex(16)
        # The input of the command ends, while that of the shell goes on.
        data = to_bytes(in_data, errors="surrogate_or_strict", nonstring="passthru")
        feed, empty = ("", "</dev/null") if data is None else (f"head -c {len(data)} | ", "")
        cmd = f"{feed}(\n{cmd}\n) {empty}\nanklume_rc=$?\n{END.format(mark=mark)}"
        said = {"stdout": [], "stderr": []}
        place = f"{self.get_option('remote')}:{self._instance()}"
        status = self._run(
            ["exec", place, "--", self.get_option("executable"), "-c", cmd],
            self.get_option("answer_mib"),
            lambda stream, piece: said[stream].append(piece),
            data or b"",
            mark.encode(),
        )
        stdout, stderr = (to_text(without(mark.encode(), b"".join(said[stream]))) for stream in ("stdout", "stderr"))
        if STATISTICS in ESCAPED.sub(lambda found: chr(int(found[1], 16)), stdout):
            raise AnsibleConnectionFailure(f"{self._instance()} answered with statistics, which a module may not set")
        if status != 0 and stderr.startswith("Error: ") and not stdout:
            why = stderr.strip()
            if why.endswith((": Instance is not running", ": Instance not found")):
                raise AnsibleConnectionFailure(f"{self._instance()}: {why}")
        return status, stdout, stderr

    def put_file(self, in_path, out_path):
        """Puts a file; unlike the collection's own, it checks that the machine accepted it."""
        if not os.path.isfile(to_bytes(in_path, errors="surrogate_or_strict")):
            raise AnsibleFileNotFound(f"input path is not a file: {in_path}")
        self._transfer(["push", in_path, self._place(out_path)], "written")

    def fetch_file(self, in_path, out_path):
        """Fetches into a new file and renames it: an existing link is replaced, never followed."""
        directory, name = os.path.split(os.path.abspath(out_path))
        handle, aside = tempfile.mkstemp(prefix=f".{name[:100]}.", dir=directory)
        try:
            with os.fdopen(handle, "wb") as file:
                # For a symbolic link the client makes a link here, which has no name: the link's
                # target is fetched.
                self._transfer(["pull", self._place(self._resolve(in_path)), "-"], "read", file.write)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(aside, 0o666 & ~mask)
            os.replace(aside, out_path)
        except BaseException:
            os.unlink(aside)
            raise

    def _resolve(self, path):
        """Returns a path's target as the machine reports it: always a path in the machine."""
        status, stdout, _ = self.exec_command(f"readlink -f -- {shlex.quote(path)}")
        found = stdout[:-1] if stdout.endswith("\n") else stdout
        return found if status == 0 and found.startswith("/") else path

    def _place(self, path):
        return f"{self.get_option('remote')}:{self._instance()}/{path}"

    def _transfer(self, words, done, write=None):
        for left in reversed(range(TRANSFERS)):
            why = self._transfer_once(words, write)
            if why is None:
                return
            if left == 0 or not SOCKET_GONE.search(why):
                raise AnsibleError(f"{self._instance()}: a file was not {done}: {why}")
            time.sleep(TRANSFER_PAUSE)

    def _transfer_once(self, words, write):
        """Returns the reason why it failed, or None."""
        said = []

        def take(stream, piece):
            if stream == "stderr":
                said.append(piece)
            elif write is not None:
                write(piece)

        status = self._run(["file", words[0], "--quiet", *words[1:]], self.get_option("fetch_mib"), take)
        return None if status == 0 else to_text(b"".join(said)).strip()

    def _run(self, words, most_mib, take, in_data=None, mark=None):
        """Passes the output of Incus's client to `take`; returns its status. Has a time limit.

        With a mark, the client's input stays open until both streams have it.
        """
        command = [self._incus_cmd, "--project", self.get_option("project"), *words]
        argv = [to_bytes(word, errors="surrogate_or_strict") for word in command]
        seconds = self.get_option("command_seconds")
        until = time.monotonic() + seconds
        left = most_mib * MIB
        stdin = DEVNULL if in_data is None else PIPE
        marks = None if mark is None else Marks(mark)
        with Popen(argv, stdin=stdin, stdout=PIPE, stderr=PIPE) as process, selectors.DefaultSelector() as ready:
            try:
                for stream in ("stdout", "stderr"):
                    ready.register(getattr(process, stream), selectors.EVENT_READ, stream)
                if in_data is not None:
                    os.set_blocking(process.stdin.fileno(), False)
                    ready.register(process.stdin, selectors.EVENT_WRITE, "stdin")
                    in_data = memoryview(in_data)
                while ready.get_map():
                    for key, _ in ready.select(max(until - time.monotonic(), 0)):
                        if key.data == "stdin":
                            # The marks may have arrived in the same moment.
                            if process.stdin.closed:
                                continue
                            in_data = self._feed(process.stdin, in_data)
                            if len(in_data) == 0:
                                ready.unregister(process.stdin)
                                if marks is None:
                                    process.stdin.close()
                            continue
                        piece = os.read(key.fd, PIECE)
                        if piece == b"":
                            ready.unregister(key.fileobj)
                            continue
                        left -= len(piece)
                        if left < 0:
                            self._refuse(f"printed more than {most_mib} MiB")
                        take(key.data, piece)
                        if marks is not None and not process.stdin.closed:
                            marks.see(key.data, piece)
                            if marks.complete:
                                self._let_go(ready, process.stdin)
                    if time.monotonic() >= until:
                        self._refuse(f"did not end its answer within {seconds} s")
                return process.wait(max(until - time.monotonic(), 1))
            except TimeoutExpired:
                process.kill()
                self._refuse(f"did not end within {seconds} s")
            except BaseException:
                # Not SIGTERM, which the client passes on to the program: Incus ends the program
                # without its client.
                process.kill()
                raise

    @staticmethod
    def _let_go(ready, stdin):
        """Closes the input, whether or not the program has read all of it."""
        if stdin in ready.get_map():
            ready.unregister(stdin)
        stdin.close()

    @staticmethod
    def _feed(stdin, data):
        try:
            return data[os.write(stdin.fileno(), data[:PIECE]) :]
        except BlockingIOError:
            return data
        except BrokenPipeError:
            # A program that ends without reading all of its input gives its reason by its status.
            return data[:0]

    def _refuse(self, why):
        raise AnsibleConnectionFailure(f"{self._instance()} {why}, so nothing more is run there")
