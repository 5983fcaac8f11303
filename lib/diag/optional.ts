/** The type of an object whose undefined values are left out: each key may be missing. */
type Optional<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/**
 * Returns an object without the keys whose value is undefined, because a missing key differs from
 * an undefined one: `{ name, ...optional({ remedy }) }`.
 */
export function optional<T extends object>(values: T): Optional<T> {
  const defined: Partial<T> = {};
  for (const key of Object.keys(values) as (keyof T)[]) {
    if (values[key] !== undefined) defined[key] = values[key];
  }
  return defined as Optional<T>;
}
