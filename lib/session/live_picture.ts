import { systemClock } from "../host/clock.ts";
import { progressFooter, progressLines, type ProgressState, screenRows } from "../view/progress.ts";
import type { Session } from "./session.ts";

/** Largest width of the picture in columns, even on a wider screen. */
const PICTURE_WIDTH = 80;

/** Milliseconds between two pictures. */
const FRAME_MS = 120;

/** A picture that is drawn over the last one until it ends. */
interface Picture {
  /** Draws the last picture, and stops. */
  end(): void;
}

/**
 * Draws the current picture over the last one. Not listr2: on Ctrl-C a part of it raises the signal
 * again with `process.kill`, which the binary has no permission for; and it uses colours even with
 * NO_COLOR.
 */
export function startPicture(
  stateNow: () => ProgressState,
  { terminal, out, signal }: Session,
): Picture {
  const began = systemClock();
  let drawn: readonly string[] = [];
  let tick = 0;
  const draw = () => {
    const style = { ...out, width: Math.min(terminal.columns, PICTURE_WIDTH) };
    const lines = [
      ...progressLines(stateNow(), style, Math.max(terminal.rows - 3, 1), tick),
      progressFooter(stateNow(), style, systemClock() - began),
    ];
    terminal.redraw(screenRows(drawn, terminal.columns), `${lines.join("\n")}\n`);
    drawn = lines;
  };
  // The message about the interrupt stays: the picture goes on below it.
  const onInterrupt = () => drawn = [];
  signal.addEventListener("abort", onInterrupt);
  const frames = setInterval(() => {
    tick++;
    draw();
  }, FRAME_MS);
  return {
    end: () => {
      clearInterval(frames);
      signal.removeEventListener("abort", onInterrupt);
      draw();
    },
  };
}
