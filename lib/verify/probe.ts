/** What of a flow decides who may have it, beside its ends. */
export interface Service {
  readonly protocol: "tcp" | "udp" | "icmp";
  /** 0 for ICMP. */
  readonly port: number;
}

/** Where a probe starts or ends, as infra.yml has it. */
export type ProbePlace =
  | {
    readonly kind: "machine";
    readonly machine: string;
    readonly domain: string;
    /** An address of the domain's subnet that no machine has: `machine` is that address. */
    readonly nobody?: true;
    /** It is this infra's, and stands in infra.yml no more; its `domain` may still. */
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
  /** The interface by which the host sends to it. */
  readonly interface: string;
  /** Whether that interface counts as the outside, which a tunnel or another bridge does not. */
  readonly isOutside: boolean;
}

/** One packet to be sent, and what is to become of it. */
export interface Probe extends Service {
  /** Unique in the run. */
  readonly n: number;
  readonly from: ProbePlace;
  readonly to: ProbePlace;
  readonly family: 4 | 6;
  /** Where it is sent to. */
  readonly address: string;
  /** Whom the target is to see; undefined where the address is translated, or nobody says. */
  readonly source?: string;
  readonly expected: "open" | "closed";
  /** Ids of the policies that open it. */
  readonly policies?: readonly string[];
}

/** What became of a probe. */
export interface ProbeOutcome {
  /** It was seen at the target, or leaving towards the outside. */
  readonly arrived: boolean;
  /** Something came back from the target itself: an acceptance, a refusal, an echo. */
  readonly answered: boolean;
  /** What came back was no refusal. */
  readonly accepted: boolean;
  /** Address the target saw. */
  readonly seenFrom?: string;
  /** It never left: no route, no such family. */
  readonly unsent: boolean;
}
