import assert from "node:assert/strict";
import { LINGER } from "../_linger.ts";
import { IMAGE, inMachine, Lab, must, run } from "./_lab.ts";

const INFRA = `
project_name: names
global: { default_os_image: "${IMAGE}" }
domains:
  online: { ephemeral: true, internet: true, machines: { online-a: {}, online-b: {} } }
  offline: { ephemeral: true, internet: false, machines: { offline-a: {}, offline-b: {} } }
  tunnel: { ephemeral: true, internet: { via: [vpn0], dns: [10.99.0.53] }, machines: { tunnel-a: {} } }
`;

/**
 * Starts the other end of a tunnel, with its own resolver; and a counter of the DNS questions that
 * leave by the uplink.
 */
async function startTunnel(): Promise<AsyncDisposable> {
  await must(["ip", "netns", "add", "tunnel"]);
  await must(
    ["ip", "-batch", "-"],
    [
      "link add vpn0 type veth peer name eth0 netns tunnel",
      "address add 10.99.0.1/24 dev vpn0",
      "link set vpn0 up",
      "netns exec tunnel ip address add 10.99.0.53/24 dev eth0",
      "netns exec tunnel ip link set eth0 up",
    ].join("\n"),
  );
  await must(
    ["nft", "-f", "-"],
    `table inet asked { chain out { type filter hook output priority 0; oifname "eth0" udp dport 53 counter; }; }`,
  );
  const resolver = new Deno.Command("nsenter", {
    args: [
      ...["--net=/run/netns/tunnel", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"],
      ...["--no-resolv", "--no-hosts", "--pid-file=", "--user=root"],
      // This resolver answers that the outside's names do not exist.
      ...["--address=/inside.test/203.0.113.77", "--local=/outside.test/"],
    ],
  }).spawn();
  return {
    [Symbol.asyncDispose]: async () => {
      resolver.kill("SIGKILL");
      await resolver.status;
      await must(["nft", "delete", "table", "inet", "asked"]);
      await must(["ip", "netns", "delete", "tunnel"]);
    },
  };
}

/** Returns the number of questions that have left by the uplink since the tunnel was started. */
async function asked(): Promise<number> {
  const listing = await must(["nft", "list", "table", "inet", "asked"]);
  return Number(/counter packets (\d+)/.exec(listing)?.[1]);
}

/** Asks a resolver for addresses: prints how many it got, or why none came. */
const ASK = `
import socket, struct, sys
server, *names = sys.argv[1:]
for name in names:
    labels = b"".join(bytes([len(each)]) + each.encode() for each in name.split("."))
    question = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack("!HH", 1, 1)
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(1.5)
    try:
        client.sendto(question, (server, 53))
        print(name, struct.unpack("!H", client.recv(512)[6:8])[0])
    except OSError as error:
        print(name, type(error).__name__)
`;

async function ask(
  domain: string,
  server: string,
  ...names: string[]
): Promise<Record<string, string>> {
  const argv = [
    "incus",
    "exec",
    "--project",
    domain,
    `${domain}-a`,
    "--",
    ...LINGER,
    "python3",
    "-",
    server,
    ...names,
  ];
  const { stdout, stderr } = await run(argv, { stdin: ASK });
  assert.equal(stderr, "");
  return Object.fromEntries(stdout.trim().split("\n").map((line) => line.split(" ")));
}

Deno.test("a resolver tells its own domain's names, asks outside only where the domain may, and tells nothing of the host's", async () => {
  await using _tunnel = await startTunnel();
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);
  // Waits until the machines have their addresses.
  await lab.anklume(["network", "verify"]);
  const gateway = async (domain: string) => {
    const { config } = JSON.parse(
      await must(["incus", "query", `/1.0/networks/net-${domain}`]),
    ) as {
      config: Record<string, string>;
    };
    return config["ipv4.address"]?.split("/")[0] ?? "";
  };
  const [online, offline, tunnel] = await Promise.all(
    ["online", "offline", "tunnel"].map(gateway),
  ) as [string, string, string];
  // Names in the host's own /etc/hosts, except `localhost`.
  const hosts = (await must(["sh", "-c", "sed 's/#.*//' /etc/hosts"])).split("\n")
    .filter((line) => !line.includes(":")).flatMap((line) => line.trim().split(/\s+/).slice(1))
    .filter((name) => /^[a-z]+$/.test(name) && name !== "localhost");
  const nothing = Object.fromEntries(hosts.map((name) => [name, "0"]));

  const told = await ask(
    "online",
    online,
    "online-b",
    "outside.test",
    "offline-a",
    "offline-a.incus",
    ...hosts,
  );
  assert.deepEqual(told, {
    "online-b": "1",
    "outside.test": "1",
    "offline-a": "0",
    "offline-a.incus": "0",
    ...nothing,
  });
  // A forwarded question is a way out, whatever the answer: DNS tunnels use it.
  const closed = await ask(
    "offline",
    offline,
    "offline-b",
    "outside.test",
    "online-a",
    "online-a.incus",
    ...hosts,
  );
  assert.deepEqual(closed, {
    "offline-b": "1",
    "outside.test": "0",
    "online-a": "0",
    "online-a.incus": "0",
    ...nothing,
  });
  assert.deepEqual(await ask("offline", online, "online-a"), { "online-a": "TimeoutError" });
  assert.deepEqual(await ask("offline", "203.0.113.10", "outside.test"), {
    "outside.test": "TimeoutError",
  });
  // A domain that uses only a tunnel resolves names only there, also when the tunnel is gone.
  const before = await asked();
  assert.ok(before > 0, "the domain with internet asks by the uplink");
  const names = ["tunnel-a", "inside.test", "outside.test"];
  assert.deepEqual(await ask("tunnel", tunnel, ...names), {
    "tunnel-a": "1",
    "inside.test": "1",
    "outside.test": "0",
  });
  await must(["ip", "link", "delete", "vpn0"]);
  const { "tunnel-a": own, ...others } = await ask("tunnel", tunnel, ...names);
  assert.equal(own, "1");
  for (const [name, answers] of Object.entries(others)) assert.notEqual(answers, "1", name);
  assert.equal(await asked(), before);
});

