/*
 * The program by which `anklume network why`, `verify` and `doctor` ask the kernel: copies all
 * rules of the host, as the kernel reports them, into a separate network namespace, and sends
 * packets there. One static executable.
 *
 *   save            writes this namespace's rules to standard output: nftables' messages as dumped
 *                   (as text, nft 1.1.3 and iptables' own expressions would lose them), and the
 *                   tables of iptables-legacy, which nft does not show
 *   load [TABLE]    loads the rules on standard input into this, empty, namespace; with TABLE only
 *                   the nftables tables of that name. Objects that the kernel refuses are left out
 *                   and reported: `skipped FAMILY TABLE NAME REASON`
 *   play            reads `frame INTERFACE HEX` (`-`: a packet of the host's own, without its
 *                   Ethernet header) and `listen 4|6 PORT` (UDP), line by line. Packets that come
 *                   out of an interface anklume-end… are answered as a peer would: a SYN by SYN and
 *                   ACK, a datagram by a datagram, an echo request by an echo, an ARP request by
 *                   a MAC. After each frame it prints `played N`, and the rules of iptables-legacy
 *                   that have dropped something so far: `dropped FAMILY TABLE CHAIN NUMBER|policy
 *                   PACKETS`; at the end its own chains, `chain FAMILY TABLE CHAIN`
 *
 * Formats: linux/netfilter/nf_tables.h, linux/netfilter_ipv4/ip_tables.h; defined here again, since
 * a static C library does not see the kernel's headers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- netlink --------------------------------------------------------------------------------- */

#define NETLINK_NETFILTER 12
#define NFTABLES 10
struct header {
  uint32_t length;
  uint16_t type, flags;
  uint32_t sequence, port;
};
struct generic {
  uint8_t family, version;
  uint16_t resource;
};
struct attribute {
  uint16_t length, type;
};
enum { REQUEST = 1, CREATE = 0x400, APPEND = 0x800, DUMP = 0x300, INTERRUPTED = 0x10 };
enum { NLMSG_ERROR = 2, NLMSG_DONE = 3, BATCH_BEGIN = 16, BATCH_END = 17 };
/* The message that creates an object, and the one that requests all of its kind. */
enum { TABLE = 0, CHAIN = 3, RULE = 6, SET = 9, ELEMENTS = 12, GENERATION = 15, OBJECT = 18, FLOWTABLE = 22 };
#define ALIGN(size) (((size) + 3) & ~3u)
#define NESTED 0x8000
#define TYPE_MASK 0x3fff
/* Our own record types in the saved data. */
enum { LEGACY4 = 0xfff0, LEGACY6 = 0xfff1 };

struct buffer {
  unsigned char *data;
  size_t size, room;
};

static void *extend(struct buffer *to, size_t size) {
  if (to->size + size > to->room) {
    to->room = (to->size + size) * 2 + 65536;
    to->data = realloc(to->data, to->room);
    if (!to->data) exit(1);
  }
  void *at = memset(to->data + to->size, 0, size);
  to->size += size;
  return at;
}

static void append(struct buffer *to, const void *data, size_t size) {
  void *at = extend(to, size);
  if (size) memcpy(at, data, size);
}

static void put(struct buffer *to, int type, const void *data, size_t size) {
  struct attribute *made = extend(to, ALIGN(sizeof *made + size));
  made->length = sizeof *made + size;
  made->type = type;
  if (size) memcpy(made + 1, data, size);
}

static void put_number(struct buffer *to, int type, uint32_t value) {
  value = htonl(value);
  put(to, type, &value, sizeof value);
}

/* Opens a nested attribute; returns its offset, which closes it. */
static size_t open_nest(struct buffer *to, int type) {
  size_t at = to->size;
  put(to, type | NESTED, NULL, 0);
  return at;
}

static void close_nest(struct buffer *to, size_t at) {
  ((struct attribute *)(to->data + at))->length = to->size - at;
}

#define EACH_OF(name, data, size)                                                                                        \
  for (const struct attribute *name = (const void *)(data), *name##_end = (const void *)((const char *)name + (size));   \
       name + 1 <= name##_end && name->length >= sizeof *name &&                                                         \
       (const char *)name + name->length <= (const char *)name##_end;                                                    \
       name = (const void *)((const char *)name + ALIGN(name->length)))
