import { createHash } from "node:crypto";
import type { Places } from "./tree_file.ts";
import { optional } from "../diag/optional.ts";

/** First line of anklume's section in a file; alone on its line, at its start. */
export const OPENING = "# === MANAGED BY infra.yml ===";
/** Last line of the section. */
export const CLOSING = "# === END MANAGED ===";

/** The syntax of a file: `yaml` files may begin with a `---` that must stay first. */
type SectionSyntax = "yaml" | "ini" | "lines";

/** A fault of the markers: the place of the section would have to be guessed. */
interface MarkerProblem {
  /** From 1. */
  readonly line: number;
  readonly summary: string;
}

type Merge =
  | {
    readonly kind: "merged";
    readonly text: string;
    readonly status: "created" | "updated" | "unchanged";
    /** The section was edited by hand: its text, and its first line. */
    readonly edited?: { readonly line: number; readonly body: string };
  }
  /** The whole file is encrypted: no section can be written or found in it. */
  | { readonly kind: "vaulted" }
  | { readonly kind: "damaged"; readonly problems: readonly MarkerProblem[] };

/** A file split at its markers. `before + section + after` is the file, byte for byte. */
interface Sections {
  readonly before: string;
  /** The text between the markers, without the line of the digest. */
  readonly body: string;
  readonly after: string;
  /** Digest written with the body; undefined if its line is gone. */
  readonly digest?: string;
  /** Line of the opening marker, from 1. */
  readonly line: number;
  /** Line of the closing marker. */
  readonly lastLine: number;
  readonly eol: "\n" | "\r\n";
}

interface Line {
  readonly text: string;
  readonly start: number;
  /** Position after the line's ending. */
  readonly end: number;
}

const BOM = "\ufeff";
const DIGEST_LINE = /^# .*\bsha256:([0-9a-f]{16})$/;
/** Text that is likely an edited marker. */
const NEARLY = /^\s*#[\s=]*(MANAGED BY infra\.yml|END MANAGED)\b/i;

/**
 * Puts `body` between the markers of a file, and leaves all else as it is, byte for byte.
 *
 * A file without markers gets the section at the top (after a byte order mark and the `---` that
 * starts a YAML document). Ansible then reads the user's text later, so it wins.
 *
 * @param body lines that end with "\n"; without markers
 * @param places text that a new file has around the section, for the user to continue
 */
export function mergeManaged(
  existing: string | undefined,
  body: string,
  syntax: SectionSyntax,
  { before = "", after = "" }: Places = {},
): Merge {
  if (existing === undefined) {
    const start = (syntax === "yaml" ? "---\n" : "") + before;
    const text = `${start}${section(body, "\n")}\n${after}`;
    return { kind: "merged", text, status: "created" };
  }
  if (isVaulted(existing)) return { kind: "vaulted" };
  const found = findSection(existing);
  if (found === undefined) return putOnTop(existing, body, syntax);
  if ("problems" in found) return { kind: "damaged", problems: found.problems };

  const text = found.before + section(body, found.eol) + found.after;
  const edited = found.digest !== digestOf(found.body) && found.body !== body;
  return {
    kind: "merged",
    text,
    status: text === existing ? "unchanged" : "updated",
    ...(edited ? { edited: { line: found.line, body: found.body } } : {}),
  };
}

/** True if the whole file is encrypted by ansible-vault. */
export function isVaulted(text: string): boolean {
  return text.startsWith("$ANSIBLE_VAULT;");
}

/** Finds the section of a file; undefined if it has no markers. */
export function findSection(
  text: string,
): Sections | { readonly problems: readonly MarkerProblem[] } | undefined {
  const lines = splitLines(text);
  const opening = indexesOf(lines, OPENING);
  const closing = indexesOf(lines, CLOSING);
  const problems = markerProblems(lines, opening, closing);
  if (problems.length > 0) return { problems };
  const first = lines[opening[0] ?? -1];
  const last = lines[closing[0] ?? -1];
  if (first === undefined || last === undefined) return undefined;

  const inside = lines.slice(opening[0]! + 1, closing[0]);
  const digest = DIGEST_LINE.exec(inside[0]?.text ?? "")?.[1];
  const content = digest === undefined ? inside : inside.slice(1);
  return {
    before: text.slice(0, first.start + (first.start === 0 && text.startsWith(BOM) ? 1 : 0)),
    body: content.map((line) => line.text + "\n").join(""),
    after: text.slice(last.start + CLOSING.length),
    ...optional({ digest }),
    line: opening[0]! + 1,
    lastLine: closing[0]! + 1,
    eol: text.slice(first.start, first.end).endsWith("\r\n") ? "\r\n" : "\n",
  };
}

