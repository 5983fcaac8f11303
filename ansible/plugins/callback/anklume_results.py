# Written by anklume. Reports the result of each machine to `anklume apply`, as JSON lines.
"""Writes the results of a playbook run for each host, for the program that started it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: anklume_results
type: notification
short_description: Writes the outcome of a run as JSON lines
description:
  - Each failed task and, at the end, each host's counts become one line of JSON.
  - Does nothing unless E(ANKLUME_RESULTS) names a file; it is written for its owner alone.
options: {}
"""

import json
import os
import time

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Writes one line per failure, one per host, and a last one when the run has finished."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "anklume_results"

    def __init__(self):
        super().__init__()
        self._path = os.environ.get("ANKLUME_RESULTS")
        if not self._path:
            self.disabled = True
            return
        self._path = os.path.abspath(self._path)
        self._plays_left = set()
        self._stopped = False
        self._seconds = {}
        self._began = {}
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        os.close(os.open(self._path, flags, 0o600))

    def _write(self, **line):
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _finish(self, result):
        host = result._host.get_name()
        began = self._began.pop((host, result._task._uuid), None)
        if began is not None:
            self._seconds[host] = self._seconds.get(host, 0.0) + time.monotonic() - began

    def _failure(self, result, kind):
        # The output of a task with no_log has been removed from the result before.
        said = result._result
        message = said.get("msg") or said.get("reason") or said.get("censored") or ""
        output = str(said.get("stderr") or said.get("stdout") or "").strip()
        # For a program Ansible reports only its status; for the play that waits for the machines,
        # nothing.
        if self._waits(result._task):
            message = output or message
        elif output and "rc" in said and output not in str(message):
            message = f"{message}\n{output}"
        self._write(
            type=kind,
            host=result._host.get_name(),
            task=result._task.get_name(),
            message=str(message or "no message").strip()[:4000],
        )

    @staticmethod
    def _waits(task):
        """True for the task that waits for the machines.

        Since ansible-core 2.21 `register` is a dictionary.
        """
        return "anklume_up" in ([task.register] if isinstance(task.register, str) else task.register or ())

    def v2_playbook_on_start(self, playbook):
        self._plays_left = {play._uuid for play in playbook.get_plays()}

    def v2_playbook_on_play_start(self, play):
        self._plays_left.discard(play._uuid)

    def v2_playbook_on_no_hosts_remaining(self):
        self._stopped = True

    def v2_runner_on_start(self, host, task):
        self._began[(host.get_name(), task._uuid)] = time.monotonic()

    def v2_runner_on_ok(self, result):
        self._finish(result)
        # The first play's output for a machine that runs, but degraded.
        said = str(result._result.get("stdout", ""))
        if self._waits(result._task) and "systemd says: degraded" in said:
            units = [line.split()[0][:100] for line in said.splitlines()[1:21] if line.strip()]
            self._write(type="degraded", host=result._host.get_name(), units=units)

    def v2_runner_on_skipped(self, result):
        self._finish(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._finish(result)
        if not ignore_errors:
            self._failure(result, "failed")

    def v2_runner_on_unreachable(self, result):
        self._finish(result)
        self._failure(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            self._write(
                type="host",
                host=host,
                ok=counts["ok"],
                changed=counts["changed"],
                failed=counts["failures"],
                unreachable=counts["unreachable"],
                skipped=counts["skipped"],
                rescued=counts["rescued"],
                ignored=counts["ignored"],
                seconds=round(self._seconds.get(host, 0.0), 3),
            )
        # If all hosts of one play have failed, Ansible drops the later plays, also those for other
        # hosts.
        self._write(type="end", stopped=self._stopped or bool(self._plays_left))
