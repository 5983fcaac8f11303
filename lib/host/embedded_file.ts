/**
 * Files that travel inside the binary (`ansible/`, `nft/`). They need no read permission there; run from source they are
 * read from the checkout. The directory's name changes when the binary is renamed: never print or store it.
 */
function embeddedRoot(): string {
  const here = import.meta.dirname ?? ".";
  // From source this file is in lib/host/; bundled, its text is in build/.
  return here.endsWith("/lib/host") ? `${here}/../..` : `${here}/..`;
}

/** Text of an embedded file; `path` as in the repository, `ansible/roles/base_system/tasks/main.yml`. */
export function readEmbedded(path: string): string {
  return Deno.readTextFileSync(`${embeddedRoot()}/${path}`);
}

/** Every file below an embedded directory, as paths for `readEmbedded`, sorted. */
export function listEmbedded(directory: string): string[] {
  const files: string[] = [];
  for (const entry of Deno.readDirSync(`${embeddedRoot()}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) files.push(...listEmbedded(path));
    else if (entry.isFile) files.push(path);
  }
  return files.sort();
}

/** Bytes of an embedded file. */
export function readEmbeddedBytes(path: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(`${embeddedRoot()}/${path}`);
}
