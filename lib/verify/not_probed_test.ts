import assert from "node:assert/strict";
import { parseInfra } from "../infra/parse_infra.ts";
import type { Result } from "./judge.ts";
import { notProbed } from "./not_probed.ts";

const TEXT = `
project_name: home
domains:
  pro: { machines: { pro-a: {}, pro-b: {} } }
  print: { machines: { printer: { publish: [{ host: 2207, to: 22 }] } } }
  empty: {}
network_policies:
  - { from: pro, to: printer, ports: [631] }
  - { from: pro, to: 192.0.2.0/24, ports: [80] }
  - { from: outside, to: printer, ports: [9100] }
  - { from: empty, to: printer, ports: [80] }
  - { from: pro-b, to: print, ports: [9] }
`;

function infraOf(text: string) {
  const { infra, diagnostics } = parseInfra([{ file: "infra.yml", text }]);
  return infra ?? assert.fail(JSON.stringify(diagnostics));
}

const result = (policies: readonly string[], unknown = false): Result => ({
  probe: {
    n: 0,
    from: { kind: "machine", machine: "pro-a", domain: "pro" },
    to: { kind: "machine", machine: "printer", domain: "print" },
    family: 4,
    address: "10.0.0.1",
    protocol: "tcp",
    port: 631,
    expected: "open",
    policies,
  },
  outcome: { arrived: true, answered: true, accepted: true, unsent: false },
  unknown,
});

Deno.test("notProbed() names each policy and published port that no packet was about, and why", () => {
  const infra = infraOf(TEXT);
  const running = new Set(["pro-a", "printer"]);
  const seen = notProbed(infra, [result(["policy-1"])], {
    running,
    limited: false,
    failed: new Set(),
  });
  assert.equal(seen.probed, 1);
  assert.deepEqual(
    seen.notProbed.map(({ policy, why, need }) => [
      policy?.id,
      need && `${need.flow.from} ${need.flow.to} ${need.flow.service.port}`,
      /no packets|begins outside|opens nothing|is not running/.exec(why)?.[0],
    ]),
    [
      ["policy-2", "pro-a 192.0.2.0/24 80", "no packets"],
      ["policy-3", "outside printer 9100", "begins outside"],
      ["policy-4", undefined, "opens nothing"],
      ["policy-5", "pro-b printer 9", "is not running"],
      [undefined, "outside host 2207", "begins outside"],
    ],
  );
});

Deno.test("notProbed() counts no probe of which nobody can tell what became of it", () => {
  const infra = infraOf(TEXT);
  const seen = notProbed(infra, [result(["policy-1"], true)], {
    running: new Set(["pro-a", "printer"]),
    limited: true,
    failed: new Set(),
  });
  assert.equal(seen.probed, 0);
  assert.match(seen.notProbed[0]?.why ?? "", /could not be seen/);
  const why = (...failed: string[]) =>
    notProbed(infra, [], {
      running: new Set(["pro-a", "printer"]),
      limited: true,
      failed: new Set(failed),
    }).notProbed[0]?.why ?? "";
  assert.match(why(), /--domain/);
  assert.equal(why("printer"), "printer could not be probed");
});
