import assert from "node:assert/strict";
import pc from "picocolors";
import { type Status, statusText } from "./status.ts";

const plain = { colors: pc.createColors(false), width: 80 };

const status: Status = {
  project: "home-lab",
  infraId: "0b1c",
  firewall: { state: "in-place" },
  domains: [
    {
      name: "pro",
      trustLevel: "semi-trusted",
      enabled: true,
      subnet: "10.120.3.0/24",
      bridge: "net-pro",
      internet: "full",
      present: true,
      trouble: [],
    },
    {
      name: "a-domain-with-a-long-name",
      trustLevel: "disposable",
      enabled: false,
      subnet: "10.150.254.0/24",
      bridge: "net-a-doma-1f3c",
      internet: "via wg0, tun-corporate",
      present: false,
      trouble: [],
    },
  ],
  machines: [
    {
      name: "pro-dev",
      domain: "pro",
      trustLevel: "semi-trusted",
      type: "lxc",
      state: "running",
      ip: "10.120.3.1",
      image: "images:debian/13",
    },
    {
      name: "a-domain-with-a-long-name-07-the-machine",
      domain: "a-domain-with-a-long-name",
      trustLevel: "disposable",
      type: "vm",
      state: "absent",
      ip: "10.150.254.99",
      image: "local:an-image-with-a-very-long-alias-indeed",
      pending: "create",
    },
  ],
  breaches: [],
  conflicts: [],
  bypasses: [],
  channels: [],
  orphans: [],
  pending: 1,
};

Deno.test("statusText() tells the firewall first", () => {
  assert.match(statusText(status, plain), /^Firewall {2}loaded, as rendered for home-lab\n/);
  const open = statusText({ ...status, firewall: { state: "missing" } }, plain);
  assert.match(open, /^Firewall {2}NOT LOADED: the domains are open/);
  const before: Status = {
    ...status,
    firewall: { state: "missing" },
    domains: status.domains.map((domain) => ({ ...domain, present: false })),
    machines: status.machines.map((machine) => ({ ...machine, state: "absent" })),
  };
  assert.match(statusText(before, plain), /^Firewall {2}not loaded yet; /);
  const left = { ...before, orphans: ["network net-old"] };
  assert.match(statusText(left, plain), /^Firewall {2}NOT LOADED/);
});

Deno.test("statusText() keeps every line within 80 columns, whatever the names", () => {
  const text = statusText({
    ...status,
    firewall: { state: "different", detail: "rule 4 of chain forward is not the rendered one" },
    breaches: ["instance pro/pro-dev: devices.eth9 is a NIC that bypasses the isolation"],
    conflicts: [{
      domain: "pro",
      summary:
        "The subnet of `pro`, 10.120.3.0/24, is already in use on this host: the interface eth0",
      remedy: "give `pro` another `subnet_id`, or change `global.addressing`, or another network",
    }],
    domains: status.domains.map((domain) => ({
      ...domain,
      trouble: ["it is down", "no address 10.120.3.254/24", "nobody answers for DNS and DHCP"],
    })),
    bypasses: ["a-domain-with-a-long-name-07-the-machine: eth1, usb-device-nobody-declared"],
    channels: [
      "a-machine (domain-one) and another-machine (domain-two) share /srv/share of the host",
    ],
    orphans: ["instance old-domain/old-domain-with-a-machine-whose-name-goes-on-and-on-and-on-x"],
  }, plain);
  for (const line of text.split("\n")) assert.ok(line.length <= 80, `${line.length}: ${line}`);
  assert.match(text, /10\.150\.254\.99/);
});

Deno.test("statusText() says what is pending and where to read on", () => {
  assert.match(
    statusText(status, plain),
    /home-lab: 1 of 2 machines running; 1 change pending, see `anklume check`\.\n$/,
  );
  const calm = statusText({ ...status, pending: 0 }, plain);
  assert.match(calm, /1 of 2 machines running, all as declared\.\n$/);
});

Deno.test("statusText() lets no escape sequence of an alias through", () => {
  const [machine] = status.machines;
  assert.ok(machine);
  const text = statusText({
    ...status,
    machines: [{ ...machine, image: "local:\u001b[2J" }],
  }, plain);
  assert.ok(!text.includes("\u001b"));
});

Deno.test("statusText() tells conflicts and broken bridges above the domains", () => {
  const text = statusText({
    ...status,
    conflicts: [{ domain: "pro", summary: "`pro` cannot work", remedy: "move it" }],
    domains: [{ ...status.domains[0]!, trouble: ["nobody answers for DHCP"] }],
  }, plain);
  const lines = text.split("\n").map((line) => line.trim());
  const at = (start: string) => lines.findIndex((line) => line.startsWith(start));
  assert.ok(0 < at("Conflict  `pro` cannot work"));
  assert.ok(at("Conflict") < at("Bridge    net-pro: nobody answers for DHCP"), text);
  assert.ok(at("Bridge ") < at("DOMAIN"), text);
  assert.match(text, /pro .* broken/);
});
