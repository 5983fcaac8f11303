import assert from "node:assert/strict";
import type { SeenSource } from "../infra/check/host_source.ts";
import type { Infra } from "../infra/infra.ts";
import { bypassText, channelText, sourceWarnings } from "../view/host_sources.ts";
import { hostSources } from "../resource/host_sources.ts";

const range = { file: "infra.yml", start: { line: 7, column: 1 }, end: { line: 7, column: 2 } };
const seen = (machine: string, real: string, more: Partial<SeenSource> = {}): SeenSource => {
  const domain = machine.split("-")[0]!;
  return { machine, domain, device: "d", source: real, real, readonly: false, range, ...more };
};
// Only the fields that are read.
const infra = (...admins: string[]) => {
  const machines = admins.map((name) => ({
    name,
    domain: name.split("-")[0],
    roles: ["admin"],
    range,
  }));
  return { domains: [{ machines }] } as unknown as Infra;
};

Deno.test("hostSources() counts the workspace: its owner's, or the admin container's", () => {
  const texts = (sources: SeenSource[], ...admins: string[]) =>
    hostSources(infra(...admins), sources, "/home/me/lab").channels.map(channelText);
  assert.deepEqual(texts([seen("one-a", "/home/me")]), [
    "one-a (one) and this workspace share /home/me of the host",
  ]);
  assert.deepEqual(texts([seen("one-a", "/home/me/lab/roles", { readonly: true })], "adm-a"), [
    "one-a (one) and adm-a (adm) share /home/me/lab of the host",
  ]);
  assert.deepEqual(texts([seen("one-a", "/home/me/labs")]), []);
  assert.deepEqual(texts([], "adm-a"), []);
});

Deno.test("channelText() names few of many, and no place of the host where it is none", () => {
  const many = Array.from({ length: 30 }, (_, index) => seen(`tp${index}-pc`, "/srv"));
  const { channels } = hostSources(infra(), many, "/root/lab");
  assert.equal(
    channelText(channels[0]!),
    "tp0-pc (tp0), tp1-pc (tp1), tp2-pc (tp2), tp3-pc (tp3) and 26 more share /srv of the host",
  );
  const ceph = hostSources(infra(), [seen("one-a", "cephfs:x"), seen("two-a", "cephfs:x")], "/w");
  assert.equal(channelText(ceph.channels[0]!), "one-a (one) and two-a (two) share cephfs:x");
});

Deno.test("sourceWarnings() points at infra.yml and lets no path of the host steer a terminal", () => {
  const escape = "/srv/\u001b[2J";
  const link = seen("one-a", escape, { source: "/srv/link" });
  const gone = seen("two-a", "/gone", { unresolved: "No such file or directory" });
  const warnings = sourceWarnings(hostSources(infra(), [link, gone], "/srv"));
  assert.deepEqual(warnings.map(({ code, range }) => [code, range?.start.line]), [
    ["LINKED_SOURCE", 7],
    ["UNRESOLVED_SOURCE", 7],
    ["SHARED_DIRECTORY", 7],
  ]);
  const said = warnings.flatMap(({ summary, detail, remedy }) => [summary, detail, remedy]).join();
  assert.ok(!said.includes("\u001b"), said);
  assert.equal(bypassText("d", seen("one-a", "/etc", { source: "/l" })), "d (/l, which is /etc)");
  assert.equal(bypassText("eth1", undefined), "eth1");
});
