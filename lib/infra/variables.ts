import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import type { Value } from "./infra.ts";
import type { Located } from "./shape.ts";
import { shorten } from "./words.ts";

/** With these a role would run elsewhere than in its machine, on the host for example. */
const CONNECTION_VARIABLES: ReadonlySet<string> = new Set([
  "ansible_become",
  "ansible_become_user",
  "ansible_connection",
  "ansible_host",
  "ansible_incus_host",
  "ansible_incus_project",
  "ansible_incus_remote",
  "ansible_port",
  "ansible_ssh_host",
  "ansible_user",
]);

/** The variables of a machine without their places; reports names that Ansible or anklume cannot take. */
export function checkVariables(
  variables: ReadonlyMap<string, Located<Value>> | undefined,
  diagnostics: DiagnosticList,
): Record<string, Value> {
  for (const [name, value] of variables ?? []) {
    if (CONNECTION_VARIABLES.has(name)) {
      diagnostics.add({
        code: "RESERVED_VARIABLE",
        summary: `\`${name}\` would send the roles elsewhere than to this machine`,
        remedy: "remove it: anklume sets how Ansible reaches a machine",
        range: value.keyRange,
      });
    } else if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      diagnostics.add({
        code: "INVALID_VARIABLE",
        summary: `\`${shorten(name)}\` cannot be the name of an Ansible variable`,
        detail: "it has letters, digits and `_`, and does not start with a digit",
        range: value.keyRange,
      });
    }
    if (holdsTemplate(value.value)) {
      diagnostics.add({
        severity: "warning",
        code: "TEMPLATE_IN_VARS",
        summary: `\`${
          shorten(name)
        }\` holds a template, which stays as it is: these values are literal`,
        remedy: "write templates below the managed section of host_vars, or in a role",
        range: value.range,
      });
    }
  }
  return Object.fromEntries([...variables ?? []].map(([name, { value }]) => [name, value]));
}

function holdsTemplate(value: Value): boolean {
  if (typeof value === "string") return value.includes("{{") || value.includes("{%");
  if (value === null || typeof value !== "object") return false;
  return Object.values(value).some(holdsTemplate);
}
