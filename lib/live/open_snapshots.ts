import { sleep } from "../host/clock.ts";
import { envVar } from "../host/terminal.ts";
import type { Owner } from "../resource/mark.ts";
import type { IncusClient } from "../incus/incus_client.ts";
import { type Inventory, inventoryOf, readInventory } from "../snapshot/inventory.ts";
import type { Everything, SnapshotDetail } from "../snapshot/read_everything.ts";
import { isUnfinished } from "../snapshot/snapshot_set.ts";
import { thawLeft } from "../snapshot/thaw.ts";
import type { EarlyRequests } from "./early_requests.ts";
import type { Session } from "../session/session.ts";
import type { Workspace } from "../workspace/load_workspace.ts";

/** What the snapshot verbs work on. Lighter than `openLive`: no firewall, no plan. */
interface SnapshotHost extends AsyncDisposable {
  readonly incus: IncusClient;
  readonly owner: Owner;
  readonly inventory: Inventory;
  /** The inventory once what a killed run left is over: for who holds the workspace's lock. */
  afterInterruption(): Promise<Inventory>;
  /** The inventory with what is taken already, read anew. */
  complete(): Promise<Inventory>;
}

interface SnapshotHostOptions {
  readonly json?: true | undefined;
}

/** undefined: whose the machines are cannot be told; that has been shown. */
export async function openSnapshots(
  workspace: Workspace,
  start: EarlyRequests<Everything>,
  session: Session,
  options: SnapshotHostOptions = {},
): Promise<SnapshotHost | undefined> {
  const { signal } = session;
  const incus = await start.take();
  try {
    const { infra, lock } = workspace;
    // That of a copied workspace names the machines of the other one: what is wrong with it is said where one is lost, too.
    const known = lock?.project === infra.projectName ? lock.infra : undefined;
    const infraId = known ??
      await (await import("./lost_infra_id.ts")).lostInfraId(workspace, incus, session, options);
    if (infraId === undefined) {
      await incus.close();
      return undefined;
    }
    const owner = { project: workspace.infra.projectName, infraId };
    const read = (snapshots: SnapshotDetail) =>
      readInventory(incus, owner, { snapshots, now: new Date(), signal });
    const everything = await start.answer;
    const inventory = inventoryOf(everything, owner, new Date());
    return {
      incus,
      owner,
      inventory,
      complete: () => read("all"),
      afterInterruption: () =>
        finishInterrupted(incus, inventory, () => read(everything.snapshots), session),
      [Symbol.asyncDispose]: async () => {
        if (envVar("ANKLUME_DEBUG")) {
          session.terminal.err(`anklume: ${incus.requestCount} requests to Incus\n`);
        }
        await incus.close();
      },
    };
  } catch (error) {
    await incus.close();
    throw error;
  }
}

/** A clone of the workspace has a lock of its own: its run is over when it has asked Incus for nothing in so many looks. */
const QUIET_LOOKS = 3;
const QUIET_MS = 100;
/** A clone may have more to do than anybody waits for. */
const MOST_LOOKS = 100;

/**
 * What stands, once nobody works on it any more: the workspace is locked, so a set that is being taken and a restore under way
 * are what a killed run left. What the daemon still does for that run is waited for, what it left frozen is thawed, aloud.
 */
export async function finishInterrupted(
  incus: IncusClient,
  first: Inventory,
  again: () => Promise<Inventory>,
  { terminal, out, signal }: Session,
): Promise<Inventory> {
  let inventory = first;
  for (let looks = 0, quiet = 0; anyUnfinished(inventory) && quiet < QUIET_LOOKS;) {
    const busy = await incus.waitForOperations(new Set(inventory.notes.keys()), signal);
    quiet = busy ? 0 : quiet + 1;
    if (++looks === MOST_LOOKS) break;
    if (!busy) await sleep(QUIET_MS, signal);
    inventory = await again();
  }
  const thawed = await thawLeft(incus, inventory);
  for (const { name } of thawed.machines) {
    const text = `Thawed ${name}: an interrupted snapshot had left it frozen.\n`;
    terminal.out(out.colors.yellow(text));
  }
  return thawed.inventory;
}

function anyUnfinished({ notes, restores }: Inventory): boolean {
  return [...notes.values()].some((sets) => isUnfinished(sets.values())) ||
    [...restores.values()].some((note) => Object.keys(note).length > 0);
}
