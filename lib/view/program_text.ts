import { INK } from "../diag/terminal_text.ts";

/**
 * The colours of Ansible's output (`COLOR_CODES`), except black: no background, no blinking, no
 * hidden text.
 */
// deno-lint-ignore no-control-regex -- an escape is what is looked for
const COLOR = /\u001b\[(0|[01];3[1-7]|1;30|38;5;\d{1,3})m/g;
/** Text that may be the start of a colour, or a carriage return before its newline. */
// deno-lint-ignore no-control-regex -- an escape is what is looked for
const UNFINISHED = /(?:\u001b(?:\[[0-9;]{0,9})?|\r)$/;

/**
 * Returns a function that converts a program's text, piece by piece, for our own terminal: its
 * colours become ours if it was told to use colours. The terminal prints all other control
 * characters as text.
 */
export function programText(colors: boolean): (text: string) => string {
  let rest = "";
  return (text) => {
    const whole = rest + text;
    rest = UNFINISHED.exec(whole)?.[0] ?? "";
    const shown = whole.slice(0, whole.length - rest.length).replaceAll("\r\n", "\n");
    return colors ? shown.replace(COLOR, `${INK}[$1m`) : shown;
  };
}
