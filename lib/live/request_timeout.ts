import { envVar } from "../host/terminal.ts";
import { UserError } from "../session/user_error.ts";

/**
 * Reads `ANKLUME_INCUS_TIMEOUT`: seconds that one request to Incus may take. It is for slower hosts
 * or less patient scripts than the defaults (30 to read, 180 to write) suit. Returns milliseconds;
 * undefined: it is not set.
 * @throws UserError if it is not a number of seconds from 1 to 3600
 */
export function requestTimeout(): number | undefined {
  const text = envVar("ANKLUME_INCUS_TIMEOUT") ?? "";
  if (text === "") return undefined;
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= 3600) return Math.round(seconds * 1000);
  throw new UserError(
    `ANKLUME_INCUS_TIMEOUT is "${text}"`,
    "Use a number of seconds from 1 to 3600",
  );
}
