/** Keys of a device that change how fast or how large it is, and not where it leads. */
export function isTuning(key: string): boolean {
  return TUNING.test(key);
}
const TUNING =
  /^(?:boot\.priority|io\.(?:bus|cache|threads)|limits\.(?:max|read|write|ingress|egress|priority)|mtu|queue\.tx\.length|required|size|size\.state)$/;
