import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import { ZONE_OFFSETS } from "../infra.ts";
import type { AddressingForm, Domain, Machine } from "../infra.ts";
import { parseIpv4 } from "../ip.ts";
import { shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

const FIRST_STATIC = 1;
const LAST_STATIC = 99;
const LARGEST_SUBNET_ID = 254;

/** Returns the first two octets of a domain's subnet. */
export function zonePrefix(form: AddressingForm, domain: Pick<Domain, "trustLevel">): string {
  if (form.kind === "classic") return form.baseSubnet;
  return `${form.baseOctet}.${form.zoneBase + ZONE_OFFSETS[domain.trustLevel] * form.zoneStep}`;
}

/** Checks the subnets and addresses that infra.yml fixes. `assignAddresses` decides all others. */
export function checkAddresses(
  domains: readonly Domain[],
  form: AddressingForm,
  diagnostics: DiagnosticList,
): void {
  const subnets = new Map<string, string>();
  const addresses = new Map<string, string>();
  const copied = new Map<string, string>();
  for (const domain of domains) {
    const prefix = zonePrefix(form, domain);
    const missing = form.kind === "classic" && domain.subnetId === undefined &&
      !domain.ranges.has("subnet_id");
    if (missing) {
      diagnostics.add({
        code: "MISSING_SUBNET_ID",
        summary: `\`${domain.copy?.of ?? domain.name}\` has no \`subnet_id\``,
        detail: "with `global.base_subnet` every domain must give its third octet",
        remedy: `add \`subnet_id\`, 0 to ${LARGEST_SUBNET_ID}`,
        range: domain.range,
      });
    }
    let subnet = domain.subnetId === undefined ? undefined : `${prefix}.${domain.subnetId}`;
    let claimed = subnet !== undefined &&
      claim(subnet, domain, domain.ranges.get("subnet_id"), subnets, diagnostics);
    for (const machine of domain.machines) {
      const octets = staticAddress(machine, diagnostics);
      if (octets === undefined || isCopied(machine, domain, copied, diagnostics)) continue;
      const own = octets.slice(0, 3).join(".");
      if (subnet === undefined && !missing && own.startsWith(`${prefix}.`) && octets[2]! <= 254) {
        // The first fixed address determines the subnet of the domain.
        subnet = own;
        claimed = claim(subnet, domain, machine.ranges.get("ip"), subnets, diagnostics);
        if (!claimed) continue;
      }
      if (own !== subnet) {
        if (!missing) reportForeign(machine, domain, { subnet, prefix }, diagnostics);
        continue;
      }
      checkHost(machine, own, octets[3]!, diagnostics);
      const other = addresses.get(machine.ip!);
      addresses.set(machine.ip!, machine.name);
      if (other === undefined) continue;
      diagnostics.add({
        code: "DUPLICATE_ADDRESS",
        summary: `${machine.ip} is already the address of \`${other}\``,
        remedy: "choose another one, or leave `ip` out",
        ...at(machine.ranges.get("ip")),
      });
    }
  }
}

/**
 * Returns the octets of a machine's fixed address; undefined if there is none, or if it is invalid
 * and was reported.
 */
function staticAddress(
  machine: Machine,
  diagnostics: DiagnosticList,
): readonly number[] | undefined {
  if (machine.ip === undefined) return undefined;
  const octets = parseIpv4(machine.ip);
  if (octets === undefined) {
    diagnostics.add({
      code: "INVALID_ADDRESS",
      summary: `\`${shortenName(machine.ip)}\` is not an IPv4 address`,
      remedy: machine.ip.includes("/")
        ? "write the address alone: the subnet is the domain's"
        : "write four numbers from 0 to 255, without leading zeros",
      ...at(machine.ranges.get("ip")),
    });
  }
  return octets;
}

/**
 * Reports an address that an earlier copy has too. Each copy has its own subnet, so the address can
 * be right for only one of them.
 */
function isCopied(
  machine: Machine,
  { copy }: Domain,
  copied: Map<string, string>,
  diagnostics: DiagnosticList,
): boolean {
  if (copy === undefined || machine.ip === undefined) return false;
  const id = `${copy.of}/${machine.hostname}`;
  const isSame = copied.get(id) === machine.ip;
  copied.set(id, machine.ip);
  if (!isSame) return false;
  diagnostics.add({
    code: "COPIES_SHARE_ADDRESS",
    summary: `Every copy of \`${copy.of}\` would get the address ${machine.ip}`,
    detail: "each copy has a subnet of its own",
    remedy: "leave `ip` out: anklume assigns addresses once and keeps them",
    ...at(machine.ranges.get("ip")),
  });
  return true;
}

function checkHost(
  machine: Machine,
  subnet: string,
  host: number,
  diagnostics: DiagnosticList,
): void {
  if (host >= FIRST_STATIC && host <= LAST_STATIC) return;
  diagnostics.add({
    code: "ADDRESS_OUT_OF_RANGE",
    summary: `${machine.ip} is not among the static addresses of its subnet`,
    detail: "machines have .1 to .99, DHCP has .100 to .199, the gateway is .254",
    remedy: `choose ${subnet}.1 to ${subnet}.99`,
    ...at(machine.ranges.get("ip")),
  });
}

function reportForeign(
  machine: Machine,
  domain: Domain,
  { subnet, prefix }: { readonly subnet: string | undefined; readonly prefix: string },
  diagnostics: DiagnosticList,
): void {
  diagnostics.add({
    code: "ADDRESS_OUT_OF_RANGE",
    summary: subnet === undefined
      ? `${machine.ip} is outside the domain's zone, ${prefix}.0.0/16`
      : `${machine.ip} is outside the domain's subnet, ${subnet}.0/24`,
    ...(subnet === undefined ? { detail: `\`${domain.name}\` is ${domain.trustLevel}` } : {}),
    remedy: `choose ${subnet ?? `${prefix}.0`}.1 to ${subnet ?? `${prefix}.0`}.99`,
    ...at(machine.ranges.get("ip")),
  });
}

function claim(
  subnet: string,
  domain: Domain,
  range: SourceRange | undefined,
  subnets: Map<string, string>,
  diagnostics: DiagnosticList,
): boolean {
  const other = subnets.get(subnet);
  if (other === undefined) {
    subnets.set(subnet, domain.name);
    return true;
  }
  diagnostics.add({
    code: "DUPLICATE_SUBNET",
    summary: `${subnet}.0/24 is already the subnet of \`${other}\``,
    remedy: "choose another one, or leave it out: anklume finds a free one and keeps it",
    ...at(range),
  });
  return false;
}

function at(range: SourceRange | undefined): { range?: SourceRange } {
  return optional({ range });
}
