import assert from "node:assert/strict";
import { answerRequests } from "./answer_requests.ts";
import { ANSWERS, REQUESTS } from "./message.ts";

Deno.test("old answers go, and a symbolic link or a directory among them ends nothing", async () => {
  const home = Deno.cwd();
  const workspace = await Deno.makeTempDir();
  try {
    Deno.chdir(workspace);
    await Deno.mkdir(REQUESTS, { recursive: true });
    await Deno.mkdir(`${ANSWERS}/directory`, { recursive: true });
    await Deno.symlink("/nowhere", `${ANSWERS}/a-link`);
    await Deno.writeTextFile(`${ANSWERS}/old`, "");
    await Deno.writeTextFile(`${ANSWERS}/young`, "");
    const now = Date.now();
    await Deno.utime(`${ANSWERS}/old`, new Date(0), new Date(0));
    assert.deepEqual(await answerRequests(() => Promise.resolve(), now), []);
    const left = Array.from(Deno.readDirSync(ANSWERS), ({ name }) => name).toSorted();
    assert.deepEqual(left, ["a-link", "directory", "young"]);
  } finally {
    Deno.chdir(home);
    await Deno.remove(workspace, { recursive: true });
  }
});
