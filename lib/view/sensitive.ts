const SENSITIVE =
  /pass(word|wd|phrase)|secret|token|credential|private.?key|user-data|vendor-data|network-config|environment\./i;

/** What stands in for a value that must not appear in output or logs. */
export const HIDDEN = "(not shown)";

/** A field's value as it may be shown; keys that commonly carry secrets are never shown. */
export function shownValue(path: string, value: string | undefined): string | undefined {
  if (value === undefined || value === "") return value;
  return SENSITIVE.test(path) ? HIDDEN : value;
}
