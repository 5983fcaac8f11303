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

/** The data of the snapshot verbs. Lighter than `openLive`: no firewall, no plan. */
interface SnapshotHost extends AsyncDisposable {
  readonly incus: IncusClient;
  readonly owner: Owner;
  readonly inventory: Inventory;
  /**
   * Returns the inventory once the work of a killed run is over; the caller holds the workspace's
   * lock.
   */
  afterInterruption(): Promise<Inventory>;
  /** Reads the inventory again, with the snapshots that exist. */
  complete(): Promise<Inventory>;
}

interface SnapshotHostOptions {
  readonly json?: true | undefined;
}

/** undefined: the owner of the machines cannot be determined, and the reason has been shown. */
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
    // The lock of a copied workspace names the machines of the other one. lostInfraId() reports
    // that as it does a lost lock.
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

/**
 * A clone of the workspace has its own lock. Its run is over once this many checks in a row find no
 * operation in Incus.
 */
const QUIET_LOOKS = 3;
const QUIET_MS = 100;
/** The limit of checks: a clone may work for longer than a user would wait. */
const MOST_LOOKS = 100;

/**
 * Returns the inventory once nobody works on it. The workspace is locked, so an unfinished set or
 * restore is left from a killed run. Waits for what the daemon still does for that run, and thaws
 * the machines that it left frozen, with a message.
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
