import type { SourceRange } from "../../lib/diag/diagnostic.ts";
import { WholeFloat } from "../../lib/infra/infra.ts";
import { parseInfra } from "../../lib/infra/parse_infra.ts";
import { floatText } from "../../lib/infra/yaml/yaml_1_1.ts";
import { caseSources } from "./case_sources.ts";
import { caseNames, type GoldenKind, TESTDATA } from "./golden.ts";

const DIRECTORY = `${TESTDATA}/valid`;

/** `infra.json`: the Infra of a case, with defaults and expanded copies. */
export const valid: GoldenKind = {
  name: "valid",
  async files() {
    return await Promise.all((await caseNames(DIRECTORY)).map(async (name) => {
      const { infra, diagnostics } = parseInfra(await caseSources(`${DIRECTORY}/${name}`));
      if (infra === undefined || diagnostics.length > 0) {
        throw new Error(`${name}: ${diagnostics.map(({ summary }) => summary).join("; ")}`);
      }
      return { path: `${DIRECTORY}/${name}/infra.json`, content: dump(infra) };
    }));
  },
};

/**
 * Returns JSON with places as `infra.yml:3:5`. The places of single keys are left out: they would
 * hide the rest.
 */
function dump(value: unknown): string {
  const replace = (key: string, item: unknown) => {
    if (key === "ranges") return undefined;
    if (key === "range") {
      const { file, start } = item as SourceRange;
      return `${file}:${start.line}:${start.column}`;
    }
    if (typeof item === "bigint") return String(item);
    if (item instanceof WholeFloat) return floatText(item.value);
    return item instanceof Map ? Object.fromEntries(item) : item;
  };
  return `${JSON.stringify(value, replace, 2)}\n`;
}
