import { NOT_FREE_YET, retryPassing } from "../../lib/incus/retry.ts";
import { connectIncus, type IncusClient } from "../../lib/incus/incus_client.ts";
import type { RequestTrace } from "../../lib/incus/transport.ts";
import type { InstancesPost } from "../../lib/incus/wire/instance.ts";

/*
 * These tests run inside a testbed, with its image:
 *
 *   scripts/testbed start --image && scripts/testbed run -- deno test -A --cached-only tests/incus
 *
 * Each makes what it needs in its own projects and deletes it again.
 */

/** The testbed's image. */
export const IMAGE = "anklume-test";

/** Runs with a connection that is closed afterwards, and records each of its requests. */
export async function withIncus(
  run: (incus: IncusClient, requests: RequestTrace[]) => Promise<void>,
): Promise<void> {
  const requests: RequestTrace[] = [];
  await using incus = await connectIncus({ onRequest: (trace) => requests.push(trace) });
  await run(incus, requests);
}

/** Runs with an empty project like a domain's; it is deleted afterwards with its content. */
export async function withProject(
  incus: IncusClient,
  name: string,
  run: () => Promise<void>,
): Promise<void> {
  await removeProject(incus, name);
  await incus.projects.create({
    name,
    description: "",
    config: { "features.images": "false", "features.networks": "false" },
  });
  try {
    await run();
  } finally {
    await removeProject(incus, name);
  }
}

async function removeProject(incus: IncusClient, project: string): Promise<void> {
  if (!(await incus.projects.list()).some(({ name }) => name === project)) return;
  for (const { name, status } of await incus.instances.list({ project })) {
    await incus.instances.patch(project, name, { config: { "security.protection.delete": "" } });
    if (status !== "Stopped") {
      // A machine that did not start may end between the two requests.
      await incus.instances.setState(project, name, { action: "stop", force: true }).catch(
        (error) => {
          if (!/already stopped/.test(String(error))) throw error;
        },
      );
    }
    await retryPassing(NOT_FREE_YET, () => incus.instances.delete(project, name));
  }
  for (const { name } of await incus.volumes.list("default", { project })) {
    await incus.volumes.delete("default", project, name);
  }
  for (const { name } of await incus.profiles.list({ project })) {
    if (name !== "default") await incus.profiles.delete(project, name);
  }
  await incus.projects.delete(project);
}

/** Returns a container of the testbed's image, without a network. */
export function container(name: string, extra: Partial<InstancesPost> = {}): InstancesPost {
  return {
    name,
    type: "container",
    source: { type: "image", alias: IMAGE },
    config: {},
    devices: { root: { type: "disk", path: "/", pool: "default" } },
    profiles: ["default"],
    ...extra,
  };
}