#define EACH(name, ...) EACH_OF(name, __VA_ARGS__)
#define INSIDE(name) (name) + 1, (name)->length - sizeof *(name)

static const struct attribute *find(const void *data, size_t size, int type) {
  EACH(each, data, size) if ((each->type & TYPE_MASK) == type) return each;
  return NULL;
}

static uint32_t number(const struct attribute *from) {
  uint32_t value = 0;
  if (from && from->length >= sizeof *from + 4) memcpy(&value, from + 1, 4);
  return ntohl(value);
}

static const char *text(const struct attribute *from) {
  return from && from->length > sizeof *from && ((const char *)from)[from->length - 1] == 0 ? (const char *)(from + 1) : "";
}

static int open_netlink(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), size = 64 << 20;
  if (fd < 0) return -1;
  /* SO_RCVBUFFORCE and SO_SNDBUFFORCE: a batch is one datagram. */
  setsockopt(fd, SOL_SOCKET, 33, &size, sizeof size);
  setsockopt(fd, SOL_SOCKET, 32, &size, sizeof size);
  return fd;
}

/*
 * Requests all objects of a kind, and appends each as it comes. Returns 0, or an errno; EINTR if
 * the rules changed in the meantime.
 */
static int dump(int fd, int kind, int family, const struct buffer *attributes, struct buffer *to) {
  static uint32_t sequence;
  static unsigned char data[1 << 18];
  struct buffer request = {0};
  struct header *header = extend(&request, sizeof *header);
  *header = (struct header){.type = NFTABLES << 8 | (kind + 1), .flags = REQUEST | DUMP, .sequence = ++sequence};
  append(&request, &(struct generic){.family = family}, sizeof(struct generic));
  if (attributes) append(&request, attributes->data, attributes->size);
  ((struct header *)request.data)->length = request.size;
  int failed = send(fd, request.data, request.size, 0) < 0 ? errno : 0;
  free(request.data);
  while (!failed) {
    long got = recv(fd, data, sizeof data, 0);
    if (got < 0) return errno;
    for (unsigned char *at = data; at + sizeof(struct header) <= data + got;) {
      struct header *each = (struct header *)at;
      if (each->length < sizeof *each || at + each->length > data + got) return EBADMSG;
      if (each->sequence == sequence) {
        if (each->flags & INTERRUPTED) failed = EINTR;
        if (each->type == NLMSG_DONE) return failed;
        if (each->type == NLMSG_ERROR) return -*(int32_t *)(each + 1);
        append(to, each, ALIGN(each->length));
      }
      at += ALIGN(each->length);
    }
  }
  return failed;
}

static uint32_t generation(int fd) {
  struct { struct header header; struct generic generic; } request = {
      {.length = sizeof request, .type = NFTABLES << 8 | 16, .flags = REQUEST}, {0}};
  static unsigned char data[4096];
  if (send(fd, &request, sizeof request, 0) < 0) return 0;
  long got = recv(fd, data, sizeof data, 0);
  if (got < (long)(sizeof request)) return 0;
  return number(find(data + sizeof request, got - sizeof request, 1));
}

static int save_nftables(struct buffer *to) {
  static const int KINDS[] = {TABLE, CHAIN, SET, OBJECT, FLOWTABLE};
  int failed = EINTR;
  for (int attempt = 0; attempt < 20 && failed == EINTR; attempt++) {
    /* A new socket: unread messages would be taken for the answer to the next request. */
    int fd = open_netlink();
    if (fd < 0) return errno;
    to->size = 0;
    uint32_t before = generation(fd);
    failed = 0;
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS && !failed; i++) {
      failed = dump(fd, KINDS[i], 0, NULL, to);
      if (failed == EOPNOTSUPP || (failed == EINVAL && KINDS[i] == FLOWTABLE)) failed = 0;
    }
    struct buffer elements = {0};
    for (size_t at = 0; at < to->size && !failed;) {
      struct header *each = (struct header *)(to->data + at);
      struct generic *generic = (struct generic *)(each + 1);
      if ((each->type & 255) == SET) {
        size_t size = each->length - sizeof *each - sizeof *generic;
        struct buffer which = {0};
        const struct attribute *table = find(generic + 1, size, 1), *set = find(generic + 1, size, 2);
        if (table && set) {
          put(&which, 1, INSIDE(table));
          put(&which, 2, INSIDE(set));
          failed = dump(fd, ELEMENTS, generic->family, &which, &elements);
        }
        free(which.data);
      }
      at += ALIGN(each->length);
    }
    append(to, elements.data, elements.size);
    free(elements.data);
    if (!failed) failed = dump(fd, RULE, 0, NULL, to);
    if (!failed && generation(fd) != before) failed = EINTR;
    close(fd);
  }
  return failed;
}

