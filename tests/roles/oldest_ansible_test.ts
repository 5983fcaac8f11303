/**
 * The tree and all embedded roles with the oldest supported Ansible: run by
 * `scripts/check/molecule --oldest`, which puts that Ansible first on the PATH. Any other run of this
 * file is a mistake, and fails.
 */
import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, must } from "../e2e/_lab.ts";

const INFRA = `project_name: oldest
global: { default_os_image: "${IMAGE}", default_user: alice }
domains:
  old:
    ephemeral: true
    machines:
      old-one:
        roles: [base_system, packages, web_server, router_lab, desktop_tools]
        vars:
          timezone: Europe/Paris
          locale: fr_FR.UTF-8
          keyboard: fr
          packages_names: [jq]
          base_system_packages: [less]
          base_system_users: [{ name: bob, sudo: true }]
          router_lab_packages: [traceroute]
          desktop_tools_packages: [vim-tiny]
      old-bare: { image: "local:anklume-nopython", roles: [packages] }
`;

Deno.test("the oldest Ansible provisions with every embedded role, and finds nothing to change the second time", async () => {
  assert.match(await must(["ansible-playbook", "--version"]), /^ansible-playbook \[core 2\.16\./);
  await using lab = await Lab.create(INFRA);
  const first = await lab.anklume(["apply"]);
  assert.match(first.stdout, /Provisioned: 2 machines/);
  assert.doesNotMatch(first.stdout + first.stderr, /\[(WARNING|DEPRECATION)/);
  const page = await inMachine("old", "old-one", "python3", "-c", GET);
  assert.match(page.stdout, /<h1>old-one<\/h1>/);
  const second = await lab.anklume(["apply", "--provision"]);
  assert.match(second.stdout, /^old-one +\d+ +0 +0 +0 /m);
  assert.match(second.stdout, /^old-bare +\d+ +0 +0 +0 /m);
});

const GET =
  "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1/').read().decode())";
