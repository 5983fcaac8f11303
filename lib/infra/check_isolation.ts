import type { DiagnosticList } from "../diag/diagnostic_list.ts";
import { suggest } from "../diag/suggest.ts";
import { configBypass, deviceBypass } from "./bypass.ts";
import { isTrue } from "./check_config.ts";
import { isMistaken } from "./collection_shapes.ts";
import type { TrustLevel } from "./infra.ts";
import { plainConfig } from "./plain.ts";
import type { ConfigText, MachineText, ProfileText } from "./schema.ts";
import type { Located } from "./shape.ts";
import { shorten } from "./words.ts";

/** A machine with everything that can loosen its walls. */
export interface IsolationSubject {
  readonly name: string;
  readonly type: "lxc" | "vm";
  readonly domain: string;
  readonly trustLevel: TrustLevel;
  readonly text: MachineText;
  /** Those it uses and that exist, in order. */
  readonly profiles: ReadonlyMap<string, Located<ProfileText>>;
}

/** Reports devices and keys that walk around the isolation, unless the machine lists them. */
export function checkIsolation(subject: IsolationSubject, diagnostics: DiagnosticList): void {
  checkPrivilege(subject, diagnostics);
  const { text } = subject;
  // A list that could not be read may have named everything.
  if (isMistaken(text, "bypasses_isolation")) return;
  const listed = text.bypasses_isolation?.value ?? [];
  const allowed = new Set(listed.map((entry) => entry.value));
  const names = new Set<string>();
  checkKeys(subject, text, undefined, { allowed, names }, diagnostics);
  for (const [name, profile] of subject.profiles) {
    checkKeys(subject, profile.value, name, { allowed, names }, diagnostics);
  }
  for (const entry of listed) {
    if (names.has(entry.value) || isMistaken(text, "devices") || isMistaken(text, "config")) {
      continue;
    }
    const near = suggest(entry.value, [...names].filter((name) => !allowed.has(name)));
    diagnostics.add({
      code: "UNKNOWN_BYPASS",
      summary: `\`${shorten(entry.value)}\` is no device or \`raw.\` key of \`${subject.name}\``,
      remedy: near === undefined
        ? "list only names that stand under `devices` or `config`, here or in a profile"
        : `did you mean \`${near}\`?`,
      range: entry.range,
    });
  }
}

function checkKeys(
  subject: IsolationSubject,
  { config, devices }: Pick<ProfileText, "config" | "devices">,
  profile: string | undefined,
  { allowed, names }: { readonly allowed: ReadonlySet<string>; readonly names: Set<string> },
  diagnostics: DiagnosticList,
): void {
  const who = profile === undefined
    ? `\`${subject.name}\``
    : `\`${subject.name}\`, through its profile \`${shorten(profile)}\``;
  for (const [name, device] of devices?.value ?? []) {
    names.add(name);
    if (allowed.has(name)) continue;
    const reason = deviceBypass(name, plainConfig(device.value), {
      bridge: `net-${subject.domain}`,
      inProfile: profile !== undefined,
    });
    if (reason === undefined) continue;
    diagnostics.add({
      code: "ISOLATION_BYPASS",
      summary: `The device \`${shorten(name)}\` walks around the isolation of ${who}`,
      detail: reason,
      remedy: `remove it, or accept it: \`bypasses_isolation: [${shorten(name)}]\` on the machine`,
      range: device.keyRange,
    });
  }
  for (const [key, value] of config?.value ?? []) {
    const reason = configBypass(key);
    if (reason === undefined) continue;
    names.add(key);
    if (allowed.has(key)) continue;
    diagnostics.add({
      code: "ISOLATION_BYPASS",
      summary: `The key \`${shorten(key)}\` may walk around the isolation of ${who}`,
      detail: reason,
      remedy: `remove it, or accept it: \`bypasses_isolation: [${shorten(key)}]\` on the machine`,
      range: value.keyRange,
    });
  }
}

/** Root in a privileged container is root on the host. */
function checkPrivilege(subject: IsolationSubject, diagnostics: DiagnosticList): void {
  if (subject.type !== "lxc") return;
  if (subject.trustLevel !== "untrusted" && subject.trustLevel !== "disposable") return;
  const configs: (ConfigText | undefined)[] = [
    subject.text.config?.value,
    // The machine's own word counts first, then the last profile's.
    ...[...subject.profiles.values()].reverse().map((profile) => profile.value.config?.value),
  ];
  const decisive = configs.find((config) => config?.has("security.privileged"))
    ?.get("security.privileged");
  if (decisive === undefined || !isTrue(decisive.value)) return;
  diagnostics.add({
    code: "PRIVILEGED_CONTAINER",
    summary:
      `\`${subject.name}\` would be a privileged container in the ${subject.trustLevel} domain \`${subject.domain}\``,
    detail: "whoever is root in it can become root on the host",
    remedy: "remove the key; use `type: vm` for what needs such rights",
    range: decisive.keyRange,
  });
}
