import assert from "node:assert/strict";
import pc from "picocolors";
import { type ProvisionOutcome, provisionReportText, provisionText } from "./provision.ts";

const style = { colors: pc.createColors(false), width: 80 };

Deno.test("provisionText() puts machines of one reason together", () => {
  const changed = ["role base_system changed"];
  const needs = ["a", "b", "c"].map((machine) => ({ machine, reasons: changed }));
  assert.equal(
    provisionText(needs, style),
    "\nto provision: 3 machines (role base_system changed)\n  > a, b, c\n",
  );
  assert.equal(
    provisionText([...needs, { machine: "d", reasons: ["never provisioned"] }], style),
    "\nto provision: 4 machines\n  > a, b, c (role base_system changed)\n  > d (never provisioned)\n",
  );
  assert.equal(provisionText([], style), "");
});

const host = (name: string, failed = 0) => ({
  host: name,
  ok: 12,
  changed: 3,
  failed,
  unreachable: 0,
  skipped: 0,
  seconds: 4.24,
});
const done: ProvisionOutcome = {
  status: "done",
  machines: ["pro-web", "pro-dev"],
  partial: false,
  succeeded: ["pro-dev", "pro-web"],
  failed: [],
  hosts: [host("pro-dev"), host("pro-web")],
  failures: [],
  degraded: [],
  stderr: "",
};

Deno.test("provisionReportText() is one table and one sentence when all went well", () => {
  assert.equal(
    provisionReportText(done, style),
    `
MACHINE  OK  CHANGED  FAILED  UNREACHABLE  TIME
pro-dev  12        3       0            0   4.2 s
pro-web  12        3       0            0   4.2 s

Provisioned: 2 machines.
`,
  );
});

Deno.test("provisionReportText() says once what failed where, and who was never reached", () => {
  const failure = (name: string, message: string) =>
    ({ host: name, kind: "failed", task: "web : Start", message }) as const;
  const text = provisionReportText({
    ...done,
    status: "failed",
    machines: ["a", "b", "c"],
    failed: ["a", "b", "c"],
    hosts: [host("a", 1), host("b", 1)],
    failures: [
      failure("a", "first"),
      failure("a", "no port\n\nleft\u001b[31m"),
      failure("b", "no port\n\nleft\u001b[31m"),
    ],
    degraded: [{ host: "a", units: ["x.service"] }],
  }, style);
  assert.equal(
    text,
    `
MACHINE  OK           CHANGED  FAILED  UNREACHABLE  TIME
a        12                 3       1            0   4.2 s
b        12                 3       1            0   4.2 s
c        not reached

degraded  a runs, but systemd says degraded: x.service failed
failed  a, b, in web : Start:
    no port
    left\\u001b[31m
Provisioning failed: a, b, c.
\`anklume apply\` provisions unfinished machines again.
`,
  );
});

Deno.test("provisionReportText() says how a fact is read, where a role took it for a variable", () => {
  const message = "Task failed: 'ansible_distribution' is undefined";
  const text = provisionReportText({
    ...done,
    status: "failed",
    machines: ["a"],
    failed: ["a"],
    hosts: [host("a", 1)],
    failures: [{ host: "a", kind: "failed", task: "web : Start", message }],
    degraded: [],
  }, style);
  assert.match(text, /write ansible_facts\['distribution'\] in the\s+role/);
});
