import type { ResourceAddr } from "./address.ts";
import type { FieldChange } from "./field.ts";

/** An opening in the isolation that nobody declared. */
interface Breach {
  readonly addr: ResourceAddr;
  readonly field: FieldChange;
  /**
   * The reason why anklume does not close it: its domain has `enabled: false`, or `infra.yml` no
   * longer declares the resource.
   */
  readonly left?: "disabled" | "orphan";
  /** The domain of a breach that is left open. */
  readonly domain?: string;
}

interface Changed {
  readonly addr: ResourceAddr;
  readonly fields: readonly FieldChange[];
}

/**
 * Returns every breach that a plan knows, except missing firewall rules. All commands use this
 * function.
 */
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
