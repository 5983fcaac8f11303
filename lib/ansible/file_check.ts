import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import type { Diagnostic, SourceRange } from "../diag/diagnostic.ts";
import { CLOSING, findSection, userText } from "./managed_section.ts";
import { type FileShape, isYaml } from "./tree_file.ts";

/**
 * Checks a whole file, our section and the user's text together, as Ansible will read it: text that
 * does not parse, and names that are in both parts.
 *
 * @param text the file as it will be written
 */
export function checkFile(path: string, text: string, shape: FileShape): Diagnostic[] {
  if (shape === "lines") return [];
  // Our own part alone is always right. Parsing it again for each machine would take most of a
  // check's time.
  if (isYaml(shape) && !hasUserContent(text)) return [];
  return shape === "ini" ? checkIni(path, text) : checkYaml(path, text, shape);
}

/** True if the user's part of a YAML file has more than comments. */
export function hasUserContent(text: string): boolean {
  return userText(text).split(/\r?\n/).some((line) => !/^\ufeff?\s*(#.*|---\s*)?$/.test(line));
}

function checkYaml(path: string, text: string, shape: FileShape): Diagnostic[] {
  const lines = new LineCounter();
  // YAML 1.1 as Ansible reads it: of two equal keys it takes the last, and it has tags unknown to
  // us.
  const document = parseDocument(text.replace(/^\ufeff/, ""), {
    version: "1.1",
    uniqueKeys: false,
    lineCounter: lines,
    // A lower level would also hide that there is a second document.
    logLevel: "error",
    prettyErrors: false,
  });
  const at = (from: number, to: number): SourceRange => {
    const [start, end] = [lines.linePos(from), lines.linePos(to)];
    return {
      file: path,
      start: { line: start.line, column: start.col },
      end: { line: end.line, column: end.col },
    };
  };
  const broken = document.errors[0];
  if (broken !== undefined) {
    return [{
      severity: "error",
      code: "TREE_FILE_BROKEN",
      summary: `${path} is not YAML that Ansible can read: ${broken.message}`,
      detail: "The text outside the managed section must form one YAML document with it",
      remedy: shape === "playbook"
        ? "Write plays as a list in block style"
        : "Write keys in block style, not `{}`, and no second document",
      range: at(...broken.pos),
    }];
  }
  if (shape === "playbook") {
    return isSeq(document.contents) ? [] : [{
      severity: "error",
      code: "TREE_FILE_BROKEN",
      summary: `${path} is not a list of plays`,
      range: at(0, 0),
    }];
  }
  if (!isMap(document.contents)) return [];
  const keys = document.contents.items.flatMap(({ key }) =>
    isScalar(key) && key.range
      ? [{ name: String(key.value), at: at(key.range[0], key.range[1]) }]
      : []
  );
  return repeatedKeys(path, text, shape, keys);
}

interface Key {
  readonly name: string;
  readonly at: SourceRange;
}

function repeatedKeys(
  path: string,
  text: string,
  shape: FileShape,
  keys: readonly Key[],
): Diagnostic[] {
  const found = findSection(text);
  if (found === undefined || "problems" in found) return [];
  const isOurs = (key: Key) => key.at.start.line > found.line && key.at.start.line < found.lastLine;
  const ours = new Set(keys.filter(isOurs).map((key) => key.name));
  return keys.filter((key) => !isOurs(key) && ours.has(key.name)).map((key): Diagnostic => {
    if (shape === "requirements") {
      return {
        severity: "error",
        code: "TREE_FILE_BROKEN",
        summary: `\`${key.name}\` is in ${path} twice, and Ansible reads only the last`,
        remedy: `Write further items of the list right below "${CLOSING}", without another key`,
        range: key.at,
      };
    }
    if (shape === "inventory") {
      return {
        severity: "error",
        code: "GROUP_REPEATED",
        summary: `The group \`${key.name}\` is also in the managed section`,
        detail:
          "For Ansible the second group replaces the first, and the hosts of the first are lost",
        remedy: "Give the group another name, or repeat it in a file of your own in inventory/",
        range: key.at,
      };
    }
    const wins = key.at.start.line > found.lastLine;
    return {
      severity: "warning",
      code: "VARIABLE_OVERLAP",
      summary: `The variable \`${key.name}\` is also in the managed section: ${
        wins ? "yours, the later one, wins" : "the later one, anklume's, wins"
      }`,
      remedy: wins
        ? "Nothing to do if that is what you want"
        : `Move it below "${CLOSING}" to make it win`,
      range: key.at,
    };
  });
}

/** Checks as Python's strict configparser: a repeated section or option is a traceback. */
function checkIni(path: string, text: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const seen = new Map<string, number>();
  let section = "";
  if (text.startsWith("\ufeff")) {
    diagnostics.push({
      severity: "error",
      code: "TREE_FILE_BROKEN",
      summary: `${path} begins with a byte order mark, which Ansible reads as text`,
      remedy: "Save it as UTF-8 without a byte order mark",
      range: wholeLine(path, 1, ""),
    });
  }
  text.replace(/^\ufeff/, "").split(/\r?\n/).forEach((line, index) => {
    const header = /^\[([^\]]+)\]/.exec(line);
    const option = /^([^\s#;=:\[][^=:]*?)\s*[=:]/.exec(line);
    if (header === null && option === null) return;
    if (header !== null) section = header[1]!;
    const name = header === null ? option![1]!.toLowerCase() : "";
    const key = `${section}\n${name}`;
    const before = seen.get(key);
    if (before === undefined) {
      seen.set(key, index + 1);
      return;
    }
    const what = header === null ? `The option \`${name}\`` : `The section [${section}]`;
    diagnostics.push({
      severity: "error",
      code: "CONFIG_REPEATED",
      summary: `${what} is in ${path} twice: here and in line ${before}`,
      detail: "Ansible stops with a traceback at the second one",
      remedy: header === null
        ? "Leave only one of them; anklume's stays"
        : `Write options of [${section}] without another header, right below "${CLOSING}"`,
      range: wholeLine(path, index + 1, line),
    });
  });
  return diagnostics;
}

function wholeLine(file: string, line: number, text: string): SourceRange {
  return { file, start: { line, column: 1 }, end: { line, column: text.length + 1 } };
}

/** Returns the section's body for a file that infra.yml no longer needs. */
export function orphanBody(text: string, shape: FileShape): string {
  const lines = [
    "# Nothing in infra.yml needs this file: `anklume sync --clean-orphans` removes it.",
  ];
  // An empty inventory makes Ansible warn in each run.
  if (shape === "inventory" && !hasUserContent(text)) lines.push("ungrouped:");
  return lines.map((line) => line + "\n").join("");
}
