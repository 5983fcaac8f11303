import type { SourceText } from "../../lib/diag/source.ts";
import { REPOSITORY } from "./golden.ts";

/** Returns the texts of a case's infra, in the order in which the program reads them. */
export async function caseSources(directory: string): Promise<SourceText[]> {
  const root = `${REPOSITORY}${directory}/`;
  const files = await listYaml(root, "");
  const first = ["infra.yml", "infra/base.yml", "infra/policies.yml"];
  const rest = files.filter((file) => !first.includes(file)).sort();
  const known = first.filter((file) => files.includes(file));
  return await Promise.all(
    [...known, ...rest].map(async (file) => ({ file, text: await Deno.readTextFile(root + file) })),
  );
}

async function listYaml(root: string, directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(root + directory)) {
    const path = directory + entry.name;
    if (entry.isDirectory) files.push(...await listYaml(root, `${path}/`));
    else if (path === "infra.yml" || (path.startsWith("infra/") && path.endsWith(".yml"))) {
      files.push(path);
    }
  }
  return files;
}
