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
export function readEmbedded(path: string): Promise<string> {
  return Deno.readTextFile(`${embeddedRoot()}/${path}`);
}

/** Every file below an embedded directory, as paths for `readEmbedded`, sorted. */
export async function listEmbedded(directory: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(`${embeddedRoot()}/${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) files.push(...(await listEmbedded(path)));
    else if (entry.isFile) files.push(path);
  }
  return files.sort();
}

/** Bytes of an embedded file. */
export function readEmbeddedBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(`${embeddedRoot()}/${path}`);
}
