import type { Change } from "../plan/plan.ts";
import { formatAddr } from "../resource/address.ts";
import type { DesiredResource } from "../resource/resource.ts";
import { deleteInstance } from "./delete_instance.ts";
import { createInstance, updateInstance } from "./instance_steps.ts";
import { replaceInstance } from "./replace_instance.ts";
import {
  deleteResource,
  writeNetwork,
  writeProfile,
  writeProject,
  writeVolume,
} from "./resource_steps.ts";
import type { StepContext } from "./step_context.ts";

/**
 * Makes one change of an Incus resource.
 * @returns true if it started a machine
 */
export async function executeChange(
  context: StepContext,
  change: Change,
  desired: DesiredResource | undefined,
): Promise<boolean> {
  if (change.action === "delete") {
    if (change.addr.kind === "instance") await deleteInstance(context, change.addr);
    else await deleteResource(context, change);
    return false;
  }
  if (desired === undefined) {
    throw new TypeError(`${formatAddr(change.addr)} is in the plan but not in the desired state`);
  }
  switch (desired.kind) {
    case "project":
      await writeProject(context, change, desired);
      return false;
    case "network":
      await writeNetwork(context, change, desired);
      return false;
    case "volume":
      await writeVolume(context, change, desired);
      return false;
    case "profile":
      await writeProfile(context, change, desired);
      return false;
    case "instance":
      if (change.action === "create") return await createInstance(context, desired);
      return change.action === "replace"
        ? await replaceInstance(context, change, desired)
        : await updateInstance(context, change, desired);
  }
}
