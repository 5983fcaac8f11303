import type { HandoverSite, HandoverState } from "../handover/units.ts";
import { jsonText } from "./json.ts";
import type { Style } from "./style.ts";
import type { View } from "./view.ts";

/** The host's side of the hand-over. */
interface HandoverStatus {
  readonly site: HandoverSite;
  readonly state: HandoverState;
  /** It answers the admin container. */
  readonly listens: boolean;
}

function handoverText({ site, state, listens }: HandoverStatus, { colors }: Style): string {
  const { units, enabled = "not on this host", active, mailbox } = state;
  const lines = [
    `${listens ? colors.green("listens") : colors.red("does not listen")} ` +
    `for the admin container of ${site.project}`,
    `  units      ${units}`,
    `  systemd    ${[enabled, active].filter((word) => word !== undefined).join(", ")}`,
    `  workspace  ${mailbox ? "ready" : "has no .anklume/host/requests"}`,
  ];
  if (!listens) lines.push("`anklume host install`, as root, repairs it.");
  return `${lines.join("\n")}\n`;
}

function handoverJson({ site, state, listens }: HandoverStatus): string {
  const { project, workspace, binary } = site;
  return jsonText({ format: 1, project, workspace, binary, listens, ...state });
}

/** `host status` */
export const handoverView: View<HandoverStatus> = { text: handoverText, json: handoverJson };
