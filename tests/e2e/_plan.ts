/** Helpers for the tests of plans: the output of `anklume check --json`. */
import assert from "node:assert/strict";
import { inMachine, type Lab, must } from "./_lab.ts";

export interface PlannedField {
  readonly path: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly effect: string;
  readonly breach: boolean;
}

export interface PlannedChange {
  readonly resource: string;
  readonly action: string;
  readonly effect: string;
  readonly reason: string;
  readonly needsForce: boolean;
  readonly from?: string;
  readonly fields: readonly PlannedField[];
}

export interface Checked {
  readonly changes: readonly PlannedChange[];
  readonly orphans: readonly {
    readonly resource: string;
    readonly protected: boolean;
    readonly createdAt?: string;
    readonly bytes?: number;
  }[];
  readonly held: readonly { readonly resource: string }[];
  readonly diagnostics: readonly {
    readonly severity: string;
    readonly code: string;
    readonly summary: string;
  }[];
}

/** Runs `check --json`; `status` is 1 if the plan has an error. */
export async function check(lab: Lab, status = 0, ...args: string[]): Promise<Checked> {
  return JSON.parse((await lab.anklume(["check", "--json", ...args], status)).stdout) as Checked;
}

/**
 * Returns lines such as `update instance pro/a config.limits.cpu: 1 -> 2 in-place`, without
 * anklume's own keys.
 */
export function lines({ changes }: Checked): string[] {
  return changes.flatMap((change) => {
    const head = `${change.action} ${change.resource}`;
    const fields = change.fields.filter(({ path }) => !path.startsWith("config.user.anklume."));
    if (change.action === "create" || change.action === "delete" || fields.length === 0) {
      return [head];
    }
    return fields.map(({ path, before, after, effect, breach }) =>
      `${head} ${path}: ${before ?? "-"} -> ${after ?? "-"} ${effect}${breach ? " BREACH" : ""}`
    );
  });
}

/**
 * Asserts the property of each apply: check reports nothing, not even a warning about the apply.
 */
export async function expectEmpty(lab: Lab): Promise<void> {
  const checked = await check(lab);
  assert.deepEqual(lines(checked), []);
  assert.deepEqual(checked.held, []);
}

/** Runs a shell line in a machine; it must succeed. */
export async function sh(domain: string, machine: string, line: string): Promise<string> {
  const { code, stdout, stderr } = await inMachine(domain, machine, "sh", "-c", line);
  assert.equal(code, 0, `${machine}: ${line}\n${stdout}${stderr}`);
  return stdout.trim();
}

/** Returns the names of a machine's snapshots. */
export async function snapshots(domain: string, machine: string): Promise<string[]> {
  const text = await must(["incus", "snapshot", "list", "--project", domain, machine, "-fcsv"]);
  return text.trim().split("\n").filter((line) => line !== "").map((line) => line.split(",")[0]!);
}
