/**
 * Compares the model of the kernel's routing with the kernel: random rules and tables in a separate
 * network namespace, and `ip route get` for packets that differ in address, source, interface, mark
 * and user.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIpRouting } from "../../lib/addressing/host_networks.ts";
import { ipObjects } from "../../lib/addressing/ip_json.ts";
import { ipBlock } from "../../lib/addressing/ip_block.ts";
import { KernelRoutes, type RouteChoice } from "../../lib/addressing/kernel_route.ts";

const RUNS = 30;
const TABLES = ["main", "52", "100"];
const DEVICES = ["d0", "d1", "d2"];

/** The same plan of addresses in both families. */
const FAMILIES = {
  4: {
    nets: ["default", "10.1.0.0/16", "10.1.2.0/24", "10.1.2.128/25", "10.1.2.5/32"],
    targets: ["10.1.2.5", "10.1.2.6", "10.1.2.200", "10.1.9.1", "203.0.113.9"],
    sources: ["192.0.2.1", "198.51.100.1"],
    beyond: ["172.16.0.9", "172.17.0.9"],
    setup: `ip addr add 192.0.2.1/32 dev lo; ip addr add 198.51.100.1/32 dev lo
      sysctl -qw net.ipv4.ip_forward=1`,
  },
  6: {
    nets: ["default", "fd01::/48", "fd01:0:0:2::/64", "fd01:0:0:2:8000::/65", "fd01:0:0:2::5/128"],
    targets: [
      "fd01:0:0:2::5",
      "fd01:0:0:2::6",
      "fd01:0:0:2:8000::7",
      "fd01:0:0:9::1",
      "2001:db8::9",
    ],
    sources: ["2001:db8:1::1", "2001:db8:2::1"],
    beyond: ["2001:db8:3::9", "2001:db8:4::9"],
    setup: `ip addr add 2001:db8:1::1/128 dev lo; ip addr add 2001:db8:2::1/128 dev lo
      sysctl -qw net.ipv6.conf.all.forwarding=1`,
  },
} as const;

/**
 * The parts of a rule, as arguments of `ip rule add`; `S` and `N` stand for a source and a network.
 */
const RULE = fc.record({
  pref: fc.integer({ min: 1, max: 40_000 }),
  not: fc.boolean(),
  selectors: fc.subarray(["from", "to", "fwmark", "iif", "uidrange", "ipproto"] as const, {
    maxLength: 2,
  }),
  net: fc.nat(4),
  source: fc.nat(3),
  mark: fc.constantFrom("1", "2", "1/0xf"),
  iif: fc.constantFrom("lo", "d1"),
  action: fc.constantFrom(
    ...[
      "lookup 52",
      "lookup 52",
      "lookup 100",
      "lookup main",
      "blackhole",
      "unreachable",
      "prohibit",
    ],
    ...["lookup main suppress_prefixlength 0", "lookup 52 suppress_prefixlength 16", "goto"],
  ),
  ahead: fc.integer({ min: 1, max: 30_000 }),
});

const ROUTE = fc.record({
  net: fc.nat(4),
  table: fc.constantFrom(...TABLES),
  dev: fc.constantFrom(...DEVICES),
  metric: fc.constantFrom(0, 10, 20),
  type: fc.constantFrom("", "", "", "", "throw", "blackhole", "unreachable", "prohibit"),
});

type Rule = typeof RULE extends fc.Arbitrary<infer T> ? T : never;
type Route = typeof ROUTE extends fc.Arbitrary<infer T> ? T : never;

interface Question {
  readonly to: string;
  readonly from?: string;
  readonly iif?: string;
  readonly mark?: number;
  readonly uid?: number;
}

function ruleWords(rule: Rule, family: 4 | 6): string {
  const { nets, sources, beyond } = FAMILIES[family];
  const words = rule.selectors.map((selector) =>
    ({
      from: `from ${[...sources, ...beyond][rule.source]}`,
      to: `to ${nets[rule.net] === "default" ? nets[1] : nets[rule.net]}`,
      fwmark: `fwmark ${rule.mark}`,
      iif: `iif ${rule.iif}`,
      uidrange: "uidrange 1000-1999",
      ipproto: "ipproto tcp",
    })[selector]
  );
  const action = rule.action === "goto" ? `goto ${rule.pref + rule.ahead}` : rule.action;
  const not = rule.not && words.length > 0 ? "not " : "";
  return `rule add pref ${rule.pref} ${not}${words.join(" ")} ${action}`;
}

function routeWords({ net, table, dev, metric, type }: Route, family: 4 | 6): string {
  const where = type === "" ? `dev ${dev}` : "";
  // The kernel's default for IPv6 is printed in each line of `ip`, and 0 would be that.
  return `route add ${type} ${FAMILIES[family].nets[net]} ${where} table ${table} metric ${
    metric + 1
  }`;
}

