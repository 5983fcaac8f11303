/** What gets through, asked of the programs themselves; and what `doctor` says of it. */
import assert from "node:assert/strict";
import { ECHO_PEER } from "../e2e/_lab.ts";
import { LINGER } from "../_linger.ts";
import { attempt, onMachine, type Workspace } from "./_machine.ts";

/** The server on the machine's outside, and a port on which it says `outside from PEER`. */
export const OUTSIDE = "203.0.113.10";
export const OUTSIDE_PORT = 443;

/** Runs a script in a container; its domain is the Incus project. */
export function inContainer(domain: string, container: string, script: string): Promise<string> {
  return onMachine(`incus exec --project ${domain} ${container} -- ${LINGERING} bash -s`, script);
}

const LINGERING = LINGER.map((word) => `'${word}'`).join(" ");

/** Says `asked` first, so that a container that does not answer proves no wall. */
const ASK = (address: string, port: number) =>
  `echo asked; timeout 5 bash -c 'exec 3<>/dev/tcp/${address}/${port} && echo reached && ` +
  `timeout 3 head -n 1 <&3' 2>/dev/null || :`;

/** A TCP connection from a container: what the server said first, empty where it waits; undefined: none came about. */
export async function answer(
  domain: string,
  container: string,
  address: string,
  port: number,
): Promise<string | undefined> {
  return answered(await inContainer(domain, container, ASK(address, port)));
}

/** The same from the host itself. */
export async function hostAnswer(address: string, port: number): Promise<string | undefined> {
  return answered(await onMachine(ASK(address, port)));
}

function answered(text: string): string | undefined {
  const [asked, reached, line] = text.split("\n");
  assert.equal(asked, "asked", text);
  return reached === "reached" ? line : undefined;
}

/** Answers on a TCP port of a container with the peer's address, until it stops. */
export async function serve(domain: string, container: string, port: number): Promise<void> {
  const place = `/root/serve.py`;
  await onMachine(
    `incus exec --project ${domain} ${container} -- sh -c 'cat >${place}'`,
    ECHO_PEER,
  );
  await inContainer(
    domain,
    container,
    `systemctl -q is-active serve-${port} || systemd-run -q --unit=serve-${port} python3 ${place} ${port}
     for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && exit 0; sleep 0.2; done; exit 1`,
  );
}

/** Waits until the container has an address and its system is up. */
export async function settled(domain: string, container: string): Promise<void> {
  await inContainer(
    domain,
    container,
    'for i in $(seq 240); do [ -z "$(ip -4 route show default)" ] || exit 0; sleep 0.5; done; exit 1',
  );
}

export interface Finding {
  readonly check: string;
  readonly state: string;
  readonly detail: string;
  readonly remedy?: string;
}

/** What `doctor` finds, whatever it thinks of it. */
export async function findings(workspace: Workspace): Promise<readonly Finding[]> {
  const { stdout, stderr } = await workspace.try("doctor --json");
  const start = stdout.indexOf("{");
  assert.notEqual(start, -1, stdout + stderr);
  return (JSON.parse(stdout.slice(start)) as { findings: Finding[] }).findings;
}

export async function badFindings(workspace: Workspace): Promise<readonly Finding[]> {
  return (await findings(workspace)).filter(({ state }) => state === "bad");
}

/** The live rules of an infra, less counters. */
export function liveRules(project: string): Promise<string> {
  return onMachine(
    ["inet", "bridge", "arp"].map((family) => `nft -s list table ${family} anklume_${project}`)
      .join("; "),
  );
}

/** Which of the words a unit's journal of this boot has; `attempt`, as the journal may be empty. */
export async function journal(unit: string): Promise<string> {
  return (await attempt(`journalctl -b -u ${unit} -o cat`)).stdout;
}
