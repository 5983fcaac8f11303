import type { Lock } from "./addressing.ts";
import { inNaturalOrder } from "./natural_order.ts";

const HEADER =
  `# infra.lock.yml - written by anklume: the addresses, MACs and interface names that it assigned.
# Commit it together with infra.yml. Without it machines could get other addresses.
`;

/** Words that a YAML 1.1 or 1.2 reader does not read as text. */
const NOT_PLAIN = new Set(["true", "false", "null", "yes", "no", "on", "off", "y", "n"]);

/**
 * Returns the text of `infra.lock.yml`: one line per domain and machine, sorted, so that two
 * branches can be merged.
 */
export function formatLock(lock: Lock): string {
  return `${HEADER}format: ${lock.format}
project: ${scalar(lock.project)}
infra: ${quote(lock.infra)}
domains:${map(lock.domains, ({ subnet, bridge }) => `subnet: ${subnet}, bridge: ${scalar(bridge)}`)}
machines:${
    map(lock.machines, ({ domain, ip, hwaddr, hostName }) =>
      `domain: ${scalar(domain)}, ip: ${ip}, hwaddr: ${quote(hwaddr)}, host_name: ${
        scalar(hostName)
      }`)
  }
freed: # given back, oldest first: reused last
  subnets:${list(lock.freed.subnets)}
  addresses:${list(lock.freed.addresses)}
`;
}

function map<T>(record: Readonly<Record<string, T>>, format: (value: T) => string): string {
  const entries = inNaturalOrder(
    Object.entries(record).map(([name, value]) => ({ name, value })),
  );
  if (entries.length === 0) return " {}";
  return entries.map(({ name, value }) => `\n  ${scalar(name)}: { ${format(value)} }`).join("");
}

function list(items: readonly string[]): string {
  return items.length === 0 ? " []" : items.map((item) => `\n    - ${item}`).join("");
}

function scalar(text: string): string {
  return /^[a-z][a-z0-9-]*$/.test(text) && !NOT_PLAIN.has(text) ? text : quote(text);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
