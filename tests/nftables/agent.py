"""Runs in one network namespace of a test and carries out requests there.

Reads one JSON object per line from standard input ({"id": 1, "op": "tcp", …}) and answers each with
one ({"id": 1, …}), in the order in which they finish. Standard library only; _lab.ts is the other
end.
"""

import contextlib
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

ETH_P_ALL = 3
connections = {}
captures = {}
capturing = set()
tunnels = {}
lock = threading.Lock()


def serve(tcp=(), udp=()):
    """Starts servers that send a client's address, then echo. `address` limits where they listen."""
    for address, port in tcp:
        server = listener(address, port, socket.SOCK_STREAM)
        server.listen(64)
        threading.Thread(target=accept_all, args=(server,), daemon=True).start()
    for address, port in udp:
        server = listener(address, port, socket.SOCK_DGRAM)
        threading.Thread(target=answer_all, args=(server,), daemon=True).start()
    return {}


def listener(address, port, kind):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.bind((address, port))
    return server


def accept_all(server):
    while True:
        client, peer = server.accept()
        threading.Thread(target=echo, args=(client, peer[0]), daemon=True).start()


def echo(client, peer):
    client.sendall(f"{peer}\n".encode())
    try:
        while data := client.recv(4096):
            client.sendall(data)
    except OSError:
        pass
    client.close()


def answer_all(server):
    while True:
        _, peer = server.recvfrom(4096)
        try:
            server.sendto(f"{peer[0]}\n".encode(), peer)
        except OSError:
            pass


def connect(kind, host, port, timeout, source=None, source_port=0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    client = socket.socket(family, kind)
    client.settimeout(timeout)
    if source is not None or source_port:
        client.bind((source or ("::" if family == socket.AF_INET6 else "0.0.0.0"), source_port))
    # A link-local address includes its interface: fe80::1%eth0.
    client.connect(socket.getaddrinfo(host, port, family, kind)[0][4])
    return client


def tcp(host, port, timeout, **source):
    with connect(socket.SOCK_STREAM, host, port, timeout, **source) as client:
        return {"seen": client.recv(100).decode().strip()}


def udp(host, port, timeout, data="3f", **source):
    with connect(socket.SOCK_DGRAM, host, port, timeout, **source) as client:
        client.send(bytes.fromhex(data))
        return {"seen": client.recv(100).decode().strip()}


def tell(host, port, data, source=None):
    """Sends a datagram and waits for nothing."""
    with connect(socket.SOCK_DGRAM, host, port, 1, source=source) as client:
        client.send(bytes.fromhex(data))
    return {}


def cast(host, port):
    """Sends to a multicast group, or to the broadcast address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        client.sendto(b"?", (host, port))
    time.sleep(0.1)
    return {}


def ping(host, timeout):
    version = ["-6"] if ":" in host else ["-4"]
    done = subprocess.run(
        ["ping", *version, "-n", "-c", "1", "-W", str(timeout), host],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return {"seen": "reply"} if done.returncode == 0 else {"error": "timeout"}


def round_trips(host, port, count):
    """Returns the microseconds of the fastest of `count` round trips, with small datagrams."""
    with connect(socket.SOCK_DGRAM, host, port, 2) as client:
        fastest = float("inf")
        for _ in range(count):
            began = time.perf_counter_ns()
            client.send(b"?")
            client.recv(100)
            fastest = min(fastest, time.perf_counter_ns() - began)
    return {"seen": str(fastest / 1000)}


def sink(port):
    """Reads all data and discards it."""
    server = listener("0.0.0.0", port, socket.SOCK_STREAM)
    server.listen(64)

    def drain():
        while True:
            client, _ = server.accept()
            with client:
                while client.recv(1 << 20):
                    pass

    threading.Thread(target=drain, daemon=True).start()
    return {}


def stream(host, port, seconds):
    """Returns the gigabits per second into a sink."""
    data = bytes(1 << 20)
    sent = 0
    with connect(socket.SOCK_STREAM, host, port, 2) as client:
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            sent += client.send(data)
        took = time.perf_counter() - began
    return {"seen": str(sent * 8 / took / 1e9)}


def open_connection(name, host, port, timeout):
    client = connect(socket.SOCK_STREAM, host, port, timeout)
    seen = client.recv(100).decode().strip()
    connections[name] = client
    return {"seen": seen}


def say(name, timeout):
    """Sends a line on an open connection and waits for its echo."""
    client = connections[name]
    client.settimeout(timeout)
    client.sendall(b"still there?\n")
    return {"seen": client.recv(100).decode().strip()}


def frame(interface, data):
    return frames(interface, [data])


def frames(interface, data):
    """Sends them one after the other."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        for each in data:
            raw.send(bytes.fromhex(each))
    return {}


def capture(interface):
    """Starts to capture the frames that arrive at an interface; a second call starts again."""
    if interface in capturing:
        captures[interface][:] = []
        return {}
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.bind((interface, ETH_P_ALL))
    frames = captures[interface] = []
    capturing.add(interface)

    def keep():
        # Until the interface is gone.
        with raw, contextlib.suppress(OSError):
            while True:
                data, address = raw.recvfrom(65535)
                if address[2] != socket.PACKET_OUTGOING:
                    frames.append(data.hex())
        capturing.discard(interface)

    threading.Thread(target=keep, daemon=True).start()
    return {}


def captured(interface, wait):
    time.sleep(wait)
    frames, captures[interface][:] = list(captures[interface]), []
    return {"frames": frames}


def tun(interface):
    """Opens a tun device (so that it has a carrier) and keeps each packet that is sent into it."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    iff_tun_no_pi = 0x1001
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", interface.encode(), iff_tun_no_pi))
    packets = captures[interface] = []
    tunnels[interface] = device

    def keep():
        while True:
            packets.append(os.read(device, 65535).hex())

    threading.Thread(target=keep, daemon=True).start()
    return {}


def arrive(interface, data):
    """Makes a packet come out of the tunnel."""
    os.write(tunnels[interface], bytes.fromhex(data))
    return {}


def forget_flows():
    """Empties the connection tracking table."""
    netfilter, delete, request_and_acknowledge = 12, (1 << 8) | 2, 5
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netfilter) as table:
        table.send(struct.pack("=IHHIIBBH", 20, delete, request_and_acknowledge, 1, 0, 0, 0, 0))
        code = struct.unpack("=i", table.recv(4096)[16:20])[0]
    if code != 0:
        raise OSError(-code, os.strerror(-code))
    return {}


def run(argv, stdin=""):
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


OPERATIONS = {
    "serve": serve,
    "tcp": tcp,
    "udp": udp,
    "cast": cast,
    "tell": tell,
    "ping": ping,
    "round_trips": round_trips,
    "sink": sink,
    "stream": stream,
    "open": open_connection,
    "say": say,
    "frame": frame,
    "frames": frames,
    "capture": capture,
    "captured": captured,
    "tun": tun,
    "arrive": arrive,
    "forget_flows": forget_flows,
    "run": run,
}


def handle(request):
    number, operation = request.pop("id"), request.pop("op")
    try:
        answer = OPERATIONS[operation](**request)
    except TimeoutError:
        answer = {"error": "timeout"}
    except OSError as error:
        answer = {"error": error.strerror or str(error)}
    with lock:
        print(json.dumps({"id": number, **answer}), flush=True)


for line in sys.stdin:
    threading.Thread(target=handle, args=(json.loads(line),), daemon=True).start()
