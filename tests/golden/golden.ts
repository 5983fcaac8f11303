/** A file of `tests/testdata` that the code generates. */
export interface GoldenFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

/** One kind of golden file. Its `files` returns their right content, one for each existing case. */
export interface GoldenKind {
  readonly name: string;
  files(): Promise<readonly GoldenFile[]>;
}

/** The repository, from any directory where the tests are started. */
export const REPOSITORY = new URL("../../", import.meta.url).pathname;
export const TESTDATA = "tests/testdata";

/** Returns the names of the directories below a directory of the repository, sorted. */
export async function caseNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${REPOSITORY}${directory}`)) {
    if (entry.isDirectory) names.push(entry.name);
  }
  return names.sort();
}