/* --- iptables-legacy ------------------------------------------------------------------------- */

struct info {
  char name[32];
  uint32_t hooks, entry[5], underflow[5], entries, size;
};
struct entries {
  char name[32];
  uint32_t size;
  /* Aligned like the counters in it. */
  uint64_t data[];
};
struct replace {
  char name[32];
  uint32_t hooks, entries, size, entry[5], underflow[5], counter_count;
  void *counters;
  uint64_t data[];
};
/*
 * Offset of the counters in struct ipt_entry and ip6t_entry; two lengths and a word are before
 * them.
 */
static const int COUNTERS[] = {96, 152};
static const int LENGTHS[] = {88, 140};
enum { SET_REPLACE = 64, GET_INFO = 64, GET_ENTRIES = 65 };

static int level(int six) { return six ? IPPROTO_IPV6 : IPPROTO_IP; }

static int raw_socket(int six) { return socket(six ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_RAW); }

static int read_legacy(int fd, int six, const char *name, struct info *info, struct entries **entries) {
  memset(info, 0, sizeof *info);
  snprintf(info->name, sizeof info->name, "%s", name);
  socklen_t size = sizeof *info;
  if (getsockopt(fd, level(six), GET_INFO, info, &size) < 0) return -1;
  size = sizeof **entries + info->size;
  *entries = calloc(1, size);
  if (!*entries) return -1;
  snprintf((*entries)->name, sizeof (*entries)->name, "%s", name);
  (*entries)->size = info->size;
  if (getsockopt(fd, level(six), GET_ENTRIES, *entries, &size) == 0) return 0;
  free(*entries);
  return -1;
}

static FILE *legacy_names(int six) { return fopen(six ? "/proc/net/ip6_tables_names" : "/proc/net/ip_tables_names", "re"); }

/* Calls `take` for each existing table of iptables-legacy. */
static void each_legacy(void (*take)(int six, const struct info *, struct entries *, void *), void *context) {
  for (int six = 0; six < 2; six++) {
    FILE *names = legacy_names(six);
    int fd = raw_socket(six);
    char name[33];
    while (names && fd >= 0 && fscanf(names, "%32s", name) == 1) {
      struct info info;
      struct entries *entries;
      if (read_legacy(fd, six, name, &info, &entries) == 0) {
        take(six, &info, entries, context);
        free(entries);
      }
    }
    if (names) fclose(names);
    if (fd >= 0) close(fd);
  }
}

static void save_legacy(int six, const struct info *info, struct entries *entries, void *to) {
  struct header header = {.length = sizeof header + sizeof *info + info->size, .type = six ? LEGACY6 : LEGACY4};
  append(to, &header, sizeof header);
  append(to, info, sizeof *info);
  append(to, entries->data, info->size);
  extend(to, ALIGN(header.length) - header.length);
}

static void load_legacy(const struct header *record) {
  int six = record->type == LEGACY6, fd = raw_socket(six);
  struct info info, there;
  memcpy(&info, record + 1, sizeof info);
  struct entries *old;
  if (fd < 0 || read_legacy(fd, six, info.name, &there, &old) < 0) {
    printf("skipped %s legacy %s %s\n", six ? "ip6" : "ip", info.name, strerror(errno));
    return;
  }
  free(old);
  struct replace *made = calloc(1, sizeof *made + info.size);
  memcpy(made->name, info.name, sizeof made->name);
  made->hooks = info.hooks;
  made->entries = info.entries;
  made->size = info.size;
  memcpy(made->entry, info.entry, sizeof info.entry);
  memcpy(made->underflow, info.underflow, sizeof info.underflow);
  made->counter_count = there.entries;
  made->counters = calloc(there.entries, 16);
  memcpy(made->data, (const char *)(record + 1) + sizeof info, info.size);
  /* Packets counted on the host would be reported as dropped here. */
  for (uint32_t at = 0; at < info.size;) {
    unsigned char *entry = (unsigned char *)made->data + at;
    uint16_t next;
    memset(entry + COUNTERS[six], 0, 16);
    memcpy(&next, entry + LENGTHS[six] + 2, 2);
    if (!next) break;
    at += next;
  }
  if (setsockopt(fd, level(six), SET_REPLACE, made, sizeof *made + info.size) < 0) {
    printf("skipped %s legacy %s %s\n", six ? "ip6" : "ip", info.name, strerror(errno));
  }
  free(made->counters);
  free(made);
  close(fd);
}

