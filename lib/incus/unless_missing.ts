import { IncusError } from "./incus_error.ts";

/** What is not there needs no deleting. */
export async function unlessMissing(deleting: Promise<void>): Promise<void> {
  try {
    await deleting;
  } catch (error) {
    if (!(error instanceof IncusError) || error.status !== 404) throw error;
  }
}
