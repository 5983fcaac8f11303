import { parseListeners } from "../nftables/listener.ts";
import { type HostAnswers, type HostPlace, hostPlace } from "./host_place.ts";

/** A host with a network card, Docker, a VPN, another infra and a user's own instance. */
export const ANSWERS: HostAnswers = {
  addresses: JSON.stringify([
    { ifname: "lo", address: "00:00:00:00:00:00", addr_info: [address("127.0.0.1", 8)] },
    { ifname: "eth0", address: "52:54:00:00:00:01", addr_info: [address("192.168.1.20", 24)] },
    link("docker0", "bridge", { addr_info: [address("172.17.0.1", 16)] }),
    link("vethdocker", "veth", { master: "docker0" }),
    link("vethbare", "veth", {}),
    link("wg0", "wireguard", { addr_info: [address("10.64.3.2", 32)] }),
    link("br-lab", "bridge", { addr_info: [address("10.55.0.129", 25)] }),
    link("net-theirs", "bridge", { addr_info: [address("10.44.1.254", 24)] }),
    link("net-stray", "bridge", {}),
    link("vethweb", "veth", { master: "incusbr0" }),
  ]),
  routes: [
    JSON.stringify([
      { dst: "default", dev: "eth0", gateway: "192.168.1.1" },
      { dst: "172.17.0.0/16", dev: "docker0" },
      { dst: "10.77.8.0/22", dev: "wg0" },
      { dst: "0.0.0.0/1", dev: "wg0" },
    ]),
    JSON.stringify([{ dst: "fd77:1::/48", dev: "wg0" }]),
  ],
  neighbours: JSON.stringify([{ dst: "172.17.0.2", dev: "docker0", lladdr: "00:16:3e:aa:00:01" }]),
  listeners: parseListeners(
    "tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\ntcp LISTEN 0 128 *:8443 *:*\n" +
      "tcp LISTEN 0 1 127.0.0.1:631 0.0.0.0:*\ntcp LISTEN 0 1 10.33.0.1:53 0.0.0.0:*\n" +
      "udp UNCONN 0 0 0.0.0.0%docker0:67 0.0.0.0:*\ntcp LISTEN 0 1 [2001:db8::5]:25 [::]:*\n" +
      "udp UNCONN 0 0 192.168.1.20:9000 *:*\n",
  ),
  redirects: [
    { protocol: "tcp", first: 8080, last: 8080, table: "ip nat" },
    { protocol: "tcp", first: 8081, last: 8081, address: "10.33.0.1", table: "inet incus" },
  ],
  bridges: [
    { name: "incusbr0", infraId: undefined, addresses: ["10.33.0.1/24"] },
    { name: "net-theirs", infraId: "other", addresses: ["10.44.1.254/24"] },
  ],
  nics: [{
    owner: "default/web",
    infraId: undefined,
    port: "vethweb",
    mac: "10:66:6a:00:00:01",
    addresses: ["10.33.0.7"],
  }],
  rules: [{
    project: "theirs",
    text:
      'table inet anklume_theirs {\n\tset bridges {\n\t\telements = {\n\t\t\t"net-beside"\n\t\t}\n\t}\n' +
      "\tmap publish {\n\t\telements = {\n" +
      '\t\t\ttcp . 2222 comment "x" : 10.44.1.1 . 22\n\t\t}\n\t}\n}\n',
  }],
};

export function aPlace(
  owner: { readonly project: string; readonly infraId: string },
  changes: Partial<HostAnswers> = {},
): HostPlace {
  return hostPlace(owner, { ...ANSWERS, ...changes });
}

export function link(ifname: string, kind: string, more: Record<string, unknown>): unknown {
  return { ifname, linkinfo: { info_kind: kind }, address: "02:42:00:00:00:01", ...more };
}

export function address(local: string, prefixlen: number): unknown {
  return { family: "inet", local, prefixlen };
}

/** Returns a ruleset's text with one more element in a set. */
export function withElement(text: string, set: string, element: string): string {
  const [family, name] = set.split(" ");
  const table = text.indexOf(`delete table ${family} `);
  const begin = text.slice(table).search(new RegExp(`\\t(set|map) ${name} \\{`)) + table;
  const end = text.indexOf("\n\t}", begin);
  const last = text.slice(0, end).lastIndexOf("\n\t\t}");
  return last < begin
    ? `${text.slice(0, end)}\n\t\telements = {\n\t\t\t${element}\n\t\t}${text.slice(end)}`
    : `${text.slice(0, last)},\n\t\t\t${element}${text.slice(last)}`;
}
