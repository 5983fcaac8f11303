import assert from "node:assert/strict";
import { FAMILIES } from "../nftables/ruleset.ts";
import { parseListeners } from "../nftables/listener.ts";
import { readTemplates } from "../nftables/template.ts";
import { address, ANSWERS, aPlace, link, withElement } from "./_place.ts";
import { checkRuleset, KNOWN_SETS, refuseReach } from "./check_ruleset.ts";
import { isJudged } from "./element_reach.ts";
import type { HostAnswers, PlaceBridge } from "./host_place.ts";
import { RefusedRuleset } from "./refused_ruleset.ts";

const templates = readTemplates();
const TEXT = Deno.readTextFileSync(
  new URL("../../tests/testdata/isolation/ruleset.nft", import.meta.url),
);
const PROJECT = /^# Firewall of the infra "([^"]+)"/.exec(TEXT)![1]!;
const INFRA = /comment "anklume \d+ ([0-9a-f-]{36})"/.exec(TEXT)![1]!;
const OWNER = { project: PROJECT, infraId: INFRA };
/** The infra's present rules on the host: their elements were accepted when they came. */
const BEFORE = { rules: [...ANSWERS.rules, { project: PROJECT, text: TEXT }] };

function load(text: string, changes: Partial<HostAnswers> = {}): void {
  const checked = checkRuleset(text, OWNER, templates);
  refuseReach(checked, aPlace(OWNER, { ...BEFORE, ...changes }));
}

/** Returns the line that refuses, or `taken`. */
function answer(text: string, changes?: Partial<HostAnswers>): string {
  try {
    load(text, changes);
    return "taken";
  } catch (error) {
    if (error instanceof RefusedRuleset) return error.message;
    throw error;
  }
}

const MAC = "10:66:6a:1c:f3:32";
const PORT = '"akj5fz0xvr5h"';

/**
 * Elements of the right shape, each in an otherwise good ruleset, and the reason of the refusal.
 */
