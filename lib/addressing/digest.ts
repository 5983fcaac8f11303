import { createHash } from "node:crypto";

/** Crockford's alphabet: no letter that reads as a digit. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** SHA-256 of the parts; `purpose` keeps two uses of the same parts apart. */
export function digest(purpose: string, ...parts: readonly string[]): Uint8Array {
  return createHash("sha256").update(["anklume", purpose, ...parts].join("\0")).digest();
}

/** `length` characters of 5 bits each, lowercase. */
export function shortDigest(length: number, purpose: string, ...parts: readonly string[]): string {
  return [...digest(purpose, ...parts).subarray(0, length)]
    .map((byte) => ALPHABET[byte & 31])
    .join("");
}
