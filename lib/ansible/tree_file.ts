/** The format of a generated file, which decides what may conflict with the section. */
export type FileShape =
  /** A YAML map of variables: the last of two equal keys wins. */
  | "variables"
  /** A YAML map of groups: a repeated group replaces the first. */
  | "inventory"
  /** A YAML list of plays. */
  | "playbook"
  /** `requirements.yml`: of two equal keys Ansible reads only the last. */
  | "requirements"
  /** `ansible.cfg`: a repeated section or option is an error. */
  | "ini"
  /** Plain lines. */
  | "lines";

/** Marked places for the user's own text. */
export interface Places {
  readonly before?: string;
  readonly after?: string;
}

/** One file that `sync` writes. Paths are relative to the workspace, with `/`. */
export type TreeFile =
  /** anklume owns the text between the markers; `body` ends with "\n". */
  | {
    readonly kind: "section";
    readonly path: string;
    readonly shape: FileShape;
    readonly body: string;
    /** The text of a new file around the section. From then on it is the user's. */
    readonly places?: Places;
  }
  /** Under `.anklume/`: the whole file is anklume's. */
  | { readonly kind: "whole"; readonly path: string; readonly text: string };

/** True if the file is YAML. */
export function isYaml(shape: FileShape): boolean {
  return shape !== "ini" && shape !== "lines";
}
