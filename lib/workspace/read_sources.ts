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
  const files = ["infra.yml", ...TOP_FILES, ...yamlFiles("infra/domains")];
  // What was laid beside the others would be left out in silence, and its machines be taken for orphans.
  if (fileKind("infra.yml") === undefined) files.push(...strayFiles());
  const sources: SourceText[] = [];
  for (const file of files) {
    const kind = fileKind(file);
    if (kind === undefined) continue;
    if (kind === "symlink") throw new FileError("read", file, "symlink");
    sources.push({ file, text: readTextFile(file) });
  }
  return sources;
}

function strayFiles(): string[] {
  const below = listDirectory("infra/domains")
    .filter(({ name, kind }) => kind === "directory" && !isYaml(name))
    .flatMap(({ name }) => yamlFiles(`infra/domains/${name}`));
  return [...yamlFiles("infra").filter((file) => !TOP_FILES.includes(file)), ...below];
}

function yamlFiles(directory: string): string[] {
  return listDirectory(directory).filter(({ name }) => isYaml(name))
    .map(({ name }) => `${directory}/${name}`);
}

function isYaml(name: string): boolean {
  return /\.ya?ml$/.test(name) && !name.startsWith(".");
}
