/**
 * Returns the directory of the files inside the binary (`ansible/`, `nft/`). These files need no
 * read permission there. When anklume runs from source, they are read from the checkout. The
 * directory's name changes when the binary is renamed: never print or store it.
 */
function embeddedRoot(): string {
  const here = import.meta.dirname ?? ".";
  // In the source tree this file is in lib/host/. In the bundle its code is in build/.
  return here.endsWith("/lib/host") ? `${here}/../..` : `${here}/..`;
}

/**
 * Returns the text of an embedded file. `path` is as in the repository, for example
 * `ansible/roles/base_system/tasks/main.yml`.
 */
export function readEmbedded(path: string): string {
  return Deno.readTextFileSync(`${embeddedRoot()}/${path}`);
}

/** Returns every file below an embedded directory, sorted, as paths for `readEmbedded`. */
export function listEmbedded(directory: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(`${embeddedRoot()}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) files.push(...listEmbedded(path));
    else if (entry.isFile) files.push(path);
  }
  return files.sort();
}

/** Returns the names in an embedded directory, sorted, without what is below them. */
export function listEmbeddedNames(directory: string): string[] {
  return [...Deno.readDirSync(`${embeddedRoot()}/${directory}`)].map(({ name }) => name).sort();
}

/** Returns the bytes of an embedded file. */
export function readEmbeddedBytes(path: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(`${embeddedRoot()}/${path}`);
}
