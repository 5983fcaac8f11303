import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import type { BuildContext } from "./build_context.ts";
import { buildMachine } from "./build_machine.ts";
import { checkConfig } from "../check/check_config.ts";
import { checkDevices } from "../check/check_devices.ts";
import { isMistaken } from "../shape/collection_shapes.ts";
import { copyNames, mentionsCopy, substituteCopy, warnOfStrayCopy } from "./copies.ts";
import { distinct } from "./distinct.ts";
import type { Domain, Internet, Profile } from "../infra.ts";
import { labelProblem, nameProblem } from "../shape/names.ts";
import { plainConfig, plainDevices, rangesOf } from "../shape/without_places.ts";
import { copiesShape, domainShape, type DomainText, type InternetText } from "../shape/schema.ts";
import type { Located, Unread } from "../shape/shape.ts";
import { entryOf, type Node } from "../yaml/yaml_tree.ts";
import type { DeclaredDomain } from "../declared_domain.ts";
import { optional } from "../../diag/optional.ts";

/**
 * No host runs more machines than this. A mistake in `copies` must not take minutes to be reported.
 */
const MACHINE_LIMIT = 20_000;
const LARGEST_SUBNET_ID = 254;

/** Reads a domain, once for each of its copies. */
export function buildDeclaredDomain(
  name: string,
  declared: Located<Unread>,
  context: BuildContext,
): DeclaredDomain {
  const { diagnostics } = context;
  const { node, context: readContext } = declared.value;
  const range = declared.keyRange;
  const problem = nameProblem(name, "domain");
  if (problem !== undefined) diagnostics.add({ ...problem, range });
  let isComplete = true;
  let isPlaced = true;
  const read = (tree: Node): DomainText => {
    const text = domainShape.read(tree, { ...readContext, label: name }) ?? {};
    isComplete &&= !isMistaken(text, "machines") && !isMistaken(text, "copies");
    isPlaced &&= !isMistaken(text, "trust_level") && !isMistaken(text, "subnet_id");
    return text;
  };
  const copies = readCopies(node, declared.value, diagnostics);
  if (copies === undefined) {
    const text = read(node);
    if (!isMistaken(text, "copies")) warnOfStrayCopy(node, diagnostics);
    const domain = buildDomain({ name, range, text }, context);
    return { name, range, hasCopies: false, domains: [domain], isComplete, isPlaced };
  }
  const machines = entryOf(node, "machines")?.value;
  const machineCount = copies.length * (machines?.kind === "map" ? machines.entries.length : 0);
  if (machineCount > MACHINE_LIMIT) {
    diagnostics.add({
      code: "TOO_MANY_MACHINES",
      summary:
        `The copies of \`${name}\` have ${machineCount} machines; at most ${MACHINE_LIMIT} are allowed`,
      range,
    });
    return { name, range, hasCopies: true, domains: [], isComplete: false, isPlaced };
  }
  // Without `{copy}` all copies are read the same, so one reading is enough.
  const template = mentionsCopy(node) ? undefined : read(node);
  const domains = copies.map((copy, index) =>
    buildDomain({
      name: `${name}-${copy}`,
      range,
      text: template ?? read(substituteCopy(node, copy)),
      copy: { of: name, name: copy, index },
    }, context)
  );
  return { name, range, hasCopies: true, domains, isComplete, isPlaced };
}

function readCopies(
  node: Node,
  declared: Unread,
  diagnostics: DiagnosticList,
): readonly string[] | undefined {
  const entry = entryOf(node, "copies");
  if (entry === undefined) return undefined;
  const { source, start, end } = entry.value.span;
  const flow = source.position(start).line === source.position(end).line && end > start;
  const span = flow ? entry.value.span : entry.keySpan;
  const value = copiesShape.read(entry.value, { ...declared.context, span, label: "copies" });
  if (value === undefined) return undefined;
  const range = source.range(span.start, span.end);
  return copyNames({ value, range, keyRange: range }, diagnostics);
}

/** A domain before its defaults are filled in. */
interface DomainSource {
  /** Includes the name of the copy: `tp-07`. */
  readonly name: string;
  readonly range: SourceRange;
  readonly text: DomainText;
  readonly copy?: { readonly of: string; readonly name: string; readonly index: number };
}

