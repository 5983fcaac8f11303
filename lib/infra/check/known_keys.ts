/**
 * The keys of an instance that Incus 6.0 to 7.3 knows by name: `GET /1.0/metadata/configuration`
 * and, for the old spellings, `internal/instance/config.go`. These are only names; `judged_keys.ts`
 * judges them. `tests/e2e/02_bypass_test.ts` compares both lists with the running daemon, so that
 * new keys of a later Incus are noticed.
 */
export const KNOWN_KEYS: ReadonlySet<string> = new Set(
  `
agent.nic_config
boot.autorestart boot.autostart boot.autostart.delay boot.autostart.priority boot.host_shutdown_action
boot.host_shutdown_timeout boot.stop.priority
cloud-init.network-config cloud-init.user-data cloud-init.vendor-data
cluster.evacuate
initial.secureboot.db initial.secureboot.dbt initial.secureboot.dbx initial.secureboot.kek initial.secureboot.mok
initial.secureboot.pk
limits.cpu limits.cpu.allowance limits.cpu.nodes limits.cpu.priority limits.disk.priority limits.hugepages.1GB
limits.hugepages.1MB limits.hugepages.2MB limits.hugepages.64KB limits.kernel.as limits.kernel.core limits.kernel.cpu
limits.kernel.data limits.kernel.fsize limits.kernel.locks limits.kernel.memlock limits.kernel.nice
limits.kernel.nofile limits.kernel.nproc limits.kernel.rtprio limits.kernel.sigpending limits.memory
limits.memory.enforce limits.memory.hotplug limits.memory.hugepages limits.memory.oom_priority limits.memory.swap
limits.memory.swap.priority limits.processes
linux.kernel_modules
migration.incremental.memory migration.incremental.memory.goal migration.incremental.memory.iterations
migration.stateful
nvidia.driver.capabilities nvidia.require.cuda nvidia.require.driver nvidia.runtime
oci.cwd oci.dns.domain oci.dns.nameservers oci.dns.search oci.entrypoint oci.gid oci.uid
raw.apparmor raw.idmap raw.lxc raw.qemu raw.qemu.conf raw.qemu.qmp.early raw.qemu.qmp.post-start
raw.qemu.qmp.pre-start raw.qemu.scriptlet raw.seccomp
security.agent.metrics security.bpffs.delegate_attachs security.bpffs.delegate_cmds security.bpffs.delegate_maps
security.bpffs.delegate_progs security.bpffs.path security.csm security.guestapi security.guestapi.images
security.idmap.base security.idmap.isolated security.idmap.size security.iommu security.nesting security.privileged
security.protection.delete security.protection.shift security.protection.start security.secureboot
security.selinux.domain security.selinux.label_rootfs security.selinux.level security.selinux.type security.sev
security.sev.policy.es security.sev.session.data security.sev.session.dh security.syscalls.allow
security.syscalls.blacklist security.syscalls.blacklist_compat security.syscalls.blacklist_default
security.syscalls.deny security.syscalls.deny_compat security.syscalls.deny_default security.syscalls.intercept.bpf
security.syscalls.intercept.bpf.devices security.syscalls.intercept.mknod security.syscalls.intercept.mount
security.syscalls.intercept.mount.allowed security.syscalls.intercept.mount.fuse
security.syscalls.intercept.mount.shift security.syscalls.intercept.sched_setscheduler
security.syscalls.intercept.setxattr security.syscalls.intercept.sysinfo security.syscalls.whitelist security.tags
snapshots.expiry snapshots.expiry.manual snapshots.pattern snapshots.schedule snapshots.schedule.stopped
user.network-config user.user-data user.vendor-data
`.trim().split(/\s+/),
);

/** Prefixes of keys whose end the user chooses. */
export const KEY_FAMILIES: readonly string[] = [
  "environment.",
  "initial.nvram-binary.",
  "initial.nvram.",
  "linux.sysctl.",
  "smbios11.",
  "systemd.credential-binary.",
  "systemd.credential.",
  "user.",
];
