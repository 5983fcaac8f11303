import assert from "node:assert/strict";
import type { Move } from "../plan/plan.ts";
import type { DesiredInstance } from "../resource/instance.ts";
import { MARK } from "../resource/mark.ts";
import { putBack, takeOut } from "./detach_volumes.ts";

const eth0 = { type: "nic", network: "net-two" };
const data = { type: "disk", pool: "default", source: "web-data", path: "/data", shift: "true" };
const theirs = { ...data, path: "/again" };
const other = { type: "disk", pool: "second", source: "web-data", path: "/other" };
const moved = { pool: "second", source: "www-data" };
const volume = (name: string, pool: string) => ({ kind: "volume" as const, name, pool });
const move: Move = { from: volume("web-data", "default"), to: volume("www-data", "second") };
const desired = {
  devices: { "vol-data": { type: "disk", path: "/data", ...moved } },
} as unknown as DesiredInstance;
const detached = { "vol-data": { "vol-data": data, theirs } };

Deno.test("takeOut() takes what leads to a volume that moves, and adds it to what is out already", () => {
  assert.deepEqual(takeOut({ eth0, "vol-data": data, theirs, other }, {}, desired, [move]), {
    devices: { eth0, other },
    detached,
  });
  const late = { type: "disk", pool: "default", source: "web-data", path: "/late" };
  assert.deepEqual(takeOut({ late }, detached, desired, [move]).detached, {
    "vol-data": { "vol-data": data, theirs, late },
  });
  assert.equal(takeOut({ eth0, other }, detached, desired, [move]).detached, undefined);
});

Deno.test("putBack() lets the devices lead to where the volume is now, with what others set on them", () => {
  const config = { [MARK.detached]: JSON.stringify(detached), [MARK.masked]: "eth0,proxy" };
  const devices = { eth0: { type: "none" }, proxy: { type: "none" }, own: { type: "none" }, other };
  assert.deepEqual(putBack(devices, config, new Map([["vol-data", moved]])), {
    "vol-data": { ...data, ...moved },
    theirs: { ...theirs, ...moved },
    own: { type: "none" },
    other,
  });
  // The present devices count. Devices of a volume that is no longer declared are not restored.
  assert.deepEqual(
    putBack({ theirs: other }, config, new Map([["vol-data", moved]])).theirs,
    other,
  );
  assert.deepEqual(putBack({ other }, config, new Map()), { other });
  assert.deepEqual(putBack({ other }, { [MARK.detached]: "damaged{" }, new Map()), { other });
});
