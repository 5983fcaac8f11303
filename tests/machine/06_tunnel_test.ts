/** WireGuard for one domain alone, and a VLAN that carries the default route. `scripts/test machine`; the rules alone: tests/nftables. */
import assert from "node:assert/strict";
import { eventually, REPOSITORY } from "../e2e/_lab.ts";
import { attempt, onMachine, type Workspace } from "./_machine.ts";
import { findings, hostAnswer, inContainer, OUTSIDE, OUTSIDE_PORT } from "./_traffic.ts";
import { left, standing, tunnel } from "./_ways.ts";

/** A provider of VPNs and of VLANs in a namespace, which has the address of the outside's server too, and says `far`. */
const PROVIDER = `
ip netns add far
ip -n far link set lo up
ip -n far address add ${OUTSIDE}/32 dev lo
ip link add under0 type veth peer name under1 netns far
ip address add 192.0.2.1/30 dev under0; ip link set under0 up
ip -n far address add 192.0.2.2/30 dev under1; ip -n far link set under1 up
ip link add up0 type veth peer name up1 netns far
ip link set up0 up; ip -n far link set up1 up
ip link add link up0 name up0.20 type vlan id 20
ip -n far link add link up1 name up1.20 type vlan id 20
ip address add 192.0.2.5/30 dev up0.20; ip link set up0.20 up
ip -n far address add 192.0.2.6/30 dev up1.20; ip -n far link set up1.20 up

umask 077; mkdir -p /etc/wireguard; cd /etc/wireguard
wg genkey >here.key; wg genkey >far.key
ip -n far link add wg1 type wireguard
ip netns exec far wg set wg1 private-key far.key listen-port 51820 \
  peer $(wg pubkey <here.key) allowed-ips 10.64.0.2/32
ip -n far address add 10.64.0.1/24 dev wg1; ip -n far link set wg1 up
configuration() {
  printf '[Interface]\nAddress = 10.64.0.2/32\nPrivateKey = %s\n' "$(cat here.key)"
  printf '%s\n' "$@"
  printf '[Peer]\nPublicKey = %s\nEndpoint = 192.0.2.2:51820\nAllowedIPs = 0.0.0.0/0\n' "$(wg pubkey <far.key)"
}
configuration >whole.conf
configuration 'Table = 77' 'PostUp = ip rule add iif net-tunnel lookup 77' \
  'PostDown = ip rule del iif net-tunnel lookup 77' >split.conf

systemd-run -q --unit=far-answer -p NetworkNamespacePath=/run/netns/far \
  python3 /root/answer.py --name far --tcp ${OUTSIDE_PORT}
systemd-run -q --unit=far-names -p NetworkNamespacePath=/run/netns/far \
  dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user=root \
  --bind-interfaces --interface=wg1 --address=/far.test/${OUTSIDE}

nft 'table netdev leak {
  counter left {}
  chain out { type filter hook egress device "uplink0" priority 0; ip daddr ${OUTSIDE} counter name left; }
}'
`;

/** The same beside that provider. */
async function provided(): Promise<Workspace> {
  const workspace = await standing();
  const program = await Deno.readTextFile(`${REPOSITORY}/scripts/hosts/answer.py`);
  await onMachine("cat >/root/answer.py", program);
  if ((await attempt("ip netns list | grep -q '^far'")).code !== 0) await onMachine(PROVIDER);
  return workspace;
}

const name = (domain: string, machine: string) =>
  inContainer(
    domain,
    machine,
    "timeout 20 getent ahostsv4 far.test | head -n 1 | cut -d' ' -f1 || :",
  );

/** Packets to that address that went out by the uplink, and counts from zero again. */
async function leaked(): Promise<number> {
  const text = await onMachine("nft reset counter netdev leak left");
  return Number(/packets (\d+)/.exec(text)?.[1] ?? assert.fail(text));
}

/** `wg-quick` by that configuration; the interface is called wg0. */
const up = (kind: string) =>
  onMachine(`cd /etc/wireguard; cp ${kind}.conf wg0.conf; wg-quick up wg0 2>&1`);
const down = () => attempt("wg-quick down wg0 2>&1");

