import { listEmbedded, readEmbedded } from "../host/embedded_file.ts";

/** The embedded roles and plugins, by path in `ansible/`: what `renderTree` puts into the workspace. */
export async function readEmbeddedAnsible(): Promise<ReadonlyMap<string, string>> {
  const paths = [
    ...await listEmbedded("ansible/roles"),
    ...await listEmbedded("ansible/plugins"),
    ...await listEmbedded("ansible/shell_plugins"),
  ].filter((path) => !path.includes("/molecule/") && !path.includes("/__pycache__/"));
  const texts = await Promise.all(paths.map(readEmbedded));
  return new Map(paths.map((path, index) => [path.slice("ansible/".length), texts[index] ?? ""]));
}