function buildDomain(source: DomainSource, context: BuildContext): Domain {
  const { name, range, text, copy } = source;
  const { diagnostics } = context;
  if (copy !== undefined) {
    const problem = labelProblem(name, "the name of a copy's domain");
    if (problem !== undefined) diagnostics.add({ ...problem, range });
  }
  const subnetId = subnetIdOf(source, diagnostics);
  const profiles = buildProfiles(source, context);
  const ephemeral = text.ephemeral?.value ?? false;
  const trustLevel = text.trust_level?.value ?? "semi-trusted";
  const before = text.renamed_from?.value;
  const renamedFrom = before === undefined || copy === undefined
    ? before
    : `${before}-${copy.name}`;
  const machines = [...text.machines?.value ?? []].map(([key, machine]) =>
    buildMachine(
      {
        key,
        machine,
        domain: { name, trustLevel, ephemeral, isCopy: copy !== undefined, renamedFrom },
        profiles: isMistaken(text, "profiles") ? undefined : text.profiles?.value ?? new Map(),
      },
      context,
    )
  );
  return {
    name,
    ...optional({ copy: copy && { of: copy.of, name: copy.name }, renamedFrom }),
    description: text.description?.value ?? "",
    enabled: text.enabled?.value ?? true,
    trustLevel,
    ...optional({ subnetId }),
    internet: buildInternet(text.internet, diagnostics),
    ephemeral,
    profiles,
    machines,
    range,
    ranges: rangesOf(text),
  };
}

/** Copies get the numbers that follow the declared one, unless `{copy}` gave each copy its own. */
function subnetIdOf(source: DomainSource, diagnostics: DiagnosticList): number | undefined {
  const { text, copy } = source;
  const first = text.subnet_id;
  if (first === undefined) return undefined;
  if (copy === undefined || first.substituted) return first.value;
  const id = first.value + copy.index;
  if (id <= LARGEST_SUBNET_ID) return id;
  diagnostics.add({
    code: "OUT_OF_RANGE",
    summary:
      `\`subnet_id\` would go up to ${id} for the copies; it must be at most ${LARGEST_SUBNET_ID}`,
    detail: "each copy takes the next number",
    remedy: "start lower, or have fewer copies",
    range: first.range,
  });
  return undefined;
}

function buildInternet(
  internet: Located<InternetText> | undefined,
  diagnostics: DiagnosticList,
): Internet {
  const value = internet?.value ?? true;
  if (value === true) return { kind: "full" };
  if (value === false) return { kind: "none" };
  if (value === "public-only") return { kind: "public-only" };
  if (value.dns === undefined && internet !== undefined) {
    diagnostics.add({
      severity: "warning",
      code: "VIA_WITHOUT_DNS",
      summary: "The domain's gateway resolves no external names",
      detail: "the host's resolver would use the host's own route, not the interfaces in `via`",
      remedy: "name resolvers to use through them, `dns: [10.64.0.1]`; or `dns: []` for none",
      range: internet.range,
    });
  }
  return {
    kind: "via",
    interfaces: distinct(value.via, "via", diagnostics),
    ...optional({ dns: value.dns && distinct(value.dns, "dns", diagnostics) }),
  };
}

function buildProfiles({ text }: DomainSource, { diagnostics }: BuildContext): Profile[] {
  const profiles: Profile[] = [];
  for (const [name, profile] of text.profiles?.value ?? []) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(name)) {
      const problem = labelProblem(name, "a profile's name") ?? {
        code: "NAME_TOO_LONG",
        summary: "A profile's name has at most 63 characters",
      };
      diagnostics.add({ ...problem, range: profile.keyRange });
    }
    checkConfig(profile.value.config?.value, "profile", diagnostics);
    checkDevices(profile.value.devices?.value, diagnostics);
    profiles.push({
      name,
      description: profile.value.description?.value ?? "",
      config: plainConfig(profile.value.config?.value),
      devices: plainDevices(profile.value.devices?.value),
      range: profile.keyRange,
    });
  }
  return profiles;
}