/** Asks for an address as a client with another MAC, and offers a name for itself. */
const CLAIM = `
import random, socket, struct, sys
name = sys.argv[1].encode()
mac = bytes([2, 0, 0, 0, 0, random.randrange(256)])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
wire.bind(("eth0", 0))
wire.settimeout(1)
own = wire.getsockname()[4]

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total > 0xffff: total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

def send(kind, options):
    message = struct.pack("!BBBBIHH16x6s10x192xI", 1, 1, 6, 0, 7, 0, 0x8000, mac, 0x63825363)
    message += bytes([53, 1, kind, 12, len(name)]) + name + options + bytes([255])
    datagram = struct.pack("!HHHH", 68, 67, 8 + len(message), 0) + message
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0, bytes(4), b"\\xff" * 4)
    header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
    wire.send(b"\\xff" * 6 + own + b"\\x08\\x00" + header + datagram)

send(1, b"")
try:
    while True:
        offer = wire.recv(2000)[14:]
        if offer[9] == 17 and offer[22:24] == b"\\x00\\x44": break
    address = offer[44:48]
    send(3, bytes([50, 4]) + address + bytes([54, 4]) + offer[12:16])
    print(socket.inet_ntoa(address))
except OSError:
    print("nothing")
`;

Deno.test("a DHCP client says neither who it is nor what it is called", async () => {
  await using lab = await Lab.create(`
project_name: leases
global: { default_os_image: "${IMAGE}" }
domains: { lease: { ephemeral: true, machines: { lease-a: {} } } }
`);
  await lab.anklume(["apply", "--infra"]);
  const claim = async (name: string) =>
    (await inMachine("lease", "lease-a", "python3", "-c", CLAIM, name)).stdout.trim();
  const leases = () => must(["cat", "/var/lib/incus/networks/net-lease/dnsmasq.leases"]);
  await lab.anklume(["network", "verify"]);
  assert.equal(await claim("wpad"), "nothing");
  // Without the rules, only the server's own settings protect.
  await must(["nft", "delete", "table", "bridge", "anklume_leases"]);
  for (const line of (await must(["nft", "list", "tables"])).split("\n")) {
    if (/^table bridge incus$/.test(line)) await must(["nft", "delete", ...line.split(" ")]);
  }
  assert.equal(await claim("wpad"), "nothing");
  assert.doesNotMatch(await leases(), /wpad/);
  // Without its own settings, it is open too.
  await must(["incus", "network", "set", "net-lease", "raw.dnsmasq=no-hosts"]);
  assert.match(await claim("wpad"), /^10\./);
  assert.match(await leases(), /wpad/);
});
