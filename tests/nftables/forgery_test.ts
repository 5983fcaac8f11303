import assert from "node:assert/strict";
import { ATTACKS } from "./_attacks.ts";
import { arrivingErrors, forgedErrors, honestErrors } from "./_errors.ts";
import { everything, everythingLive, startEverything } from "./_everything.ts";
import { arrivals, reservedAnswers, TAKEN } from "./_forgery.ts";
import {
  arpAlone,
  gatewayArp,
  learntFreely,
  namelessArp,
  RESERVED,
  reservedArp,
  reservedLearning,
  reservedLearningByRules,
  setLearning,
  strangersLearning,
} from "./_reserved.ts";
import { fromStranger } from "./_spoofing.ts";
import { HONEST, HONEST_FRAGMENT } from "./_honest.ts";
import { buildInfra } from "./_infra.ts";
import { Lab } from "./_lab.ts";
import { rulesetOf } from "./_rules.ts";
import { GATEWAY, names, SERVER, VICTIM } from "./_sent_frame.ts";

/**
 * Root of a container in the domain `pro`, its neighbour `victim`, and `far` in another domain that
 * `victim` may reach.
 */
const built = buildInfra({
  ipv6: true,
  domains: [
    { name: "pro", machines: ["evil", "victim"] },
    { name: "far", machines: ["server"] },
  ],
  policies: [{ from: "victim", to: "server", ports: [53], protocol: "udp" }],
});

Deno.test("every forged frame arrives where there are no rules", async () => {
  await using lab = await Lab.start(built);
  await lab.brNetfilter(false);
  assert.deepEqual(await arrivals(lab, ATTACKS), names(ATTACKS));
});

for (const setting of [true, false]) {
  Deno.test(`no forged frame arrives, honest ones do, with br_netfilter ${setting ? "on" : "off"}`, async () => {
    await using lab = await Lab.start(built);
    await lab.host.nft(rulesetOf(built).text);
    await lab.brNetfilter(setting);
    const honest = setting ? HONEST : [...HONEST, HONEST_FRAGMENT];
    assert.deepEqual(await arrivals(lab, honest), names(honest));
    assert.deepEqual(await arrivals(lab, ATTACKS), []);
  });
}

Deno.test("a frame to a reserved address of the bridge does not reach the host past the rules", async () => {
  await using lab = await Lab.start(built);
  assert.equal(await reservedAnswers(lab), TAKEN.length);
  await lab.host.nft(rulesetOf(built).text);
  assert.equal(await reservedAnswers(lab), 0);
});

Deno.test("a bridge learns nothing from a frame to a reserved address, the setting alone or the rules alone", async () => {
  await using lab = await Lab.start(built);
  const taken = (found: string[], who: string) =>
    RESERVED.filter((address) =>
      found.some((each) => each.includes(who) && each.endsWith(address))
    );
  // Without rules, and with Incus's settings. The kernel drops PAUSE (:01); a frame to :00 is
  // forwarded without STP.
  await setLearning(lab, true);
  const open = await learntFreely(lab);
  assert.deepEqual(taken(open, "the victim"), RESERVED.filter((each) => !each.endsWith(":01")));
  assert.deepEqual(taken(open, "a MAC"), RESERVED.filter((each) => !each.endsWith(":01")));
  // Only the rules handle other addresses.
  const held = await reservedLearning(lab);
  assert.deepEqual(taken(held, "the victim"), ["01:80:c2:00:00:00"], "the setting alone");
  await lab.host.nft(rulesetOf(built).text);
  assert.deepEqual(await reservedLearning(lab), []);
  assert.deepEqual(await reservedLearningByRules(lab), []);
  assert.deepEqual(await strangersLearning(lab), []);
  // Only the setting protects LLDP's address.
  await setLearning(lab, true);
  const LLDP = "01:80:c2:00:00:0e";
  assert.deepEqual(taken(await learntFreely(lab, [LLDP]), "the victim"), [LLDP]);
});

Deno.test("ARP to a reserved address is not answered, nor does the host tell a machine of any address but its gateway's", async () => {
  await using lab = await Lab.start(built);
  assert.equal((await reservedArp(lab)).length, TAKEN.length + 1, "without rules");
  assert.equal((await namelessArp(lab)).length, 3, "without rules");
  assert.equal((await arpAlone(lab)).length, 5, "without rules");
  await lab.host.nft(rulesetOf(built).text);
  assert.deepEqual(await reservedArp(lab), []);
  assert.deepEqual(await namelessArp(lab), []);
  assert.deepEqual(await arpAlone(lab), []);
  assert.deepEqual(await gatewayArp(lab), []);
});

