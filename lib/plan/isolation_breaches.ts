import type { Addressing } from "../addressing/addressing.ts";
import type { Plan } from "./plan.ts";
import { formatAddr } from "../resource/address.ts";
import { breachesOf } from "../resource/breach.ts";
import type { PlacedMachine } from "../infra/infra.ts";

/**
 * Returns the breaches of these machines, their profiles and their bridges, one line each. A
 * machine with a foreign NIC must not be started, even if the firewall is in place. Pure.
 */
export function isolationBreaches(
  plan: Pick<Plan, "changes">,
  addressing: Addressing,
  places: readonly PlacedMachine[],
): string[] {
  const machines = new Set(places.map(({ domain, machine }) => `${domain.name}/${machine.name}`));
  const domains = new Set(places.map(({ domain }) => domain.name));
  const bridges = new Set([...domains].map((name) => addressing.domains.get(name)?.bridge));
  const paths = Map.groupBy(
    breachesOf(plan).filter(({ addr }) =>
      addr.kind === "instance"
        ? machines.has(`${addr.project}/${addr.name}`)
        : addr.kind === "profile"
        ? domains.has(addr.project ?? "")
        : addr.kind === "network" && bridges.has(addr.name)
    ),
    ({ addr }) => formatAddr(addr),
  );
  return [...paths].map(([name, all]) =>
    `${name} (${all.map(({ field }) => field.path).join(", ")})`
  );
}
