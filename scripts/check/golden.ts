import { REPOSITORY } from "../../tests/golden/golden.ts";
import { GOLDEN_KINDS } from "../../tests/golden/kinds.ts";

/**
 * Rewrites the golden files, all kinds or those named: `deno task golden invalid`. Review the
 * difference with git.
 */
const wanted = new Set(Deno.args);
for (const name of wanted) {
  if (!GOLDEN_KINDS.some((kind) => kind.name === name)) {
    console.error(`no kind of golden file is called ${name}`);
    Deno.exit(2);
  }
}
for (const kind of GOLDEN_KINDS) {
  if (wanted.size > 0 && !wanted.has(kind.name)) continue;
  let written = 0;
  const files = await kind.files();
  for (const { path, content } of files) {
    const before = await Deno.readTextFile(REPOSITORY + path).catch(() => undefined);
    if (before === content) continue;
    await Deno.writeTextFile(REPOSITORY + path, content);
    written++;
  }
  console.log(`${kind.name}: ${files.length} files, ${written} rewritten`);
}
