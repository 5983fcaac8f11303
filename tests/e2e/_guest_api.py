"""Prints what Incus tells a program in a machine about the machine."""

import socket

try:
    for path in ("/1.0/config", "/1.0/config/user.anklume.infra", "/1.0/meta-data"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect("/dev/incus/sock")
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: incus\r\n\r\n".encode())
            print(path, b"".join(iter(lambda: connection.recv(65536), b"")).decode().split("\r\n\r\n")[-1])
except OSError as error:
    print("no socket:", error)
