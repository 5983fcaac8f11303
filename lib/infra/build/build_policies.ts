import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { suggest } from "../../diag/suggest.ts";
import type { DeclaredDomain } from "../declared_domain.ts";
import { zonePrefix } from "../check/check_addresses.ts";
import type { GlobalSettings, NetworkPolicy, PolicyEnd, PortRange } from "../infra.ts";
import { parseCidr } from "../ip.ts";
import type { PolicyText, PortsText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

interface PolicyContext {
  readonly names: PolicyNames;
  readonly global: GlobalSettings;
  readonly declared: readonly DeclaredDomain[];
  /** True if every domain could be read. */
  readonly isComplete: boolean;
  readonly diagnostics: DiagnosticList;
}

/** Reads the policies and resolves their ends to the names of expanded domains and machines. */
export function buildPolicies(
  texts: readonly Located<PolicyText>[],
  { declared, ...rest }: Omit<PolicyContext, "names">,
): NetworkPolicy[] {
  const context = { names: new PolicyNames(declared), declared, ...rest };
  const { diagnostics } = context;
  const policies: NetworkPolicy[] = [];
  for (const [index, { value: text, range }] of texts.entries()) {
    const from = text.from && resolveEnd(text.from, context);
    const to = text.to && resolveEnd(text.to, context);
    const ports = text.ports && resolvePorts(text.ports, diagnostics);
    if (from === undefined || to === undefined || ports === undefined) continue;
    checkEnds(from, to, text.to ?? text.from!, diagnostics);
    const protocol = text.protocol?.value ?? (ports === "all" ? undefined : "tcp");
    policies.push({
      id: `policy-${index + 1}`,
      description: text.description?.value ?? "",
      from,
      to,
      ports,
      ...optional({ protocol }),
      bidirectional: text.bidirectional?.value ?? false,
      range,
    });
  }
  return policies;
}

/** The names that a policy can use. `pc1` can mean a machine in each of many copies. */
class PolicyNames {
  readonly domains = new Map<string, string[]>();
  readonly machines = new Map<string, string[]>();
  /** Names of machines in a domain with copies that also have another meaning. */
  readonly ambiguous = new Map<string, string>();

  constructor(declared: readonly DeclaredDomain[]) {
    for (const { name, domains } of declared) {
      this.domains.set(name, domains.map((domain) => domain.name));
      for (const domain of domains) {
        if (domain.copy !== undefined) this.domains.set(domain.name, [domain.name]);
        for (const machine of domain.machines) this.machines.set(machine.name, [machine.name]);
      }
    }
    for (const { name, hasCopies, domains } of declared) {
      if (!hasCopies) continue;
      const short = new Map<string, string[]>();
      for (const machine of domains.flatMap((domain) => domain.machines)) {
        const names = short.get(machine.hostname);
        if (names === undefined) short.set(machine.hostname, [machine.name]);
        else names.push(machine.name);
      }
      for (const [hostname, machines] of short) {
        if (this.domains.has(hostname) || this.machines.has(hostname)) {
          this.ambiguous.set(hostname, name);
        } else {
          this.machines.set(hostname, machines);
        }
      }
    }
  }
}

function resolveEnd(end: Located<string>, context: PolicyContext): PolicyEnd | undefined {
  const { names, diagnostics } = context;
  const text = end.value;
  if (text === "host" || text === "outside") return { kind: text, text };
  const copiesOf = names.ambiguous.get(text);
  if (copiesOf !== undefined) {
    diagnostics.add({
      code: "AMBIGUOUS_POLICY_END",
      summary: `\`${text}\` is a machine in every copy of \`${copiesOf}\`, and something else too`,
      remedy: "rename one of them, or name the copies' machines one by one",
      range: end.range,
    });
    return undefined;
  }
  const domains = names.domains.get(text);
  if (domains !== undefined) return { kind: "domains", text, domains };
  const machines = names.machines.get(text);
  if (machines !== undefined) return { kind: "machines", text, machines };
  if (/^[0-9A-Fa-f:.]+(\/|$)/.test(text) && /[.:/]/.test(text)) return resolveCidr(end, context);
  // A part that could not be read may contain this name.
  if (!context.isComplete) return undefined;
  const near = suggest(text, [
    ...names.domains.keys(),
    ...names.machines.keys(),
    "host",
    "outside",
  ]);
  diagnostics.add({
    code: "UNKNOWN_POLICY_END",
    summary: `\`${shortenName(text)}\` is not a domain, machine or network`,
    remedy: near === undefined
      ? "write a domain, a machine, `host`, `outside` or a network such as 192.0.2.0/24"
      : `did you mean \`${near}\`?`,
    range: end.range,
  });
  return undefined;
}

function resolveCidr(end: Located<string>, context: PolicyContext): PolicyEnd | undefined {
  const { global, declared, diagnostics } = context;
  const cidr = parseCidr(end.value);
  if (cidr === undefined) {
    diagnostics.add({
      code: "INVALID_CIDR",
      summary: `\`${shortenName(end.value)}\` is not a network`,
      remedy: "write for example 192.0.2.0/24 or 2001:db8::/32",
      range: end.range,
    });
    return undefined;
  }
  if (cidr.hasHostBits) {
    diagnostics.add({
      code: "INVALID_CIDR",
      summary: `\`${shortenName(end.value)}\` mixes an address and a network`,
      remedy: `write \`${cidr.address}\` for one address, or \`${cidr.text}\` for the network`,
      range: end.range,
    });
    return undefined;
  }
  const own = declared.flatMap((declaration) => declaration.domains).find((domain) => {
    const zone = parseCidr(`${zonePrefix(global.addressing, domain)}.0.0/16`);
    return zone !== undefined && cidr.version === 4 && zone.first <= cidr.first &&
      cidr.last <= zone.last;
  });
  if (own !== undefined) {
    diagnostics.add({
      code: "CIDR_OF_DOMAINS",
      summary: `\`${shortenName(end.value)}\` lies among the addresses of this infra's domains`,
      detail: "a network in a policy must be outside the infra",
      remedy: "name the domain or the machine",
      range: end.range,
    });
    return undefined;
  }
  return { kind: "cidr", text: end.value, cidr: cidr.text };
}

function checkEnds(
  from: PolicyEnd,
  to: PolicyEnd,
  place: Located<string>,
  diagnostics: DiagnosticList,
): void {
  const own = (end: PolicyEnd) => end.kind === "domains" || end.kind === "machines";
  if (!own(from) && !own(to)) {
    diagnostics.add({
      code: "POLICY_WITHOUT_DOMAIN",
      summary: `Neither \`${shortenName(from.text)}\` nor \`${
        shortenName(to.text)
      }\` belongs to this infra`,
      detail: "anklume's rules apply only to traffic that enters or leaves a domain",
      remedy: "name a domain or a machine on one side",
      range: place.range,
    });
  } else if (from.kind === to.kind && from.text === to.text && names(from).length === 1) {
    diagnostics.add({
      code: "POLICY_TO_ITSELF",
      summary: `\`${shortenName(from.text)}\` can reach itself without a policy`,
      remedy: "name another source or destination, or remove the policy",
      range: place.range,
    });
  }
}

function names(end: PolicyEnd): readonly string[] {
  return end.kind === "domains" ? end.domains : end.kind === "machines" ? end.machines : [];
}

function resolvePorts(
  ports: Located<PortsText>,
  diagnostics: DiagnosticList,
): "all" | readonly PortRange[] | undefined {
  if (ports.value === "all") return "all";
  const ranges: PortRange[] = [];
  const seen = new Set<string>();
  for (const port of ports.value) {
    const range = parsePorts(port, diagnostics);
    if (range === undefined) continue;
    const id = `${range.first}-${range.last}`;
    if (seen.has(id)) {
      diagnostics.add({
        code: "DUPLICATE_ENTRY",
        summary: `\`${port.value}\` is in \`ports\` twice`,
        remedy: "keep one of them",
        range: port.range,
      });
    }
    seen.add(id);
    ranges.push(range);
  }
  return ranges;
}

function parsePorts(
  port: Located<string | number>,
  diagnostics: DiagnosticList,
): PortRange | undefined {
  const text = String(port.value);
  const match = /^([0-9]{1,9})(?:-([0-9]{1,9}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = match?.[2] === undefined ? first : Number(match[2]);
  const inRange = (value: number) => value >= 1 && value <= 65535;
  if (match !== null && inRange(first) && inRange(last) && first <= last) return { first, last };
  const reversed = match !== null && inRange(first) && inRange(last);
  diagnostics.add({
    code: reversed ? "REVERSED_PORTS" : "INVALID_PORT",
    summary: reversed
      ? `The port range \`${text}\` is reversed`
      : match === null
      ? `\`${shortenName(text)}\` is neither a port nor a range of ports`
      : `\`${text}\` is outside the ports 1 to 65535`,
    remedy: reversed ? `write "${last}-${first}"` : 'write a port, or a range such as "8000-8010"',
    range: port.range,
  });
  return undefined;
}
