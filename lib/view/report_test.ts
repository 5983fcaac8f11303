import assert from "node:assert/strict";
import pc from "picocolors";
import type { ApplyReport } from "../apply/event.ts";
import { eventLine, reportText } from "./report.ts";

const plain = { colors: pc.createColors(false), width: 80 };
const machine = { kind: "instance", name: "pro-dev", project: "pro" } as const;
const network = { kind: "network", name: "net-pro" } as const;

Deno.test("reportText() of a clean run is one line", () => {
  const report: ApplyReport = {
    done: [{ addr: network, action: "create", ms: 600 }, {
      addr: machine,
      action: "update",
      ms: 5,
    }],
    failed: [],
    skipped: [],
    interrupted: false,
  };
  assert.equal(reportText(report, plain, "anklume apply"), "Done: 1 created, 1 updated.\n");
});

Deno.test("reportText() tells what failed in Incus's words, what was left out, and what to type", () => {
  const report: ApplyReport = {
    done: [],
    failed: [{
      addr: network,
      action: "create",
      message: "Cannot create network net-pro: Incus answered 400: The address is in use already",
    }],
    skipped: [
      { addr: machine, action: "create", because: "network net-pro" },
      { addr: machine, action: "replace", because: "protected: needs --force" },
      { addr: machine, action: "create", because: "interrupted" },
    ],
    interrupted: true,
  };
  const text = reportText(report, plain, "anklume apply");
  assert.equal(
    text,
    `Failed: 1 resource.
  network net-pro
      Cannot create network net-pro: Incus answered 400: The address is in use
      already
Not done: 3 resources.
  instance pro/pro-dev: network net-pro failed
  instance pro/pro-dev: protected: needs --force
  instance pro/pro-dev: interrupted before its turn
Interrupted: operations that were running have finished.
Fix the cause, then run \`anklume apply\` again: it continues where it stopped.
`,
  );
});

Deno.test("eventLine() is a line for a log: no percentages, no control characters", () => {
  const at = 0;
  assert.equal(
    eventLine({ type: "done", at, addr: machine, action: "create", ms: 1200 }, plain),
    "  created instance pro/pro-dev  1.2 s",
  );
  assert.equal(
    eventLine({ type: "progress", at, addr: machine, text: "downloading 40%" }, plain),
    undefined,
  );
  assert.equal(
    eventLine({ type: "started", at, addr: machine, action: "create" }, plain),
    undefined,
  );
  const message = "\u001b[2Jgone";
  const failed = eventLine(
    { type: "failed", at, addr: machine, action: "create", ms: 1, message },
    plain,
  );
  assert.equal(failed, "  FAILED instance pro/pro-dev: \\u001b[2Jgone");
});
