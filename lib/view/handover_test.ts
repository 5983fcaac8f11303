import assert from "node:assert/strict";
import pc from "picocolors";
import { handoverView } from "./handover.ts";

const plain = { colors: pc.createColors(false), width: 80 };
const site = { project: "lab", infraId: "0b1c", workspace: "/srv/lab", binary: "/usr/bin/anklume" };
const good = { units: "in-place", enabled: "enabled", active: "active", mailbox: true } as const;

Deno.test("handoverView says that the host listens, and what systemd says", () => {
  assert.equal(
    handoverView.text({ site, state: good, listens: true }, plain),
    `listens for the admin container of lab
  units      in-place
  systemd    enabled, active
  workspace  ready
`,
  );
});

Deno.test("handoverView names the repair where the host does not listen", () => {
  const state = { ...good, units: "missing", enabled: undefined, active: undefined } as const;
  const text = handoverView.text({ site, state, listens: false }, plain);
  assert.match(text, /^does not listen .*\n/);
  assert.match(text, /systemd {4}not on this host\n/);
  assert.match(text, /`anklume host install`, as root, repairs it\.\n$/);
});

Deno.test("handoverView gives programs the site and the state in one object", () => {
  assert.deepEqual(JSON.parse(handoverView.json({ site, state: good, listens: true })), {
    format: 1,
    project: "lab",
    workspace: "/srv/lab",
    binary: "/usr/bin/anklume",
    listens: true,
    ...good,
  });
});
