import type { Addressing } from "../addressing/addressing.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { type Infra, type Machine, machinesOf, type Publish } from "../infra/infra.ts";
import type { Listener } from "./listener.ts";
import type { Redirect } from "./redirect.ts";
import type { TakenPorts } from "./taken_ports.ts";

/** The facts of the host that decide whether a listener is reachable from outside. */
export interface Surface {
  readonly interfaces: readonly { readonly name: string; readonly addresses: readonly string[] }[];
  /** Interfaces that do not lead in: bridges and tunnels of the host. */
  readonly local: ReadonlySet<string>;
}

/**
 * Finds published ports that a listener of the host uses, or that other rules redirect: our rules
 * would take the port from them. An error before the port is published. A warning if the live rules
 * (or those for the next boot) publish it already: a program that opens that port later must not
 * keep the rules from being loaded again. Pure.
 */
export function findPublishConflicts(
  infra: Infra,
  addressing: Addressing,
  taken: TakenPorts,
  surface: Surface,
): Diagnostic[] {
  const published = machinesOf(infra).flatMap((machine) =>
    machine.publish.map((publish) => ({ machine, publish }))
  );
  if (published.length === 0) return [];
  const walls = new PublishReach(addressing, surface, infra.global.ipv6);
  const done = new Set(taken.published);
  const found = published.filter(({ publish }) => publish.replaceHost !== true)
    .flatMap(({ machine, publish }) => {
      const who = holderOf(publish, taken, walls);
      const standing = done.has(`${publish.protocol} ${publish.host}`);
      return who === undefined ? [] : [conflict(machine, publish, who, standing)];
    });
  return [...found, ...unseen(published.map(({ publish }) => publish), taken)];
}

function conflict(machine: Machine, publish: Publish, who: string, standing: boolean): Diagnostic {
  const port = `${publish.protocol} port ${publish.host}`;
  return {
    severity: standing ? "warning" : "error",
    code: "PUBLISH_TAKEN",
    summary: `The host's ${port} leads to \`${machine.name}\`, and ${who}`,
    detail: standing
      ? "Connections to it from outside go to the machine, which was published first."
      : `Connections to it from outside would go to \`${machine.name}\` instead.`,
    remedy: "choose another port of the host, or confirm it with `replace_host: true` beside it",
    range: publish.range,
  };
}

/** Returns the present user of the port; undefined: none that is reachable from outside. */
function holderOf(publish: Publish, taken: TakenPorts, walls: PublishReach): string | undefined {
  const listener = taken.listeners?.find((each) =>
    each.protocol === publish.protocol && each.port === publish.host && walls.isOpen(each)
  );
  if (listener !== undefined) {
    const { address } = listener;
    return `a program on the host listens there (${
      address.includes(":") ? `[${address}]` : address
    })`;
  }
  const redirect = taken.redirects?.find((each) =>
    (each.protocol === undefined || each.protocol === publish.protocol) &&
    each.first <= publish.host && publish.host <= each.last && walls.isTakenOver(each)
  );
  if (redirect === undefined) return undefined;
  const other = /^inet anklume_(.+)$/.exec(redirect.table)?.[1];
  return other === undefined
    ? `the rules in \`table ${redirect.table}\` send it elsewhere`
    : `another infra, \`${other}\`, publishes it`;
}

/** Reports what could not be read, if anything is published. */
function unseen(published: readonly Publish[], { listeners, redirects }: TakenPorts): Diagnostic[] {
  const [first] = published;
  if (first === undefined || (listeners !== undefined && redirects !== undefined)) return [];
  return [{
    severity: "warning",
    code: "PUBLISH_UNSEEN",
    summary: listeners === undefined
      ? "Could not check whether programs on the host listen on published ports"
      : "Could not check whether other rules of the host use published ports",
    remedy: listeners === undefined
      ? "apt install iproute2, for `ss`"
      : "run the same command as root",
    range: first.range,
  }];
}

/** Decides which listeners and redirections are reachable from outside. */
class PublishReach {
  readonly #local: ReadonlySet<string>;
  /** Addresses of interfaces that do not lead in. */
  readonly #inner: ReadonlySet<string>;
  readonly #own: ReadonlySet<string>;
  readonly #ipv6: boolean;

  constructor(addressing: Addressing, { interfaces, local }: Surface, ipv6: boolean) {
    const plain = (address: string) => address.split("/")[0] ?? "";
    const bridges = [...addressing.domains.values()];
    this.#local = new Set([...local, ...bridges.map(({ bridge }) => bridge)]);
    this.#inner = new Set([
      ...interfaces.filter(({ name }) => this.#local.has(name))
        .flatMap(({ addresses }) => addresses.map(plain)),
      ...bridges.flatMap(({ gateway, ipv6 }) => [gateway, ...(ipv6 ? [ipv6.gateway] : [])]),
    ]);
    this.#own = new Set(interfaces.flatMap(({ addresses }) => addresses.map(plain)));
    this.#ipv6 = ipv6;
  }

  isOpen({ address, interface: device }: Listener): boolean {
    if (device !== undefined && (device === "lo" || this.#local.has(device))) return false;
    if (address === "*" || address === "0.0.0.0") return true;
    // Without IPv6 no port is published there.
    if (address.includes(":") && !address.startsWith("::ffff:")) {
      return this.#ipv6 && address !== "::1" && !this.#inner.has(address);
    }
    const four = address.replace("::ffff:", "");
    return !four.startsWith("127.") && !this.#inner.has(four);
  }

  /** An address that is not the host's own is not published by anklume. */
  isTakenOver({ address }: Redirect): boolean {
    return address === undefined || (this.#own.has(address) && !this.#inner.has(address));
  }
}
