import { searchPath } from "../host/environment.ts";
import { envVar } from "../host/terminal.ts";

/**
 * Variables of the user's that mean something to Ansible. Not `INCUS_SOCKET`: the `incus` client must speak to the daemon
 * that anklume itself speaks to.
 */
const PASSED = ["NO_COLOR", "ANSIBLE_VAULT_PASSWORD_FILE"] as const;

/**
 * What Ansible's programs get beside the usual environment of a child. The configuration is named,
 * since Ansible ignores one that it only finds when the directory is world-writable.
 */
export function ansibleEnvironment(
  env: (name: string) => string | undefined = envVar,
): Record<string, string> {
  const result: Record<string, string> = {
    ANSIBLE_CONFIG: "./ansible.cfg",
    PATH: searchPath(env("PATH")),
  };
  for (const name of PASSED) {
    const value = env(name);
    if (value !== undefined && value !== "") result[name] = value;
  }
  const force = env("FORCE_COLOR");
  if (force !== undefined && !["", "0", "false"].includes(force)) {
    result["ANSIBLE_FORCE_COLOR"] = "1";
  }
  return result;
}
