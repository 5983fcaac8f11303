import type { View } from "./view.ts";
import type { Finding } from "../nftables/finding.ts";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import { hang, printable } from "./text.ts";

const WORDS: Readonly<Record<Finding["state"], string>> = {
  ok: "ok",
  warning: "warning",
  bad: "BAD",
  unknown: "unknown",
};

/** Returns one line for each finding, and its remedy below it. */
export function findingsText(findings: readonly Finding[], style: Style): string {
  const { colors, width } = style;
  const paint = {
    ok: colors.green,
    warning: colors.yellow,
    bad: colors.red,
    unknown: colors.yellow,
  };
  const names = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, detail, remedy, fix }) => {
    const head = `${WORDS[state].padEnd(7)}  ${check.padEnd(names)}  `;
    const indent = " ".repeat(head.length);
    return [
      // The colour must not count for the width.
      hang(head, printable(detail), width).replace(WORDS[state], paint[state](WORDS[state])),
      ...(fix ?? []).map((argv) => `${indent}${colors.bold(commandText(argv))}`),
      ...(remedy === undefined || state === "ok" ? [] : [hang(indent, remedy, width)]),
    ];
  });
  return `${lines.join("\n")}\n`;
}

/** Returns a command as the user would type it. */
export function commandText(argv: readonly string[]): string {
  return argv.map((word) => /^[\w./=+-]+$/.test(word) ? word : `'${word}'`).join(" ");
}

/** `doctor --json` */
function findingsJson(findings: readonly Finding[]): string {
  return jsonText({
    format: 1,
    healthy: findings.every(({ state }) => state !== "bad"),
    findings,
  });
}

/** `doctor` */
export const findingsView: View<readonly Finding[]> = { text: findingsText, json: findingsJson };
