import { looksSecret } from "../diag/secret.ts";
import { MARK, MARK_PREFIX } from "./mark.ts";

/** Bytes (or bits) of an Incus size such as `2GiB`, `500MB`, `2147483648`; undefined: not one. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (match === null) return undefined;
  const factor = UNITS.get(match[2] ?? "");
  return factor === undefined ? undefined : Math.floor(Number(match[1]) * factor);
}

/** Units of https://linuxcontainers.org/incus/docs/main/reference/instance_units/ */
const UNITS = new Map<string, number>([
  ["", 1],
  ["B", 1],
  ["bit", 1],
  ...["k", "M", "G", "T", "P", "E"].flatMap((prefix, index) =>
    [
      [`${prefix}B`, 1000 ** (index + 1)],
      [`${prefix}bit`, 1000 ** (index + 1)],
      [`${prefix === "k" ? "K" : prefix}iB`, 1024 ** (index + 1)],
      [`${prefix === "k" ? "K" : prefix}ibit`, 1024 ** (index + 1)],
    ] as [string, number][]
  ),
  ["KB", 1000],
]);

/** `35.2 MiB`, `10.0 GiB` */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** Incus's words for a boolean (`util.IsTrue`, `util.IsFalse`). */
const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off"]);

/** Text that Incus only passes on: `1` and `true` are two values of an environment variable. */
const OPAQUE = /^(user|environment|cloud-init|raw)\./;

/**
 * Whether Incus means the same by two values of one key. An empty string and an absent key are the same; sizes are
 * compared in bytes, booleans by meaning, CPU sets by their members, MACs without case.
 */
export function sameValue(key: string, a: string | undefined, b: string | undefined): boolean {
  const left = a ?? "";
  const right = b ?? "";
  if (left === right) return true;
  if (left === "" || right === "" || OPAQUE.test(key)) return false;
  if (key === "limits.cpu") return sameCpus(left, right);
  if (key === "hwaddr") return left.toLowerCase() === right.toLowerCase();
  return sameBoolean(left, right) || sameSize(left, right);
}

/** What Incus takes a text for; undefined: no boolean. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  return TRUE.has(word) ? true : FALSE.has(word) ? false : undefined;
}

function sameBoolean(a: string, b: string): boolean {
  const left = parseBoolean(a);
  return left !== undefined && left === parseBoolean(b);
}

function sameSize(a: string, b: string): boolean {
  if (/bit$/.test(a) !== /bit$/.test(b)) return false;
  const left = parseSize(a);
  return left !== undefined && left === parseSize(b);
}

/** `0-3` is `0,1,2,3`; a bare number is a count, not a set. */
function sameCpus(a: string, b: string): boolean {
  const left = cpuSet(a);
  const right = cpuSet(b);
  return left !== undefined && right !== undefined && left.join() === right.join();
}

function cpuSet(text: string): number[] | undefined {
  if (!/^[\d,\s-]*[,-][\d,\s-]*$/.test(text)) return undefined;
  const cpus = new Set<number>();
  for (const part of text.split(",")) {
    const [first, last = first] = part.split("-").map((number) => Number(number));
    if (first === undefined || last === undefined || last - first > 4096) return undefined;
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].toSorted((x, y) => x - y);
}

/** Keys whose values may hold passwords; they never reach a screen, a log or JSON. `user.anklume.*` is ours. */
const SECRET = /^(environment\.|cloud-init\.|user\.(?!anklume\.))/;

/** Whether a key's value may hold passwords. */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key);
}

/** Whether a value is not shown: by its key, or by how it is written. */
export function isSecretValue(key: string, value: string): boolean {
  return isSecretKey(key) || (!key.startsWith(MARK_PREFIX) && looksSecret(value));
}

/** The value as it may be shown, if at all. Two different secrets of one length still show as changed. */
export function shownValue(key: string, value: string | undefined): string | undefined {
  if (value !== undefined && key === MARK.managed) return "(notes)";
  if (value === undefined || !isSecretValue(key, value)) return value;
  return `(hidden, ${value.length} characters)`;
}
