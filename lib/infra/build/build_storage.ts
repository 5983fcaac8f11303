import type { DiagnosticList } from "../../diag/diagnostic_list.ts";
import { normalizePath } from "../check/normalize_path.ts";
import type { Publish, StorageVolume } from "../infra.ts";
import { labelProblem } from "../shape/names.ts";
import type { MachineText, VolumeText } from "../shape/schema.ts";
import type { Located } from "../shape/shape.ts";
import { shortenName } from "../words.ts";
import { optional } from "../../diag/optional.ts";

/** Returns a volume's name in Incus. */
function volumeName(machine: string, key: string): string {
  return `${machine}-${key}`;
}

/**
 * anklume's devices for volumes start with this prefix. The user's devices must not have the same
 * names.
 */
const VOLUME_DEVICE_PREFIX = "vol-";
/** A volume at one of these paths would hide the system itself. */
const SYSTEM_PATHS = ["/", "/dev", "/proc", "/run", "/sys"];

/** Reads a machine's volumes and compares them with each other and with the machine's disks. */
export function buildVolumes(
  machine: string,
  text: MachineText,
  defaultPool: string,
  diagnostics: DiagnosticList,
): StorageVolume[] {
  const paths = new Map<string, string>();
  for (const [name, device] of text.devices?.value ?? []) {
    const path = device.value.get("path");
    if (device.value.get("type")?.value === "disk" && path !== undefined) {
      paths.set(normalizePath(path.value), `the device \`${shortenName(name)}\``);
    }
    checkDeviceName(name, device, text, diagnostics);
  }
  return [...text.storage_volumes?.value ?? []].map(([key, volume]) => {
    const name = volumeName(machine, key);
    const problem = labelProblem(key, "a volume's name") ??
      labelProblem(name, "a volume's name in Incus");
    if (problem !== undefined) diagnostics.add({ ...problem, range: volume.keyRange });
    checkPath(key, volume.value, paths, diagnostics);
    const { size, path, pool } = volume.value;
    return {
      key,
      name,
      ...optional({ size: size?.value }),
      path: path?.value ?? "/",
      pool: pool?.value ?? defaultPool,
      range: volume.keyRange,
    };
  });
}

function checkDeviceName(
  name: string,
  device: Located<unknown>,
  text: MachineText,
  diagnostics: DiagnosticList,
): void {
  const isVolume = name.startsWith(VOLUME_DEVICE_PREFIX) &&
    text.storage_volumes?.value.has(name.slice(VOLUME_DEVICE_PREFIX.length));
  if (!isVolume) return;
  diagnostics.add({
    code: "DEVICE_NAME_CLASH",
    summary: `\`${shortenName(name)}\` is what anklume calls the device of the volume \`${
      shortenName(name.slice(VOLUME_DEVICE_PREFIX.length))
    }\``,
    remedy: "give the device another name",
    range: device.keyRange,
  });
}

function checkPath(
  key: string,
  { path }: VolumeText,
  paths: Map<string, string>,
  diagnostics: DiagnosticList,
): void {
  if (path === undefined) return;
  const normal = normalizePath(path.value);
  const isPlain = /^\/\P{Cc}*$/u.test(path.value) && !path.value.split("/").includes("..");
  if (!isPlain || SYSTEM_PATHS.includes(normal)) {
    diagnostics.add({
      code: "INVALID_PATH",
      summary: isPlain
        ? `A volume on \`${normal}\` would hide the machine's own system`
        : `\`${shortenName(path.value)}\` is not an absolute path in the machine`,
      remedy: `write for example \`path: /${key}\``,
      range: path.range,
    });
    return;
  }
  const other = paths.get(normal);
  if (other !== undefined) {
    diagnostics.add({
      code: "DUPLICATE_PATH",
      summary: `\`${shortenName(normal)}\` is already the path of ${other}`,
      remedy: "choose another path",
      range: path.range,
    });
    return;
  }
  paths.set(normal, `the volume \`${shortenName(key)}\``);
}

export function buildPublish(text: MachineText): Publish[] {
  const published: Publish[] = [];
  for (const { value } of text.publish?.value ?? []) {
    if (value.host === undefined || value.to === undefined) continue;
    published.push({
      host: value.host.value,
      to: value.to.value,
      protocol: value.protocol?.value ?? "tcp",
      ...(value.replace_host?.value === true ? { replaceHost: true } : {}),
      range: value.host.range,
    });
  }
  return published;
}
