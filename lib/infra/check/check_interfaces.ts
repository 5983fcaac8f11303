import type { SourceRange } from "../../diag/diagnostic.ts";
import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { Domain } from "../infra.ts";
import { shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

/** Names of interfaces and their place in the file. */
interface NamedInterfaces {
  readonly names: readonly string[];
  readonly key: "via" | "outside";
  readonly range: SourceRange | undefined;
}

/**
 * Warns of names under `via` or `outside` that belong to a machine, a domain or a bridge: these
 * lead nowhere outside of the host.
 */
export function checkInterfaces(
  domains: readonly Domain[],
  outside: NamedInterfaces,
  diagnostics: DiagnosticList,
): void {
  const owners = new Map<string, string>([["lo", "the host's loopback"]]);
  for (const { name, machines } of domains) {
    owners.set(`net-${name}`, `the bridge of \`${name}\``);
    for (const machine of machines) owners.set(machine.name, "a machine's name");
  }
  for (const { name } of domains) owners.set(name, "a domain's name");
  const vias = domains.flatMap(({ internet, ranges }): NamedInterfaces[] =>
    internet.kind === "via"
      ? [{ names: internet.interfaces, key: "via", range: ranges.get("internet") }]
      : []
  );
  for (const { names, key, range } of [...vias, outside]) {
    const wrong = names.filter((name) => owners.has(name));
    if (wrong.length === 0) continue;
    const what = wrong.map((name) => `\`${shortenName(name)}\` is ${owners.get(name)}`).join(", ");
    diagnostics.add({
      severity: "warning",
      code: "NO_WAY_OUT",
      summary: `${what}: no traffic leaves the host through it`,
      detail: `\`${key}\` needs names of interfaces of the host`,
      remedy: key === "via"
        ? "name the tunnel's interface, such as wg0; `ip link` lists them"
        : "name the uplink's interface, such as eth0; `ip link` lists them",
      ...optional({ range }),
    });
  }
}
