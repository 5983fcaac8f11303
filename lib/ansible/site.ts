import type { Machine } from "../infra/infra.ts";
import { OLDEST_ANSIBLE } from "./ansible_version.ts";
import { roleGroup, typeGroup } from "./groups.ts";
import { orderRoles, type RolePlay } from "./role_order.ts";
import { yamlWord } from "./yaml_text.ts";

/** Seconds that a waiting machine gets to answer, beyond its own time limit. */
const ANSWER_SECONDS = 15;
/**
 * Seconds that a machine gets to start and to have an address; `anklume_ready_seconds` overrides
 * it.
 */
const READY_SECONDS = 120;

/**
 * Returns `site.yml`: a play that waits for the machines and installs Python, then one play per
 * role.
 *
 * @param machines those of the tree, sorted by name
 */
export function renderSite(machines: readonly Machine[]): string {
  const types = [...new Set(machines.map((machine) => typeGroup(machine.type)))].sort();
  const plays = orderRoles(machines).map(renderRolePlay);
  return [
    waitPlay(types.length > 0 ? types.join(":") : "all"),
    ...plays,
  ].join("\n");
}

function renderRolePlay(play: RolePlay): string {
  const hosts = play.machines === undefined
    ? ` ${roleGroup(play.role)}`
    : "\n" + play.machines.map((machine) => `    - ${yamlWord(machine)}`).join("\n");
  const role = yamlWord(play.role);
  // A role's name is the name of a directory; odd characters in it must not become YAML.
  const name = role === play.role ? `Role ${role}` : yamlWord(`Role ${play.role}`);
  // The tags are those of the role and not of the play: facts are gathered under a play's tags, and
  // with another tag there would be none, although Ansible checks the role's arguments in any case.
  return `- name: ${name}
  hosts:${hosts}
  roles:
    - role: ${role}
      tags:
        - provision
        - ${role}
`;
}

/** The text of a new site.yml outside the section, where the user's plays go. */
export const SITE_PLACES = {
  before: "# Your own plays that run before anklume's go here, above the section.\n\n",
  after: "\n# Your own plays that run after anklume's go here, for example:\n" +
    "# - name: My editor\n#   hosts: pro\n#   roles:\n#     - role: my_editor\n",
} as const;

/**
 * Returns the first play. Only `raw` works without Python, so both tasks are shell; only numbers
 * are inserted into them. The version is checked here, where it needs no process of its own, and
 * where a user who runs the tree by hand gets the check too.
 */
function waitPlay(hosts: string): string {
  return `- name: Wait for the machines and install Python
  hosts: ${hosts}
  gather_facts: false
  tags:
    - always
  tasks:
    - name: Refuse an Ansible that is too old
      ansible.builtin.assert:
        that: ansible_version.full is version("${OLDEST_ANSIBLE.join(".")}", ">=")
        quiet: true
        fail_msg: Ansible {{ ansible_version.full }} is older than ${OLDEST_ANSIBLE.join(".")}

    - name: Wait until the machine has started and has an address
      ansible.builtin.raw: |
${block(WAIT_SCRIPT)}
      register: anklume_up
      vars:
        anklume_command_seconds: "{{ anklume_ready_seconds | default(${READY_SECONDS}) | int + ${ANSWER_SECONDS} }}"
        anklume_answer_mib: 1
      check_mode: false
      changed_when: false
      # A machine that has just started can refuse a first command.
      until: anklume_up.stdout is search("anklume-")
      retries: 5
      delay: 1
      failed_when: anklume_up.stdout is not search("anklume-up")

    - name: Install Python if the image has none
      ansible.builtin.raw: |
${block(PYTHON_SCRIPT)}
      register: anklume_python
      vars:
        anklume_answer_mib: 1
      changed_when: anklume_python.stdout is search("anklume-installed")
      failed_when: false

    - name: Report an image without Python
      ansible.builtin.assert:
        that: anklume_python is skipped or anklume_python.rc == 0
        quiet: true
        fail_msg: >-
          {{ inventory_hostname }} was made from the image {{ anklume_image }}, which has no
          complete /usr/bin/python3, and it could not be installed: {{ anklume_python.stdout | default("")
          | trim }}. Use an image with Python, or let the domain reach its packages (internet: true).
`;
}

const WAIT_SCRIPT = `\
limit={{ anklume_ready_seconds | default(${READY_SECONDS}) | int }}
began=$(date +%s)
while [ $(($(date +%s) - began)) -lt "$limit" ]; do
  state=none
  if command -v systemctl >/dev/null 2>&1; then
    state=$(systemctl is-system-running 2>/dev/null)
  fi
  address=none
  if [ -e /sys/class/net/eth0 ] && command -v ip >/dev/null 2>&1; then
    address=$(ip -4 -o address show dev eth0 scope global 2>/dev/null)
  fi
  case "$state" in
    none | running | degraded)
      if [ -n "$address" ]; then
        # Ansible would make it too, with a warning.
        mkdir -p -m 0700 ~/.ansible ~/.ansible/tmp
        echo "anklume-up, systemd says: $state"
        [ "$state" != degraded ] || systemctl --failed --plain --no-legend
        exit 0
      fi ;;
  esac
  sleep 0.3 2>/dev/null || sleep 1
done
[ -n "$address" ] || echo "anklume-down: no IPv4 address on eth0 after $limit seconds"
echo "anklume-down: not started after $limit seconds, systemd says: $state"
systemctl list-jobs --no-legend 2>/dev/null
exit 0
`;

// A minimal Python (Debian's python3-minimal) is not enough: modules need these.
const PYTHON_SCRIPT = `\
usable() { /usr/bin/python3 -c "import json, shutil, tempfile, zipfile" 2>/dev/null; }
usable && exit 0
exec 2>&1
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  network="-o Acquire::Retries=0 -o Acquire::http::Timeout=15"
  install="apt-get -q $network update && apt-get -qy $network install python3 python3-apt"
elif command -v dnf >/dev/null; then
  install="dnf -qy install python3"
elif command -v zypper >/dev/null; then
  install="zypper -nq install python3"
elif command -v apk >/dev/null; then
  install="apk add -q python3"
elif command -v pacman >/dev/null; then
  install="pacman -Sy --noconfirm python"
else
  echo "no package manager that anklume knows"
  exit 1
fi
if output=$(eval "$install") && usable; then
  echo "anklume-installed"
else
  echo "$output" | grep -iE "^e:|error" | head -n 2
  exit 1
fi
`;

function block(script: string): string {
  return script.trimEnd().split("\n").map((line) => line === "" ? "" : "        " + line).join(
    "\n",
  );
}
