import assert from "node:assert/strict";
import { assignBridges } from "./assign_names.ts";
import { sketchInfra } from "../infra/_infra_builder.ts";
import { bridgeName, hardwareAddress, portName } from "./interface_names.ts";

Deno.test("bridgeName() gives the whole name as long as it fits an interface", () => {
  assert.equal(bridgeName("pro", new Set()), "net-pro");
  assert.equal(bridgeName("elevenchars", new Set()), "net-elevenchars");
});

Deno.test("bridgeName() shortens a longer name to 15 characters, always the same ones", () => {
  const short = bridgeName("twelve-chars", new Set());
  assert.match(short, /^net-twelv-[0-9a-z]{5}$/);
  assert.equal(bridgeName("twelve-chars", new Set()), short);
  assert.notEqual(bridgeName("twelve-chart", new Set()), short);
});

Deno.test("interface names and MACs that somebody has are not given again", () => {
  for (
    const make of [
      (taken: Set<string>) => bridgeName("pro", taken),
      (taken: Set<string>) => bridgeName("laboratory-of-everything", taken),
      (taken: Set<string>) => hardwareAddress("infra", "m", taken),
      (taken: Set<string>) => portName("infra", "m", taken),
    ]
  ) {
    const taken = new Set<string>();
    const names = Array.from({ length: 20 }, () => make(taken));
    assert.equal(new Set(names).size, 20);
    assert.deepEqual(taken, new Set(names));
    for (const name of names) assert.ok(name.length <= 15 || name.includes(":"), name);
  }
});

Deno.test("hardwareAddress() and portName() differ between infras and between machines", () => {
  for (const make of [hardwareAddress, portName]) {
    const one = make("a", "m", new Set());
    assert.equal(make("a", "m", new Set()), one);
    assert.notEqual(make("b", "m", new Set()), one);
    assert.notEqual(make("a", "n", new Set()), one);
  }
});

Deno.test("assignBridges() leaves its own name to a domain that is called like another's short form", () => {
  const long = "laboratory-of-everything";
  const twin = bridgeName(long, new Set()).slice("net-".length);
  assert.equal(twin.length, 11);
  for (const names of [[long, twin], [twin, long]]) {
    const bridges = assignBridges(sketchInfra(names.map((name) => ({ name }))).domains, undefined);
    assert.equal(bridges.get(twin), `net-${twin}`);
    assert.notEqual(bridges.get(long), `net-${twin}`);
  }
});
