import type { ProbePlace, Service } from "./probe.ts";

/** A policy as the user would write it. */
export interface Advice {
  readonly from: string;
  readonly to: string;
  readonly service: Service;
}

/** A flow, and its ends as the user named them. */
interface NamedFlow {
  readonly from: ProbePlace;
  readonly to: ProbePlace;
  readonly service: Service;
  readonly names: { readonly from: string; readonly to: string };
}

/** Returns the policy that the user would write: for this flow, and no more. */
export function adviceOf({ from, to, service, names }: NamedFlow): Advice {
  const end = (place: ProbePlace, name: string) => {
    if (place.kind === "machine") return place.machine;
    if (place.kind === "host") return "host";
    if (place.isOutside && name === "outside") return "outside";
    return name.includes("/") ? name : place.address;
  };
  return { from: end(from, names.from), to: end(to, names.to), service };
}

/** Returns the policy as text for infra.yml. */
export function adviceText({ from, to, service: { protocol, port } }: Advice): string[] {
  return [
    "network_policies:",
    "  - description: what it is for",
    `    from: ${from}`,
    `    to: ${to}`,
    ...(protocol === "icmp"
      ? ["    ports: all    # ICMP is opened with all protocols only"]
      : [`    ports: [${port}]`, ...(protocol === "tcp" ? [] : [`    protocol: ${protocol}`])]),
  ];
}
