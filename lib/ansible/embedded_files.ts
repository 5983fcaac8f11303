import { listEmbedded, readEmbedded } from "../host/embedded_file.ts";

/**
 * Reads the embedded roles and plugins, by path in `ansible/`; `renderTree` puts them into the
 * workspace.
 */
export function readEmbeddedAnsible(): ReadonlyMap<string, string> {
  const paths = [
    ...listEmbedded("ansible/roles"),
    ...listEmbedded("ansible/plugins"),
  ].filter((path) => !path.includes("/molecule/") && !path.includes("/__pycache__/"));
  return new Map(paths.map((path) => [path.slice("ansible/".length), readEmbedded(path)]));
}
