import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { ConfigText } from "../shape/schema.ts";
import { memoryProblem } from "../shape/quantity.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";

/** Incus keys that are set by a key of infra.yml. */
const DEDICATED: Readonly<Record<string, string>> = {
  "boot.autostart": "boot_autostart",
  "boot.autostart.priority": "boot_priority",
  "snapshots.schedule": "snapshots_schedule",
  "snapshots.expiry": "snapshots_expiry",
  "security.protection.delete": "ephemeral",
};
const RESERVED_PREFIXES = ["user.anklume.", "volatile.", "image."];

/** Reports keys that belong to anklume or Incus, or that are set by a key of infra.yml. */
export function checkConfig(
  config: ConfigText | undefined,
  owner: "machine" | "profile",
  diagnostics: DiagnosticList,
): void {
  for (const [key, value] of config ?? []) {
    checkKey(key, value, diagnostics);
    if (key === "limits.memory" && value.value !== "") {
      // Incus accepts 512 as bytes, and no machine starts with them.
      const problem = memoryProblem(value.value);
      if (problem !== undefined) diagnostics.add({ ...problem, range: value.range });
    }
    const dedicated = Object.hasOwn(DEDICATED, key) ? DEDICATED[key] : undefined;
    // A profile has no such keys of infra.yml, but protection is decided for each machine.
    if (dedicated === undefined || (owner === "profile" && dedicated !== "ephemeral")) continue;
    diagnostics.add({
      code: "OWNED_CONFIG_KEY",
      summary: `\`${key}\` is set by anklume from \`${dedicated}\``,
      remedy: dedicated === "ephemeral"
        ? "remove it: `ephemeral: false` protects the machine"
        : `write \`${dedicated}\` beside \`config\` instead`,
      range: value.keyRange,
    });
  }
}

export function isKey(key: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_./:-]{0,254}$/.test(key);
}

/** Reports keys that Incus cannot have, keys that nobody may set, and keys without effect. */
export function checkKey(key: string, value: Located<unknown>, diagnostics: DiagnosticList): void {
  if (!isKey(key)) {
    diagnostics.add({
      code: "INVALID_CONFIG_KEY",
      summary: `\`${shortenName(key)}\` cannot be an Incus key`,
      remedy: "keys look like `limits.cpu`",
      range: value.keyRange,
    });
    return;
  }
  const prefix = RESERVED_PREFIXES.find((candidate) => key.startsWith(candidate));
  if (prefix === undefined) {
    if (value.value !== "") return;
    diagnostics.add({
      severity: "warning",
      code: "EMPTY_VALUE",
      summary: `\`${shortenName(key)}\` sets nothing: Incus treats an empty value as no value`,
      remedy: "write the intended value, or remove the key",
      range: value.keyRange,
    });
    return;
  }
  diagnostics.add({
    code: "RESERVED_CONFIG_KEY",
    summary: `\`${shortenName(key)}\` is not allowed in infra.yml: ${
      prefix === "user.anklume." ? "anklume" : "Incus"
    } keeps its own records under \`${prefix}\``,
    remedy: "remove it",
    range: value.keyRange,
  });
}
