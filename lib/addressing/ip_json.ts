/** An object that a program printed as JSON. Nothing about it is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns the objects of a value that should be a list of objects. */
export function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns a text that is not empty; undefined for any other value. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Returns a number, also from a hexadecimal text, as `ip` prints marks: `0xca6c`. */
export function jsonNumber(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  return typeof value === "string" && /^(0x[0-9a-f]+|\d+)$/i.test(value)
    ? Number(value)
    : undefined;
}

/**
 * Returns the objects that `ip -json` printed: one list, or with `-batch` one list per command,
 * each on its own line. The result is empty for versions that print nothing when there are no
 * objects. Throws if the text has another form.
 */
export function ipObjects(json: string, command: string): JsonObject[] {
  const whole = listOf(json);
  if (whole !== undefined) return whole;
  return json.split("\n").filter((line) => line.trim() !== "").flatMap((line) => {
    const list = listOf(line);
    if (list === undefined) {
      throw new Error(`Cannot read the output of ${command}: ${line.slice(0, 60)} is not a list`);
    }
    return list;
  });
}

function listOf(json: string): JsonObject[] | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) ? objectsOf(value) : undefined;
  } catch {
    return undefined;
  }
}