/** Returns the user's text around the section; the whole text if there is none. */
export function userText(text: string): string {
  const found = findSection(text);
  return found === undefined || "problems" in found ? text : found.before + found.after;
}

/** Returns a short digest that shows if a section was edited; no protection against an attacker. */
export function digestOf(body: string): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 16);
}

/** Returns the section without the ending of its last line, which belongs to the text after it. */
function section(body: string, eol: string): string {
  const lines = [
    OPENING,
    `# Written by anklume: what you change up to END MANAGED is replaced. sha256:${digestOf(body)}`,
    ...body.split("\n").slice(0, -1),
    CLOSING,
  ];
  return lines.join(eol);
}

function putOnTop(text: string, body: string, syntax: SectionSyntax): Merge {
  const lines = splitLines(text);
  const eol = text.slice(0, lines[0]?.end).endsWith("\r\n") ? "\r\n" : "\n";
  const ours = section(body, eol) + eol;
  const start = syntax === "yaml" ? documentStart(lines) : undefined;
  if (start === undefined) {
    const bom = text.startsWith(BOM) ? BOM : "";
    const head = syntax === "yaml" ? `---${eol}` : "";
    return merged(bom + head + ours + text.slice(bom.length));
  }
  if (!/^---\s*(#.*)?$/.test(start.text)) {
    const summary = "The line that begins the YAML document contains other text";
    return { kind: "damaged", problems: [{ line: lines.indexOf(start) + 1, summary }] };
  }
  // A `---` without a line ending that is the whole file gets one: a marker is alone on its line.
  const before = text.slice(0, start.end);
  return merged((before.endsWith("\n") ? before : before + eol) + ours + text.slice(start.end));
}

function merged(text: string): Merge {
  return { kind: "merged", text, status: "updated" };
}

/**
 * Returns the line `---` that starts the document, if only comments and directives are before it.
 */
function documentStart(lines: readonly Line[]): Line | undefined {
  for (const line of lines) {
    if (/^---(\s|$)/.test(line.text)) return line;
    if (!/^(\s*(#.*)?|%.*)$/.test(line.text)) return undefined;
  }
  return undefined;
}

function markerProblems(
  lines: readonly Line[],
  opening: readonly number[],
  closing: readonly number[],
): MarkerProblem[] {
  const problems: MarkerProblem[] = [];
  lines.forEach((line, index) => {
    if (NEARLY.test(line.text) && !opening.includes(index) && !closing.includes(index)) {
      problems.push({ line: index + 1, summary: `This looks like a marker, but is not one` });
    }
  });
  for (const [marker, indexes] of [[OPENING, opening], [CLOSING, closing]] as const) {
    for (const index of indexes.slice(1)) {
      problems.push({ line: index + 1, summary: `"${marker}" is here a second time` });
    }
  }
  const [first, last] = [opening[0], closing[0]];
  if (first !== undefined && last === undefined) {
    problems.push({ line: first + 1, summary: `"${CLOSING}" is missing after this line` });
  } else if (first === undefined && last !== undefined) {
    problems.push({ line: last + 1, summary: `"${OPENING}" is missing before this line` });
  } else if (first !== undefined && last !== undefined && last < first) {
    problems.push({ line: last + 1, summary: `"${CLOSING}" comes before "${OPENING}"` });
  }
  return problems.sort((a, b) => a.line - b.line);
}

function indexesOf(lines: readonly Line[], marker: string): number[] {
  return lines.flatMap((line, index) => line.text.trimEnd() === marker ? [index] : []);
}

/** Splits into lines without their endings ("\n" or "\r\n") and without the byte order mark. */
function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf("\n", start);
    const end = newline < 0 ? text.length : newline + 1;
    const raw = text.slice(start === 0 && text.startsWith(BOM) ? 1 : start, end);
    lines.push({ text: raw.replace(/\r?\n$/, ""), start, end });
    start = end;
  }
  return lines;
}
