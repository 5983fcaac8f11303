/** What of an object's keys is defined, the others as keys that may be missing. */
export type Optional<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/**
 * Leaves out the keys whose value is undefined, since a key that is missing and one that is undefined are two things:
 * `{ name, ...optional({ remedy }) }`.
 */
export function optional<T extends object>(values: T): Optional<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Optional<T>;
}
