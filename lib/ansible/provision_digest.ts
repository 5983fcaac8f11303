import { createHash } from "node:crypto";
import type { Domain, Infra, Machine } from "../infra/infra.ts";
import { hasUserContent } from "./file_check.ts";
import { groupsOf, treeDomains } from "./groups.ts";
import { inventoryPlace } from "./inventory.ts";
import { findSection, userText } from "./managed_section.ts";
import type { ProvisionFile, ProvisionFiles } from "./provision_files.ts";
import { usedRoles } from "./used_roles.ts";
import { renderSite } from "./site.ts";

/** Instance key with the digest of a machine's last provisioning. */
export const PROVISIONED_KEY = "user.anklume.provisioned";

/** 3: counts of anklume's own variables only those that are read. */
const FORMAT = "3";

/**
 * Returns the digest of all that Ansible reads for one machine, in the form of
 * `user.anklume.provisioned`: `3 config=… inventory=… play=… shared=… vars=… role:base_system=…`.
 * The parts allow to explain a difference. anklume's own variables, such as a description, count
 * only if something that the machine uses names them. Of other machines nothing counts, unless
 * something that it uses reads `anklume_peers` (names and addresses of its domain), or `hostvars` or
 * `groups` (everything).
 */
export function provisionDigest(
  infra: Infra,
  machine: Machine,
  domain: Domain,
  files: ProvisionFiles,
): string {
  const parts = new Map<string, string>();
  const put = (name: string, entries: readonly (readonly [string, string])[]) =>
    parts.set(name, digest(entries));
  const site = files.get("site.yml")?.text ?? "";
  put("config", [["ansible.cfg", files.get("ansible.cfg")?.digest ?? ""]]);
  put("play", [["section", renderSite([machine])], ["user", userText(site)]]);
  put("inventory", [
    ["place", inventoryPlace(infra, machine, domain)],
    ...usersInventory(files),
  ]);
  put("shared", pick(files, isShared));
  const roles = usedRoles(machine.roles, files);
  for (const [role, paths] of roles) {
    const name = `role:${encodeURIComponent(role)}`;
    put(name, pick(files, (path) => paths.has(path)));
    if ([...paths].some((path) => path.startsWith(".anklume/"))) {
      parts.set(name, EMBEDDED + parts.get(name));
    }
  }
  const rolePaths = new Set([...roles.values()].flatMap((paths) => [...paths]));
  const isVariable = (path: string) => isVariableOf(path, infra, machine, domain);
  const isRead = (path: string) =>
    rolePaths.has(path) || path === "site.yml" || path.startsWith("inventory/") ||
    isShared(path) || isVariable(path);
  const reads = [...files].flatMap(([path, { reads }]) => reads && isRead(path) ? [reads] : []);
  const isCounted = reads.some(({ anyVariable }) => anyVariable)
    ? () => true
    : (name: string) => reads.some(({ facts }) => facts.has(name));
  put(
    "vars",
    [...files].filter(([path]) => isVariable(path)).sort()
      .map(([path, file]) => [path, variablesDigest(file, isCounted)]),
  );
  if (reads.some(({ others }) => others)) {
    put("others", [
      ...treeDomains(infra).flatMap((domain) =>
        domain.machines.map((other): [string, string] => [
          other.name,
          inventoryPlace(infra, other, domain),
        ])
      ).sort(),
      ...pick(files, (path) => /^(group|host)_vars\//.test(path)),
    ]);
  } else if (reads.some(({ peers }) => peers)) {
    put("peers", peersOf(machine, domain, files));
  }
  return [FORMAT, ...[...parts].map(([name, value]) => `${name}=${value}`)].join(" ");
}

/** Returns the name and address of each other machine of the domain, as `anklume_peers` has them. */
function peersOf(machine: Machine, domain: Domain, files: ProvisionFiles): [string, string][] {
  return domain.machines.filter(({ name }) => name !== machine.name).map(({ name }) => {
    const text = files.get(`host_vars/${name}.yml`)?.text ?? "";
    return [name, /^anklume_ip: *(.*)$/m.exec(text)?.[1] ?? ""];
  });
}

/** Returns the digest of a file of variables, without those of anklume's own that do not count. */
function variablesDigest(
  { digest: whole, text }: ProvisionFile,
  isCounted: (name: string) => boolean,
): string {
  const section = text === undefined ? undefined : findSection(text);
  if (section === undefined || "problems" in section) return whole;
  // Each entry begins at the left margin.
  const entries = section.body.split(/^(?=[^\s#])/m).filter((entry) => {
    const name = /^(anklume_\w+):/.exec(entry)?.[1];
    return name === undefined || isCounted(name);
  });
  return digest([["before", section.before], ["after", section.after], ["ours", entries.join("")]]);
}

/**
 * Returns the reasons to provision a machine, as text for people; empty if there is none.
 *
 * @param before the instance's present value; undefined: it was never provisioned
 */
export function explainDigest(before: string | undefined, after: string): string[] {
  if (before === undefined || before === "") return ["never provisioned"];
  if (before === after) return [];
  const [old, now] = [parseParts(before), parseParts(after)];
  if (old === undefined || now === undefined) return ["provisioned by another version of anklume"];
  const names = [...new Set([...now.keys(), ...old.keys()])].sort();
  const changed = names.filter((name) => old.get(name) !== now.get(name));
  const reasons = changed.map((name) =>
    name.startsWith("role:")
      ? roleReason(decodeURIComponent(name.slice("role:".length)), old.get(name), now.get(name))
      : WORDS[name] ?? `${name} changed`
  );
  // An added or removed role also changes the plays, and a change in what is read of other machines
  // comes with a change of its own.
  const told = reasons.filter((reason) => /^role .* (added|removed)$/.test(reason));
  const implied = new Set([
    ...(told.length > 0 ? [WORDS["play"]] : []),
    ...["others", "peers"].filter((name) => changed.length > 1 && old.has(name) !== now.has(name))
      .map((name) => WORDS[name]),
  ]);
  return reasons.filter((reason) => !implied.has(reason));
}

/** Prefix of the digest of an embedded role. */
const EMBEDDED = "embedded.";

function roleReason(role: string, before: string | undefined, after: string | undefined): string {
  if (before === undefined) return `role ${role} added`;
  if (after === undefined) return `role ${role} removed`;
  const [was, is] = [before.startsWith(EMBEDDED), after.startsWith(EMBEDDED)];
  if (was && is) return `role ${role} changed with this version of anklume`;
  if (was) return `role ${role} is yours now`;
  return is ? `role ${role} is the embedded one now` : `role ${role} changed`;
}

const WORDS: Readonly<Record<string, string>> = {
  config: "ansible.cfg changed",
  play: "site.yml changed",
  inventory: "its place in the inventory changed",
  vars: "its variables changed",
  shared: "files beside the playbook changed",
  others: "its roles or plays read values of other machines, which changed",
  peers: "its roles or plays read anklume_peers, and machines of its domain changed",
};

function parseParts(text: string): Map<string, string> | undefined {
  const [format, ...parts] = text.split(" ");
  if (format !== FORMAT) return undefined;
  return new Map(parts.map((part) => {
    const at = part.lastIndexOf("=");
    return [part.slice(0, at), part.slice(at + 1)];
  }));
}

/**
 * Returns the user's inventory files, and the user's additions to ours: they may concern any
 * machine.
 */
function usersInventory(files: ProvisionFiles): [string, string][] {
  return [...files].filter(([path]) => path.startsWith("inventory/")).sort().flatMap(
    ([path, file]): [string, string][] => {
      if (file.text === undefined) return [[path, file.digest]];
      return hasUserContent(file.text) ? [[path, userText(file.text)]] : [];
    },
  );
}

/**
 * True for variables of the machine, of its groups, and of groups unknown to anklume: only Ansible
 * knows the members of the user's own groups.
 */
function isVariableOf(path: string, infra: Infra, machine: Machine, domain: Domain): boolean {
  const match = /^(group|host)_vars\/([^/]+?)(\.ya?ml|\.json)?(\/.*)?$/.exec(path);
  if (match === null) return false;
  const [, kind, name = ""] = match;
  if (kind === "host") return name === machine.name;
  const known = /^(role|trust|type)_/.test(name) || infra.copies.has(name) ||
    infra.domains.some((domain) => domain.name === name);
  return !known || groupsOf(machine, domain).includes(name);
}

function isShared(path: string): boolean {
  return !/^(inventory|group_vars|host_vars|roles|\.anklume)\//.test(path) &&
    path !== "site.yml" && path !== "ansible.cfg";
}

function pick(files: ProvisionFiles, wanted: (path: string) => boolean): [string, string][] {
  return [...files].filter(([path]) => wanted(path)).sort()
    .map(([path, file]) => [path, file.digest]);
}

function digest(entries: readonly (readonly [string, string])[]): string {
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex").slice(0, 16);
}
