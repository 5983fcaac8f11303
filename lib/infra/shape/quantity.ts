import type { Problem } from "./names.ts";
import { shortenName } from "../words.ts";

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  PB: 1e15,
  EB: 1e18,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  PiB: 2 ** 50,
  EiB: 2 ** 60,
};
const SMALLEST = 2 ** 20;

/** Days per unit of an expiry. */
const DAYS: Readonly<Record<string, number>> = {
  S: 1 / 86_400,
  M: 1 / 1440,
  H: 1 / 24,
  d: 1,
  w: 7,
  m: 31,
  y: 366,
};
/** Incus reads no date after the year 9999 and refuses a snapshot that would expire then. */
const MOST_YEARS = 7000;

/** Returns the bytes of an Incus size such as `10GiB`; undefined if it is not a size. */
function parseDeclaredSize(size: string): number | undefined {
  const match = /^([0-9]{1,18})([A-Za-z]*)$/.exec(size);
  const factor = match === null || !Object.hasOwn(UNITS, match[2]!) ? undefined : UNITS[match[2]!];
  return factor === undefined ? undefined : Number(match![1]) * factor;
}

/**
 * Returns what is wrong with an Incus size; undefined: nothing.
 * @param unit the one that the advice gives to a bare number
 */
export function sizeProblem(size: string, unit = "GiB"): Problem | undefined {
  const bytes = parseDeclaredSize(size);
  const remedy = `write a number and a unit: \`${meantSize(size, unit)}\``;
  if (bytes === undefined) {
    return {
      code: "INVALID_SIZE",
      summary: `\`${shortenName(size)}\` is not a size`,
      detail: "units are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB…; the number has no decimal point",
      remedy,
    };
  }
  if (bytes >= SMALLEST) return undefined;
  return {
    code: "INVALID_SIZE",
    summary: `\`${size}\` is ${bytes} bytes, too small to hold anything`,
    remedy,
  };
}

/** Returns a size that the text may have meant: `512MiB` for `0.5GiB`, `10GiB` for `10G`. */
function meantSize(size: string, unit: string): string {
  const [, digits = "", decimals = "", letter = ""] =
    /^\s*([0-9]{1,9})(?:[.,]([0-9]{1,6}))?\s*([kKmMgGtT]?)/.exec(size) ?? [];
  const number = Number(`${digits}.${decimals || 0}`);
  if (number === 0) return `10${unit}`;
  const named = letter === "" ? unit : `${letter.toUpperCase()}iB`;
  if (Number.isInteger(number)) return `${number}${named}`;
  const smaller = { TiB: "GiB", GiB: "MiB", MiB: "KiB", KiB: "B" }[named] ?? "B";
  return `${Math.round(number * 1024)}${smaller}`;
}

/** Returns what is wrong with a limit of memory: a size, or a share of the host's. */
export function memoryProblem(limit: string): Problem | undefined {
  return /^(?:[1-9][0-9]?|100)%$/.test(limit) ? undefined : sizeProblem(limit, "MiB");
}

/**
 * Checks Incus's `snapshots.expiry`: `30d`, `1w 2d`. Each unit can occur once (`GetExpiry` in
 * Incus's source).
 */
export function expiryProblem(expiry: string): Problem | undefined {
  const remedy = "`30d`, `2w` or `1m`, for example: S, M, H (time), d, w, m, y (date)";
  const units = new Set<string>();
  let days = 0;
  for (const part of expiry.trim().split(" ")) {
    const match = /^([0-9]{1,6})([SMHdwmy])$/.exec(part);
    if (match === null || units.has(match[2]!)) {
      return {
        code: "INVALID_EXPIRY",
        summary: match === null
          ? expiry === ""
            ? "The expiry is an empty text"
            : `\`${shortenName(expiry)}\` is not an expiry`
          : `\`${shortenName(expiry)}\` names the unit \`${match[2]}\` twice`,
        remedy,
      };
    }
    units.add(match[2]!);
    days += Number(match[1]) * DAYS[match[2]!]!;
  }
  if (days > 0 && days <= MOST_YEARS * DAYS.y!) return undefined;
  const summary = days === 0
    ? `\`${shortenName(expiry)}\` expires immediately`
    : `\`${shortenName(expiry)}\` is longer than ${MOST_YEARS} years`;
  return { code: "INVALID_EXPIRY", summary, remedy };
}
