import assert from "node:assert/strict";
import { injectedFacts, warnOfInjectedFacts } from "./injected_facts.ts";
import { describeFile } from "./provision_files.ts";

const names = (path: string, text: string) => injectedFacts(path, text).map(({ name }) => name);

Deno.test("injectedFacts() finds facts by the names that are no variables here, with their place", () => {
  const text = `---
- name: On ansible_distribution
  when:
    - ansible_distribution == "Debian"
    - hostvars["b"].ansible_default_ipv4.address is defined
  debug: { msg: "{{ vars['ansible_eth0'] }} {{ ansible_distribution }}" }
`;
  assert.deepEqual(injectedFacts("roles/r/tasks/main.yml", text), [
    { name: "ansible_distribution", line: 4, column: 7 },
    { name: "ansible_default_ipv4", line: 5, column: 21 },
    { name: "ansible_eth0", line: 6, column: 27 },
  ]);
  assert.deepEqual(names("roles/r/templates/motd", "{{ ansible_hostname }}"), [
    "ansible_hostname",
  ]);
});

Deno.test("injectedFacts() leaves alone what is no fact, prose, definitions and the owner's own tests", () => {
  const text = `---
# ansible_distribution
- name: Say ansible_distribution
  when: not ansible_check_mode and ansible_facts['distribution'] == "x" and ansible_local.a is defined
  vars: { ansible_machine_name: x }
  ansible_python_interpreter: /usr/bin/python3
  ansible_hostname: mine
`;
  assert.deepEqual(names("roles/r/tasks/main.yml", text), []);
  assert.deepEqual(names("roles/r/molecule/default/verify.yml", "a: '{{ ansible_hostname }}'"), []);
  assert.deepEqual(names(".anklume/roles/r/tasks/main.yml", "a: '{{ ansible_hostname }}'"), []);
});

Deno.test("warnOfInjectedFacts() says the spelling that works", () => {
  const file = describeFile("site.yml", [new TextEncoder().encode("when: ansible_os_family == 1")]);
  const [warning] = warnOfInjectedFacts(new Map([["site.yml", file]]));
  assert.equal(warning?.code, "FACT_AS_VARIABLE");
  assert.match(warning?.remedy ?? "", /ansible_facts\['os_family'\]/);
  assert.equal(warning?.range?.start.column, 7);
});
