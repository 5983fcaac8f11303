import assert from "node:assert/strict";
import { NEVER } from "../../lib/incus/wire/snapshot.ts";
import { withIncus, withProject } from "./live_incus.ts";

const ODD = `"quoted" {{ jinja }} $x \\ é\n<&>`;

Deno.test("a project is created, read, replaced and deleted", () =>
  withIncus((incus) =>
    withProject(incus, "it-project", async () => {
      const { value, etag } = await incus.projects.get("it-project");
      const config = { ...value.config, "user.note": ODD };
      await incus.projects.update("it-project", { description: ODD, config }, { etag });
      const after = (await incus.projects.get("it-project")).value;
      assert.equal(after.description, ODD);
      assert.equal(after.config["user.note"], ODD);
      // Another client wrote in between.
      await assert.rejects(
        incus.projects.update("it-project", { description: "", config }, { etag }),
        { status: 412 },
      );
    })
  ));

Deno.test("networks made at once are all there, and are replaced and deleted", () =>
  withIncus(async (incus) => {
    const names = ["it-net1", "it-net2", "it-net3"];
    const config = { "ipv4.address": "none", "ipv6.address": "none" };
    const create = (name: string): Promise<void> =>
      incus.networks.create({ name, type: "bridge", description: "", config });
    try {
      await Promise.all(names.map(create));
      const listed = await incus.networks.list();
      for (const name of names) {
        assert.equal(listed.find((network) => network.name === name)?.managed, true);
      }
      assert.equal(listed.find(({ name }) => name === "docker0")?.managed, false);
      const { value, etag } = await incus.networks.get("it-net1");
      const put = { description: ODD, config: { ...value.config, "user.note": "1" } };
      await incus.networks.update("it-net1", put, { etag });
      assert.equal((await incus.networks.get("it-net1")).value.description, ODD);
      assert.equal((await incus.networks.state("it-net1")).type, "broadcast");
      assert.deepEqual(await incus.networks.leases("it-net1"), []);
      await assert.rejects(create("it-net1"), { status: 409, message: /already exists/ });
    } finally {
      for (const name of names) await incus.networks.delete(name);
    }
  }));

Deno.test("a volume is listed with its project and without its snapshots", () =>
  withIncus((incus) =>
    withProject(incus, "it-volume", async () => {
      const body = { name: "web-data", description: "", config: { size: "64MiB" } };
      await incus.volumes.create("default", "it-volume", body);
      const { success } = await new Deno.Command("incus", {
        args: "storage volume snapshot create default web-data now --project it-volume".split(" "),
      }).output();
      assert.ok(success);
      const volumes = await incus.volumes.list("default");
      assert.deepEqual(volumes.map(({ name, project }) => [project, name]), [
        ["it-volume", "web-data"],
      ]);
      const { value, etag } = await incus.volumes.get("default", "it-volume", "web-data");
      assert.equal(value.config["size"], "64MiB");
      const config = { ...value.config, "user.note": ODD };
      const put = { description: "d", config };
      await incus.volumes.update("default", "it-volume", "web-data", put, { etag });
      const after = await incus.volumes.get("default", "it-volume", "web-data");
      assert.equal(after.value.config["user.note"], ODD);
    })
  ));

Deno.test("a pool lists the snapshots of its volumes, also beside one that Incus cannot look into", () =>
  withIncus((incus) =>
    withProject(incus, "it-snapped", async () => {
      const project = "it-snapped";
      const make = (name: string) =>
        incus.volumes.create("default", project, { name, description: "", config: {} });
      const listed = async () =>
        (await incus.volumeSnapshots.list("default", { rootDisks: true })).snapshots
          .filter((each) => each.project === project).map(({ volume, name }) => `${volume}/${name}`)
          .toSorted();
      await make("one");
      await make("two");
      const body = { name: "now", expires_at: NEVER };
      for (const volume of ["one", "two"]) {
        await incus.volumeSnapshots.create({ pool: "default", project, volume }, body);
      }
      assert.deepEqual(await listed(), ["one/now", "two/now"]);
      const path = `/var/lib/incus/storage-pools/default/custom/${project}_one`;
      await Deno.rename(path, `${path}-away`);
      try {
        assert.deepEqual(await listed(), ["one/now", "two/now"]);
      } finally {
        await Deno.rename(`${path}-away`, path);
      }
    })
  ));

Deno.test("a pool tells its driver and its space", () =>
  withIncus(async (incus) => {
    const { value } = await incus.storagePools.get("default");
    const { space } = await incus.storagePools.resources("default");
    assert.ok(value.driver.length > 0);
    assert.ok(space.total > space.used);
    assert.ok((await incus.storagePools.list()).some(({ name }) => name === "default"));
  }));

Deno.test("profiles of all projects are listed in one request", () =>
  withIncus((incus) =>
    withProject(incus, "it-profile", async () => {
      const devices = { root: { type: "disk", path: "/", pool: "default" } };
      const body = { name: "nesting", description: "", config: {}, devices };
      await incus.profiles.create("it-profile", body);
      const before = incus.requestCount;
      const profiles = await incus.profiles.list();
      assert.equal(incus.requestCount - before, 1);
      const ours = profiles.filter(({ project }) => project === "it-profile");
      assert.deepEqual(ours.map(({ name }) => name).sort(), ["default", "nesting"]);
      const { etag } = await incus.profiles.get("it-profile", "nesting");
      const put = { description: "", config: { "security.nesting": "true" }, devices: {} };
      await incus.profiles.update("it-profile", "nesting", put, { etag });
      const { value } = await incus.profiles.get("it-profile", "nesting");
      assert.deepEqual(value.devices, {});
      await incus.profiles.delete("it-profile", "nesting");
      await assert.rejects(incus.profiles.get("it-profile", "nesting"), { status: 404 });
    })
  ));

Deno.test("an image is found by alias and by fingerprint, and one that is not there is undefined", () =>
  withIncus(async (incus) => {
    const alias = await incus.images.alias("anklume-test");
    assert.ok(alias);
    const image = await incus.images.get(alias.target.slice(0, 12));
    assert.equal(image?.fingerprint, alias.target);
    assert.equal(await incus.images.alias("debian/13"), undefined);
    assert.equal(await incus.images.get("0123456789ab"), undefined);
    const listed = (await incus.images.list()).find(({ fingerprint }) =>
      fingerprint === alias.target
    );
    assert.ok(listed?.aliases?.some(({ name }) => name === "anklume-test"));
  }));