static void tell_drops(int six, const struct info *info, struct entries *entries, void *chains) {
  static const char *const HOOKS[] = {"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"};
  char chain[64] = "";
  int line = 0;
  for (uint32_t at = 0; at < info->size;) {
    unsigned char *entry = (unsigned char *)entries->data + at;
    uint16_t target, next;
    uint64_t packets;
    int32_t verdict;
    memcpy(&target, entry + LENGTHS[six], 2);
    memcpy(&next, entry + LENGTHS[six] + 2, 2);
    memcpy(&packets, entry + COUNTERS[six], 8);
    memcpy(&verdict, entry + target + 32, 4);
    const char *name = (const char *)entry + target + 2;
    int policy = 0;
    for (int hook = 0; hook < 5; hook++) {
      if (!(info->hooks & 1u << hook)) continue;
      if (info->entry[hook] == at) {
        snprintf(chain, sizeof chain, "%s", HOOKS[hook]);
        line = 0;
      }
      if (info->underflow[hook] == at) policy = 1;
    }
    line++;
    if (!strcmp(name, "ERROR")) {
      snprintf(chain, sizeof chain, "%.30s", (const char *)entry + target + 32);
      line = 0;
      if (chains && strcmp(chain, "ERROR")) printf("chain %s %s %s\n", six ? "ip6" : "ip", info->name, chain);
    } else if (!chains && packets && ((name[0] == 0 && verdict == -1) || !strcmp(name, "REJECT"))) {
      printf("dropped %s %s %s ", six ? "ip6" : "ip", info->name, chain);
      if (policy) printf("policy %llu\n", (unsigned long long)packets);
      else printf("%d %llu\n", line, (unsigned long long)packets);
    }
    if (!next) break;
    at += next;
  }
}

/* --- load ------------------------------------------------------------------------------------ */

/* Copies the attributes that describe an object, not those that identify the original. */
static void keep(struct buffer *to, const void *data, size_t size, uint32_t wanted) {
  EACH(each, data, size) {
    int type = each->type & TYPE_MASK;
    if (type < 32 && wanted & 1u << type) put(to, each->type, INSIDE(each));
  }
}
#define BIT(n) (1u << (n))

/*
 * Writes those of a hook's devices that exist here; returns their number, or -1 if it names none.
 */
static int put_hook(struct buffer *to, const struct attribute *hook, int flowtable) {
  int device = flowtable ? -1 : 3, devices = flowtable ? 3 : 4, named = 0, here = 0;
  size_t nest = open_nest(to, hook->type & TYPE_MASK);
  EACH(each, INSIDE(hook)) {
    int type = each->type & TYPE_MASK;
    if (type == device && find(INSIDE(hook), devices)) continue;
    if (type == device) {
      named++;
      if (!if_nametoindex(text(each))) continue;
      here++;
      put(to, each->type, INSIDE(each));
    } else if (type == devices) {
      size_t list = open_nest(to, devices);
      EACH(one, INSIDE(each)) {
        named++;
        /* Type 2 is the prefix of a name. */
        if ((one->type & TYPE_MASK) != 2 && !if_nametoindex(text(one))) continue;
        here++;
        put(to, one->type, INSIDE(one));
      }
      if (here) close_nest(to, list);
      else to->size = list;
    } else put(to, each->type, INSIDE(each));
  }
  close_nest(to, nest);
  return named ? here : -1;
}

static void make_chain(struct buffer *to, const void *data, size_t size) {
  const struct attribute *hook = find(data, size, 4);
  uint32_t flags = number(find(data, size, 10));
  keep(to, data, size, BIT(1) | BIT(3) | BIT(12));
  size_t before = to->size;
  /* A chain whose interfaces do not exist here sees no packet; other rules may still jump to it. */
  if (hook && put_hook(to, hook, 0) == 0) {
    to->size = before;
    return;
  }
  if (!hook) return;
  keep(to, data, size, BIT(5) | BIT(7));
  /* NFT_CHAIN_BASE alone: no hardware offload. */
  if (flags & 1) put_number(to, 10, 1);
}

