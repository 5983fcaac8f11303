import { FileError } from "../host/file_error.ts";
import { fileKind, listDirectory, readTextFile } from "../host/workspace_file.ts";
import type { SourceText } from "../diag/source.ts";

/** Files of the directory form, besides those in `infra/domains/`. */
const TOP_FILES = ["infra/base.yml", "infra/policies.yml"];

/**
 * Reads the texts that make up the infra: `infra.yml`, or the files of `infra/`. If both exist, it
 * reads both, and the parser reports that. It never follows a symbolic link: a workspace must not
 * reveal files outside of it.
 */
export function readSources(): SourceText[] {
  const files = ["infra.yml"];
  if (fileKind("infra") !== undefined) files.push(...TOP_FILES, ...yamlFiles("infra/domains"));
  // A misplaced file would be ignored silently, and its machines would count as orphans.
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