Deno.test("a domain behind WireGuard goes there and nowhere else", async (t) => {
  const workspace = await provided();
  const nothing = async () => {
    await leaked();
    assert.equal(await tunnel(), undefined);
    assert.equal(await name("tunnel", "tunnel-a"), "");
    assert.equal(await leaked(), 0);
  };
  try {
    await t.step("before there is a tunnel it has no way out, though the host has", async () => {
      await nothing();
      // What would leak is counted.
      assert.match(await hostAnswer(OUTSIDE, OUTSIDE_PORT) ?? "", /^outside/);
      assert.notEqual(await leaked(), 0);
      const said = (await findings(workspace)).filter(({ check }) => check === "interfaces");
      assert.match(said.map(({ detail }) => detail).join(), /wg0/);
    });

    await t.step(
      "split: the domain by the tunnel, another by the uplink, at the same time",
      async () => {
        await up("split");
        await eventually(
          "the tunnel leads",
          async () => (await tunnel()) === "far from 10.64.0.2",
          60,
        );
        await leaked();
        assert.equal(await tunnel(), "far from 10.64.0.2");
        assert.equal(await name("tunnel", "tunnel-a"), `${OUTSIDE}\n`);
        assert.equal(await leaked(), 0);
        assert.equal(await left(), "outside from 198.51.100.2");
        assert.notEqual(await leaked(), 0);
        await workspace.anklume("network verify");
        assert.match(await workspace.anklume("check"), /as declared/);
      },
    );

    await t.step(
      "with the tunnel down nothing leaks, and it is back without an apply",
      async () => {
        // The domain's own table is empty then, and main leads to the uplink.
        await onMachine("ip link set wg0 down");
        assert.match(
          await onMachine(
            "ip route get 203.0.113.10 from 10.0.0.1 iif lo 2>&1 || ip route get 203.0.113.10",
          ),
          /uplink0/,
        );
        await nothing();
        assert.equal(await left(), "outside from 198.51.100.2");
        await onMachine("ip link set wg0 up; ip route replace default dev wg0 table 77");
        assert.equal(await tunnel(), "far from 10.64.0.2");
        await down();
        await nothing();
      },
    );

    await t.step(
      "the whole host through it, as wg-quick does: who may not use it is stopped, and told",
      async () => {
        await up("whole");
        await eventually(
          "the tunnel leads",
          async () => (await tunnel()) === "far from 10.64.0.2",
          60,
        );
        assert.match(await hostAnswer(OUTSIDE, OUTSIDE_PORT) ?? "", /^far/);
        await leaked();
        assert.equal(await left(), undefined);
        assert.equal(await leaked(), 0);
        const bad = (await findings(workspace)).filter(({ state }) => state === "bad");
        assert.deepEqual(
          [...new Set(bad.map(({ check }) => check))],
          ["uplink"],
          JSON.stringify(bad),
        );
        assert.match(bad.map(({ detail }) => detail).join(), /left.*wg0/);
        await down();
        await nothing();
        assert.equal(await left(), "outside from 198.51.100.2");
      },
    );
  } finally {
    await down();
  }
});

Deno.test("a VLAN carries the default route: it is the outside, without an apply", async () => {
  const workspace = await provided();
  assert.equal(await left(), "outside from 198.51.100.2");
  await onMachine("ip route replace default via 192.0.2.6 dev up0.20");
  try {
    assert.equal(await left(), "far from 192.0.2.5");
    assert.equal(await tunnel(), undefined);
    assert.match(await workspace.anklume("check"), /as declared/);
    await workspace.anklume("network verify");
    const [uplink] = (await findings(workspace)).filter(({ check }) => check === "uplink");
    assert.equal(uplink?.state, "ok");
    assert.match(uplink?.detail ?? "", /up0\.20/);
  } finally {
    await onMachine("ip route del default dev up0.20; networkctl reconfigure uplink0");
  }
  await eventually(
    "the uplink is back",
    async () => (await left()) === "outside from 198.51.100.2",
    60,
  );
});

Deno.test("at the end nothing stays behind", async () => {
  const workspace = await standing();
  await onMachine(
    `systemctl stop far-answer far-names 2>/dev/null || :; nft delete table netdev leak || :; ip netns del far || :
    ip link del under0 2>/dev/null || :; ip link del up0 2>/dev/null || :; rm -rf /etc/wireguard/* /root/answer.py`,
  );
  await workspace.destroy();
});
