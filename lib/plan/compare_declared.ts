import type { Diagnostic } from "../diag/diagnostic.ts";
import { formatAddr } from "../resource/address.ts";
import {
  type ActualResource,
  compareResource,
  type DesiredResource,
} from "../resource/resource.ts";
import type { ActualState } from "./actual_state.ts";
import { creation, difference } from "./change.ts";
import { shrinks } from "./checks.ts";
import type { DesiredState } from "./desired_state.ts";
import { farewell, machineChange } from "./machine_change.ts";
import { foreignResource } from "./ownership.ts";
import type { Change, Held } from "./plan.ts";
import type { Relocations } from "./relocations.ts";

/** The declared resources beside the live ones. */
interface Comparison {
  readonly changes: readonly Change[];
  /** Number of resources that are as declared. */
  readonly unchanged: number;
  readonly held: readonly Held[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Compares each declared resource with the live one at its place. */
export function compareDeclared(
  desired: DesiredState,
  actual: ActualState,
  live: ReadonlyMap<string, ActualResource>,
  relocations: Relocations,
): Comparison {
  const changes: Change[] = [];
  const held: Held[] = [];
  const diagnostics: Diagnostic[] = [];
  const volumesOf = Map.groupBy(
    desired.resources.filter((resource) => resource.kind === "volume"),
    ({ machine }) => machine,
  );
  let unchanged = 0;
  for (const resource of desired.resources) {
    const name = formatAddr(resource.addr);
    // It moves together with its machine.
    if (relocations.volumes.has(name)) continue;
    const found = live.get(name);
    const foreign = found && foreignResource(resource, found, desired.owner);
    if (foreign !== undefined) {
      diagnostics.push(foreign);
      continue;
    }
    const missing = missingGpu(resource, actual);
    if (missing !== undefined) {
      held.push({ addr: resource.addr, domain: resource.domain, diagnostic: missing });
      continue;
    }
    const volumes = volumesOf.get(resource.addr.name) ?? [];
    const change = resource.kind === "instance"
      ? machineChange(resource, volumes, found, relocations)
      : found === undefined
      ? creation(resource)
      : difference(resource, found);
    if (change === undefined) unchanged++;
    else {
      changes.push(change);
      const used = found?.kind === "instance" ? found.diskBytes : undefined;
      diagnostics.push(...shrinks(resource, change.fields, used));
    }
    const aside = relocations.asides.get(name);
    if (aside !== undefined && found !== undefined && resource.kind === "instance") {
      changes.push(farewell(aside, resource));
    }
  }
  diagnostics.push(...shrinkingMoves(desired, relocations));
  return { changes, unchanged, held, diagnostics };
}

/**
 * Reports a machine that needs a GPU that the host does not have. Only this machine is left out.
 */
function missingGpu(resource: DesiredResource, actual: ActualState): Diagnostic | undefined {
  if (resource.kind !== "instance" || !resource.gpu) return undefined;
  if (actual.hardware === undefined || actual.hardware.gpus.length > 0) return undefined;
  return {
    severity: "error",
    code: "NO_GPU",
    summary: `the host has no GPU for ${resource.addr.name}: it is left out`,
    remedy: "remove `gpu: true`, or apply on a host with a GPU (incus info --resources shows it)",
    range: resource.range,
  };
}

/** Reports volumes that become smaller when they move. */
function shrinkingMoves({ resources }: DesiredState, { volumes }: Relocations): Diagnostic[] {
  return resources.flatMap((volume) => {
    const source = volume.kind === "volume" && volumes.get(formatAddr(volume.addr));
    return source ? shrinks(volume, compareResource(volume, source)) : [];
  });
}
