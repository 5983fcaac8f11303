import assert from "node:assert/strict";
import { bounded, EndlessFileError } from "./files.ts";

const patience = { restart: () => {}, stop: () => {} };

function endless(): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1024)) });
}

Deno.test("bounded() hands on what there is, and no more than that where it does not end", async () => {
  const text = await new Response(bounded(new Blob(["abc"]).stream(), patience, 3, "a:/x")).text();
  assert.equal(text, "abc");
  let bytes = 0;
  await assert.rejects(
    async () => {
      for await (const chunk of bounded(endless(), patience, 10_000, "red-a:/srv/x")) {
        bytes += chunk.length;
      }
    },
    (error) =>
      error instanceof EndlessFileError && /red-a:\/srv\/x does not end/.test(error.message),
  );
  assert.ok(bytes <= 10_000, `${bytes}`);
});
