/** How a generated file is read, and so what its section must not collide with. */
export type FileShape =
  /** A YAML map of variables: the last of two equal keys wins. */
  | "variables"
  /** A YAML map of groups: a repeated group empties the first. */
  | "inventory"
  /** A YAML list of plays. */
  | "playbook"
  /** `requirements.yml`: of two equal keys Ansible reads only the last. */
  | "requirements"
  /** `ansible.cfg`: a repeated section or option is an error. */
  | "ini"
  /** Nothing but lines. */
  | "lines";

/** Marked places for the owner's own text. */
export interface Places {
  readonly before?: string;
  readonly after?: string;
}

/** One file that `sync` writes. Paths are relative to the workspace, with `/`. */
export type TreeFile =
  /** anklume owns what stands between the markers; `body` ends with "\n". */
  | {
    readonly kind: "section";
    readonly path: string;
    readonly shape: FileShape;
    readonly body: string;
    /** What a new file says around the section. From then on it is the owner's text. */
    readonly places?: Places;
  }
  /** Under `.anklume/`: anklume's from the first byte to the last. */
  | { readonly kind: "whole"; readonly path: string; readonly text: string };

/** What Ansible needs to know about a file when its section has gone. */
export function isYaml(shape: FileShape): boolean {
  return shape !== "ini" && shape !== "lines";
}
