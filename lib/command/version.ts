import config from "../../deno.json" with { type: "json" };

/**
 * Filled in by `git archive` (.gitattributes) or by scripts/compile. In a run from source, or a
 * copy without git, it stays as it is: no commit is known.
 */
const COMMIT = "$Format:%H$";

/**
 * `0.2.0 (1a5cffc)`; `1a5cffc, changed` if the tree differed from that commit; only the version if
 * no commit is known.
 */
export const VERSION = /^[0-9a-f]{7}/.test(COMMIT)
  ? `${config.version} (${COMMIT.replace(/^([0-9a-f]{7})[0-9a-f]*/, "$1")})`
  : config.version;