function questionWords({ to, from, iif, mark, uid }: Question): string {
  return [
    `route get ${to}`,
    from === undefined ? "" : `from ${from}`,
    iif === undefined ? "" : `iif ${iif}`,
    mark === undefined ? "" : `mark ${mark}`,
    uid === undefined ? "" : `uid ${uid}`,
  ].join(" ");
}

function questionsOf(family: 4 | 6): Question[] {
  const { targets, sources, beyond } = FAMILIES[family];
  return targets.flatMap((to): Question[] => [
    { to },
    { to, mark: 1 },
    { to, mark: 2, from: sources[0] },
    { to, uid: 1500 },
    { to, from: sources[1] },
    ...beyond.map((from) => ({ to, from, iif: "d1" })),
    { to, from: beyond[0], iif: "d2", mark: 1 },
  ]);
}

/** Sets everything up in a namespace and returns what `ip` prints of it, and of each question. */
async function ask(rules: readonly Rule[], routes: readonly Route[], family: 4 | 6) {
  const lay = [
    ...routes.map((each) => routeWords(each, family)),
    ...rules.map((each) => ruleWords(each, family)),
  ];
  const questions = questionsOf(family);
  const script = `
    exec 2>/dev/null
    ip link set lo up
    for d in ${DEVICES.join(" ")}; do ip link add $d type bridge; ip link set $d up; done
    for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 > $f; done
    ${FAMILIES[family].setup}
    ip -${family} -force -batch - <<'X'\n${lay.join("\n")}\nX
    printf 'route show table all\\nrule show\\n' | ip -${family} -json -force -batch -
    echo ----
    ip -${family} -json -force -batch - 2>&1 <<'X'\n${questions.map(questionWords).join("\n")}\nX
  `;
  const command = new Deno.Command("unshare", {
    args: ["-n", "bash", "-c", script],
    stdin: "null",
  });
  const { stdout } = await command.output();
  const [routing = "", said = ""] = new TextDecoder().decode(stdout).split("----\n");
  const lines = said.split("\n").filter((line) => line !== "");
  const failed = new Set(
    lines.flatMap((line) => /^Command failed -:(\d+)$/.exec(line)?.[1] ?? []).map(Number),
  );
  const told = lines.filter((line) => line.startsWith("["));
  const answers = questions.map((question, i) => ({
    question,
    answer: failed.has(i + 1) ? "none" : told.shift() ?? assert.fail(said),
  }));
  assert.deepEqual(told, [], said);
  return { routing, answers };
}

/** Returns `d1`, `local` or `none`, as the kernel answered. */
function outcomeOf(answer: string): string {
  if (answer === "none") return "none";
  const [route] = ipObjects(answer, "ip route get");
  const type = route?.["type"];
  if (type === "local") return "local";
  return type === undefined || type === "unicast" ? String(route?.["dev"]) : "none";
}

function wordOf({ kind, route }: RouteChoice): string {
  if (kind === "device") return route?.dev ?? "none";
  return kind === "local" ? "local" : "none";
}

for (const family of [4, 6] as const) {
  Deno.test(`KernelRoutes finds the way that the kernel takes, IPv${family}`, async () => {
    let [certain, uncertain] = [0, 0];
    const outcomes = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(RULE, { maxLength: 5 }),
        fc.array(ROUTE, { minLength: 1, maxLength: 10 }),
        async (rules, routes) => {
          const { routing, answers } = await ask(rules, routes, family);
          const model = new KernelRoutes(parseIpRouting(routing), family);
          for (const { question, answer } of answers) {
            const { to, from, iif = "lo", mark = 0, uid = 0 } = question;
            const source = from === undefined ? undefined : ipBlock(from);
            const choices = model.choices({
              to: ipBlock(to)!,
              ...(source === undefined ? {} : { from: source }),
              iif,
              mark,
              uid,
            });
            const words = choices.map(wordOf);
            const said = outcomeOf(answer);
            outcomes.add(said);
            const what = `${questionWords(question)}: ${answer}\n${routing}`;
            if (choices.length === 1) {
              certain++;
              assert.equal(words[0], said, what);
            } else {
              uncertain++;
              assert.ok(words.includes(said), `${words} has no ${said}: ${what}`);
            }
          }
        },
      ),
      { numRuns: RUNS, seed: 16, endOnFailure: true },
    );
    // Each outcome must occur.
    assert.deepEqual([...outcomes].sort(), ["d0", "d1", "d2", "none"]);
    assert.ok(certain > 500, `${certain} certain`);
    assert.ok(uncertain > 20, `${uncertain} uncertain`);
  });
}