const BEYOND: readonly (readonly [set: string, element: string, because: RegExp])[] = [
  // Networks of the host, of Docker, of a VPN, wider and narrower than a domain's.
  ["inet subnets", "172.17.0.0", /no domain has the subnet/],
  ["inet subnets", "192.168.77.0", /no domain has the subnet/],
  ["bridge subnets", "172.17.0.0", /no domain has the subnet/],
  ["inet subnets6", "fd77:1::", /no domain has the subnet/],
  ["inet subnets", "8.8.8.0", /not a private network/],
  ["inet subnets6", "2001:db8::", /not a private network/],
  // Bridges: one that Incus does not have, one of another infra, a missing one that is another
  // infra's.
  ["inet bridges", '"docker0"', /not a bridge of a domain/],
  ["inet bridges", '"net-stray"', /Incus does not know/],
  ["inet bridges", '"net-theirs"', /does not belong to this infra/],
  ["inet bridges", '"net-beside"', /the infra "theirs" has the bridge/],
  ["inet own", '"net-pro" . "docker0"', /two bridges/],
  ["inet orphans", '"net-pro" . "net-shared"', /two bridges/],
  // The outside.
  ["inet outside", '"docker0"', /not the outside/],
  ["inet outside", '"wg0"', /not the outside/],
  ["inet outside", '"lo"', /not the outside/],
  ["inet outside", '"vethdocker"', /is a port of "docker0"/],
  ["inet outside", '"docker1"', /there is no interface/],
  ["inet via", '"net-pro" . "docker0"', /not a way out/],
  ["inet via", '"net-pro" . "br-lab"', /not a way out/],
  ["inet via", '"net-pro" . "vethdocker"', /is a port of "docker0"/],
  ["inet via", '"net-pro" . "wg9"', /there is no interface/],
  ["inet via", '"docker0" . "eth0"', /not a bridge of a domain/],
  // Ports of others, also ports that do not exist yet.
  ["bridge ports", '"vethdocker"', /not a port of a machine/],
  ["bridge ports", '"vethbare"', /not a port of a machine/],
  ["bridge ports", '"vethweb"', /belongs to default\/web/],
  ["bridge ports", '"eth0"', /not a port of a machine/],
  ["bridge ports", '"vnet0"', /not a name that anklume gives/],
  // MACs and addresses of others.
  ["bridge macs", "02:42:ac:11:00:02", /not a MAC that Incus or anklume gives/],
  ["bridge macs", "52:54:00:00:00:01", /the host's own/],
  ["bridge macs", "10:66:6a:00:00:01", /default\/web has the MAC/],
  ["bridge macs", "00:16:3e:aa:00:01", /neighbour of the host/],
  ["bridge port_macs", `"vethdocker" . ${MAC}`, /not a port of a machine/],
  ["bridge port_macs", `${PORT} . 02:42:ac:11:00:02`, /not a MAC of a machine/],
  ["bridge addresses", `${PORT} . ${MAC} . 192.168.1.20`, /in no subnet of a domain/],
  ["bridge addresses", `${PORT} . ${MAC} . 10.33.0.7`, /default\/web has the address/],
  ["bridge addresses6", `${PORT} . ${MAC} . 2001:db8::1`, /in no subnet of a domain/],
  ["bridge targets6", `"eth0" . 0x${"0".repeat(32)}`, /not a port of a machine/],
  ["bridge same_subnet", "10.120.1.0 . 192.168.1.0", /two subnets/],
  ["bridge same_subnet", "192.168.1.0 . 192.168.1.0", /not a subnet of a domain/],
  ["inet machines", `"docker0" . ${MAC} . 10.120.1.9`, /not a bridge of a domain/],
  ["inet machines", `"net-pro" . ${MAC} . 192.168.1.30`, /in no subnet of a domain/],
  ["inet machines6", `"net-pro" . ${MAC} . 2001:db8::1`, /in no subnet of a domain/],
  // Gateways and their services.
  ["inet gateways", '"net-pro" . 192.168.1.20', /in no subnet of a domain/],
  ["inet gateways", '"net-pro" . 10.110.0.254', /two gateways/],
  ["inet services", '"net-pro" . 192.168.1.20 . tcp . 22', /in no subnet of a domain/],
  ["inet services6", '"net-pro" . 2001:db8::1 . tcp . 22', /in no subnet of a domain/],
  // Published ports.
  ["inet publish", "tcp . 22 : 10.110.0.2 . 22", /something on the host listens/],
  ["inet publish", "tcp . 8443 : 10.110.0.2 . 22", /something on the host listens/],
  ["inet publish", "udp . 9000 : 10.110.0.2 . 22", /something on the host listens/],
  ["inet publish", "tcp . 8080 : 10.110.0.2 . 22", /table ip nat sends tcp port 8080 elsewhere/],
  ["inet publish6", "tcp . 25 : fd17:1887:2a30:6e00::2 . 22", /something on the host listens/],
  ["inet publish", "tcp . 2222 : 10.110.0.2 . 22", /the infra "theirs" has the publish/],
  ["inet publish", "tcp . 4000 : 192.168.1.30 . 22", /in no subnet of a domain/],
  ["inet publish6", "tcp . 4000 : 2001:db8::9 . 22", /in no subnet of a domain/],
  ["inet published", "4000 . tcp . 172.17.0.2 . 22", /in no subnet of a domain/],
  ["inet internet", "172.17.0.0 : goto internet_full", /not a subnet of a domain/],
];

Deno.test("no element reaches beyond the infra", () => {
  assert.equal(answer(TEXT), "taken");
  for (const [set, element, because] of BEYOND) {
    assert.match(answer(withElement(TEXT, set, element)), because, `${set}: ${element}`);
  }
});

/** Adds a domain to each set where it belongs. */
function withDomain(subnet: string): string {
  let text = withElement(TEXT, "inet bridges", '"net-more" comment "more"');
  text = withElement(text, "inet own", '"net-more" . "net-more"');
  text = withElement(text, "inet gateways", `"net-more" . ${subnet.replace(/0$/, "254")}`);
  for (const family of ["inet", "bridge"]) text = withElement(text, `${family} subnets`, subnet);
  return text;
}

Deno.test("a new domain's subnet is no network that the host has, wider, narrower or by a route", () => {
  assert.equal(answer(withDomain("10.120.9.0")), "taken");
  for (
    const [subnet, because] of [
      ["192.168.1.0", /192\.168\.1\.20\/24 on eth0/],
      ["172.17.5.0", /172\.17\.0\.1\/16 on docker0/],
      ["10.55.0.0", /10\.55\.0\.129\/25 on br-lab/],
      ["10.64.3.0", /10\.64\.3\.2\/32 on wg0/],
      ["10.77.9.0", /the route 10\.77\.8\.0\/22 over wg0/],
      ["10.33.0.0", /10\.33\.0\.1\/24 on incusbr0/],
      ["10.44.1.0", /10\.44\.1\.254\/24 on net-theirs/],
    ] as const
  ) assert.match(answer(withDomain(subnet)), because, subnet);
});

Deno.test("a wifi with a domain's subnet does not keep the rules of that domain away", () => {
  const wifi = { ifname: "wlan0", addr_info: [address("10.120.1.33", 24)] };
  const addresses = JSON.stringify([...JSON.parse(ANSWERS.addresses), wifi]);
  assert.equal(answer(TEXT, { addresses }), "taken");
  const before = TEXT.replaceAll("\t\t\t10.120.1.0,\n", "");
  const rules = [...ANSWERS.rules, { project: PROJECT, text: before }];
  assert.match(answer(TEXT, { addresses, rules }), /10\.120\.1\.33\/24 on wlan0/);
  const ours = { name: "net-pro", infraId: INFRA, addresses: ["10.120.1.254/24"] };
  const at = (bridge: PlaceBridge) =>
    answer(TEXT, { addresses, rules, bridges: [...ANSWERS.bridges, bridge] });
  assert.equal(at(ours), "taken");
  // A bridge of another infra, or one that these rules do not name, does not count as ours.
  assert.match(at({ ...ours, name: "net-a", infraId: "other" }), /on wlan0/);
  assert.match(at({ ...ours, name: "net-b" }), /on wlan0/);
});

Deno.test("a subnet that a domain had before stays walled off", () => {
  const text = withElement(TEXT, "inet subnets", "10.120.77.0");
  assert.equal(answer(text), "taken");
  // Refused if a wifi uses the subnet, unless it was in force before.
  const wifi = link("wlan0", "", { addr_info: [address("10.120.77.5", 24)] });
  const addresses = JSON.stringify([...JSON.parse(ANSWERS.addresses), wifi]);
  assert.match(answer(text, { addresses }), /the host has 10\.120\.77\.0 already/);
  const rules = [...ANSWERS.rules, { project: PROJECT, text }];
  assert.equal(answer(text, { addresses, rules }), "taken");
  // Refused in the table `bridge` too.
  assert.match(
    answer(withElement(TEXT, "bridge subnets", "10.120.77.0")),
    /no domain has the subnet 10\.120\.77\.0/,
  );
});

Deno.test("in a subnet that a domain gave up there is nobody to be reached", () => {
  const freed = withElement(TEXT, "inet subnets", "10.120.77.0");
  for (
    const [set, element] of [
      ["inet publish", "tcp . 4000 : 10.120.77.5 . 22"],
      ["inet published", "4000 . tcp . 10.120.77.5 . 22"],
      ["inet machines", `"net-pro" . ${MAC} . 10.120.77.5`],
      ["bridge addresses", `${PORT} . ${MAC} . 10.120.77.5`],
      ["inet services", '"net-pro" . 10.120.77.254 . tcp . 22'],
    ] as const
  ) assert.match(answer(withElement(freed, set, element)), /10\.120\.77\.\d+ is in no subnet/, set);
});

Deno.test("a bridge that stands is not left out, nor out of the pairs that keep it within itself", () => {
  const addresses = JSON.stringify([
    ...JSON.parse(ANSWERS.addresses),
    link("net-red", "bridge", {}),
  ]);
  const bridges = [...ANSWERS.bridges, { name: "net-red", infraId: INFRA, addresses: [] }];
  assert.match(answer(TEXT, { addresses, bridges }), /"net-red" exists, and would be left open/);
  const half = withElement(TEXT, "inet bridges", '"net-red"');
  assert.match(answer(half, { addresses, bridges }), /"net-red" exists, and would be left open/);
  const orphan = withElement(half, "inet orphans", '"net-red" . "net-red"');
  assert.equal(answer(orphan, { addresses, bridges }), "taken");
  // A bridge that Incus has recorded but the kernel does not have is reachable by no one.
  assert.equal(answer(TEXT, { bridges }), "taken");
});

Deno.test("a port that is there hangs on a bridge of the infra, or is one of its machines'", () => {
  const at = (master: string | undefined, more: Partial<HostAnswers> = {}) =>
    answer(TEXT, {
      addresses: JSON.stringify([
        ...JSON.parse(ANSWERS.addresses),
        link("net-pro", "bridge", { addr_info: [address("10.120.1.254", 24)] }),
        link("akm2t0xkz3t5", "veth", master === undefined ? {} : { master }),
      ]),
      bridges: [{ name: "net-pro", infraId: INFRA, addresses: ["10.120.1.254/24"] }],
      ...more,
    });
  assert.equal(at("net-pro"), "taken");
  assert.match(at("docker0"), /"akm2t0xkz3t5" is not a port of a machine/);
  // Between its creation and its connection it is on no bridge.
  assert.match(at(undefined), /not a port of a machine/);
  const nic = {
    owner: "pro/pro-dev",
    infraId: INFRA,
    port: "akm2t0xkz3t5",
    mac: "10:66:6a:53:6b:a9",
    addresses: [],
  };
  assert.equal(at(undefined, { nics: [nic] }), "taken");
  assert.match(at("net-pro", { nics: [{ ...nic, infraId: "other" }] }), /belongs to pro\/pro-dev/);
});

Deno.test("what the rules in force name may be gone, or have been taken, meanwhile", () => {
  // tun0 of `via` is down; a program listens at the port that was published first.
  const listeners = parseListeners("tcp LISTEN 0 128 0.0.0.0:2207 0.0.0.0:*\n");
  assert.equal(answer(TEXT, { listeners }), "taken");
  assert.match(
    answer(TEXT, { listeners, rules: [] }),
    /listens at tcp port 2207|no interface "tun0"/,
  );
});

Deno.test("a port that nobody outside comes to may be published", () => {
  for (const port of ["tcp . 631", "tcp . 53", "udp . 67", "tcp . 25", "tcp . 8081", "udp . 22"]) {
    const text = withElement(TEXT, "inet publish", `${port} : 10.110.0.2 . 22`);
    assert.equal(answer(text), "taken", port);
  }
});

Deno.test("a published port above those that everybody has is taken", () => {
  let text = withElement(TEXT, "inet publish", "tcp . 40000 : 10.110.0.2 . 22");
  text = withElement(text, "inet published", "40000 . tcp . 10.110.0.2 . 22");
  assert.equal(answer(withElement(text, "inet host_ports", "6 . 40000")), "taken");
});

Deno.test("every set of ours is judged, and one that is not is refused", () => {
  for (const family of FAMILIES) {
    for (const { name } of KNOWN_SETS[family]) {
      assert.ok(isJudged(family, name), `${family} ${name}`);
    }
  }
  assert.equal(isJudged("inet", "toString"), false);
  assert.equal(isJudged("inet", "tomorrow"), false);
});

Deno.test("where something cannot be read there is no place, and nothing is loaded", () => {
  assert.throws(() => aPlace(OWNER, { addresses: "Command failed" }));
  assert.throws(() => aPlace(OWNER, { neighbours: "{" }));
});
