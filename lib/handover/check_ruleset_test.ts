import assert from "node:assert/strict";
import { readTemplates } from "../nftables/template.ts";
import { aPlace } from "./_place.ts";
import { checkRuleset, refuseReach } from "./check_ruleset.ts";
import { RefusedRuleset } from "./refused_ruleset.ts";

const CASES = new URL("../../tests/testdata/", import.meta.url);
const templates = readTemplates();

interface Golden {
  readonly name: string;
  readonly text: string;
  readonly project: string;
  readonly infraId: string;
}

async function golden(): Promise<Golden[]> {
  const found: Golden[] = [];
  for await (const { name } of Deno.readDir(CASES)) {
    const text = await Deno.readTextFile(new URL(`${name}/ruleset.nft`, CASES)).catch(() => "");
    const project = /^# Firewall of the infra "([^"]+)"/.exec(text)?.[1];
    const infraId = /comment "anklume \d+ ([0-9a-f-]{36})"/.exec(text)?.[1];
    if (project !== undefined && infraId !== undefined) {
      found.push({ name, text, project, infraId });
    }
  }
  return found;
}

function check(text: string, each: Golden): string {
  const checked = checkRuleset(text, each, templates);
  // As the host itself loaded it before: tun0 may be missing now.
  const rules = [{ project: each.project, text: each.text }];
  refuseReach(checked, aPlace(each, { rules }));
  return checked.text;
}

Deno.test("checkRuleset() takes every ruleset that the renderer writes", async () => {
  const cases = await golden();
  assert.ok(cases.length >= 3);
  for (const each of cases) {
    assert.equal(check(each.text, each), each.text, each.name);
  }
});

/** Changes only the table `arp`. */
function inArp(text: string, what: RegExp, instead: string): string {
  const start = text.lastIndexOf("\ntable arp ");
  return text.slice(0, start) + text.slice(start).replace(what, instead);
}

/** Rulesets that a compromised admin container might hand over. */
const MALICIOUS: readonly (readonly [what: string, change: (text: string) => string])[] = [
  ["another table beside ours", (text) => `${text}\ntable inet filter {\n}\n`],
  ["a flush of everything", (text) => `flush ruleset\n${text}`],
  ["somebody else's table deleted", (text) => `delete table ip foreign_docker\n${text}`],
  ["an include", (text) => `include "/etc/shadow"\n${text}`],
  ["a definition", (text) => `define x = 1\n${text}`],
  [
    "a rule of its own",
    (text) => text.replace("\tchain forward {", "\tchain forward {\n\t\taccept"),
  ],
  [
    "a chain of its own",
    (text) => text.replace("\tchain forward {", "\tchain mine {\n\t}\n\n\tchain forward {"),
  ],
  ["a policy turned", (text) => text.replace("policy accept;", "policy drop;")],
  ["an earlier hook", (text) => text.replace("priority filter - 10", "priority filter - 300")],
  ["a drop taken out", (text) => text.replace("\t\tcounter drop\n", "")],
  ["another infra's mark", (text) => text.replace(/(anklume \d+ )[0-9a-f]{8}/g, "$1ffffffff")],
  [
    "a set of its own",
    (text) =>
      text.replace("\tset bridges {", "\tset mine {\n\t\ttype ifname\n\t}\n\n\tset bridges {"),
  ],
  [
    "a set with a timeout",
    (text) =>
      text.replace(
        "\tset bridges {\n\t\ttype ifname",
        "\tset bridges {\n\t\ttype ifname\n\t\ttimeout 1s",
      ),
  ],
  [
    "elements twice",
    (text) =>
      text.replace(
        /(\tset bridges \{\n.*?\n\t\t\}\n)/s,
        '$1\t\telements = {\n\t\t\t"eth0"\n\t\t}\n',
      ),
  ],
  [
    "an end of a set inside an element",
    (text) => text.replace(/\t\t\t"net-/, '\t\t\t"x" } ; flush ruleset ; {"net-'),
  ],
  ["a comment that ends early", (text) => text.replace(/comment "[a-z]/, 'comment "x" accept "a')],
  ["a verdict of its own", (text) => text.replace(/: goto internet_\w+/, ": accept")],
  [
    "a command after a semicolon",
    (text) => text.replace("\t\ttype ifname\n", "\t\ttype ifname; flush ruleset\n"),
  ],
  [
    "a bridge that is the host's card",
    (text) => text.replace(/"net-[a-z0-9-]+" comment/, '"eth0" comment'),
  ],
  [
    "the host's own interface as a port in the table arp",
    (text) => inArp(text, /"ak[^"]+"/, '"eth0"'),
  ],
  ["a bridge of Docker's in the table arp", (text) => inArp(text, /"net-[^"]+"/, '"docker0"')],
  [
    "a LAN's subnet in the table arp",
    (text) => inArp(text, /(set subnets [^}]*?elements = \{\n\s+)[0-9.]+/, "$1192.168.1.0"),
  ],
  [
    "another gateway in the table arp",
    (text) => inArp(text, /(set gateways [^}]*?" \. )[0-9.]+/, "$1192.0.2.1"),
  ],
  ["a bridge of Docker's", (text) => text.replace(/"net-[a-z0-9-]+" comment/, '"docker0" comment')],
  [
    "a port that is the host's card",
    (text) => text.replaceAll(/"ak[a-z0-9]+" comment/g, '"eth0" comment'),
  ],
  [
    "a public network as a domain's",
    (text) => text.replace(/(\tset subnets \{.*?\t\t\t)[\d.]+/s, "$18.8.8.0"),
  ],
  ["a wildcard", (text) => text.replace(/"net-[a-z0-9-]+" comment/, '"net-*" comment')],
  ["a line break of another kind", (text) => text.replaceAll("\n", "\r\n")],
  ["a NUL", (text) => text.replace("table", "\0table")],
  ["nothing at all", () => ""],
  ["too much", (text) => text + " ".repeat(5_000_000)],
  ["only half", (text) => text.slice(0, text.length / 2)],
];

Deno.test("checkRuleset() refuses whatever a compromised admin container may hand over", async () => {
  const each = (await golden()).find(({ text }) => text.includes(": goto internet_full"));
  assert.ok(each);
  for (const [what, change] of MALICIOUS) {
    const text = change(each.text);
    assert.notEqual(text, each.text, `${what}: the case changes nothing`);
    assert.throws(() => check(text, each), RefusedRuleset, what);
  }
  for (const owner of [{ ...each, project: "other" }, { ...each, infraId: crypto.randomUUID() }]) {
    assert.throws(() => check(each.text, owner), RefusedRuleset);
  }
});

Deno.test("a published port leads to a machine of the infra only", async () => {
  const each = (await golden()).find(({ text }) => /map publish \{\n.*?elements/s.test(text));
  assert.ok(each);
  const hijack = each.text.replaceAll(/(tcp \. \d+ comment "[^"]+" : )[\d.]+/g, "$18.8.8.8");
  assert.notEqual(hijack, each.text);
  assert.throws(() => check(hijack, each), RefusedRuleset);
});
