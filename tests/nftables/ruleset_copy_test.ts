import assert from "node:assert/strict";

const PROGRAM = new URL("../../build/ruleset", import.meta.url).pathname;

/** One of each kind of object in the listings of hosts, in the text of `nft -s list ruleset`. */
const RULES = `
table inet copied {
	comment "of its own"
	set timed {
		type ipv4_addr
		flags dynamic,timeout
		timeout 1h
		elements = { 192.0.2.1, 192.0.2.2 timeout 2h }
	}
	set ranges {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0/8, 192.168.0.0-192.168.3.7, 198.51.100.1 }
	}
	set pairs {
		type ipv4_addr . inet_service
		flags interval
		elements = { 10.0.0.0/8 . 22-23, 192.168.0.0/16 . 80 }
	}
	map verdicts {
		type ipv4_addr : verdict
		elements = { 192.0.2.1 : jump aside, 192.0.2.2 : drop }
	}
	counter seen {
		packets 0 bytes 0
	}
	map counters {
		type inet_service : counter
		elements = { 22 : "seen" }
	}
	chain aside {
		return
	}
	chain forward {
		type filter hook forward priority filter - 3; policy drop;
		tcp dport { 22, 80, 100-200 } counter accept comment "with words"
		ip saddr vmap @verdicts
		ip saddr vmap { 198.51.100.0/24 : drop, 203.0.113.1 : accept }
		ip saddr @ranges counter name "seen"
		ip saddr . tcp dport @pairs accept
		counter name tcp dport map @counters
		update @timed { ip saddr timeout 1m }
		iif "lo" ct state established,related accept
		iifname "net-*" fib daddr type local accept
		limit rate 10/second burst 5 packets log prefix "zz" group 3
		ip saddr 203.0.113.2 reject with icmp admin-prohibited
		meta mark set 0x00000001 ct mark set meta mark
		ip dscp set af11
		tcp flags syn tcp option maxseg size set rt mtu
		reset tcp option sack-perm
	}
	chain leave {
		type nat hook postrouting priority srcnat; policy accept;
		meta l4proto { tcp, udp } masquerade to :61000-65535 random
	}
	chain marks {
		type route hook output priority mangle; policy accept;
		meta skuid 0 meta mark set 0x00000005
	}
}
table netdev copied {
	chain ingress {
		type filter hook ingress device "lo" priority filter; policy accept;
		ip saddr 192.0.2.1 drop
	}
}
table bridge copied {
	chain forward {
		type filter hook forward priority filter; policy accept;
		arp operation request drop
	}
}
table arp copied {
	chain input {
		type filter hook input priority filter; policy accept;
		arp operation request accept
	}
}
table ip6 copied {
	flags dormant
	chain input {
		type filter hook input priority filter; policy accept;
		icmpv6 type nd-router-advert drop
	}
}
`;

/**
 * Returns the listing of a namespace with these rules, and that of a second namespace with a copy.
 */
async function copied(rules: string): Promise<{ before: string; after: string }> {
  const script = `
    set -e
    ip link set lo up
    nft -f -
    nft -s list ruleset
    echo ===
    saved=$(mktemp); trap 'rm -f "$saved"' EXIT
    "$0" save >"$saved"
    unshare --net sh -c 'ip link set lo up; "$0" load <"$1"; nft -s list ruleset' "$0" "$saved"`;
  const child = new Deno.Command("unshare", {
    args: ["--net", "sh", "-c", script, PROGRAM],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(rules));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const [before = "", after = ""] = new TextDecoder().decode(stdout).split("===\n");
  return { before, after };
}

Deno.test("a copy of the host's rules lists as they do, and nothing is left out", async () => {
  const { before, after } = await copied(RULES);
  assert.ok(before.includes("hook ingress") && before.includes("maxseg"), before);
  assert.equal(after, before);
});

Deno.test("a chain within a rule becomes one with a name, with the same rules", async () => {
  const { after } = await copied(`
table inet copied {
	chain forward {
		type filter hook forward priority filter; policy accept;
		jump {
			ip saddr 192.0.2.1 drop
		}
	}
}
`);
  assert.match(after, /jump __chain\d+\n/);
  assert.match(after, /chain __chain\d+ \{\n\t\tip saddr 192\.0\.2\.1 drop\n/);
  assert.doesNotMatch(after, /^skipped/m);
});

Deno.test("a chain of interfaces that are not in the copy is one without a hook there", async () => {
  const { before, after } = await copied(`
table netdev copied {
	chain ingress {
		type filter hook ingress device "lo" priority filter; policy accept;
		drop
	}
}
`);
  assert.equal(after, before);
});
