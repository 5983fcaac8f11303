import type { ResourceAddr } from "./address.ts";
import type { FieldChange } from "./field.ts";

/** A door in the isolation that nobody declared. */
export interface Breach {
  readonly addr: ResourceAddr;
  readonly field: FieldChange;
  /** Why anklume does not close it: its domain has `enabled: false`, or `infra.yml` no longer declares it. */
  readonly left?: "disabled" | "orphan";
  /** Of one that is left. */
  readonly domain?: string;
}

interface Changed {
  readonly addr: ResourceAddr;
  readonly fields: readonly FieldChange[];
}

/** Every open door that a plan knows of, what no rules stand for aside: the one answer for whoever asks. */
export function breachesOf({ changes, leftOpen = [] }: {
  readonly changes: readonly Changed[];
  readonly leftOpen?: readonly (Changed & {
    readonly domain: string;
    readonly why: "disabled" | "orphan";
  })[];
}): Breach[] {
  const open = ({ addr, fields }: Changed) =>
    fields.filter(({ breach }) => breach === true).map((field): Breach => ({ addr, field }));
  return [
    ...changes.flatMap(open),
    ...leftOpen.flatMap((each) =>
      open(each).map((one): Breach => ({ ...one, left: each.why, domain: each.domain }))
    ),
  ];
}
