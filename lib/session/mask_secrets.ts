import { isSecretName, looksSecret } from "../diag/secret.ts";
import type { SourceText } from "../diag/source.ts";
import { hideValues } from "../infra/yaml/hide_values.ts";
import { isSecretKey } from "../resource/value.ts";

/** Below these keys, the owner chooses the names. */
const OWN_NAMES = new Set(["vars", "config", "devices"]);
/** Larger texts are not parsed: only single lines are searched for secrets. */
const MAX_CHARS = 1_000_000;

/**
 * Replaces what looks like a secret with as many stars, so that positions and carets stay right.
 */
export function maskSecrets({ file, text }: SourceText): SourceText {
  return { file, text: maskLines(text.length > MAX_CHARS ? text : maskValues(text)) };
}

function maskValues(text: string): string {
  try {
    return hideValues(text, isSecret, (_path, _value, written) => stars(written));
  } catch {
    // It is not valid YAML: that may well be the error that is shown.
    return text;
  }
}

function isSecret(path: readonly string[], value: string): boolean {
  const at = path.findIndex((key) => OWN_NAMES.has(key));
  const own = at === -1 ? [] : path.slice(at + 1);
  return looksSecret(value) || own.some((key) => isSecretKey(key) || isSecretName(key));
}

function stars(text: string): string {
  return text.replace(/[^\n]/g, "*");
}

/** Masks `name: value` on one line, for a text that could not be parsed. */
function maskLines(text: string): string {
  return text.replace(
    /([\w.-]+)(["']?[ \t]*:[ \t]+)("[^"\n]*"?|'[^'\n]*'?|[^\s,\]}#{[|>&*!][^,\]}#\n]*)/g,
    (whole, name: string, between: string, value: string) =>
      isSecretName(name) || isSecretKey(name) || looksSecret(value)
        ? `${name}${between}${stars(value)}`
        : whole,
  );
}
