import type { RestoreNote } from "./set_note.ts";

/** The data by which a note finds a machine again. */
interface KnownMachine {
  readonly project: string;
  readonly name: string;
  readonly instance: { readonly config: Readonly<Record<string, string>> };
}

/** Maps pending restores to the places where their machines are now. Pure. */
export function followRestores(
  written: ReadonlyMap<string, RestoreNote>,
  machines: readonly KnownMachine[],
): Map<string, RestoreNote> {
  const restores = new Map<string, RestoreNote>();
  for (const [project, note] of written) {
    for (const [machine, pending] of Object.entries(note)) {
      const { uuid } = pending;
      const there = machines.find((live) => live.project === project && live.name === machine);
      const live = uuid === undefined
        ? there
        : machines.find(({ instance }) => instance.config["volatile.uuid"] === uuid) ??
          // A machine restored to before its first start has no UUID yet.
          (there?.instance.config["volatile.uuid"] === undefined ? there : undefined);
      if (live === undefined) continue;
      restores.set(live.project, { ...restores.get(live.project), [live.name]: pending });
    }
  }
  return restores;
}
