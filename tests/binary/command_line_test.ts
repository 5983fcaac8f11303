import assert from "node:assert/strict";
import { anklume, shell, withWorkspace } from "./binary.ts";

const VERBS = [
  ...["init", "validate", "sync", "check", "plan", "apply", "status", "destroy"],
  ...["start", "stop", "restart", "exec", "shell", "copy", "reset", "doctor"],
  ...["snapshot", "network", "host", "roles", "schema", "completions"],
];
const NESTED = [
  ...["create", "list", "restore", "delete", "prune"].map((verb) => ["snapshot", verb]),
  ...["rules", "deploy", "verify", "why"].map((verb) => ["network", verb]),
  ...["install", "status", "uninstall"].map((verb) => ["host", verb]),
  ...["list", "show", "copy", "install"].map((verb) => ["roles", verb]),
];

Deno.test("--version prints the version and the commit", async () => {
  const { code, out, err } = await anklume(["--version"]);
  assert.match(out, /^\d+\.\d+\.\d+( \([0-9a-f]{7}(, changed)?\))?\n$/);
  assert.deepEqual({ code, err }, { code: 0, err: "" });
});

Deno.test("no verb at all shows help and is a usage error", async () => {
  const { code, out, err } = await anklume([]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /^Usage: anklume/);
});

Deno.test("a verb that is missing or unknown is a usage error, help asked for is none", async () => {
  for (
    const [words, status] of [
      [["snapshot"], 2],
      [["network"], 2],
      [["help", "nosuch"], 2],
      [["snapshot", "help", "nosuch"], 2],
      [["help"], 0],
      [["help", "snapshot"], 0],
      [["snapshot", "help"], 0],
      [["--help"], 0],
    ] as const
  ) assert.equal((await anklume([...words])).code, status, words.join(" "));
});

Deno.test("the help lists every verb, fits 80 columns and shows examples", async () => {
  const { code, out } = await anklume(["--help"]);
  assert.equal(code, 0);
  for (const verb of VERBS.filter((verb) => verb !== "plan")) {
    assert.match(out, new RegExp(`^  ${verb}\\b`, "m"));
  }
  // Each verb is in a group.
  assert.doesNotMatch(out, /^Commands:/m);
  assert.match(
    out,
    /^Make:$[^]*^Look:$[^]*^Live in:$[^]*^Prove:$[^]*^Keep:$[^]*^Set up:$/m,
  );
  assert.match(out, /^Examples:\n {2}anklume /m);
  assert.doesNotMatch(out, /^ {2}complete\b/m);
  for (const line of out.split("\n")) assert.ok(line.length <= 80, line);
});

for (const words of [...VERBS.map((verb) => [verb]), ...NESTED]) {
  const name = words.join(" ");
  Deno.test(`the help of ${name} fits 80 columns and shows an example that names it`, async () => {
    const { code, out, err } = await anklume([...words, "--help"]);
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    const [, shown = ""] = out.split("\nExamples:\n");
    assert.match(shown, new RegExp(`^  .*anklume ${name === "plan" ? "check" : name}`, "m"));
    for (const line of out.split("\n")) assert.ok(line.length <= 80, line);
  });
}

Deno.test("a verb that does not exist is named, with the one that was meant", async () => {
  const { code, out, err } = await anklume(["chek"]);
  assert.equal(code, 2);
  assert.equal(out, "");
  assert.match(err, /unknown command 'chek'\n\(Did you mean check\?\)/);
});

