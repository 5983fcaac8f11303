import assert from "node:assert/strict";
import { ENV_NAMES } from "./environment.ts";

Deno.test("scripts/lib/permissions.txt grants the environment variables that are read, and no others", async () => {
  const path = new URL("../../scripts/lib/permissions.txt", import.meta.url);
  const granted = /^--allow-env=(.*)$/m.exec(await Deno.readTextFile(path))?.[1];
  assert.equal(granted, ENV_NAMES.join(","));
});
