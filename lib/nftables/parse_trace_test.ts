import assert from "node:assert/strict";
import { parseTraces } from "./parse_trace.ts";

const TCP = "ip dscp cs0 ip ecn not-ect ip ttl 64";
const packet = (id: string, where: string, iif: string, number: number, ports: string) =>
  `trace id ${id} ${where} packet: iif "${iif}" ip saddr 10.0.0.1 ip daddr 192.0.2.1 ${TCP} ip id ${number} ` +
  `ip protocol tcp ip length 40 ${ports}`;
const THERE = "tcp sport 33001 tcp dport 80";
const BACK = "tcp sport 80 tcp dport 33001";
const PLACES = new Map([["anklume-end0", "port0"], ["anklume-end1", "eth0"]]);

Deno.test("parseTraces() tells a packet's rules from its answer's, and where both come out", () => {
  // The same buffer carries one packet after the other: its id identifies none of them.
  const text = [
    packet("aa", "inet anklume.trace start", "net-a", 1, THERE),
    "trace id aa inet anklume.trace start rule meta l4proto { tcp, udp } meta nftrace set 1 (verdict continue)",
    packet("aa", "ip raw PREROUTING", "net-a", 1, THERE),
    "trace id aa ip raw PREROUTING rule counter packets 3 bytes 180 jump DOCKER (verdict jump DOCKER)",
    "trace id aa ip raw PREROUTING policy accept ",
    packet("bb", "netdev anklume.trace start", "anklume-end1", 1, "tcp sport 61000 tcp dport 80"),
    packet("aa", "inet anklume.trace start", "eth0", 1 | 0x8000, "tcp sport 80 tcp dport 61000"),
    packet("aa", "inet fw forward", "eth0", 1 | 0x8000, BACK),
    "trace id aa inet fw forward rule reject (verdict drop)",
  ].join("\n");
  assert.deepEqual(parseTraces(text, 1, PLACES), [{
    steps: [
      {
        family: "ip",
        table: "raw",
        chain: "PREROUTING",
        rule: "jump DOCKER",
        verdict: "jump DOCKER",
      },
      {
        family: "ip",
        table: "raw",
        chain: "PREROUTING",
        rule: "policy accept",
        verdict: "accept",
      },
    ],
    back: [{ family: "inet", table: "fw", chain: "forward", rule: "reject", verdict: "drop" }],
    arrivedAt: "eth0",
    answered: false,
  }]);
});

Deno.test("parseTraces() knows the kernel's own answers, which carry numbers of its choice", () => {
  const text = [
    packet("aa", "inet anklume.trace end", "net-a", 1, THERE),
    packet("bb", "inet anklume.trace output", "net-a", 0, BACK),
    packet("bb", "netdev anklume.trace start", "anklume-end0", 0, BACK),
    packet("cc", "inet anklume.trace end", "net-a", 2, "icmp type echo-request icmp id 2"),
    packet("dd", "netdev anklume.trace start", "anklume-end0", 1, "icmp type echo-reply icmp id 2"),
    // An answer to an answer (of a host that knows no such connection) belongs to no packet.
    packet("ee", "netdev anklume.trace start", "anklume-end1", 0, "tcp sport 33003 tcp dport 80"),
  ].join("\n");
  assert.deepEqual(
    parseTraces(text, 3, PLACES).map(({ arrivedAt, answered }) => [arrivedAt, answered]),
    [["host", true], ["host", true], [undefined, false]],
  );
});

Deno.test("parseTraces() reads IPv6 by its label, and what is nobody's not at all", () => {
  const six = (number: number) =>
    `trace id aa netdev anklume.trace start packet: iif "anklume-end0" ip6 saddr fd00::1 ip6 daddr fd00::2 ` +
    `ip6 hoplimit 64 ip6 flowlabel ${number} ip6 nexthdr udp ip6 length 9 udp sport 9 udp dport 9`;
  const [trace] = parseTraces(`${six(1)}\n${six(0)}\n${six(7)}`, 1, PLACES);
  assert.equal(trace?.arrivedAt, "port0");
  assert.equal(trace?.answered, false);
});
