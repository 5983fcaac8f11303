import { isSecretName, looksSecret } from "../diag/secret.ts";
import type { SourceText } from "../diag/source.ts";
import { hideValues } from "../infra/yaml/edit_yaml.ts";
import { isSecretKey } from "../resource/value.ts";

/** Below these keys names are the owner's own. */
const OWN_NAMES = new Set(["vars", "config", "devices"]);
/** Parsed for what to hide; in a larger one what is on a line has to tell. */
const MAX_CHARS = 1_000_000;

/** The text with what looks like a secret starred out, each by as many stars, so that places and carets stay what they are. */
export function maskSecrets({ file, text }: SourceText): SourceText {
  return { file, text: maskLines(text.length > MAX_CHARS ? text : maskValues(text)) };
}

function maskValues(text: string): string {
  try {
    return hideValues(text, isSecret, (_path, _value, written) => stars(written));
  } catch {
    // It is no YAML: that may well be what is complained about.
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

/** `name: value` on one line, where the whole could not be read. */
function maskLines(text: string): string {
  return text.replace(
    /([\w.-]+)(["']?[ \t]*:[ \t]+)("[^"\n]*"?|'[^'\n]*'?|[^\s,\]}#{[|>&*!][^,\]}#\n]*)/g,
    (whole, name: string, between: string, value: string) =>
      isSecretName(name) || isSecretKey(name) || looksSecret(value)
        ? `${name}${between}${stars(value)}`
        : whole,
  );
}
