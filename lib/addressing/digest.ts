import { createHash } from "node:crypto";

/** Crockford's alphabet: it has no letters that look like digits. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/**
 * Returns the SHA-256 of the parts. A different `purpose` gives a different digest of the same
 * parts.
 */
export function digest(purpose: string, ...parts: readonly string[]): Uint8Array {
  return createHash("sha256").update(["anklume", purpose, ...parts].join("\0")).digest();
}

/** Returns `length` lowercase characters of 5 bits each. */
export function shortDigest(length: number, purpose: string, ...parts: readonly string[]): string {
  return [...digest(purpose, ...parts).subarray(0, length)]
    .map((byte) => ALPHABET[byte & 31])
    .join("");
}
