#!/usr/bin/env python3
"""Answers on many ports at once, for a testbed's outside, its replacement of Docker and its host.

TCP: sends one line, `NAME from PEER`, then ends the connection. UDP: sends the same line for each
datagram. HTTP (--http PORT=DIR): GET / returns that line too, other paths are files below DIR.
The peer's address in the answer shows a test whether a packet was masqueraded.
"""

import argparse
import functools
import http.server
import os
import socket
import socketserver
import threading


def line(name: str, address: tuple) -> bytes:
    return f"{name} from {address[0].removeprefix('::ffff:')}\n".encode()


class TcpServer(socketserver.ThreadingTCPServer):
    address_family = socket.AF_INET6  # and by default also IPv4, as ::ffff:…
    allow_reuse_address = True
    daemon_threads = True


class UdpServer(socketserver.ThreadingUDPServer):
    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True


class TcpAnswer(socketserver.BaseRequestHandler):
    name = ""

    def handle(self) -> None:
        self.request.settimeout(5)
        self.request.sendall(line(self.name, self.client_address))


class UdpAnswer(socketserver.BaseRequestHandler):
    name = ""

    def handle(self) -> None:
        self.request[1].sendto(line(self.name, self.client_address), self.client_address)


class HttpServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


class HttpAnswer(http.server.SimpleHTTPRequestHandler):
    name = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        body = line(self.name, self.client_address)
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


def ports(text: str) -> list[int]:
    return [int(port) for port in text.split(",") if port]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--tcp", type=ports, default=[])
    parser.add_argument("--udp", type=ports, default=[])
    parser.add_argument("--http", action="append", default=[], metavar="PORT=DIR")
    options = parser.parse_args()

    for handler in (TcpAnswer, UdpAnswer, HttpAnswer):
        handler.name = options.name
    servers = [TcpServer(("::", port), TcpAnswer) for port in options.tcp]
    servers += [UdpServer(("::", port), UdpAnswer) for port in options.udp]
    for entry in options.http:
        port, _, directory = entry.partition("=")
        handler = functools.partial(HttpAnswer, directory=directory or os.devnull)
        servers.append(HttpServer(("::", int(port)), handler))

    threads = [threading.Thread(target=server.serve_forever, args=(5,)) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
