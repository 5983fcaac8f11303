import assert from "node:assert/strict";
import Ajv from "ajv/dist/2020.js";
import { IMAGE, Lab, must } from "./_lab.ts";

const HEAD = `project_name: programs\nglobal: { default_os_image: "${IMAGE}" }\ndomains:\n`;
const LAB = `${HEAD}  one: { ephemeral: true, machines: { web: {}, db: { state: stopped } } }\n`;

async function schemas() {
  const read = async (name: string) =>
    JSON.parse(await Deno.readTextFile(new URL(`../../docs/schema/${name}`, import.meta.url)));
  const ajv = new Ajv.default({ strict: false, allErrors: true, validateFormats: false });
  const plan = ajv.compile(await read("plan.schema.json"));
  const event = ajv.compile(await read("events.schema.json"));
  return {
    plan: (value: unknown) => assert.ok(plan(value), JSON.stringify(plan.errors)),
    event: (value: unknown) =>
      assert.ok(event(value), `${JSON.stringify(value)}\n${JSON.stringify(event.errors)}`),
    refuses: (value: unknown) => assert.equal(event(value), false),
  };
}

interface Line {
  readonly type: string;
  readonly exit?: number;
  readonly resource?: string;
  readonly set?: string;
  readonly outcome?: string;
  readonly done?: readonly string[];
}

function linesOf(stdout: string): Line[] {
  return stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as Line);
}

Deno.test("check and apply tell programs everything, in the shape that is documented", async () => {
  const schema = await schemas();
  schema.refuses({ type: "done", resource: "instance one/web" });
  await using lab = await Lab.create(LAB);
  const plan = JSON.parse((await lab.anklume(["check", "--json"])).stdout);
  schema.plan(plan);
  assert.ok(plan.changes.length >= 5);

  const applied = linesOf((await lab.anklume(["apply", "--infra", "--json"])).stdout);
  for (const line of applied) schema.event(line);
  const types = applied.map(({ type }) => type);
  assert.equal(types[0], "plan");
  assert.deepEqual(types.slice(-2), ["report", "end"]);
  assert.equal(applied.at(-1)?.exit, 0);
  const done = applied.filter(({ type }) => type === "done").map(({ resource }) => resource);
  assert.equal(new Set(done).size, plan.changes.length, "one end of each change");

  // The stream has the generated name.
  const created = linesOf((await lab.anklume(["snapshot", "create", "--json"])).stdout);
  for (const line of created) schema.event(line);
  const { set = "", outcome, done: taken } = created.at(-2) ?? {};
  assert.equal(outcome, "taken");
  assert.deepEqual(taken?.toSorted(), ["db", "web"]);
  const unasked = await lab.anklume(["snapshot", "restore", set, "--json"], 1);
  assert.deepEqual(linesOf(unasked.stdout).map(({ type }) => type), ["restore", "end"]);
  const more: readonly [verb: string[], last: string | undefined][] = [
    [["restore", set, "--yes", "--no-safety"], "restored"],
    [["prune", "--keep", "9"], undefined],
    [["delete", set, "--yes"], "deleted"],
  ];
  for (const [verb, last] of more) {
    const lines = linesOf((await lab.anklume(["snapshot", ...verb, "--json"])).stdout);
    for (const line of lines) schema.event(line);
    assert.equal(lines.findLast(({ type }) => type === "set")?.outcome, last);
    assert.equal(lines.at(-1)?.exit, 0);
  }
  const misnamed = await lab.anklume(["snapshot", "create", "a b", "--json"], 2);
  assert.deepEqual(linesOf(misnamed.stdout).map(({ type }) => type), ["fault", "end"]);

  // All that a plan can have: orphans, a breach, a restart; there is no terminal to consent.
  await must(
    [
      "incus",
      "config",
      "device",
      "add",
      "--project",
      "one",
      "web",
      "eth9",
      "nic",
      "nictype=bridged",
      "parent=docker0",
    ],
  );
  await lab.write(
    "infra.yml",
    LAB.replace("web: {}", "web: { ip: 10.120.0.30 }").replace(
      ", db: { state: stopped }",
      "",
    ),
  );
  schema.plan(JSON.parse((await lab.anklume(["check", "--json"])).stdout));
  const refused = await lab.anklume(["apply", "--infra", "--json"], 1);
  const said = linesOf(refused.stdout);
  for (const line of said) schema.event(line);
  assert.deepEqual(said.map(({ type }) => type), ["plan", "end"]);
  assert.match(refused.stderr, /--yes/);

  // A user's mistake, and a host without Incus: the stream still ends with its status.
  await lab.write("infra.yml", LAB.replace("web: {}", "web: { roels: [] }"));
  const wrong = linesOf((await lab.anklume(["apply", "--json"], 2)).stdout);
  for (const line of wrong) schema.event(line);
  assert.deepEqual(wrong.map(({ type }) => type), ["diagnostics", "end"]);

  await lab.write("infra.yml", LAB);
  const destroyed = linesOf((await lab.anklume(["destroy", "--yes", "--json"])).stdout);
  for (const line of destroyed) schema.event(line);
  assert.equal(destroyed.at(-1)?.exit, 0);
});
