import assert from "node:assert/strict";
import { playbookArgv } from "./run_playbook.ts";

Deno.test("playbookArgv() limits the run and passes tags, verbosity and the vault's file on", () => {
  const argv = playbookArgv({
    limit: ["b", "a"],
    tags: ["provision"],
    skipTags: ["x", "y"],
    verbosity: 2,
    vaultPasswordFile: "/run/secret",
    output: () => {},
  }, "");
  assert.deepEqual(argv, [
    "ansible-playbook",
    "site.yml",
    "--limit",
    "b,a",
    "--forks",
    "2",
    "--tags",
    "provision",
    "--skip-tags",
    "x,y",
    "-vv",
    "--vault-password-file",
    "/run/secret",
  ]);
});

Deno.test("playbookArgv() leaves forks to the user's ansible.cfg", () => {
  const argv = playbookArgv({ limit: ["a"], output: () => {} }, "[defaults]\nforks = 9\n");
  assert.equal(argv.includes("--forks"), false);
});
