import assert from "node:assert/strict";
import { IMAGE, inMachine, Lab, liveInstances, must, type Outcome, run } from "./_lab.ts";
import { sh } from "./_plan.ts";

const INFRA = `
project_name: verbs
global: { default_os_image: "${IMAGE}" }
domains:
  pro:
    ephemeral: true
    machines: { pro-a: {}, pro-b: {} }
  lab:
    ephemeral: true
    trust_level: untrusted
    machines: { lab-a: { state: manual } }
`;

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries(
    (await liveInstances()).map(({ name, status }) => [name, status]).toSorted(),
  );
}

/** Runs `anklume ARGS` with standard input, whatever its outcome. */
async function piped(lab: Lab, args: readonly string[], stdin: Uint8Array): Promise<
  Outcome & {
    readonly bytes: Uint8Array;
  }
> {
  const child = lab.spawn(args, "piped");
  const writer = child.stdin.getWriter();
  const [output] = await Promise.all([
    child.output(),
    writer.write(stdin).then(() => writer.close()),
  ]);
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  const { code, stdout, stderr } = output;
  return { code, stdout: text(stdout), stderr: text(stderr), bytes: stdout };
}

/**
 * Runs a program on its own terminal, 100 columns wide, which becomes 50 wide; prints the screen's
 * content.
 */
const TERMINAL = `
import fcntl, os, pty, select, signal, struct, sys, termios, time
columns = lambda n: fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, n, 0, 0))
pid, fd = pty.fork()
if pid == 0:
    time.sleep(0.2)
    os.execv(sys.argv[1], sys.argv[1:])
columns(100)
screen, asked, end = b"", 0, time.time() + 20
while time.time() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try: part = os.read(fd, 4096)
        except OSError: break
        if not part: break
        screen += part
    prompts = screen.count(b"# ")
    if prompts == 1 and asked == 0: os.write(fd, b"stty size; tty\\r"); asked = 1
    if prompts == 2 and asked == 1:
        columns(50); time.sleep(0.5); os.write(fd, b"stty size; sleep 60\\r"); asked = 2
    if b"30 50" in screen and asked == 2: time.sleep(0.3); os.write(fd, b"\\x03"); asked = 3
    if prompts == 3 and asked == 3: os.write(fd, b"exit 9\\r"); asked = 4
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(screen)
sys.exit(os.waitstatus_to_exitcode(status))
`;

