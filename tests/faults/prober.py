# Runs in a machine from its start to its end: sends echo requests to all possible addresses of the
# other domains, and listens to all that arrives. A packet from outside its subnet that is not from
# the peer that a policy allows is a hole.
#
#   prober.py OWN_PREFIX PEER TARGET...
import os, select, socket, struct, sys, time

own, peer, targets = sys.argv[1], sys.argv[2], sys.argv[3:]
log = os.open("/root/holes", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_SYNC)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
# On a full disk nothing can be written: sightings are kept until it can.
seen, unsaved, beats, last = set(), [], 0, 0.0
if os.path.exists("/root/beats"):
    with open("/root/beats") as file:
        beats = int(file.read() or 0)


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


head = struct.pack("!BBHHH", 8, 0, 0, 4711, 1)
packet = struct.pack("!BBHHH", 8, 0, checksum(head), 4711, 1)
while True:
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for target in targets:
            try:
                raw.sendto(packet, (target, 0))
            except OSError:
                pass
        raw.close()
    except OSError:
        pass
    end = time.time() + 0.1
    while True:
        ready, _, _ = select.select([wire], [], [], max(0, end - time.time()))
        if not ready:
            break
        try:
            data = wire.recv(256)
        except OSError:
            continue
        source = socket.inet_ntoa(data[12:16])
        target = socket.inet_ntoa(data[16:20])
        if source == peer:
            beats += 1
            if time.time() - last > 0.5:
                last = time.time()
                try:
                    with open("/root/beats.new", "w") as file:
                        file.write(str(beats))
                    os.rename("/root/beats.new", "/root/beats")
                except OSError:
                    pass
        elif not source.startswith(own) and source.startswith("10.") and (source, target) not in seen:
            seen.add((source, target))
            unsaved.append("%s -> %s protocol %d at %.1f\n" % (source, target, data[9], time.time()))
    try:
        while unsaved:
            os.write(log, unsaved[0].encode())
            unsaved.pop(0)
    except OSError:
        pass
