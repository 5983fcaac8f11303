import type { Colors } from "picocolors/types";
import type { TrustLevel } from "../infra/infra.ts";

/**
 * The colours and width of a view: given by the caller, since a view does not know where its text
 * goes.
 */
export interface Style {
  readonly colors: Colors;
  /** Columns of the screen; lines of prose and tables keep within it. */
  readonly width: number;
}

/** Returns the colour of a trust level, the same everywhere. */
export function trustColor(style: Style, level: TrustLevel): (text: string) => string {
  const { blue, green, yellow, red, magenta } = style.colors;
  switch (level) {
    case "admin":
      return blue;
    case "trusted":
      return green;
    case "semi-trusted":
      return yellow;
    case "untrusted":
      return red;
    case "disposable":
      return magenta;
  }
}