Deno.test("a day with machines by their names alone", async (t) => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra"]);

  await t.step("exec passes input, output, bytes and status", async () => {
    const said = await piped(
      lab,
      ["exec", "pro-a", "--", "sh", "-c", "cat; echo err >&2; exit 7"],
      new TextEncoder().encode("in\n"),
    );
    assert.deepEqual([said.code, said.stdout, said.stderr], [7, "in\n", "err\n"]);
    assert.equal((await lab.anklume(["exec", "pro-a", "hostname", "-s"])).stdout, "pro-a\n");
    const bytes = crypto.getRandomValues(new Uint8Array(50_000));
    assert.deepEqual((await piped(lab, ["exec", "pro-a", "--", "cat"], bytes)).bytes, bytes);
    // Ends although its reader has closed.
    const shell = `timeout 20 ${lab.binary} exec pro-a -- yes | head -1`;
    assert.equal(await must(["sh", "-c", `cd ${lab.dir} && ${shell}`]), "y\n");
    const missing = await lab.anklume(["exec", "pro-a", "--", "no-such-program"], 127);
    assert.match(missing.stderr, /pro-a has no program `no-such-program`/);
    const refused = await lab.anklume(["exec", "pro-a", "--", "/etc/passwd"], 126);
    assert.match(refused.stderr, /pro-a cannot run `\/etc\/passwd`/);
    const many = await lab.anklume(["exec", "--domain", "pro", "--", "no-such-program"], 1);
    assert.match(many.stderr, /pro-a.*\(127\)/);
    await sh("pro", "pro-a", "mv $(command -v su) /root/su.away");
    for (const verb of [["shell", "pro-a"], ["exec", "--user", "ann", "pro-a", "--", "id"]]) {
      const { stderr } = await lab.anklume(verb, 127);
      assert.match(stderr, /pro-a has no program `su`\./);
      assert.match(stderr.replaceAll(/\s+/g, " "), /`anklume exec pro-a --user root -- sh`/);
    }
    await sh("pro", "pro-a", "mv /root/su.away $(dirname $(readlink -f /bin/sh))/su");
  });

  await t.step("exec becomes the user that was asked for, groups and home included", async () => {
    await must([
      "incus",
      "exec",
      "--project",
      "pro",
      "pro-a",
      "--",
      "useradd",
      "-m",
      "-G",
      "games",
      "ann",
    ]);
    const id = ["sh", "-c", 'echo "$(id -un) $(id -Gn) $HOME $PWD $1"', "x", "a b"];
    const said = await lab.anklume(["exec", "--user", "ann", "pro-a", "--", ...id]);
    assert.equal(said.stdout, "ann ann games /home/ann /home/ann a b\n");
  });

  await t.step("exec in many: every line named, one failure is a failure", async () => {
    const both = await lab.anklume(["exec", "--domain", "pro", "--", "hostname"]);
    assert.deepEqual(both.stdout.trim().split("\n").sort(), ["pro-a | pro-a", "pro-b | pro-b"]);
    const test = ["sh", "-c", '[ "$(cat)" = go ] && [ "$(hostname)" != lab-a ]'];
    const all = await piped(lab, ["exec", "--all", "--", ...test], new TextEncoder().encode("go"));
    assert.equal(all.code, 1);
    assert.match(all.stderr, /Failed in 1 of 3 machines: lab-a \(1\)/);
    // Ends although its reader has closed.
    const shell = `timeout 20 ${lab.binary} exec --all -- yes; echo $? >&2`;
    const first = await run(["bash", "-c", `cd ${lab.dir} && (${shell}) | head -1`]);
    assert.match(first.stdout, /^\S+ +\| y\n$/);
    assert.equal(first.stderr, "141\n");
    const json = await lab.anklume(["exec", "--all", "--json", "--", "hostname"]);
    const { results } = JSON.parse(json.stdout) as { results: Record<string, unknown>[] };
    assert.deepEqual(results[2], { machine: "lab-a", status: 0, stdout: "lab-a\n", stderr: "" });
  });

  await t.step("shell: a terminal with its size, its changes, Ctrl-C and its status", async () => {
    const command = ["python3", "-c", TERMINAL, lab.binary, "shell", "pro-a"];
    const child = new Deno.Command("env", {
      args: ["-C", lab.dir, "TERM=xterm", ...command],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const { code, stdout } = await child.output();
    const screen = new TextDecoder().decode(stdout);
    assert.equal(code, 9, screen);
    assert.match(screen, /30 100\r\n\/dev\/pts\/\d+\r\n/);
    assert.match(screen, /30 50\r\n/);
    assert.doesNotMatch(screen, /\r\r/);
  });

  await t.step("copy: between machines, and to and from the workspace", async () => {
    await lab.write("note.txt", "from here\n");
    await lab.anklume(["copy", "note.txt", "pro-a:/root/"]);
    await must([
      "incus",
      "exec",
      "--project",
      "pro",
      "pro-a",
      "--",
      "sh",
      "-c",
      "mkdir -p /srv/tree/sub && cp /root/note.txt /srv/tree/sub && ln -s /etc/shadow /srv/tree/way-out &&" +
      "cp /bin/true /srv/tree/suid && chmod 4755 /srv/tree/suid",
    ]);
    await lab.anklume(["copy", "-r", "pro-a:/srv/tree", "lab-a:/srv"]);
    const seen = await inMachine(
      "lab",
      "lab-a",
      "sh",
      "-c",
      "cat /srv/tree/sub/note.txt; readlink /srv/tree/way-out; stat -c %a /srv/tree/suid",
    );
    assert.equal(seen.stdout, "from here\n/etc/shadow\n755\n");
    // The next copy does not write through a link that the earlier copy put into the other machine.
    const again = "cd /srv/tree && rm way-out && mkdir way-out && echo x >way-out/x && " +
      "mkdir one && ln -s /etc/evil one/file && ln -s /etc one/dir";
    const inA = (script: string) => inMachine("pro", "pro-a", "sh", "-c", script);
    assert.equal((await inA(again)).code, 0);
    const laid = await lab.anklume(["copy", "-r", "pro-a:/srv/tree", "lab-a:/srv"], 1);
    assert.match(laid.stderr, /pro-a:\/srv\/tree\/way-out is skipped because lab-a:/);
    await inA(
      "cd /srv/tree/one && rm file dir && echo evil >file && mkdir dir && cp file dir/evil2",
    );
    const through = await lab.anklume(["copy", "-r", "pro-a:/srv/tree", "lab-a:/srv"], 1);
    for (const name of ["file", "dir"]) {
      assert.match(
        through.stderr,
        new RegExp(`Left out: pro-a:/srv/tree/one/${name} is skipped because `),
      );
    }
    const etc = await inMachine("lab", "lab-a", "sh", "-c", "ls /etc/evil* 2>&1; ls /srv/tree/sub");
    assert.doesNotMatch(etc.stdout, /^\/etc\/evil/m);
    assert.match(etc.stdout, /note\.txt/);
    await inMachine("lab", "lab-a", "rm", "-r", "/srv/tree/one");
    await inA("cd /srv/tree && rm -r one way-out && ln -s /etc/shadow way-out");
    // A symbolic link from a machine could lead out of the workspace.
    const back = await lab.anklume(["copy", "-r", "lab-a:/srv/tree", "."], 1);
    assert.match(back.stderr, /Left out: lab-a:\/srv\/tree\/way-out is a symbolic link/);
    assert.equal(await lab.read("tree/sub/note.txt"), "from here\n");
    await assert.rejects(Deno.lstat(`${lab.dir}/tree/way-out`), Deno.errors.NotFound);

    await lab.anklume(["copy", "pro-a:/srv", "."], 2);
    await lab.anklume(["copy", "/etc/hostname", "pro-a:/root"], 2);
    await lab.anklume(["copy", "pro-a:/root/note.txt", "pro-a:/root/"], 2);
    await Deno.symlink("/etc/hostname", `${lab.dir}/link`);
    const linked = await lab.anklume(["copy", "link", "pro-a:/root/"], 1);
    assert.match(linked.stderr, /symbolic link/);
  });

  await t.step(
    "copy: links at the new place, pipes, and names that Incus cannot tell",
    async () => {
      const inA = async (script: string) => {
        const { code, stdout, stderr } = await inMachine("pro", "pro-a", "sh", "-c", script);
        assert.equal(code, 0, stderr);
        return stdout;
      };
      await inA(
        "mkdir -p /srv/real /srv/odd /srv/there && ln -s real /srv/ln && ln -s loop /srv/loop &&" +
          "head -c 20000000 /dev/urandom > /srv/real/big && echo odd > /srv/odd/plain &&" +
          "mkfifo /srv/odd/pipe && ln -s /srv/odd/plain /srv/there/plain &&" +
          'echo x > "/srv/odd/$(printf "e\\033sc")" && echo x > "/srv/odd/$(printf "b\\377d")"',
      );
      const sum = await inA("sha256sum /srv/real/big");
      // The same file by another path: writing it would empty the source.
      for (const same of ["pro-a:/srv/ln/big", "pro-a:/srv/ln"]) {
        const refused = await lab.anklume(["copy", "pro-a:/srv/real/big", same], 2);
        assert.match(refused.stderr, /cannot be copied into itself/);
      }
      await lab.anklume(["copy", "-r", "pro-a:/srv/real", "pro-a:/srv/ln/below"], 2);
      assert.equal(await inA("sha256sum /srv/real/big"), sum);
      // A link to a directory, for example /bin, counts as one; a link is copied under its own
      // name.
      await lab.anklume(["copy", "note.txt", "pro-a:/srv/ln/"]);
      await lab.anklume(["copy", "note.txt", "pro-a:/bin"]);
      assert.equal(await inA("cat /srv/real/note.txt /usr/bin/note.txt"), "from here\n".repeat(2));
      await lab.anklume(["copy", "pro-a:/srv/there/plain", "pro-a:/root"]);
      assert.equal(await inA("cat /root/plain"), "odd\n");
      await lab.anklume(["copy", "note.txt", "pro-a:/srv/loop"], 2);
      const nowhere = await lab.anklume(["copy", "note.txt", "pro-a:/no/where/x"], 2);
      assert.match(nowhere.stderr, /There is no directory pro-a:\/no\./);

      // A pipe is not read, an unreadable entry is reported, and the others are copied.
      const odd = await lab.anklume(["copy", "-r", "pro-a:/srv/odd", "."], 1);
      assert.match(
        odd.stderr,
        /pro-a:\/srv\/odd\/e\\u001bsc is a file that Incus does not transfer/,
      );
      assert.match(odd.stderr, /pro-a:\/srv\/odd\/b.d is gone, or its name is not UTF-8/);
      assert.equal(await lab.read("odd/plain"), "odd\n");
      await must(["sh", "-c", `cd ${lab.dir}/odd && ln -s plain link && mkfifo pipe2`]);
      const back = await lab.anklume(["copy", "-r", "odd", "pro-a:/root"], 1);
      assert.match(back.stderr, /odd\/link is a symbolic link/);
      assert.match(back.stderr, /odd\/pipe2 is neither a file nor a directory/);
      assert.equal(await inA("cat /root/odd/plain"), "odd\n");
      // A link within the tree points into the copy.
      await inA("mkdir /srv/real/sub && ln -s ../note.txt /srv/real/sub/link");
      await lab.anklume(["copy", "-r", "pro-a:/srv/real", "pro-a:/srv/anew"]);
      assert.equal(await inA("readlink /srv/anew/sub/link"), "../note.txt\n");
      // Through a link in the destination.
      const self = await lab.anklume(["copy", "-r", "pro-a:/srv/odd", "pro-a:/srv/there/.."], 2);
      assert.match(self.stderr, /without \.\./);
      await inA("ln -s . /srv/there/odd && rm /srv/odd/[be]?*");
      const twice = await lab.anklume(["copy", "-r", "pro-a:/srv/odd", "pro-a:/srv/there"], 1);
      assert.match(twice.stderr, /odd\/plain is the destination itself/);
      assert.equal(await inA("cat /srv/odd/plain"), "odd\n");
    },
  );

  await t.step("stop, start and restart", async () => {
    const stopped = await lab.anklume(["stop", "pro-a", "lab", "--force"]);
    assert.match(stopped.stdout, /The next apply starts pro-a again/);
    assert.deepEqual(await states(), {
      "lab-a": "Stopped",
      "pro-a": "Stopped",
      "pro-b": "Running",
    });
    const exec = await lab.anklume(["exec", "pro-a", "--", "true"], 2);
    assert.match(exec.stderr, /pro-a is not running .*\n.*anklume start pro-a/);
    await lab.anklume(["copy", "lab-a:/srv/tree/sub/note.txt", "pro-a:/root/again.txt"]);
    await lab.anklume(["stop"], 1);
    await lab.anklume(["start"]);
    assert.deepEqual(await states(), {
      "lab-a": "Running",
      "pro-a": "Running",
      "pro-b": "Running",
    });
    const booted = () => inMachine("pro", "pro-b", "cat", "/proc/1/stat");
    const before = (await booted()).stdout.split(" ")[21];
    await lab.anklume(["restart", "pro-b", "--force"]);
    assert.notEqual((await booted()).stdout.split(" ")[21], before);
    await lab.anklume(["start", "nobody"], 2);
  });

  await t.step("nothing starts behind a firewall that is not the rendered one", async () => {
    await lab.anklume(["stop", "lab-a", "--force"]);
    await must(["nft", "insert", "rule", "inet", "anklume_verbs", "forward", "accept"]);
    const refused = await lab.anklume(["start", "lab-a"], 1);
    assert.match(refused.stderr, /firewall of "verbs" is not the one\s+that was rendered/);
    await lab.anklume(["restart", "pro-b", "--force"], 1);
    await must(["nft", "flush", "ruleset"]);
    await lab.anklume(["start", "lab-a"], 1);
    assert.deepEqual(await states(), {
      "lab-a": "Stopped",
      "pro-a": "Running",
      "pro-b": "Running",
    });
    await lab.anklume(["apply", "--infra"]);
  });

  await t.step("a machine with an opening in its isolation does not start", async () => {
    await must([
      "incus",
      "config",
      "device",
      "add",
      "--project",
      "lab",
      "lab-a",
      "eth9",
      "nic",
      "network=net-pro",
    ]);
    const refused = await lab.anklume(["start", "lab-a"], 2);
    assert.match(
      refused.stderr,
      /the\s+isolation\s+has\s+an\s+opening:\s+instance\s+lab\/lab-a \(devices\.eth9\)/,
    );
    assert.equal((await states())["lab-a"], "Stopped");
    await lab.anklume(["apply", "--infra", "--yes"]);
    await lab.anklume(["start", "lab-a"]);
  });

  await t.step("completion knows the machines", async () => {
    assert.match((await lab.anklume(["complete", "--", "start", "l"])).stdout, /^lab-a\s/m);
    assert.match((await lab.anklume(["complete", "--", "copy", "pro-b"])).stdout, /^pro-b:\s/m);
  });
});

Deno.test("another infra's machine of the same name is left alone", async () => {
  await using lab = await Lab.create(INFRA);
  await lab.anklume(["apply", "--infra", "--domain", "lab"]);
  await using other = await Lab.create(INFRA.replace("verbs", "others"));
  const refused = await other.anklume(["exec", "lab-a", "--", "true"], 2);
  assert.match(refused.stderr, /does\s+not\s+belong\s+to\s+this\s+infra/);
});
