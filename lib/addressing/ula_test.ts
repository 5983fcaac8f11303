import assert from "node:assert/strict";
import fc from "fast-check";
import { Address6 } from "ip-address";
import { ulaAddress, ulaOf } from "./ula.ts";

Deno.test("ulaOf() takes 40 bits from the infra and 16 from the IPv4 subnet", () => {
  const { subnet, gateway } = ulaOf("6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00", "10.120.3.0/24");
  assert.equal(subnet, "fd67:f794:328e:7803::/64");
  assert.equal(gateway, "fd67:f794:328e:7803::254");
});

Deno.test("ulaOf() leaves zeros that touch the `::` out", () => {
  const infra = "6f1c0c64-5a34-4d6e-9c55-0d4f3a2b1c00";
  assert.deepEqual(ulaOf(infra, "10.0.0.0/24"), {
    subnet: "fd67:f794:328e::/64",
    gateway: "fd67:f794:328e::254",
  });
  assert.equal(ulaAddress(infra, "10.0.0.7"), "fd67:f794:328e::7");
});

Deno.test("ulaOf() and ulaAddress() write addresses in their canonical form, in one /64", () => {
  fc.assert(fc.property(fc.uuid(), fc.nat(255), fc.nat(254), fc.nat(98), (uuid, zone, third, n) => {
    const network = `10.${zone}.${third}`;
    const { subnet, gateway } = ulaOf(uuid, `${network}.0/24`);
    const address = ulaAddress(uuid, `${network}.${n + 1}`);
    const whole = new Address6(subnet);
    assert.equal(`${whole.correctForm()}/64`, subnet);
    for (const text of [gateway, address]) {
      assert.equal(new Address6(text).correctForm(), text);
      assert.ok(new Address6(text).isInSubnet(whole), `${text} in ${subnet}`);
    }
    assert.ok(address.endsWith(`::${n + 1}`));
  }));
});

Deno.test("ulaOf() gives two infras two prefixes, in all 40 bits", () => {
  const groups = Array.from({ length: 64 }, (_, index) => ulaOf(`infra-${index}`, "10.1.1.0/24"))
    .map(({ subnet }) => subnet.split(":").slice(0, 3).map((group) => parseInt(group, 16)));
  for (const [group, width] of [[0, 8], [1, 16], [2, 16]] as const) {
    for (let bit = 0; bit < width; bit++) {
      const ones = groups.filter((parts) => (parts[group]! >> bit) & 1).length;
      assert.ok(ones > 8 && ones < 56, `bit ${bit} of group ${group} is one ${ones} times of 64`);
    }
  }
});
