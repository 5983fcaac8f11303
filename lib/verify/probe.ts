/** The parts of a flow, beside its ends, that decide whether it is open. */
export interface Service {
  readonly protocol: "tcp" | "udp" | "icmp";
  /** 0 for ICMP. */
  readonly port: number;
}

/** One end of a probe, in terms of infra.yml. */
export type ProbePlace =
  | {
    readonly kind: "machine";
    readonly machine: string;
    readonly domain: string;
    /** An address of the domain's subnet without a machine: `machine` is that address. */
    readonly nobody?: true;
    /**
     * It is this infra's, but infra.yml no longer declares it; its `domain` may still be declared.
     */
    readonly orphan?: true;
  }
  /** One address of the host; `gatewayOf` names the domain whose gateway it is, or `infra/bridge`. */
  | { readonly kind: "host"; readonly gatewayOf?: string }
  | OutsidePlace;

/** An address beyond the host's own networks. */
export interface OutsidePlace {
  readonly kind: "outside";
  readonly address: string;
  /** In one of the ranges that `public-only` does not reach. */
  readonly private: boolean;
  /** The interface that the host uses to reach it. */
  readonly interface: string;
  /** Whether that interface counts as the outside; a tunnel or another bridge does not. */
  readonly isOutside: boolean;
  /**
   * The interface by which the packets of a domain with `internet: { via }` leave, if a rule of the
   * host's routing sends them another way than its own; by domain.
   */
  readonly ways?: ReadonlyMap<string, string>;
}

/** Returns the interface by which a domain's packets to that place leave. */
export function wayOut(place: OutsidePlace, domain: string): string {
  return place.ways?.get(domain) ?? place.interface;
}

/** One packet to send, and its expected result. */
export interface Probe extends Service {
  /** Unique in the run. */
  readonly n: number;
  readonly from: ProbePlace;
  readonly to: ProbePlace;
  readonly family: 4 | 6;
  /** The target address. */
  readonly address: string;
  /**
   * The source address that the target must see; undefined if the address is translated, or not
   * known.
   */
  readonly source?: string;
  readonly expected: "open" | "closed";
  /** Ids of the policies that open it. */
  readonly policies?: readonly string[];
}

/** The result of a probe. */
export interface ProbeOutcome {
  /** It was seen at the target, or leaving towards the outside. */
  readonly arrived: boolean;
  /** The target itself answered: an acceptance, a refusal, an echo. */
  readonly answered: boolean;
  /** The answer was not a refusal. */
  readonly accepted: boolean;
  /** Source address that the target saw. */
  readonly seenFrom?: string;
  /** It was never sent: no route, no such family. */
  readonly unsent: boolean;
}
