import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { suggest } from "../../diag/suggest.ts";
import { configBypass, deviceBypass } from "./bypass.ts";
import { isKey } from "./check_config.ts";
import { DEVICE_TYPES } from "./check_devices.ts";
import { isMistaken } from "../shape/collection_shapes.ts";
import type { TrustLevel } from "../infra.ts";
import { KNOWN_KEYS } from "./known_keys.ts";
import { type Merged, mergedConfig, mergedDevices } from "./merged_parts.ts";
import { plainDevice } from "../shape/without_places.ts";
import type { ConfigText, MachineText, ProfileText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";

/** A machine with everything that can weaken its isolation. */
interface IsolationSubject {
  readonly name: string;
  readonly type: "lxc" | "vm";
  readonly domain: string;
  readonly trustLevel: TrustLevel;
  readonly text: MachineText;
  /** The existing profiles that it uses, in the order in which Incus applies them. */
  readonly profiles: ReadonlyMap<string, Located<ProfileText>>;
}

/**
 * Reports devices and keys, merged as in Incus, that bypass the isolation, unless the machine lists
 * them. In untrusted and disposable domains, a key that weakens the confinement is refused even if
 * it is listed.
 */
export function checkIsolation(subject: IsolationSubject, diagnostics: DiagnosticList): void {
  const { text, profiles } = subject;
  const config = mergedConfig(text.config?.value, profiles);
  const devices = mergedDevices(text.devices?.value, profiles);
  // A list that could not be read may have contained every name.
  const unread = isMistaken(text, "bypasses_isolation");
  const listed = text.bypasses_isolation?.value ?? [];
  const allowed = new Set(listed.map((entry) => entry.value));
  for (const [key, merged] of config) {
    checkKey(subject, key, merged, unread || allowed.has(key), diagnostics);
  }
  if (unread) return;
  for (const [name, merged] of devices) {
    if (!allowed.has(name)) checkDevice(subject, name, merged, diagnostics);
  }
  const names = new Set([...devices.keys(), ...config.keys()]);
  for (const entry of listed) {
    if (names.has(entry.value) || isMistaken(text, "devices") || isMistaken(text, "config")) {
      continue;
    }
    const near = suggest(entry.value, [...names].filter((name) => !allowed.has(name)));
    diagnostics.add({
      code: "UNKNOWN_BYPASS",
      summary: `\`${shortenName(entry.value)}\` is not a device or key of \`${subject.name}\``,
      remedy: near === undefined
        ? "list only names from `devices` or `config`, here or in a profile"
        : `did you mean \`${near}\`?`,
      range: entry.range,
    });
  }
}

function checkDevice(
  subject: IsolationSubject,
  name: string,
  { entry, profile }: Merged<ConfigText>,
  diagnostics: DiagnosticList,
): void {
  const device = plainDevice(entry.value);
  // An entry without a valid type is not a device. That has been reported already.
  if (!DEVICE_TYPES.includes(device.type ?? "")) return;
  const reason = deviceBypass(name, device, {
    bridge: `net-${subject.domain}`,
    inProfile: profile !== undefined,
  });
  if (reason === undefined) return;
  const accept = `accept it: \`bypasses_isolation: [${shortenName(name)}]\` on the machine`;
  diagnostics.add({
    code: "ISOLATION_BYPASS",
    summary: `The device \`${shortenName(name)}\` bypasses the isolation of ${
      whose(subject, profile)
    }`,
    detail: reason,
    remedy: device.type === "disk" && device.source
      ? `remove it: \`storage_volumes\` keeps files, \`anklume copy\` brings them in; or ${accept}`
      : `remove it, or ${accept}`,
    range: entry.keyRange,
  });
}

/** Domains with untrusted machines. There, listing a key does not permit it. */
const UNTRUSTED: ReadonlySet<TrustLevel> = new Set(["untrusted", "disposable"]);
/** Keys with which root in the machine is root on the host, or nearly. */
const PRIVILEGE = /^(?:security\.privileged|security\.idmap\..+|raw\.idmap)$/;

function checkKey(
  subject: IsolationSubject,
  key: string,
  { entry, profile }: Merged<string>,
  isAllowed: boolean,
  diagnostics: DiagnosticList,
): void {
  const detail = isKey(key) ? configBypass(key, entry.value, subject.type) : undefined;
  const isUntrusted = UNTRUSTED.has(subject.trustLevel);
  if (detail === undefined || (isAllowed && !isUntrusted)) return;
  const near = KNOWN_KEYS.has(key) ? undefined : suggest(key, KNOWN_KEYS);
  const meant = near === undefined ? "" : `did you mean \`${near}\`? Otherwise `;
  const range = entry.keyRange;
  if (isUntrusted && PRIVILEGE.test(key)) {
    diagnostics.add({
      code: "PRIVILEGED_CONTAINER",
      summary:
        `\`${subject.name}\` would be a privileged container in the ${subject.trustLevel} domain \`${subject.domain}\``,
      detail: `root in this machine can become root on the host: ${detail}`,
      remedy: "remove the key; use `type: vm` if the machine needs such rights",
      range,
    });
    return;
  }
  diagnostics.add({
    code: "ISOLATION_BYPASS",
    summary: `The key \`${shortenName(key)}\` may bypass the isolation of ${
      whose(subject, profile)
    }`,
    detail,
    remedy: isUntrusted
      ? `${meant}remove it: no machine of a domain that is ${subject.trustLevel} may have it`
      : `${meant}remove it, or accept it: \`bypasses_isolation: [${
        shortenName(key)
      }]\` on the machine`,
    range,
  });
}

function whose({ name }: IsolationSubject, profile: string | undefined): string {
  return profile === undefined
    ? `\`${name}\``
    : `\`${name}\`, through its profile \`${shortenName(profile)}\``;
}
