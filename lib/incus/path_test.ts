import assert from "node:assert/strict";
import fc from "fast-check";
import { apiPath, withQuery } from "./path.ts";

Deno.test("apiPath() keeps a name one component, whatever is in it", () => {
  assert.equal(
    apiPath`/1.0/images/aliases/${"debian/13?x#y %2F"}`,
    "/1.0/images/aliases/debian%2F13%3Fx%23y%20%252F",
  );
});

Deno.test("apiPath() refuses names that a URL would resolve away", () => {
  for (const name of ["", ".", ".."]) {
    assert.throws(() => apiPath`/1.0/projects/${name}`, TypeError);
  }
});

Deno.test("apiPath() reaches no other resource with any name", () => {
  fc.assert(fc.property(fc.string({ unit: "binary-ascii", minLength: 1 }), (name) => {
    fc.pre(name !== "." && name !== "..");
    const url = new URL(`http://incus${apiPath`/1.0/projects/${name}`}`);
    const [component, ...rest] = url.pathname.slice("/1.0/projects/".length).split("/");
    assert.deepEqual(rest, []);
    assert.equal(decodeURIComponent(component ?? ""), name);
    assert.equal(url.search + url.hash, "");
  }));
});

Deno.test("withQuery() encodes values and leaves out those that are undefined", () => {
  assert.equal(withQuery("/1.0", {}), "/1.0");
  assert.equal(withQuery("/1.0", { project: undefined }), "/1.0");
  assert.equal(
    withQuery("/1.0/x", { project: "a&b=c", recursion: 1, "all-projects": true }),
    "/1.0/x?project=a%26b%3Dc&recursion=1&all-projects=true",
  );
});
