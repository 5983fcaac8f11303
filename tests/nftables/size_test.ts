import assert from "node:assert/strict";
import { buildInfra } from "./_infra.ts";
import { rulesetOf } from "./_rules.ts";

/**
 * Returns the ruleset of this number of domains with two machines each, and policies of each form
 * between them.
 */
function large(domains: number, policies: number): ReturnType<typeof rulesetOf> {
  const name = (i: number) => `d${i % domains}`;
  return rulesetOf(buildInfra({
    domains: Array.from({ length: domains }, (_, i) => ({
      name: name(i),
      internet: { kind: i % 2 === 0 ? "full" : "none" },
      machines: [`${name(i)}-a`, `${name(i)}-b`],
    })),
    policies: Array.from({ length: policies }, (_, i) => ({
      from: i % 3 === 0 ? `${name(i)}-a` : name(i),
      to: i % 5 === 0 ? "host" : i % 7 === 0 ? "outside" : `${name(i * 7 + 1)}${i % 2 ? "-b" : ""}`,
      ports: [{ first: 1000 + i, last: 1010 + i }, 22],
    })),
  }));
}

/** Returns the rules of all chains, without sets. */
function rules(text: string): string {
  return text.split("\n").filter((line, i, all) => {
    const opened = all.slice(0, i).findLast((each) => /^\t(chain|set|map) /.test(each));
    return opened?.startsWith("\tchain") && line !== "";
  }).join("\n");
}

Deno.test("a packet crosses the same rules with 40 domains as with 2", () => {
  assert.equal(rules(large(40, 100).text), rules(large(2, 3).text));
});

Deno.test("250 domains with 1,000 policies load in less than a second", async () => {
  const { text } = large(250, 1000);
  const seconds: number[] = [];
  // The best of three: the machine may be busy with other work.
  for (let attempt = 0; attempt < 3; attempt++) {
    const child = new Deno.Command("unshare", {
      args: ["--net", "nft", "-f", "-"],
      stdin: "piped",
      stderr: "piped",
    }).spawn();
    const before = performance.now();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
    const { stderr } = await child.output();
    assert.equal(new TextDecoder().decode(stderr), "");
    seconds.push((performance.now() - before) / 1000);
  }
  assert.ok(
    Math.min(...seconds) < 1,
    `took ${seconds.map((each) => each.toFixed(2)).join(", ")} s`,
  );
});
