import type { Addressing } from "../addressing/addressing.ts";
import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import { suggest } from "../diag/suggest.ts";
import type { Infra } from "../infra/infra.ts";
import { optional } from "../diag/optional.ts";

/**
 * Warns of interfaces that infra.yml names under `via` or `outside` and that this host does not
 * have, or that are a machine's port: no packet can leave by them now. A tunnel that is down is
 * also one.
 */
export function interfaceWarnings(
  infra: Infra,
  addressing: Addressing,
  names: ReadonlySet<string>,
): Diagnostic[] {
  const ports = new Map(
    [...addressing.machines.values()].map(({ hostName, machine }) => [hostName, machine]),
  );
  const own = new Set([...addressing.domains.values()].map(({ bridge }) => bridge));
  const known = [...names].filter((name) => !ports.has(name) && !own.has(name) && name !== "lo");
  const warning = (name: string, who: string, range?: SourceRange): Diagnostic | undefined => {
    const machine = ports.get(name);
    if (machine === undefined && names.has(name)) return undefined;
    const near = suggest(name, known);
    return {
      severity: "warning",
      code: "INTERFACE_MISSING",
      summary: machine === undefined
        ? `This host has no interface \`${name}\` now: ${who} uses it to go out`
        : `\`${name}\` is the port of ${machine}: ${who} uses it to go out`,
      remedy: near === undefined
        ? "bring it up, or write the name that `ip link` shows"
        : `did you mean \`${near}\`? Otherwise bring it up`,
      ...optional({ range }),
    };
  };
  const { outside, outsideRange } = infra.global;
  return [
    ...infra.domains.flatMap(({ name, internet, ranges }) =>
      internet.kind === "via"
        ? internet.interfaces.map((each) =>
          warning(each, `nothing of ${name}`, ranges.get("internet"))
        )
        : []
    ),
    ...(outside ?? []).map((each) => warning(each, "no domain", outsideRange)),
  ].filter((each) => each !== undefined);
}