/*
 * iptables' extensions need the rule's protocol. iptables passes it beside the rule, and the kernel
 * does not report it: it is read from the rule's own comparison.
 */
static void put_compat(struct buffer *to, const struct attribute *expressions) {
  int loaded = 0, extension = 0;
  uint32_t protocol = 0, inverted = 0;
  EACH(each, INSIDE(expressions)) {
    const char *name = text(find(INSIDE(each), 1));
    const struct attribute *data = find(INSIDE(each), 2);
    if (!strcmp(name, "match") || !strcmp(name, "target")) extension = 1;
    if (!data) continue;
    if (!strcmp(name, "meta")) loaded = number(find(INSIDE(data), 2)) == 16;
    else if (!strcmp(name, "payload")) {
      /* One byte of the network header: protocol, or next header. */
      uint32_t offset = number(find(INSIDE(data), 3));
      loaded = number(find(INSIDE(data), 2)) == 1 && number(find(INSIDE(data), 4)) == 1 && (offset == 9 || offset == 6);
    } else if (!strcmp(name, "cmp") && loaded && !protocol) {
      const struct attribute *value = find(INSIDE(data), 3), *byte = value ? find(INSIDE(value), 1) : NULL;
      if (byte && byte->length > sizeof *byte) protocol = *(const unsigned char *)(byte + 1);
      inverted = number(find(INSIDE(data), 2)) == 1;
    }
  }
  if (!extension) return;
  size_t nest = open_nest(to, 5);
  put_number(to, 1, protocol);
  put_number(to, 2, inverted ? 2 : 0);
  close_nest(to, nest);
}

/*
 * Writes a rule's expressions. For a write or removal of a TCP option the kernel reports more than
 * it accepts: flags, and for a removal also place and length.
 */
static void put_expressions(struct buffer *to, const struct attribute *expressions) {
  size_t list = open_nest(to, 4);
  EACH(each, INSIDE(expressions)) {
    const struct attribute *data = find(INSIDE(each), 2);
    int writes = data && !strcmp(text(find(INSIDE(each), 1)), "exthdr") && !find(INSIDE(data), 1);
    if (!writes) {
      put(to, each->type, INSIDE(each));
      continue;
    }
    size_t one = open_nest(to, 1);
    put(to, 1, "exthdr", sizeof "exthdr");
    size_t inner = open_nest(to, 2);
    keep(to, INSIDE(data), find(INSIDE(data), 7) ? ~BIT(5) : ~(BIT(3) | BIT(4) | BIT(5)));
    close_nest(to, inner);
    close_nest(to, one);
  }
  close_nest(to, list);
}

/* Writes the message that creates one object again; nothing for an object that is left out. */
static int make(struct buffer *to, const struct header *from, const char *only, uint32_t sequence) {
  const struct generic *generic = (const struct generic *)(from + 1);
  const void *data = generic + 1;
  size_t size = from->length - sizeof *from - sizeof *generic, begin = to->size;
  int kind = from->type & 255;
  if (only && strcmp(text(find(data, size, 1)), only)) return 0;
  struct header *header = extend(to, sizeof *header);
  *header = (struct header){.type = from->type, .flags = REQUEST | CREATE | (kind == RULE ? APPEND : 0), .sequence = sequence};
  append(to, &(struct generic){.family = generic->family}, sizeof *generic);
  switch (kind) {
    case TABLE:
      keep(to, data, size, BIT(1) | BIT(6));
      /* Only the flag "dormant" is kept; the flag for a program's own table has no meaning here. */
      put_number(to, 2, number(find(data, size, 2)) & 1);
      break;
    case CHAIN: make_chain(to, data, size); break;
    case SET:
      keep(to, data, size, BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(9) | BIT(11) | BIT(12) |
                               BIT(13) | BIT(15) | BIT(17) | BIT(18));
      put_number(to, 10, sequence);
      break;
    case ELEMENTS: keep(to, data, size, BIT(1) | BIT(2) | BIT(3)); break;
    case OBJECT: keep(to, data, size, BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(8)); break;
    case FLOWTABLE: {
      const struct attribute *hook = find(data, size, 3);
      keep(to, data, size, BIT(1) | BIT(2));
      if (hook) put_hook(to, hook, 1);
      break;
    }
    case RULE: {
      const struct attribute *expressions = find(data, size, 4);
      keep(to, data, size, BIT(1) | BIT(2) | BIT(7));
      if (expressions) {
        put_expressions(to, expressions);
        put_compat(to, expressions);
      }
      break;
    }
    default: to->size = begin; return 0;
  }
  ((struct header *)(to->data + begin))->length = to->size - begin;
  return 1;
}

