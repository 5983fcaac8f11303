import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import type { SourceRange } from "../../diag/diagnostic.ts";
import { suggest } from "../../diag/suggest.ts";
import type { BuildContext } from "./build_context.ts";
import { checkConfig } from "../check/check_config.ts";
import { checkDevices } from "../check/check_devices.ts";
import { checkIsolation } from "../check/check_isolation.ts";
import { checkType } from "../check/check_type.ts";
import { distinct } from "./distinct.ts";
import { parseImage } from "./image.ts";
import type { ImageRef, Machine, TrustLevel } from "../infra.ts";
import { nameProblem } from "../shape/names.ts";
import { plainConfig, plainDevices, rangesOf } from "../shape/without_places.ts";
import type { MachineText, ProfileText } from "../shape/schema.ts";
import { buildPublish, buildVolumes } from "./build_storage.ts";
import type { Located } from "../shape/shape.ts";
import { checkVariables } from "../check/check_variables.ts";
import { quotedList, shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

/** A machine before its defaults are filled in. */
interface MachineSource {
  /** The name as written: `pc1`, also in a copy. */
  readonly key: string;
  readonly machine: Located<MachineText>;
  readonly domain: {
    readonly name: string;
    readonly trustLevel: TrustLevel;
    readonly ephemeral: boolean;
    readonly isCopy: boolean;
    /** The former name of the domain, or of this copy of it. */
    readonly renamedFrom: string | undefined;
  };
  /** The profiles of the domain; undefined if they could not be read. */
  readonly profiles: ReadonlyMap<string, Located<ProfileText>> | undefined;
}

/** Fills in defaults and checks everything that does not involve other machines. */
export function buildMachine(source: MachineSource, context: BuildContext): Machine {
  const { key, machine, domain } = source;
  const { diagnostics, global } = context;
  const text = machine.value;
  const name = domain.isCopy ? `${domain.name}-${key}` : key;
  checkName(source, name, diagnostics);
  const type = text.type?.value ?? "lxc";
  const profiles = profilesOf(source, diagnostics);
  checkConfig(text.config?.value, "machine", diagnostics);
  checkDevices(text.devices?.value, diagnostics);
  const used = new Map(profiles.flatMap((profile) => {
    const declared = source.profiles?.get(profile);
    return declared === undefined ? [] : [[profile, declared] as const];
  }));
  checkType({ name, type, text, profiles: used }, diagnostics);
  checkIsolation({
    name,
    type,
    domain: domain.name,
    trustLevel: domain.trustLevel,
    text,
    profiles: used,
  }, diagnostics);
  const roles = rolesOf(text, context);
  checkAdmin(source, type, diagnostics);
  return {
    name,
    hostname: key,
    domain: domain.name,
    ...renamedFrom(source),
    description: text.description?.value ?? "",
    type,
    image: imageOf(text, context),
    ...optional({ ip: text.ip?.value }),
    ephemeral: text.ephemeral?.value ?? domain.ephemeral,
    gpu: text.gpu?.value ?? false,
    profiles,
    config: plainConfig(text.config?.value),
    devices: plainDevices(text.devices?.value),
    storageVolumes: buildVolumes(name, text, global.storagePool, diagnostics),
    publish: buildPublish(text),
    state: text.state?.value ?? "running",
    ...optional({
      bootAutostart: text.boot_autostart?.value,
      bootPriority: text.boot_priority?.value,
      snapshotsSchedule: text.snapshots_schedule?.value,
      snapshotsExpiry: text.snapshots_expiry?.value,
    }),
    roles,
    vars: checkVariables(text.vars?.value, diagnostics),
    bypassesIsolation: distinct(
      text.bypasses_isolation?.value ?? [],
      "bypasses_isolation",
      diagnostics,
    ),
    range: machine.keyRange,
    ranges: rangesOf(text),
  };
}

/**
 * A process with Incus's socket is root on the host. Therefore infra.yml must put such a machine
 * into a domain with `trust_level: admin`.
 */
function checkAdmin({ machine, domain }: MachineSource, type: string, diagnostics: DiagnosticList) {
  const role = machine.value.roles?.value.find(({ value }) => value === "admin");
  if (role === undefined) return;
  if (domain.trustLevel !== "admin") {
    diagnostics.add({
      code: "ADMIN_MISPLACED",
      summary:
        `The role \`admin\` needs a domain with \`trust_level: admin\`; \`${domain.name}\` is ` +
        domain.trustLevel,
      detail: "it gives the machine Incus's socket, and access to that means root on the host",
      remedy: "move the machine to a domain with `trust_level: admin`, or remove the role",
      range: role.range,
    });
  } else if (type === "vm") {
    diagnostics.add({
      code: "ADMIN_MISPLACED",
      summary: "The role `admin` needs a container: a virtual machine cannot get Incus's socket",
      remedy: "remove `type: vm`",
      range: role.range,
    });
  }
}

/**
 * The name of a copy's machine contains its domain's name, so renaming the domain renames the
 * machine too.
 */
function renamedFrom({ key, machine, domain }: MachineSource): { renamedFrom?: string } {
  const before = machine.value.renamed_from?.value;
  if (!domain.isCopy) return before === undefined ? {} : { renamedFrom: before };
  if (before === undefined && domain.renamedFrom === undefined) return {};
  return { renamedFrom: `${domain.renamedFrom ?? domain.name}-${before ?? key}` };
}

/**
 * Checks the name as written first. The full name in a copy can still be too long, or start with
 * the domain's digit.
 */
function checkName({ key, machine }: MachineSource, name: string, diagnostics: DiagnosticList) {
  const problem = nameProblem(key, "machine") ?? nameProblem(name, "machine");
  if (problem !== undefined) diagnostics.add({ ...problem, range: machine.keyRange });
}

/** `default` comes first unless the user placed it. */
function profilesOf({ machine, profiles, domain }: MachineSource, diagnostics: DiagnosticList) {
  const listed = machine.value.profiles?.value ?? [];
  const names = distinct(listed, "profiles", diagnostics);
  for (const profile of listed) {
    if (profile.value === "default" || profiles === undefined) continue;
    if (profiles.has(profile.value)) continue;
    const known = ["default", ...profiles.keys()];
    const near = suggest(profile.value, known);
    diagnostics.add({
      code: "UNKNOWN_PROFILE",
      summary: `The domain \`${domain.name}\` has no profile \`${shortenName(profile.value)}\``,
      remedy: near === undefined
        ? `declare it under the domain's \`profiles\`; there is ${quotedList(known, "and")}`
        : `did you mean \`${near}\`?`,
      range: profile.range,
    });
  }
  return names.includes("default") ? names : ["default", ...names];
}

function imageOf(text: MachineText, context: BuildContext): ImageRef {
  const { diagnostics, global } = context;
  const written = text.image?.value ?? global.defaultOsImage;
  const image = parseImage(written, global.imageServers);
  if ("kind" in image) return image;
  const isConsequence = image.code === "UNKNOWN_IMAGE_REMOTE" && !context.knowsImageServers;
  const range: SourceRange | undefined = text.image?.range ?? context.defaultImageRange;
  if (!isConsequence) diagnostics.add({ ...image, ...optional({ range }) });
  return { kind: "local", alias: written, text: written };
}

function rolesOf(text: MachineText, { diagnostics, knownRoles }: BuildContext): string[] {
  for (const role of text.roles?.value ?? []) {
    if (knownRoles === undefined || knownRoles.has(role.value)) continue;
    const near = suggest(role.value, knownRoles);
    diagnostics.add({
      severity: "warning",
      code: "UNKNOWN_ROLE",
      summary: `The role \`${shortenName(role.value)}\` is neither in \`roles/\` nor embedded`,
      detail: "provisioning will refuse to start without it",
      remedy: near === undefined
        ? `write it to \`roles/${
          shortenName(role.value)
        }/\`; \`anklume roles\` lists the embedded ones`
        : `did you mean \`${near}\`?`,
      range: role.range,
    });
  }
  return distinct(text.roles?.value ?? [], "roles", diagnostics);
}
