import { looksSecret } from "../diag/secret.ts";
import { MARK, MARK_PREFIX } from "./mark.ts";

/**
 * Returns the bytes (or bits) of an Incus size such as `2GiB`, `500MB`, `2147483648`; undefined if
 * it is not a size.
 */
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

/** Formats bytes as `35.2 MiB`, `10.0 GiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** Incus's spellings of a boolean (`util.IsTrue`, `util.IsFalse`). */
const TRUE = new Set(["true", "1", "yes", "on"]);
const FALSE = new Set(["false", "0", "no", "off"]);

/**
 * Keys whose text Incus only passes on: in an environment variable, `1` and `true` are different
 * values.
 */
const OPAQUE = /^(user|environment|cloud-init|raw)\./;

/**
 * True if Incus treats two values of one key as the same. An empty string equals an absent key.
 * Sizes are compared in bytes, booleans by meaning, CPU sets by members, MACs without case.
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

/** Returns the boolean that Incus reads from a text; undefined if it is not one. */
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

/** Compares CPU sets: `0-3` is `0,1,2,3`. A bare number is a count, not a set. */
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

/**
 * Keys whose values may contain passwords. The values are never printed, logged or written to JSON.
 * `user.anklume.*` belongs to anklume.
 */
const SECRET = /^(environment\.|cloud-init\.|user\.(?!anklume\.))/;

/** True if the value of a key may contain passwords. */
export function isSecretKey(key: string): boolean {
  return SECRET.test(key);
}

/** True if a value must be hidden, because of its key or because it looks like a secret. */
function isSecretValue(key: string, value: string): boolean {
  return isSecretKey(key) || (!key.startsWith(MARK_PREFIX) && looksSecret(value));
}

/**
 * Returns the value for display, hidden if necessary. Two different secrets of the same length
 * still appear as a change.
 */
export function shownValue(key: string, value: string | undefined): string | undefined {
  if (value !== undefined && key === MARK.managed) return "(notes)";
  if (value === undefined || !isSecretValue(key, value)) return value;
  return `(hidden, ${value.length} characters)`;
}