static void tell_skipped(const struct header *from, int error) {
  static const char *const FAMILIES[] = {[1] = "inet", [2] = "ip", [3] = "arp", [5] = "netdev", [7] = "bridge", [10] = "ip6"};
  const struct generic *generic = (const struct generic *)(from + 1);
  const void *data = generic + 1;
  size_t size = from->length - sizeof *from - sizeof *generic;
  int kind = from->type & 255;
  const char *family = generic->family < 11 && FAMILIES[generic->family] ? FAMILIES[generic->family] : "?";
  const char *name = text(find(data, size, kind == CHAIN ? 3 : 2));
  printf("skipped %s %s %s %s\n", family, text(find(data, size, 1)), *name ? name : "-", strerror(error));
}

static void batch_mark(struct buffer *to, int type, uint32_t sequence) {
  struct header header = {.length = sizeof header + sizeof(struct generic), .type = type, .flags = REQUEST, .sequence = sequence};
  append(to, &header, sizeof header);
  append(to, &(struct generic){.resource = htons(NFTABLES)}, sizeof(struct generic));
}

/* Loads in one transaction; repeats it without the objects that the kernel refused. */
static int load_nftables(const struct buffer *saved, const char *only) {
  size_t count = 0;
  for (size_t at = 0; at < saved->size; at += ALIGN(((struct header *)(saved->data + at))->length)) count++;
  unsigned char *refused = calloc(count + 3, 1);
  struct buffer batch = {0};
  for (int attempt = 0; attempt < 100; attempt++) {
    batch.size = 0;
    batch_mark(&batch, BATCH_BEGIN, 0);
    uint32_t sequence = 0;
    int any = 0;
    for (size_t at = 0; at < saved->size;) {
      const struct header *each = (struct header *)(saved->data + at);
      sequence++;
      if (each->type < LEGACY4 && !refused[sequence]) any |= make(&batch, each, only, sequence);
      at += ALIGN(each->length);
    }
    batch_mark(&batch, BATCH_END, sequence + 1);
    if (!any) return 0;
    int fd = open_netlink(), errors = 0, whole = 0;
    if (fd < 0 || send(fd, batch.data, batch.size, 0) < 0) return errno;
    static unsigned char data[1 << 16];
    long got;
    while ((got = recv(fd, data, sizeof data, MSG_DONTWAIT)) > 0) {
      const struct header *answer = (struct header *)data;
      int error = answer->type == NLMSG_ERROR ? -*(int32_t *)(answer + 1) : 0;
      if (!error) continue;
      if (answer->sequence == 0 || answer->sequence > count) {
        whole = error;
        continue;
      }
      errors++;
      uint32_t number = 0;
      for (size_t at = 0; at < saved->size; at += ALIGN(((struct header *)(saved->data + at))->length)) {
        if (++number != answer->sequence || refused[number]) continue;
        refused[number] = 1;
        tell_skipped((struct header *)(saved->data + at), error);
      }
    }
    close(fd);
    if (!errors) return whole;
  }
  return ELOOP;
}

/* --- play ------------------------------------------------------------------------------------ */