for (
  const { args, says } of [
    { args: ["check", "--jsno"], says: /unknown option '--jsno'\n\(Did you mean --json\?\)/ },
    { args: ["check", "surplus"], says: /too many arguments for 'check'/ },
    { args: ["check", "--domain"], says: /argument missing/ },
    { args: ["check", "--domain", "../x"], says: /A domain's name consists of/ },
    { args: ["apply", "--infra", "--provision"], says: /cannot be used with/ },
    { args: ["apply", "--infra", "--tags", "web"], says: /cannot be used with/ },
    { args: ["init", "--template", "huge"], says: /Allowed choices are minimal, workstation/ },
    { args: ["completions"], says: /missing required argument 'shell'/ },
    { args: ["completions", "tcsh"], says: /Allowed choices are bash, zsh, fish/ },
  ]
) {
  Deno.test(`\`${args.join(" ")}\` is a usage error that says so`, async () => {
    const { code, out, err } = await anklume(args);
    assert.equal(code, 2);
    assert.equal(out, "");
    assert.match(err, says);
  });
}

Deno.test("a command line that is wrong touches nothing", async () => {
  await withWorkspace(undefined, async (cwd) => {
    await anklume(["init", "--temlpate", "minimal"], { cwd });
    assert.deepEqual([...Deno.readDirSync(cwd)], []);
  });
});

for (const name of ["bash", "zsh", "fish"]) {
  Deno.test(`completions ${name} prints a script that asks anklume`, async () => {
    const { code, out } = await anklume(["completions", name]);
    assert.equal(code, 0);
    assert.match(out, /anklume complete --/);
  });
}

Deno.test("a TAB completes verbs, options, and the domains of the workspace", async () => {
  const infra = "project_name: t\ndomains:\n  pro: {}\n  private: {}\n  lab: { copies: 2 }\n";
  await withWorkspace(infra, async (cwd) => {
    const at = async (...words: string[]) =>
      (await anklume(["complete", "--", ...words], { cwd })).out.split("\n")
        .map((line) => line.split("\t")[0]).filter((word) => word !== "" && !word?.startsWith(":"));
    assert.deepEqual(await at("ch"), ["check"]);
    assert.deepEqual(await at("check", "--ex"), ["--exit-code"]);
    assert.deepEqual(await at("check", "--domain", "p"), ["pro", "private"]);
    assert.deepEqual(await at("check", "--domain", "lab"), ["lab", "lab-01", "lab-02"]);
    assert.deepEqual(await at("init", "--template", ""), ["minimal", "workstation", "classroom"]);
    assert.deepEqual(await at("completions", ""), ["bash", "zsh", "fish"]);
  });
});

/** Prints the completions of bash at the end of a line, from the script that anklume prints. */
const TAB = `
anklume() { "$BIN" "$@"; }
compopt() { echo "compopt $*"; }
source <(anklume completions bash) && source <(anklume completions bash) || exit 9
COMP_LINE=$LINE COMP_POINT=\${#LINE}
__anklume_complete anklume "\${LINE##*[ :=]}"
printf '%s\\n' "\${COMPREPLY[@]}"
`;

Deno.test("a TAB in bash completes without another package, and runs nothing of the line", async () => {
  const infra = "project_name: t\ndomains:\n  lab:\n    machines: { pro-a: {}, pro-b: {} }\n";
  await withWorkspace(infra, async (cwd) => {
    const at = async (line: string) => {
      const { out, err } = await shell(TAB, { cwd, env: { LINE: line } });
      assert.equal(err, "", line);
      return out.trim().split("\n");
    };
    assert.deepEqual(await at("anklume sta"), ["status", "start"]);
    assert.deepEqual(await at("A=1 anklume start pro-"), ["pro-a", "pro-b"]);
    assert.deepEqual(await at('anklume start "pro-b'), ["pro-b"]);
    assert.deepEqual(await at("anklume exec --domain=l"), ["lab"]);
    assert.deepEqual(await at("anklume copy pro-"), ["compopt -o nospace", "pro-a:", "pro-b:"]);
    assert.deepEqual(await at("anklume copy pro-a:"), [""]);
    assert.deepEqual(await at("anklume copy inf"), ["compopt -o default"]);
    await Deno.writeTextFile(`${cwd}/app.sql`, "precious");
    await at("anklume exec pro-a -- pg_dump app > app.sql ");
    await at('anklume exec pro-a -- echo "$(touch ran)" `touch ran` ; touch ran; ');
    assert.equal(await Deno.readTextFile(`${cwd}/app.sql`), "precious");
    await assert.rejects(Deno.stat(`${cwd}/ran`), Deno.errors.NotFound);
  });
});

Deno.test("the verbs of other programs lead to anklume's own", async () => {
  for (
    const [word, instead] of [
      ["ls", /anklume status/],
      ["up", /anklume apply/],
      ["rm", /remove it from infra\.yml/],
      ["ssh", /anklume shell/],
    ] as const
  ) {
    const { code, out, err } = await anklume([word, "web"]);
    assert.deepEqual([code, out], [2, ""], word);
    assert.match(err, instead, word);
  }
});
