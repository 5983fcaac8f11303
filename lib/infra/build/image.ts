import type { ImageRef } from "../infra.ts";
import { isDnsLabel, type Problem } from "../shape/names.ts";
import { suggest } from "../../diag/suggest.ts";
import { quotedList, shortenName } from "../words.ts";

/** Remotes that need no entry in `global.image_servers`. Incus itself does not know `ubuntu`. */
export const KNOWN_IMAGE_SERVERS: ReadonlyMap<string, string> = new Map([
  ["images", "https://images.linuxcontainers.org"],
  ["ubuntu", "https://cloud-images.ubuntu.com/releases"],
]);

/**
 * Reads `images:debian/13`, `local:NAME` or `NAME`. The part before the first colon is the remote.
 */
export function parseImage(
  text: string,
  servers: ReadonlyMap<string, string>,
): ImageRef | Problem {
  const colon = text.indexOf(":");
  const remote = colon === -1 ? "local" : text.slice(0, colon);
  const alias = text.slice(colon + 1);
  if (!/^[A-Za-z0-9][A-Za-z0-9_.+@/-]{0,254}$/.test(alias)) {
    return {
      code: "INVALID_IMAGE",
      summary: text === ""
        ? "The image is an empty text"
        : `\`${shortenName(text)}\` is not an image`,
      remedy: "write `images:debian/13`, or the alias or fingerprint of an image Incus has",
    };
  }
  if (remote === "local") return { kind: "local", alias, text };
  const server = servers.get(remote);
  if (server !== undefined) return { kind: "remote", remote, server, alias, text };
  const near = suggest(remote, [...servers.keys(), "local"]);
  return {
    code: "UNKNOWN_IMAGE_REMOTE",
    summary: `The image server \`${shortenName(remote)}\` is unknown`,
    remedy: near === undefined
      ? `declare it in \`global.image_servers\`, or use one of ${
        quotedList([...servers.keys(), "local"])
      }`
      : `did you mean \`${near}:${alias}\`?`,
  };
}

/** Checks an entry of `global.image_servers`. Incus supports simplestreams only over https. */
export function imageServerProblem(name: string, address: string): Problem | undefined {
  const code = "INVALID_IMAGE_SERVER";
  if (name === "local" || !isDnsLabel(name)) {
    return {
      code,
      summary: name === "local"
        ? "`local` is the host's own Incus and cannot be an image server"
        : `\`${shortenName(name)}\` cannot be the name of an image server`,
      remedy: "choose a name of lowercase letters, digits and `-`",
    };
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.protocol !== "https:" || /\s/.test(address)) {
    return {
      code,
      summary: `\`${shortenName(address)}\` is not an https URL`,
      detail: "Incus contacts image servers only over https",
    };
  }
  if (url.username !== "" || url.password !== "") {
    return {
      code,
      summary: `The URL of \`${name}\` contains a user name or password`,
      detail: "it would appear in plans and logs",
      remedy: "let the server serve images without a password",
    };
  }
  if (url.search !== "" || url.hash !== "") {
    return { code, summary: `The URL of \`${name}\` contains a \`?\` or \`#\`` };
  }
  return undefined;
}
