import pc from "picocolors";
import { parseInfra, type ParseResult } from "../../lib/infra/parse_infra.ts";
import { diagnosticsText } from "../../lib/view/diagnostics.ts";
import { caseSources } from "./case_sources.ts";
import { caseNames, type GoldenKind, TESTDATA } from "./golden.ts";

const DIRECTORY = `${TESTDATA}/invalid`;
const KNOWN_ROLES: ReadonlySet<string> = new Set(["base_system"]);

/** A case of `tests/testdata/invalid`, named after its code: `UNKNOWN_KEY-volume`. */
export interface InvalidCase {
  readonly name: string;
  readonly result: ParseResult;
  readonly text: string;
}

export async function invalidCases(): Promise<InvalidCase[]> {
  return await Promise.all((await caseNames(DIRECTORY)).map(async (name) => {
    const sources = await caseSources(`${DIRECTORY}/${name}`);
    const result = parseInfra(sources, { knownRoles: KNOWN_ROLES });
    const text = diagnosticsText(result.diagnostics, sources, {
      colors: pc.createColors(false),
      width: 100,
    });
    return { name, result, text };
  }));
}

/** `diagnostics.txt`: the output of `anklume validate` for the case's infra. */
export const invalid: GoldenKind = {
  name: "invalid",
  async files() {
    return (await invalidCases()).map(({ name, text }) => ({
      path: `${DIRECTORY}/${name}/diagnostics.txt`,
      content: text,
    }));
  },
};
