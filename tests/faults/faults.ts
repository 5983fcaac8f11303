import type { FaultHost } from "./host.ts";
import type { Mutation, Verdict } from "./proxy.ts";

export const FAULTS = [
  "error",
  "error-after",
  "drop",
  "drop-after",
  "hang",
  "sigint",
  "sigint-twice",
  "sigterm",
  "sigkill",
  "daemon-kill",
  "power-cut",
  "pool-full",
  "workspace-full",
  "edit",
] as const;
export type Fault = typeof FAULTS[number];

/** Causes the fault at one request; returns what happens to that request. */
export async function strike(fault: Fault, host: FaultHost, at: Mutation): Promise<Verdict> {
  switch (fault) {
    case "error":
    case "error-after":
    case "drop":
    case "drop-after":
    case "hang":
      return fault;
    case "sigint":
      await host.signal("INT");
      return "pass";
    case "sigint-twice":
      await host.signal("INT");
      setTimeout(() => host.signal("INT"), 50);
      return "pass";
    case "sigterm":
      await host.signal("TERM");
      return "pass";
    case "sigkill":
      // Incus gets the request all the same, and carries it out with no client waiting.
      await host.signal("KILL");
      return "pass";
    case "daemon-kill":
      setTimeout(() => host.killDaemon(), 40 * (at.number % 4));
      return "pass";
    case "power-cut":
      return "pass";
    case "pool-full":
      await host.fillPool();
      return "pass";
    case "workspace-full":
      return "pass";
    case "edit":
      await edit(host, at);
      return "pass";
  }
}

/** Changes the same resource between anklume's read and its write. */
async function edit(host: FaultHost, { path }: Mutation): Promise<void> {
  const url = new URL(path, "http://incus");
  const [, , kind, name] = url.pathname.split("/");
  const project = url.searchParams.get("project") ?? "default";
  const key = `user.edited=${Date.now()}`;
  if (kind === "instances" && name !== undefined) {
    await host.run(["incus", "config", "set", "--project", project, name, key]);
  } else if (kind === "profiles" && name !== undefined) {
    await host.run(["incus", "profile", "set", "--project", project, name, key]);
  } else if (kind === "networks" && name !== undefined) {
    await host.run(["incus", "network", "set", name, key]);
  } else if (kind === "projects" && name !== undefined) {
    await host.run(["incus", "project", "set", name, key]);
  }
}
