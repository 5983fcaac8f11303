import type { Diagnostic } from "../diag/diagnostic.ts";
import type { ExistingFile, ExistingFiles } from "./existing_files.ts";
import type { TreeFile } from "./tree_file.ts";

/** Reports paths that block a file of the tree, or that Ansible would read instead of it. */
export function checkPaths(tree: readonly TreeFile[], existing: ExistingFiles): Diagnostic[] {
  const reported = new Set<string>();
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic, path: string) => {
    if (!reported.has(path)) diagnostics.push(diagnostic);
    reported.add(path);
  };
  for (const file of tree) {
    const parts = file.path.split("/");
    for (let length = 1; length <= parts.length; length++) {
      const path = parts.slice(0, length).join("/");
      const there = existing.get(path);
      const wanted = length === parts.length ? "text" : "directory";
      if (there !== undefined && there.kind !== wanted) report(inTheWay(path, there), path);
    }
    for (const path of rivals(file.path)) {
      const there = existing.get(path);
      if (there !== undefined && there.kind !== "directory") report(rival(path, file.path), path);
    }
  }
  return diagnostics;
}

/**
 * Returns the paths that compete with a file: Ansible reads only the first of `pro` (file or
 * directory), `pro.yml`, `pro.yaml`, `pro.json`.
 */
function rivals(path: string): string[] {
  const stem = /^((?:group|host)_vars\/[^/]+)\.yml$/.exec(path)?.[1];
  return stem === undefined ? [] : [stem, `${stem}.yaml`, `${stem}.json`];
}

function inTheWay(path: string, there: ExistingFile): Diagnostic {
  const what = {
    text: "is a file where a directory is needed",
    binary: "is not a text in UTF-8",
    directory: "is a directory where a file is needed",
    symlink: "is a symbolic link; anklume does not write through symbolic links",
    other: "is neither a file nor a directory that can be used",
  }[there.kind];
  return {
    severity: "error",
    code: "PATH_UNUSABLE",
    summary: `${path} ${what}`,
    remedy: `Move ${path} away, or replace it with a regular file`,
  };
}

function rival(path: string, ours: string): Diagnostic {
  return {
    severity: "error",
    code: "VARIABLES_HIDDEN",
    summary: `Ansible reads only one of ${path} and ${ours}, and anklume writes ${ours}`,
    remedy: `Move ${path} to ${ours.replace(/\.yml$/, "/")}, a directory: both are read then`,
  };
}
