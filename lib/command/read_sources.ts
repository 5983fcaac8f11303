import { FileError } from "../host/file_error.ts";
import { fileKind, listDirectory, readTextFile } from "../host/workspace_file.ts";
import type { SourceText } from "../diag/source.ts";

/** Files of the directory form, besides those in `infra/domains/`. */
const TOP_FILES = ["infra/base.yml", "infra/policies.yml"];

/**
 * The texts that make up the infra: `infra.yml`, or the files of `infra/`; both where both stand, for the parser to
 * object. Reads nothing through a symbolic link: a workspace must not show what lies elsewhere.
 */
export function readSources(): SourceText[] {
  const files = ["infra.yml", ...TOP_FILES];
  for (const { name } of listDirectory("infra/domains")) {
    if (/\.ya?ml$/.test(name) && !name.startsWith(".")) files.push(`infra/domains/${name}`);
  }
  const sources: SourceText[] = [];
  for (const file of files) {
    const kind = fileKind(file);
    if (kind === undefined) continue;
    if (kind === "symlink") throw new FileError("read", file, "symlink");
    sources.push({ file, text: readTextFile(file) });
  }
  return sources;
}
