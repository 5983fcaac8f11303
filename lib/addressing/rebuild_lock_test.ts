import assert from "node:assert/strict";
import { assignAddresses } from "./assign_addresses.ts";
import { sketchInfra } from "../infra/_infra_builder.ts";
import { type LiveAddresses, rebuildLock } from "./rebuild_lock.ts";

const UUID = "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00";
const INFRA = sketchInfra([
  { name: "pro", machines: ["pro-dev", "pro-web"] },
  { name: "constructor", machines: ["x"] },
  { name: "laboratory-of-everything", machines: ["y"] },
], { ipv6: true });
const ASSIGNED = assignAddresses(INFRA, undefined, { newUuid: UUID });

/** The state that Incus would report after an apply. */
const LIVE: LiveAddresses = {
  infraId: UUID,
  networks: [...ASSIGNED.addressing!.domains.values()].map(({ domain, bridge, gateway }) => ({
    name: bridge,
    domain,
    ipv4Address: `${gateway}/24`,
  })),
  nics: [...ASSIGNED.addressing!.machines.values()],
};

Deno.test("rebuildLock() finds in the live NICs what the lost lock held", () => {
  const lock = rebuildLock(INFRA, LIVE);
  assert.deepEqual(lock, ASSIGNED.lock);
  const again = assignAddresses(INFRA, lock, { newUuid: crypto.randomUUID() });
  assert.deepEqual(again.addressing, ASSIGNED.addressing);
});

Deno.test("rebuildLock() keeps an address that a fresh assignment would not give", () => {
  const nics = LIVE.nics.map((nic) =>
    nic.machine === "pro-web" ? { ...nic, ip: "10.120.2.77", hwaddr: "10:66:6a:00:00:01" } : nic
  );
  const { addressing } = assignAddresses(INFRA, rebuildLock(INFRA, { ...LIVE, nics }), {
    newUuid: crypto.randomUUID(),
  });
  assert.equal(addressing?.domains.get("pro")?.subnet, "10.120.2.0/24");
  assert.equal(addressing?.machines.get("pro-web")?.ip, "10.120.2.77");
  assert.equal(addressing?.machines.get("pro-web")?.hwaddr, "10:66:6a:00:00:01");
});

Deno.test("rebuildLock() remembers as freed what is live and no longer declared", () => {
  const fewer = sketchInfra([{ name: "pro", machines: ["pro-dev"] }]);
  const { lock } = assignAddresses(fewer, rebuildLock(fewer, LIVE), { newUuid: UUID });
  assert.deepEqual(lock?.freed, {
    subnets: ["10.120.0.0/24", "10.120.1.0/24"],
    addresses: ["10.120.2.2"],
  });
});

for (
  const [what, change] of [
    ["has no address", { ip: undefined }],
    ["has an address outside its domain", { ip: "10.120.9.2" }],
    ["has another machine's address", { ip: "10.120.2.1" }],
    ["has a malformed MAC", { hwaddr: "10:66:6A:00:00:01" }],
    ["has no name on the host", { hostName: undefined }],
    ["is in a project without a network", { domain: "other" }],
  ] as const
) {
  Deno.test(`rebuildLock() passes over a NIC that ${what}`, () => {
    const nics = LIVE.nics.map((nic) => nic.machine === "pro-web" ? { ...nic, ...change } : nic);
    const lock = rebuildLock(INFRA, { ...LIVE, nics });
    assert.deepEqual(Object.keys(lock.machines).sort(), ["pro-dev", "x", "y"]);
  });
}

Deno.test("rebuildLock() passes over a network that is no /24 of ours", () => {
  for (const ipv4Address of ["10.120.2.254/16", "none", "", "fd00::1/64", "10.120.255.254/24"]) {
    const networks = LIVE.networks.map((network) =>
      network.domain === "pro" ? { ...network, ipv4Address } : network
    );
    const lock = rebuildLock(INFRA, { ...LIVE, networks });
    assert.deepEqual(Object.keys(lock.domains).sort(), ["constructor", "laboratory-of-everything"]);
    assert.deepEqual(Object.keys(lock.machines).sort(), ["x", "y"]);
  }
});