static uint16_t checksum(const unsigned char *data, size_t size, uint32_t sum) {
  for (size_t i = 0; i < size; i += 2) sum += data[i] << 8 | (i + 1 < size ? data[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void swap(unsigned char *a, unsigned char *b, size_t size) {
  for (size_t i = 0; i < size; i++) {
    unsigned char kept = a[i];
    a[i] = b[i];
    b[i] = kept;
  }
}

/*
 * Answers an ARP request. All addresses behind an end have one MAC: the asker's, with the highest
 * bit of its last byte flipped.
 */
static int tell_mac(unsigned char *frame, long size) {
  static const unsigned char REQUEST[] = {0, 1, 8, 0, 6, 4, 0, 1};
  unsigned char *arp = frame + 14;
  if (size < 42 || (frame[12] << 8 | frame[13]) != ETH_P_ARP || memcmp(arp, REQUEST, 8)) return 0;
  arp[7] = 2;
  memcpy(arp + 18, arp + 8, 6);
  arp[13] ^= 0x80;
  unsigned char kept[4];
  memcpy(kept, arp + 14, 4);
  memcpy(arp + 14, arp + 24, 4);
  memcpy(arp + 24, kept, 4);
  memcpy(frame, frame + 6, 6);
  memcpy(frame + 6, arp + 8, 6);
  return 42;
}

/*
 * Turns a frame into its answer; returns 0 if there is none. The number in it, IPv4's id or IPv6's
 * label, gets its highest bit.
 */
static int turn_round(unsigned char *frame, long size) {
  if (size < 14 + 20) return 0;
  if ((frame[12] << 8 | frame[13]) == ETH_P_ARP) return tell_mac(frame, size);
  unsigned char *ip = frame + 14;
  int six = (frame[12] << 8 | frame[13]) == ETH_P_IPV6;
  if (!six && (frame[12] << 8 | frame[13]) != ETH_P_IP) return 0;
  int length = six ? 40 : (ip[0] & 15) * 4, protocol = six ? ip[6] : ip[9], width = six ? 16 : 4;
  long rest = size - 14 - length;
  unsigned char *addresses = ip + (six ? 8 : 12), *payload = ip + length;
  if (length < 20 || rest < 8) return 0;
  /* The padding of a short frame is no part of the packet. */
  long said = six ? ip[4] << 8 | ip[5] : (ip[2] << 8 | ip[3]) - length;
  if (said < 8 || said > rest) return 0;
  /*
   * Without a number, or with an answer's, it is no request: otherwise two ends would answer each
   * other for ever.
   */
  int asked = six ? ip[2] << 8 | ip[3] : ip[4] << 8 | ip[5];
  if (!asked || asked & 0x8000) return 0;
  int at;
  if (protocol == IPPROTO_TCP && said >= 20 && (payload[13] & 0x17) == 0x02) {
    uint32_t sequence;
    memcpy(&sequence, payload + 4, 4);
    sequence = htonl(ntohl(sequence) + 1);
    memcpy(payload + 8, &sequence, 4);
    payload[13] = 0x12;
    swap(payload, payload + 2, 2);
    at = 16;
  } else if (protocol == IPPROTO_UDP) {
    swap(payload, payload + 2, 2);
    at = 6;
  } else if (!six && protocol == IPPROTO_ICMP && payload[0] == 8) {
    payload[0] = 0;
    at = 2;
  } else if (six && protocol == IPPROTO_ICMPV6 && payload[0] == 128) {
    payload[0] = 129;
    at = 2;
  } else return 0;
  swap(frame, frame + 6, 6);
  swap(addresses, addresses + width, width);
  payload[at] = payload[at + 1] = 0;
  uint32_t pseudo = 0;
  if (six || protocol != IPPROTO_ICMP) {
    pseudo = protocol + said;
    for (int i = 0; i < 2 * width; i += 2) pseudo += addresses[i] << 8 | addresses[i + 1];
  }
  uint16_t sum = checksum(payload, said, pseudo);
  payload[at] = sum >> 8;
  payload[at + 1] = sum;
  if (six) ip[2] ^= 0x80;
  else {
    ip[4] ^= 0x80;
    ip[8] = 64;
    ip[10] = ip[11] = 0;
    sum = checksum(ip, length, 0);
    ip[10] = sum >> 8;
    ip[11] = sum;
  }
  return 14 + length + said;
}

#define MOST_ENDS 4096
static struct pollfd ends[MOST_ENDS];
static int listens[MOST_ENDS], end_count;

static void add_end(int fd, int listening) {
  if (fd < 0 || end_count == MOST_ENDS) return;
  listens[end_count] = listening;
  ends[end_count++] = (struct pollfd){fd, POLLIN, 0};
}

static void open_ends(void) {
  struct if_nameindex *all = if_nameindex();
  for (struct if_nameindex *each = all; each && each->if_index; each++) {
    if (strncmp(each->if_name, "anklume-end", 11)) continue;
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = each->if_index};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
      close(fd);
      fd = -1;
    }
    add_end(fd, 0);
  }
  if_freenameindex(all);
}

/* Answers until no packet has come for this many milliseconds. */
static void attend(int quiet) {
  while (poll(ends, end_count, quiet) > 0) {
    for (int i = 0; i < end_count; i++) {
      unsigned char data[2048];
      struct sockaddr_storage from;
      socklen_t size = sizeof from;
      long got;
      while (ends[i].revents && (got = recvfrom(ends[i].fd, data, sizeof data, 0, (struct sockaddr *)&from, &size)) >= 0) {
        if (listens[i]) sendto(ends[i].fd, data, got, 0, (struct sockaddr *)&from, size);
        else if (((struct sockaddr_ll *)&from)->sll_pkttype != PACKET_OUTGOING) {
          got = turn_round(data, got);
          if (got && send(ends[i].fd, data, got, 0) < 0) perror("answer");
        }
        size = sizeof from;
      }
    }
  }
}

static void add_listener(int six, int port) {
  int on = 1, fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in at4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 at6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int whole = 2, none = 0;
  if (six) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  /* IP_MTU_DISCOVER and IPV6_AUTOFLOWLABEL: its answers then carry no number. */
  if (six) setsockopt(fd, IPPROTO_IPV6, 70, &none, sizeof none);
  else setsockopt(fd, IPPROTO_IP, 10, &whole, sizeof whole);
  if (bind(fd, six ? (void *)&at6 : (void *)&at4, six ? sizeof at6 : sizeof at4) == 0) add_end(fd, 1);
  else close(fd);
}

static void send_frame(const char *interface, const char *hex) {
  unsigned char data[512];
  size_t size = 0;
  for (unsigned byte; size < sizeof data && sscanf(hex + 2 * size, "%2x", &byte) == 1; size++) data[size] = byte;
  long sent = -1;
  int fd;
  if (strcmp(interface, "-")) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(interface)};
    fd = socket(AF_PACKET, SOCK_RAW, 0);
    sent = sendto(fd, data, size, 0, (struct sockaddr *)&to, sizeof to);
  } else {
    int six = data[0] >> 4 == 6, on = 1;
    struct sockaddr_in to4 = {.sin_family = AF_INET};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    memcpy(&to4.sin_addr, data + 16, 4);
    memcpy(&to6.sin6_addr, data + 24, 16);
    fd = raw_socket(six);
    /* IPV6_HDRINCL; for IPv4, IPPROTO_RAW implies it. */
    if (six) setsockopt(fd, IPPROTO_IPV6, 36, &on, sizeof on);
    sent = sendto(fd, data, size, 0, six ? (void *)&to6 : (void *)&to4, six ? sizeof to6 : sizeof to4);
  }
  if (sent < 0) printf("unsent %s\n", strerror(errno));
  close(fd);
}

