import { type Channel, findChannels } from "../infra/check/channels.ts";
import type { SeenSource } from "../infra/check/host_source.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { ADMIN_DEVICES, ADMIN_ROLE } from "./admin_devices.ts";

/** What machines see of the host, and where machines of several domains see the same. */
export interface HostSources {
  readonly sources: readonly SeenSource[];
  readonly channels: readonly Channel[];
}

/**
 * The sources and their channels. The workspace counts as shared with whoever sees it: with the admin container that has it,
 * or else with the owner, whose next apply runs as root what stands there. `workspace`: its path on the host.
 */
export function hostSources(
  infra: Infra,
  sources: readonly SeenSource[],
  workspace: string,
): HostSources {
  const admins = machinesOf(infra).filter(({ roles }) => roles.includes(ADMIN_ROLE));
  const owners = admins.length === 0 ? [{ name: WORKSPACE, domain: "", range: NOWHERE }] : admins;
  const shared = owners.map(({ name, domain, range }): SeenSource => ({
    machine: name,
    domain,
    device: ADMIN_DEVICES.workspace,
    source: workspace,
    real: workspace,
    readonly: false,
    range,
  }));
  return { sources, channels: findChannels([...sources, ...shared]) };
}

/** Stands for the owner, who is in no domain. */
const WORKSPACE = "this workspace";
const NOWHERE = { file: "", start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };
