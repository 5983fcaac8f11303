import { searchPath } from "../host/environment.ts";
import { envVar } from "../host/terminal.ts";

/**
 * The user's variables that Ansible reads. Not `INCUS_SOCKET`: the `incus` client must use the same
 * daemon as anklume.
 */
const PASSED = ["NO_COLOR", "ANSIBLE_VAULT_PASSWORD_FILE"] as const;

/**
 * Returns the environment of Ansible's programs, in addition to a child's usual one. It names the
 * configuration file: Ansible ignores a file that it finds by itself in a world-writable directory.
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
