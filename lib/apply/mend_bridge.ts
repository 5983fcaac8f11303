import { setTimeout as sleep } from "node:timers/promises";
import { IncusError } from "../incus/incus_error.ts";
import { NAME_SERVER_NOT_GONE } from "../incus/retry.ts";
import type { Change } from "../plan/plan.ts";
import { compareLink, isLinkField, needsSetup } from "../resource/bridge_link.ts";
import type { FieldChange } from "../resource/field.ts";
import { actualNetwork, type DesiredNetwork, networkUpdateBody } from "../resource/network.ts";
import type { StepContext } from "./step_context.ts";

/** Milliseconds that a name server may take to open its sockets. */
const SERVER_MS = 5000;
const PAUSE_MS = 100;
const PORT = /^link\.ports\.(.+)$/;

/**
 * Restores the parts of a bridge that the host has lost. Incus sets up the link, addresses, routes
 * and name server again, and machines stay connected to it. The ports are connected here.
 */
export async function mendBridge(
  context: StepContext,
  { fields }: Change,
  desired: DesiredNetwork,
): Promise<void> {
  const { bridges, progress } = context;
  const { name } = desired.addr;
  if (bridges !== undefined && fields.some(({ path }) => path === "link.master")) {
    await bridges.unplug(name);
  }
  if (needsSetup(fields)) {
    progress("setting the bridge up again");
    await setUp(context, desired);
  }
  if (bridges === undefined) {
    const plugs = fields.filter(({ path }) => path === "link.master" || PORT.test(path));
    if (plugs.length === 0) return;
    throw new Error(
      `only its host can repair ${plugs.map(({ path }) => path).join(", ")}: run ` +
        "`anklume network deploy` there, in the same workspace",
    );
  }
  // A new interface has no ports yet, so the live state is used here and not the planned fields.
  for (const { path, after } of await leftOf(context, desired) ?? []) {
    const port = PORT.exec(path)?.[1];
    if (port === undefined) continue;
    if (after === undefined) await bridges.unplug(port);
    else await bridges.plug(port, name);
  }
  const left = await settled(context, desired);
  if (left.length === 0) return;
  const words = left.map(({ path, before, after }) =>
    `${path} is ${before ?? "missing"}${after === undefined ? "" : `, not ${after}`}`
  );
  throw new Error(
    `it was set up again, but ${words.join("; ")}: something on this host removes it, or holds ` +
      "its addresses (`anklume doctor` may show what)",
  );
}

/**
 * Incus sets up a bridge and starts its name server when one of its keys changes. This toggles the
 * MTU, because setting it to Incus's own default has no other effect.
 */
async function setUp({ incus, cleanup, progress }: StepContext, desired: DesiredNetwork) {
  const { name } = desired.addr;
  const toggle = async (said: boolean) => {
    const { value, etag } = await incus.networks.get(name);
    const { config, ...body } = networkUpdateBody(desired, actualNetwork(value));
    const { "bridge.mtu": _, ...rest } = config;
    const next = said ? { ...rest, "bridge.mtu": "1500" } : rest;
    await incus.networks.update(name, { ...body, config: next }, { etag });
  };
  try {
    await toggle(true);
  } catch (error) {
    const left = error instanceof IncusError && NAME_SERVER_NOT_GONE.words.test(error.message);
    if (!left || cleanup === undefined) throw error;
    progress("ending a name server that Incus does not know");
    await cleanup.endNameServer(name, { anyones: true });
    await toggle(true);
  }
  await toggle(false);
}

/** Returns the remaining differences; undefined if they cannot be read. */
async function leftOf(
  { bridges }: StepContext,
  { addr, config }: DesiredNetwork,
): Promise<FieldChange[] | undefined> {
  const link = await bridges?.read(addr.name);
  return link === undefined ? undefined : compareLink(addr.name, config, link).filter(isLinkField);
}

/** Returns the remaining differences after the name server has had time to start. */
async function settled(context: StepContext, desired: DesiredNetwork): Promise<FieldChange[]> {
  const end = context.now() + SERVER_MS;
  for (;;) {
    const left = await leftOf(context, desired) ?? [];
    if (left.length === 0 || context.now() > end) return left;
    await sleep(PAUSE_MS);
  }
}
