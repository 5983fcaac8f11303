import { type Channel, findChannels } from "../infra/check/channels.ts";
import type { SeenSource } from "../infra/check/host_source.ts";
import { type Infra, machinesOf } from "../infra/infra.ts";
import { ADMIN_DEVICES, ADMIN_ROLE } from "./admin_devices.ts";

/**
 * The parts of the host that machines can see, and the places that machines of several domains
 * share.
 */
export interface HostSources {
  readonly sources: readonly SeenSource[];
  readonly channels: readonly Channel[];
}

/**
 * Returns the sources and their channels. A machine that sees the workspace shares it: with the
 * admin container if there is one, otherwise with the owner, whose next apply uses its files as
 * root. `workspace` is its path on the host.
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

/** Represents the owner, who is in no domain. */
const WORKSPACE = "this workspace";
const NOWHERE = { file: "", start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };
