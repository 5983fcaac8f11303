import assert from "node:assert/strict";
import { IMAGE, Lab, liveInstances } from "./_lab.ts";

function infra(copies: number): string {
  return `project_name: count\nglobal: { default_os_image: "${IMAGE}" }\ndomains:\n  room:\n` +
    `    ephemeral: true\n    machines:\n` +
    Array.from({ length: copies }, (_, index) => `      room-${index}: {}\n`).join("");
}

async function requestsOfCheck(lab: Lab): Promise<number> {
  const { stderr } = await lab.anklume(["check", "--exit-code"], 0, { ANKLUME_DEBUG: "1" });
  const count = /^anklume: (\d+) requests to Incus$/m.exec(stderr)?.[1];
  assert.ok(count !== undefined, stderr);
  return Number(count);
}

Deno.test("a check with nothing to do asks as many requests of 20 running machines as of 2", async () => {
  await using lab = await Lab.create(infra(2));
  await lab.anklume(["apply"]);
  const few = await requestsOfCheck(lab);
  await lab.write("infra.yml", infra(20));
  await lab.anklume(["apply"]);
  assert.equal((await liveInstances()).filter(({ status }) => status === "Running").length, 20);
  assert.equal(await requestsOfCheck(lab), few);
});
