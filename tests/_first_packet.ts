/** What the tests of a boot attack with, and count by: here with a private host, there with an emulated machine. */

/** Before anything of the guest's own: no address is waited for, nothing is waited for. */
export const FIRST_PACKET = `[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/bash -c 'ip link set eth0 up; ip address add ADDRESS/24 dev eth0; ip route add default via GATEWAY; while :; do for to in TARGET 203.0.113.10; do echo first > /dev/udp/$to/9999; done; done'
[Install]
WantedBy=sysinit.target
`;

/**
 * What the attacker sends (before every filter) and what gets past all filters, counted from before Incus starts: the
 * boot unit loads every file beside the infra's.
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
