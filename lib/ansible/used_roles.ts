import { userText } from "./managed_section.ts";
import type { ProvisionFiles } from "./provision_files.ts";

/**
 * Returns the roles that a machine's plays may run, each with its files: the machine's own roles,
 * those that the user's plays name, and those that these name in turn. A role counts as named if
 * its name is a word in YAML: one role too many is better than a missed change.
 */
export function usedRoles(
  own: readonly string[],
  files: ProvisionFiles,
): Map<string, ReadonlySet<string>> {
  const roles = rolesOf(files);
  const used = new Map<string, ReadonlySet<string>>();
  const queue = [...own, ...namedIn(usersPlays(files), roles)];
  for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
    const paths = roles.get(role);
    if (paths === undefined || used.has(role)) continue;
    used.set(role, paths);
    const texts = [...paths].flatMap((path) => files.get(path)?.text ?? []);
    queue.push(...namedIn(texts, roles));
  }
  return new Map([...used].sort(([a], [b]) => a < b ? -1 : 1));
}

/** Returns each role with its files; the user's role replaces the embedded one of the same name. */
function rolesOf(files: ProvisionFiles): Map<string, ReadonlySet<string>> {
  const roles = new Map<string, Set<string>>();
  for (const root of ["roles/", ".anklume/roles/"]) {
    const here = new Map<string, Set<string>>();
    for (const path of files.keys()) {
      if (!path.startsWith(root)) continue;
      const name = path.slice(root.length).split("/")[0] ?? "";
      here.set(name, (here.get(name) ?? new Set()).add(path));
    }
    for (const [name, paths] of here) if (!roles.has(name)) roles.set(name, paths);
  }
  return roles;
}

function usersPlays(files: ProvisionFiles): string[] {
  return [...files].flatMap(([path, file]) => {
    if (file.text === undefined) return [];
    if (path === "site.yml") return [userText(file.text)];
    return path.startsWith("playbooks/") || !path.includes("/") ? [file.text] : [];
  });
}

function namedIn(texts: readonly string[], roles: ReadonlyMap<string, unknown>): string[] {
  // A computed name may be any role.
  const computed = (text: string) => /(include|import)_role/.test(text) && text.includes("{{");
  if (texts.some((text) => computed(text))) return [...roles.keys()];
  const words = new Set(texts.flatMap((text) => text.match(/[\w.-]+/g) ?? []));
  return [...roles.keys()].filter((role) => words.has(role));
}
