#!/usr/bin/env python3
"""machine_heartbeat.py SOCKET: connects to a port of an emulated machine, again and again.

A machine that can run virtual machines uses a QEMU without one of its assertions
(machine_qemu_patch.py), and then an interrupt may not wake a processor that is idle: seen once, the
machine stood still for six minutes, until somebody ran a command on it. A port that is opened or
closed is an interrupt of its own, and wakes it.
"""

import socket
import sys
import time

SECONDS = 1

while True:
    try:
        with socket.socket(socket.AF_UNIX) as port:
            port.connect(sys.argv[1])
            time.sleep(SECONDS)
    except OSError:
        # The emulator has not made it yet.
        pass
    time.sleep(SECONDS)
