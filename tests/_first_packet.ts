/**
 * Shared by the tests of a boot: the attack and its counters, for a private host and for an
 * emulated machine.
 */

/** Starts before all other units of the guest: waits for no address and for nothing else. */
export const FIRST_PACKET = `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'ip link set eth0 up; ip address add ADDRESS/24 dev eth0; ip route add default via GATEWAY; while :; do for to in TARGET 203.0.113.10; do echo first > /dev/udp/$to/9999; done; done'
[Install]
WantedBy=sysinit.target
`;

/**
 * Counts the attacker's packets (before each filter) and those that pass all filters, from before
 * Incus starts: the boot unit loads each file beside the infra's.
 */
export const COUNTERS = `
table inet anklume_counters {
  counter sent {}
  counter passed {}
  chain raw { type filter hook prerouting priority -300; iifname "net-left" udp dport 9999 counter name sent; }
  chain last { type filter hook forward priority 300; udp dport 9999 counter name passed; }
}
table bridge anklume_counters {}
`;
