/** A name that Incus accepts: it refuses spaces, slashes, and file names longer than 255 bytes. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The first set taken after provisioning, which `reset` goes back to. */
export const BASELINE = "baseline";

/** Returns what is wrong with a set's name; undefined: nothing. */
export function setNameProblem(name: string): string | undefined {
  if (NAME.test(name)) return undefined;
  if (name.length > 63) {
    return `a snapshot's name has at most 63 characters, this one ${name.length}`;
  }
  return "a snapshot's name consists of letters, digits, `.`, `_` and `-`, and starts with a letter or digit";
}

/** Returns a name such as `20261125-093012`, in the user's time zone, with `prefix` before it. */
export function timeName(at: Date, prefix = ""): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}${pad(at.getMonth() + 1)}${pad(at.getDate())}`;
  return `${prefix}${day}-${pad(at.getHours())}${pad(at.getMinutes())}${pad(at.getSeconds())}`;
}

/** Units of Incus's expiries (`GetExpiry` in its source). */
const UNITS: Readonly<Record<string, (at: Date, value: number) => void>> = {
  S: (at, value) => at.setUTCSeconds(at.getUTCSeconds() + value),
  M: (at, value) => at.setUTCMinutes(at.getUTCMinutes() + value),
  H: (at, value) => at.setUTCHours(at.getUTCHours() + value),
  d: (at, value) => at.setUTCDate(at.getUTCDate() + value),
  w: (at, value) => at.setUTCDate(at.getUTCDate() + value * 7),
  m: (at, value) => at.setUTCMonth(at.getUTCMonth() + value),
  y: (at, value) => at.setUTCFullYear(at.getUTCFullYear() + value),
};

/**
 * Adds an expiry such as `30d` or `1w 2d` to `from`. Its syntax has been checked (`expiryProblem`).
 */
export function addSpan(from: Date, span: string, sign: 1 | -1 = 1): Date {
  const at = new Date(from);
  for (const part of span.trim().split(" ")) {
    UNITS[part.at(-1) ?? ""]?.(at, sign * Number(part.slice(0, -1)));
  }
  return at;
}
