/** A file of `tests/testdata` whose content follows from the code. */
export interface GoldenFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly content: string;
}

/** One kind of golden file. Its `files` gives what they should hold now, one for each case that exists. */
export interface GoldenKind {
  readonly name: string;
  files(): Promise<readonly GoldenFile[]>;
}

/** The repository, wherever the tests are started. */
export const REPOSITORY = new URL("../../", import.meta.url).pathname;
export const TESTDATA = "tests/testdata";

/** Names of the directories below a directory of the repository, sorted. */
export async function caseNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${REPOSITORY}${directory}`)) {
    if (entry.isDirectory) names.push(entry.name);
  }
  return names.sort();
}