Deno.test("an ICMP error about somebody else's flow is no way through, one about one's own is", async () => {
  await using lab = await startEverything();
  const errors = forgedErrors(lab);
  const all = errors.flatMap(({ name }) => [`${name}, IPv4`, `${name}, IPv6`]).sort();
  assert.deepEqual(await arrivingErrors(lab, errors), all, "without rules");
  const { text } = rulesetOf(everything);
  await lab.host.nft(text.replaceAll("ct state related jump related", ""));
  assert.deepEqual(await arrivingErrors(lab, errors), all, "without that rule");
  await lab.host.nft(text);
  assert.deepEqual(await arrivingErrors(lab, errors), []);
  assert.equal((await arrivingErrors(lab, honestErrors(lab))).length, 2);
});

Deno.test("a NIC that somebody adds to a domain's bridge by hand reaches nobody", async () => {
  await using lab = await Lab.start(built);
  await lab.host.nft(rulesetOf(built).text);
  const stranger = lab.agent("docker");
  await stranger.ip("link delete eth0");
  await lab.plug(stranger, "veth-stranger", "net-pro");
  await stranger.ip("address add 10.120.0.50/24 dev eth0", "route add default via 10.120.0.254");
  const refused = [
    await stranger.tcp(VICTIM.ip, 80),
    await stranger.udp(GATEWAY, 53),
    await stranger.tcp(SERVER, 80),
    await stranger.tcp("203.0.113.10", 80),
    await lab.agent("victim").tcp("10.120.0.50", 80),
  ];
  // It gets no further in the victim's name, and the victim keeps its port.
  await stranger.ip(
    "address flush dev eth0",
    "link set eth0 down",
    `link set eth0 address ${VICTIM.mac}`,
    "link set eth0 up",
    `address add ${VICTIM.ip}/24 dev eth0`,
    "route add default via 10.120.0.254",
  );
  refused.push(await stranger.udp(SERVER, 53), await stranger.udp(GATEWAY, 53));
  for (const { error } of refused) assert.match(error ?? "answered", /timeout|No route to host/);
  assert.equal((await lab.agent("victim").udp(SERVER, 53)).seen, VICTIM.ip);
});

Deno.test("a port that somebody plugs into a domain's bridge sends to nobody, nor by way of the host", async () => {
  await using lab = await startEverything();
  const { text } = rulesetOf(everything, everythingLive);
  await lab.host.nft(text.replace("chain from_domain {", "$&\niifname . oifname @own accept"));
  assert.deepEqual(
    await fromStranger(lab),
    lab.addresses("evil").map((each) =>
      `arrived: a stranger's packet to ${each} by way of the host`
    ),
  );
  await lab.host.nft(text);
  assert.deepEqual(await fromStranger(lab), []);
  assert.deepEqual(await lab.withoutBrNetfilter(() => fromStranger(lab)), []);
});

Deno.test("a declared bypass on a domain's bridge works when it says in full what it is", async () => {
  const device = {
    type: "nic",
    network: "net-pro",
    host_name: "akbypass",
    hwaddr: "10:66:6A:00:0B:01",
    "ipv4.address": "10.120.0.50",
  };
  const bypassed = buildInfra({
    domains: [
      { name: "pro", machines: ["victim"] },
      {
        name: "far",
        machines: [{ name: "server", devices: { eth1: device }, bypassesIsolation: ["eth1"] }],
      },
    ],
  });
  await using lab = await Lab.start(bypassed);
  await lab.host.nft(rulesetOf(bypassed).text);
  const guest = lab.agent("docker");
  await guest.ip("link delete eth0");
  await lab.plug(guest, "akbypass", "net-pro", "10:66:6a:00:0b:01");
  await guest.ip("address add 10.120.0.50/24 dev eth0", "route add default via 10.120.0.254");
  // A new port takes a moment.
  assert.equal((await guest.tcp("10.120.0.1", 80, { timeout: 3 })).seen, "10.120.0.50");
  assert.equal((await guest.udp(GATEWAY, 53, { timeout: 3 })).seen, "10.120.0.50");
  assert.equal((await guest.tcp("10.120.1.1", 80)).error, "timeout");
});
