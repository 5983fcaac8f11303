import type { ResourceAddr } from "./address.ts";
import type { FieldChange } from "./field.ts";

/** A door in the isolation that nobody declared. */
export interface Breach {
  readonly addr: ResourceAddr;
  readonly field: FieldChange;
  /** The domain with `enabled: false` that it is in: anklume does not close it. */
  readonly disabled?: string;
}

interface Changed {
  readonly addr: ResourceAddr;
  readonly fields: readonly FieldChange[];
}

/** Every open door that a plan knows of, what no rules stand for aside: the one answer for whoever asks. */
export function breachesOf({ changes, leftOpen = [] }: {
  readonly changes: readonly Changed[];
  readonly leftOpen?: readonly (Changed & { readonly domain: string })[];
}): Breach[] {
  const open = ({ addr, fields }: Changed) =>
    fields.filter(({ breach }) => breach === true).map((field): Breach => ({ addr, field }));
  return [
    ...changes.flatMap(open),
    ...leftOpen.flatMap((each) => open(each).map((one) => ({ ...one, disabled: each.domain }))),
  ];
}