static void play(void) {
  char line[1200], interface[24], hex[1100];
  int family, port, played = 0, told = 0;
  open_ends();
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "listen %d %d", &family, &port) == 2) add_listener(family == 6, port);
    else if (sscanf(line, "frame %15s %1099s", interface, hex) == 2) {
      send_frame(interface, hex);
      attend(5);
      printf("played %d\n", ++played);
      each_legacy(tell_drops, NULL);
    }
  }
  attend(20);
  each_legacy(tell_drops, &told);
}

static int read_all(struct buffer *to) {
  size_t got;
  do {
    void *at = extend(to, 65536);
    got = fread(at, 1, 65536, stdin);
    to->size -= 65536 - got;
  } while (got);
  return ferror(stdin);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  struct buffer all = {0};
  int failed = 0;
  alarm(60);
  if (!strcmp(what, "save")) {
    failed = save_nftables(&all);
    if (!failed) {
      each_legacy(save_legacy, &all);
      if (fwrite(all.data, 1, all.size, stdout) != all.size || fflush(stdout)) failed = errno;
    }
  } else if (!strcmp(what, "load")) {
    failed = read_all(&all) ? EIO : load_nftables(&all, argc > 2 ? argv[2] : NULL);
    for (size_t at = 0; at < all.size && argc <= 2 && !failed; at += ALIGN(((struct header *)(all.data + at))->length)) {
      const struct header *each = (struct header *)(all.data + at);
      if (each->type == LEGACY4 || each->type == LEGACY6) load_legacy(each);
    }
  } else if (!strcmp(what, "play")) {
    play();
  } else {
    fprintf(stderr, "usage: %s save|load [TABLE]|play\n", argc ? argv[0] : "ruleset");
    return 2;
  }
  if (failed) fprintf(stderr, "%s: %s\n", what, strerror(failed));
  return failed != 0;
}
