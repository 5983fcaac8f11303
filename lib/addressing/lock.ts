import { optional } from "../diag/optional.ts";
import type { Diagnostic } from "../diag/diagnostic.ts";
import { DiagnosticList } from "../diag/diagnostic_list.ts";
import { SourceFile } from "../diag/source.ts";
import { rangeOf } from "../infra/yaml/yaml_tree.ts";
import { readYaml } from "../infra/yaml/read_yaml.ts";
import { type Lock, LOCK_FORMAT, type LockedDomain, type LockedMachine } from "./addressing.ts";
import { networkOf } from "./ipv4.ts";
import { type Field, LockReader } from "./lock_reader.ts";
import { FORMS } from "./lock_forms.ts";
import { readLockLines } from "./lock_lines.ts";

/**
 * Reads `infra.lock.yml`. It is strict, because the lock decides which address belongs to which
 * machine: anything unknown, missing, malformed or duplicate is an error, and then no lock is
 * returned. Never throws.
 */
export function parseLock(
  text: string,
  options: { readonly filename: string },
): { readonly lock?: Lock; readonly diagnostics: readonly Diagnostic[] } {
  const source = new SourceFile({ file: options.filename, text });
  const diagnostics = new DiagnosticList();
  const lock = reportConflict(source, diagnostics) ? undefined : readLock(source, diagnostics);
  return {
    ...optional({ lock: diagnostics.hasErrors ? undefined : lock }),
    diagnostics: diagnostics.sorted([options.filename]),
  };
}

function reportConflict(source: SourceFile, diagnostics: DiagnosticList): boolean {
  const marker = /^(?:<{7}|={7}|>{7}|\|{7})(?=\s|$)/m.exec(source.text);
  if (marker === null) return false;
  diagnostics.add({
    code: "LOCK_CONFLICT",
    summary: "A merge conflict is unresolved here",
    detail: "two branches assigned addresses independently",
    remedy:
      "take one side (`git checkout --ours -- <file>` or `--theirs`): the next `anklume sync` " +
      "assigns what is missing",
    range: source.range(marker.index, marker.index + marker[0].length),
  });
  return true;
}

function readLock(source: SourceFile, diagnostics: DiagnosticList): Lock | undefined {
  const node = readLockLines(source) ?? readYaml(source, diagnostics);
  if (node === undefined) return undefined;
  const reader = new LockReader(diagnostics);
  const whole: Field = { name: source.file, node, range: rangeOf(node.span) };
  if (!isOurFormat(reader, whole)) return undefined;
  const { project, infra, domains, machines, freed } = reader.fields(
    whole,
    ["format", "project", "infra", "domains", "machines", "freed"],
  );
  const lists = freed && reader.fields(freed, ["subnets", "addresses"]);
  const lock = {
    format: LOCK_FORMAT,
    project: reader.text(project, FORMS.project),
    infra: reader.text(infra, FORMS.uuid),
    domains: readDomains(reader, domains),
    machines: readMachines(reader, machines),
    freed: {
      subnets: reader.list(lists?.subnets, FORMS.subnet),
      addresses: reader.list(lists?.addresses, FORMS.address),
    },
  } satisfies Lock;
  if (!diagnostics.hasErrors) reportStrays(reader, lock, machines);
  return lock;
}

/** Checked first: nothing else can be judged in a newer format. */
function isOurFormat(reader: LockReader, whole: Field): boolean {
  const format = reader.find(whole, "format");
  const number = format?.node.kind === "scalar" ? format.node.value : undefined;
  if (number === LOCK_FORMAT) return true;
  if (typeof number === "number" && Number.isInteger(number) && number > LOCK_FORMAT) {
    reader.report(format, {
      code: "LOCK_NEWER",
      summary: `${whole.name} has format ${number}; this anklume knows format ${LOCK_FORMAT}`,
      detail: "a newer anklume wrote it",
      remedy: "use that version of anklume, or a later one",
    });
  } else if (format === undefined) {
    reader.invalid(
      whole,
      `${whole.name} has no format number: it is not a lock file, or it was cut off`,
    );
  } else reader.invalid(format, `\`format\` is ${LOCK_FORMAT}`);
  return false;
}

function readDomains(
  reader: LockReader,
  field: Field | undefined,
): Record<string, LockedDomain> {
  return reader.record(field, (entry) => {
    const { subnet, bridge } = reader.fields(entry, ["subnet", "bridge"]);
    return {
      subnet: reader.unique(subnet, FORMS.subnet, entry.name),
      bridge: reader.unique(bridge, FORMS.bridge, entry.name),
    };
  });
}

function readMachines(
  reader: LockReader,
  field: Field | undefined,
): Record<string, LockedMachine> {
  return reader.record(field, (entry) => {
    const { domain, ip, hwaddr, host_name } = reader.fields(
      entry,
      ["domain", "ip", "hwaddr", "host_name"],
    );
    return {
      domain: reader.text(domain, FORMS.name),
      ip: reader.unique(ip, FORMS.address, entry.name),
      hwaddr: reader.unique(hwaddr, FORMS.hwaddr, entry.name),
      hostName: reader.unique(host_name, FORMS.hostName, entry.name),
    };
  });
}

/** Reports machines whose domain is missing or whose address is not in their domain's subnet. */
function reportStrays(reader: LockReader, lock: Lock, machines: Field | undefined): void {
  const networks = new Map(
    Object.entries(lock.domains).map(([name, { subnet }]) => [name, networkOf(subnet)]),
  );
  for (const [name, { domain, ip }] of Object.entries(lock.machines)) {
    const network = networks.get(domain);
    if (network === networkOf(ip)) continue;
    reader.invalid(
      reader.find(machines, name),
      network === undefined
        ? `\`${name}\` is in the domain \`${domain}\`, which has no line of its own`
        : `\`${name}\` has ${ip}, which is not in the subnet of \`${domain}\``,
    );
  }
}
