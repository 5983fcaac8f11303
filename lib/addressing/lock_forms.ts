import { isDnsLabel, PROJECT_NAME_LIMIT } from "../infra/shape/names.ts";
import { SEQUENCE } from "./ipv4.ts";

/**
 * The form of a value in the lock file. There is only one form, so equal values have equal texts.
 */
export interface Form {
  /** The description for a person: "a subnet such as 10.120.3.0/24". */
  readonly what: string;
  readonly test: (text: string) => boolean;
}

const OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const SUBNET = new RegExp(`^(?:${OCTET}\\.){2}(${OCTET})\\.0/24$`);
const ADDRESS = new RegExp(`^(?:${OCTET}\\.){3}${OCTET}$`);

export const FORMS = {
  project: {
    what: "a project's name",
    test: (text) => isDnsLabel(text) && text.length <= PROJECT_NAME_LIMIT,
  },
  name: { what: "a name", test: isDnsLabel },
  uuid: {
    what: "a UUID in lowercase",
    test: (text) => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text),
  },
  subnet: {
    what: "a subnet such as 10.120.3.0/24",
    test: (text) => Number(SUBNET.exec(text)?.[1]) <= SEQUENCE.last,
  },
  address: { what: "an address such as 10.120.3.10", test: (text) => ADDRESS.test(text) },
  bridge: {
    what: "a bridge such as net-pro",
    test: (text) => /^net-[a-z0-9-]{1,11}$/.test(text),
  },
  hwaddr: {
    what: "a MAC address such as 10:66:6a:01:02:03",
    // An odd first octet marks a group address. A NIC cannot have one.
    test: (text) => /^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/.test(text),
  },
  hostName: {
    what: "a port such as ak0a1b2c3d4e",
    // Only anklume's own names: otherwise `eth0` or another program's interface could be connected
    // to a domain's bridge.
    test: (text) => /^ak[a-z0-9]{1,13}$/.test(text),
  },
} satisfies Record<string, Form>;
