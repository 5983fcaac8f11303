import { orMissing } from "../incus/collection.ts";
import { NOT_FREE_YET, retryPassing } from "../incus/retry.ts";
import type { ResourceAddr } from "../resource/address.ts";
import { leadsOut } from "../resource/delta.ts";
import { portsOf } from "../resource/instance_ports.ts";
import { sameValue } from "../resource/value.ts";
import { hasNoDisk, projectOf, readInstance, readSettled, stopInstance } from "./instance_io.ts";
import { removePortsOfDeleted } from "./left_port.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Removes the protection, and the NICs: Incus refuses any edit of a machine whose address is not in
 * its network, and the network may have changed.
 */
async function unprotect(context: StepContext, addr: ResourceAddr): Promise<void> {
  const { actual, etag, kept } = await readInstance(context, addr);
  const { "security.protection.delete": _protection, ...config } = actual.config;
  await context.incus.instances.update(projectOf(addr), addr.name, {
    ...kept,
    description: actual.description,
    config,
    devices: Object.fromEntries(
      Object.entries(actual.devices).filter(([, device]) => !leadsOut(device)),
    ),
    profiles: actual.profiles,
  }, { etag });
}

/**
 * Deletes a machine with its root disk and snapshots. The plan and `--force` have decided that it
 * may be deleted.
 */
export async function deleteInstance(context: StepContext, addr: ResourceAddr): Promise<void> {
  const { instances } = context.incus;
  const project = projectOf(addr);
  const found = await orMissing(readSettled(context, addr));
  // Somebody else, or an operation of a killed run, has deleted it.
  if (found === undefined) return;
  const { actual } = found;
  if (actual.status !== "Stopped") {
    await stopInstance(context, addr, actual.status, { graceS: "none" });
  }
  if (sameValue("", actual.config["security.protection.delete"], "true")) {
    await orMissing(unprotect(context, addr)).catch((error) => {
      // The record was changed anyway; only its copy beside the disk could not be written.
      if (!hasNoDisk(error)) throw error;
    });
  }
  context.progress("deleting");
  // A machine that somebody made ephemeral is deleted when it stops.
  await orMissing(retryPassing(NOT_FREE_YET, () => instances.delete(project, addr.name)));
  await removePortsOfDeleted(context, portsOf(actual).keys());
}
