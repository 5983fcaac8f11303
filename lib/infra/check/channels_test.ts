import assert from "node:assert/strict";
import fc from "fast-check";
import { findChannels } from "./channels.ts";
import { hostSourcesOf, isLinked, type SeenSource } from "./host_source.ts";
import { parseInfra } from "../parse_infra.ts";

const range = { file: "infra.yml", start: { line: 1, column: 1 }, end: { line: 1, column: 1 } };

/** Reads `one-a rw /srv/share`: machine `one-a` of domain `one`. */
function seen(text: string): SeenSource {
  const [machine = "", mode, real = ""] = text.split(" ");
  const domain = machine.split("-")[0]!;
  return { machine, domain, device: "d", source: real, real, readonly: mode === "ro", range };
}

const channels = (...texts: string[]) =>
  findChannels(texts.map(seen)).map(({ path, sources }) =>
    `${path}: ${sources.map(({ machine }) => machine).join(" ")}`
  );

Deno.test("findChannels() finds one place in two domains, or a place within another, once", () => {
  assert.deepEqual(channels("one-a rw /srv", "two-a rw /srv"), ["/srv: one-a two-a"]);
  assert.deepEqual(channels("one-a rw /srv/x/y", "two-a ro /srv/"), ["/srv: one-a two-a"]);
  assert.deepEqual(channels("one-a rw /srv/x", "two-a rw /", "one-b rw /srv"), [
    "/: one-a two-a one-b",
  ]);
  assert.deepEqual(
    channels("one-a rw /srv", "two-a rw /srv", "one-a rw /srv/x", "two-a rw /srv/x").length,
    1,
  );
  assert.deepEqual(channels("one-a rw cephfs:a/b", "two-a rw cephfs:a"), ["cephfs:a: one-a two-a"]);
});

Deno.test("findChannels() finds none in one domain, side by side, or where nobody writes", () => {
  assert.deepEqual(channels("one-a rw /srv", "one-b rw /srv"), []);
  assert.deepEqual(channels("one-a rw /srv/a", "two-a rw /srv/ab"), []);
  assert.deepEqual(channels("one-a ro /srv", "two-a ro /srv"), []);
  assert.deepEqual(channels("one-a rw /srv/a", "one-b ro /srv", "two-a ro /srv/b"), []);
});

Deno.test("findChannels() finds every pair that shares a directory, whatever else is there", () => {
  const path = fc.array(fc.constantFrom("a", "b"), { maxLength: 3 }).map((parts) =>
    `/${parts.join("/")}`
  );
  const source = fc.tuple(fc.constantFrom("one-a", "two-a", "six-a"), fc.boolean(), path)
    .map(([machine, readonly, path]) => seen(`${machine} ${readonly ? "ro" : "rw"} ${path}`));
  const within = (a: string, b: string) => `${a}/`.startsWith(b === "/" ? b : `${b}/`);
  fc.assert(fc.property(fc.array(source, { maxLength: 6 }), (sources) => {
    const found = findChannels(sources);
    for (const a of sources) {
      for (const b of sources) {
        const shares = a.domain !== b.domain && !(a.readonly && b.readonly) &&
          within(a.real, b.real);
        if (!shares) continue;
        assert.ok(found.some((each) => each.sources.includes(a) && each.sources.includes(b)));
      }
    }
    for (const { sources } of found) {
      assert.ok(new Set(sources.map(({ domain }) => domain)).size > 1);
    }
  }));
});

Deno.test("hostSourcesOf() sees disks as Incus merges them, and leaves volumes and memory out", () => {
  const { infra, diagnostics } = parseInfra([{
    file: "infra.yml",
    text: `
project_name: lab
domains:
  one:
    profiles:
      p: { devices: { share: { type: disk, source: /srv/p, path: /p }, off: { type: disk, source: /off, path: /o } } }
      q: { devices: { share: { type: disk, source: /srv/q, path: /p, readonly: Yes } } }
    machines:
      one-a:
        profiles: [q, p]
        devices:
          off: { type: none }
          vol: { type: disk, pool: default, source: data, path: /data }
          mem: { type: disk, source: "tmpfs:", path: /mem }
          own: { type: disk, source: /srv/own, path: /own, pool: "" }
        storage_volumes: { keep: { path: /keep } }
        bypasses_isolation: [share, own]
      one-b: { profiles: [p, q], devices: { off: { type: none } }, bypasses_isolation: [share] }
`,
  }]);
  assert.ok(infra, JSON.stringify(diagnostics));
  assert.deepEqual(
    hostSourcesOf(infra).map((each) => [
      each.machine,
      each.device,
      each.source,
      each.readonly,
      each.range.start.line,
    ]),
    [
      ["one-a", "share", "/srv/p", false, 6],
      ["one-a", "own", "/srv/own", false, 15],
      ["one-b", "share", "/srv/q", true, 7],
    ],
  );
});

Deno.test("isLinked() takes another spelling of a path for no link", () => {
  const link = { ...seen("one-a rw /srv/share"), source: "/srv//./share/" };
  assert.equal(isLinked(link), false);
  assert.equal(isLinked({ ...link, real: "/etc" }), true);
  assert.equal(isLinked({ ...link, unresolved: "No such file or directory" }), false);
});
