import assert from "node:assert/strict";
import { answerRequests } from "./answer_requests.ts";
import * as message from "./message.ts";

/** The workspace of the test that runs. The working directory is shared by all tests that run in parallel: it stays. */
let root = "";
let REQUESTS = "";
let ANSWERS = "";

/** Runs a test in a workspace with the directories of a hand-over. */
async function inWorkspace(test: () => Promise<void>): Promise<void> {
  root = await Deno.makeTempDir();
  REQUESTS = `${root}/${message.REQUESTS}`;
  ANSWERS = `${root}/${message.ANSWERS}`;
  try {
    await Deno.mkdir(REQUESTS, { recursive: true });
    await Deno.mkdir(ANSWERS, { recursive: true });
    await test();
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const LOOK = JSON.stringify({ format: 1, action: "look" });

/** The requests that reached the host. */
async function carriedOut(): Promise<message.HostRequest[]> {
  const asked: message.HostRequest[] = [];
  await answerRequests((request) => Promise.resolve(asked.push(request)), Date.now(), { root });
  return asked;
}

function names(path: string): string[] {
  return Array.from(Deno.readDirSync(path), ({ name }) => name).toSorted();
}

async function sh(script: string): Promise<void> {
  const { code } = await new Deno.Command("sh", { args: ["-c", script] }).output();
  assert.equal(code, 0, script);
}

const request = () => `${REQUESTS}/${crypto.randomUUID()}.json`;

Deno.test("a request is carried out once and answered under its name", () =>
  inWorkspace(async () => {
    const path = request();
    await Deno.writeTextFile(path, LOOK);
    assert.deepEqual(await carriedOut(), [{ format: 1, action: "look" }]);
    assert.deepEqual(names(REQUESTS), []);
    assert.deepEqual(names(ANSWERS), [path.split("/").at(-1)]);
    assert.deepEqual(await carriedOut(), []);
  }));

Deno.test("what is no file of root's, alone under its name, is removed unread", () =>
  inWorkspace(async () => {
    await Deno.writeTextFile(`${root}/elsewhere`, LOOK);
    await Deno.writeTextFile(`${root}/linked`, LOOK);
    await Deno.symlink("../../../elsewhere", request());
    await Deno.link(`${root}/linked`, request());
    await sh(`mkfifo ${request()}; truncate -s 1T ${request()}; mkdir -p ${request()}/deep/er`);
    await Deno.writeTextFile(`${REQUESTS}/no-uuid.json`, LOOK);
    await Deno.writeTextFile(`${REQUESTS}/a\nb.json`, LOOK);
    const stranger = request();
    await Deno.writeTextFile(stranger, LOOK);
    await Deno.chown(stranger, 1000, 1000);
    assert.deepEqual(await carriedOut(), []);
    assert.deepEqual([...names(REQUESTS), ...names(ANSWERS)], []);
    assert.equal(await Deno.readTextFile(`${root}/elsewhere`), LOOK);
  }));

Deno.test("of thousands a few are read, and nothing stays for which the unit would be started again", () =>
  inWorkspace(async () => {
    await sh(`cd ${REQUESTS} && seq 3000 | sed 's/$/.json/' | xargs touch`);
    for (let i = 0; i < 100; i++) await Deno.writeTextFile(request(), LOOK);
    assert.ok((await carriedOut()).length <= 64);
    assert.deepEqual(names(REQUESTS), []);
  }));

Deno.test("a name that is no text goes, and what is still being written stays", () =>
  inWorkspace(async () => {
    await sh(
      `cd ${REQUESTS} && touch "$(printf '\\377\\376.json')" && mkdir "$(printf '\\377')" && echo x >.part && echo x >.${crypto.randomUUID()}.tmp`,
    );
    assert.deepEqual(await carriedOut(), []);
    assert.match(names(REQUESTS).join(), /^\.[0-9a-f-]{36}\.tmp$/);
    assert.deepEqual(names(`${root}/.anklume/host`), ["answers", "requests"]);
    await sh(`rm ${REQUESTS}/.*.tmp && rmdir ${REQUESTS}`);
  }));

Deno.test("a link in the place of the requests is not followed", () =>
  inWorkspace(async () => {
    await Deno.mkdir(`${root}/precious`);
    await Deno.writeTextFile(`${root}/precious/${crypto.randomUUID()}.json`, LOOK);
    await Deno.remove(REQUESTS);
    await Deno.symlink("../../precious", REQUESTS);
    assert.deepEqual(await carriedOut(), []);
    assert.equal(names(`${root}/precious`).length, 1);
    assert.ok((await Deno.lstat(REQUESTS)).isDirectory);
  }));

Deno.test("a pipe that takes a request's place while it is looked at is not waited for", () =>
  inWorkspace(async () => {
    const path = request();
    const swap = new Deno.Command("sh", {
      args: [
        "-c",
        `while :; do rm -f ${path}; mkfifo ${path}; rm -f ${path}; echo '${LOOK}' >${path}; done`,
      ],
      stderr: "null",
    }).spawn();
    try {
      for (const end = Date.now() + 1000; Date.now() < end;) await carriedOut();
    } finally {
      swap.kill("SIGKILL");
      await swap.status;
    }
  }));

Deno.test("nothing is removed by a name that somebody chose, when a link takes the place of the requests", () =>
  inWorkspace(async () => {
    await Deno.mkdir(`${root}/precious`);
    await Deno.writeTextFile(`${root}/precious/other.nft`, "rules");
    // A writer swaps the directory and a link to another directory all the time.
    const swap = new Deno.Command("python3", {
      args: ["-c", SWAP],
      cwd: root,
      stderr: "null",
    }).spawn();
    try {
      for (const end = Date.now() + 3000; Date.now() < end;) {
        await carriedOut().catch(() => {});
      }
    } finally {
      swap.kill("SIGKILL");
      await swap.status;
    }
    assert.equal(await Deno.readTextFile(`${root}/precious/other.nft`), "rules");
  }));

/** Writes a file into the directory, and replaces the directory with a link, over and over. */
const SWAP = `
import os, shutil
os.chdir(".anklume/host")
while True:
    try:
        os.makedirs("requests", exist_ok=True)
        for name in ["other.nft"] + [f"{i}.nft" for i in range(20)]:
            open(f"requests/{name}", "w").close()
        os.rename("requests", "away")
        os.symlink("../../precious", "requests")
        os.unlink("requests")
        os.rename("away", "requests")
    except OSError:
        shutil.rmtree("away", ignore_errors=True)
        try: os.unlink("requests")
        except OSError: pass
`;

Deno.test("old answers go, and a symbolic link or a directory among them ends nothing", () =>
  inWorkspace(async () => {
    await Deno.mkdir(`${ANSWERS}/directory`);
    const [link, old, young] = Array.from({ length: 3 }, () => `${crypto.randomUUID()}.json`);
    await Deno.symlink("/nowhere", `${ANSWERS}/${link}`);
    for (const name of [old, young, "tower.nft"]) {
      await Deno.writeTextFile(`${ANSWERS}/${name}`, "");
    }
    const now = Date.now();
    // A file with a name that a file of the host may have must not be removed.
    for (const name of [old, "tower.nft"]) await Deno.utime(`${ANSWERS}/${name}`, 0, 0);
    assert.deepEqual(await answerRequests(() => Promise.resolve(), now, { root }), []);
    const left = Array.from(Deno.readDirSync(ANSWERS), ({ name }) => name).toSorted();
    assert.deepEqual(left, ["directory", link, "tower.nft", young].toSorted());
  }));
