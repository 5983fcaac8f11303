import { isSecretName, looksSecret } from "../diag/secret.ts";
import { unifiedDiff } from "../diag/unified_diff.ts";
import { type HiddenWord, hideValues } from "../infra/yaml/hide_values.ts";
import { isLeftAside } from "../host/write_file.ts";
import { findSection } from "./managed_section.ts";
import { isChange, type SyncEntry } from "./plan_sync.ts";
import { OWN_PREFIX } from "./variables.ts";

/**
 * Returns the output of `sync --dry-run`: one unified diff of all entries, empty if nothing
 * changes. Values that look like secrets, and the user's own text, are not shown; the diff only
 * tells that they exist and if they change.
 */
export function syncDiff(entries: readonly SyncEntry[]): string {
  return entries.filter(isChange).map(entryDiff).join("");
}

function entryDiff({ path, before, after }: SyncEntry): string {
  const known = new Map<string, string>();
  const old = shown(path, before, known, { other: after, isCreated: false });
  const now = shown(path, after, known, { other: before, isCreated: before === undefined });
  const diff = unifiedDiff(path, old, now);
  return old === now ? `${diff}${path}: only what is not shown changes.\n` : diff;
}

/** @param known hidden values of the other side, by their place */
function shown(
  path: string,
  text: string | undefined,
  known: Map<string, string>,
  { other, isCreated }: { readonly other: string | undefined; readonly isCreated: boolean },
): string | undefined {
  if (text === undefined) return undefined;
  // Copies of the user's text.
  if (path.startsWith(".anklume/replaced/") || isLeftAside(path)) return yours(text);
  if (path.startsWith(".anklume/")) return text;
  const found = findSection(text);
  // Without a section on either side the whole file is anklume's.
  if (found === undefined && (other === undefined || findSection(other) === undefined)) return text;
  if (found === undefined || "problems" in found) return yours(text);
  const { before, body, after } = found;
  const start = before.length;
  const section = text.slice(start, text.length - after.length).replaceAll("\r\n", "\n");
  const hidden = isYamlPath(path) ? withoutSecrets(path, body, known) : body;
  // The digest covers hidden values too: a short value could be guessed from it.
  const managed = section.replace(body, () => hidden).replace(
    /\bsha256:[0-9a-f]{16}$/m,
    "sha256:…",
  );
  // The text of a new file around the section is anklume's.
  return isCreated ? before + managed + after : yours(before) + managed + yours(after);
}

/** Hides the user's text. */
function yours(text: string): string {
  const lines = text.split("\n").filter((line) => !/^(---)?\s*$/.test(line)).length;
  if (lines === 0) return text;
  return `${text.startsWith("\n") ? "\n" : ""}(yours, ${lines} ${
    lines === 1 ? "line" : "lines"
  }: not shown)\n`;
}

function withoutSecrets(path: string, body: string, known: Map<string, string>): string {
  const byName = /^(group|host)_vars\//.test(path);
  const seen = new Map<string, number>();
  const word: HiddenWord = (keys, value) => {
    const name = keys.join("\0");
    const nth = seen.get(name) ?? 0;
    seen.set(name, nth + 1);
    const place = `${name}\0${nth}`;
    const before = known.get(place);
    known.set(place, value);
    return before === undefined || before === value ? "(hidden)" : "(hidden, changed)";
  };
  return hideValues(
    body,
    (keys, value) =>
      looksSecret(value) ||
      (byName && !keys[0]?.startsWith(OWN_PREFIX) && keys.some(isSecretName)),
    word,
  );
}

function isYamlPath(path: string): boolean {
  return /\.ya?ml$/.test(path);
}
