/** Two domains: one whose way out is the host's uplink, one that has WireGuard's alone. */
import { Workspace } from "./_machine.ts";
import { answer, OUTSIDE, OUTSIDE_PORT, settled } from "./_traffic.ts";

const INFRA = `
project_name: ways
global: { default_os_image: "local:anklume-test" }
domains:
  left: { ephemeral: true, internet: true, machines: { left-a: {} } }
  tunnel:
    ephemeral: true
    internet: { via: [wg0], dns: [10.64.0.1] }
    machines: { tunnel-a: {} }
`;

export async function standing(): Promise<Workspace> {
  const workspace = await Workspace.onHost("ways", INFRA);
  await Promise.all([settled("left", "left-a"), settled("tunnel", "tunnel-a")]);
  return workspace;
}

/** `outside from …` by the uplink, `far from …` by the provider's ways. */
export const left = (): Promise<string | undefined> =>
  answer("left", "left-a", OUTSIDE, OUTSIDE_PORT);
export const tunnel = (): Promise<string | undefined> =>
  answer("tunnel", "tunnel-a", OUTSIDE, OUTSIDE_PORT);
