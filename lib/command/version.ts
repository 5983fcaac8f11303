import config from "../../deno.json" with { type: "json" };

/** Filled in by `git archive` (.gitattributes) or by scripts/compile. A run from source, and a copy without git, leave it: no commit is known. */
const COMMIT = "$Format:%H$";

/** `0.2.0 (1a5cffc)`; `1a5cffc, changed` where the tree was not that commit's; the version alone where no commit is known. */
export const VERSION = /^[0-9a-f]{7}/.test(COMMIT)
  ? `${config.version} (${COMMIT.replace(/^([0-9a-f]{7})[0-9a-f]*/, "$1")})`
  : config.version;
