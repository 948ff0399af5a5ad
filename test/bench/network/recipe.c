// The recipe of netns/sandbox.ts for a container, in C and without its second looks: what the kernel itself takes.
// Reads lines "NETNS HOSTLINK ADDRESS MAC OWNER MTU", makes one sandbox for each, prints the nanoseconds of each.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SELF "/proc/thread-self/ns/net"
#define GATEWAY "169.254.1.1"
#define GROUP 1

static char out[8192];
static size_t length;
static int pending;

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static void write_file(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, value, strlen(value)) < 0) die(path);
  close(fd);
}

static int open_socket(void) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), on = 1;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("netlink socket");
  setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return fd;
}

static struct nlmsghdr *begin(int type, int flags, const void *body, size_t size) {
  struct nlmsghdr *header = (struct nlmsghdr *)(out + length);
  *header = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags};
  memcpy(NLMSG_DATA(header), body, size);
  length += NLMSG_SPACE(size);
  pending++;
  return header;
}

static struct rtattr *attribute(int type, const void *value, size_t size) {
  struct rtattr *head = (struct rtattr *)(out + length);
  *head = (struct rtattr){.rta_type = type, .rta_len = RTA_LENGTH(size)};
  if (size > 0) memcpy(RTA_DATA(head), value, size);
  length += RTA_SPACE(size);
  return head;
}

static void text(int type, const char *value) { attribute(type, value, strlen(value) + 1); }
static void number(int type, unsigned value) { attribute(type, &value, sizeof value); }
static void finish(struct rtattr *head) { head->rta_len = out + length - (char *)head; }
static void done(struct nlmsghdr *header) { header->nlmsg_len = out + length - (char *)header; }

static void ipv4(int type, const char *value) {
  struct in_addr address;
  inet_pton(AF_INET, value, &address);
  attribute(type, &address, sizeof address);
}

static void mac(int type, const char *value) {
  unsigned char bytes[6];
  sscanf(value, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", bytes, bytes + 1, bytes + 2, bytes + 3, bytes + 4, bytes + 5);
  attribute(type, bytes, sizeof bytes);
}

// Sends what has been gathered and takes the acknowledgements; returns the index of a link that came with them.
static int flush(int fd) {
  static char in[32768];
  int index = 0;
  if (send(fd, out, length, 0) < 0) die("send");
  length = 0;
  while (pending > 0) {
    ssize_t got = recv(fd, in, sizeof in, 0);
    if (got < 0) die("recv");
    for (struct nlmsghdr *reply = (struct nlmsghdr *)in; NLMSG_OK(reply, got); reply = NLMSG_NEXT(reply, got)) {
      if (reply->nlmsg_type == RTM_NEWLINK) index = ((struct ifinfomsg *)NLMSG_DATA(reply))->ifi_index;
      if (reply->nlmsg_type != NLMSG_ERROR) continue;
      pending--;
      errno = -((struct nlmsgerr *)NLMSG_DATA(reply))->error;
      if (errno != 0) die("netlink");
    }
  }
  return index;
}

static int find_link(int fd, const char *name) {
  struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
  struct nlmsghdr *header = begin(RTM_GETLINK, 0, &body, sizeof body);
  text(IFLA_IFNAME, name);
  number(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  done(header);
  return flush(fd);
}

static void new_pair(const char *link, const char *eth0_mac, unsigned mtu, int netns) {
  struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
  struct nlmsghdr *header = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
  text(IFLA_IFNAME, link);
  mac(IFLA_ADDRESS, "ee:ee:ee:ee:ee:ee");
  number(IFLA_MTU, mtu);
  number(IFLA_GROUP, GROUP);
  struct rtattr *info = attribute(IFLA_LINKINFO, NULL, 0);
  text(IFLA_INFO_KIND, "veth");
  struct rtattr *data = attribute(IFLA_INFO_DATA, NULL, 0);
  struct rtattr *peer = attribute(VETH_INFO_PEER, &body, sizeof body);
  text(IFLA_IFNAME, "eth0");
  mac(IFLA_ADDRESS, eth0_mac);
  number(IFLA_MTU, mtu);
  number(IFLA_NET_NS_FD, netns);
  finish(peer);
  finish(data);
  finish(info);
  done(header);
}

static void set_link(int index, const char *name, const char *alias, int up) {
  struct ifinfomsg body = {.ifi_index = index, .ifi_flags = up ? IFF_UP : 0, .ifi_change = up ? IFF_UP : 0};
  struct nlmsghdr *header = begin(RTM_SETLINK, 0, &body, sizeof body);
  if (name != NULL) text(IFLA_IFNAME, name);
  if (alias != NULL) text(IFLA_IFALIAS, alias);
  done(header);
}

static void add_address(int index, const char *address, int scope) {
  struct ifaddrmsg body = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_scope = scope, .ifa_index = index};
  struct nlmsghdr *header = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof body);
  ipv4(IFA_LOCAL, address);
  ipv4(IFA_ADDRESS, address);
  done(header);
}

static void add_route(int index, const char *to, const char *via, const char *source, int scope) {
  struct rtmsg body = {.rtm_family = AF_INET, .rtm_dst_len = to ? 32 : 0, .rtm_table = RT_TABLE_MAIN,
                       .rtm_protocol = RTPROT_STATIC, .rtm_scope = scope, .rtm_type = RTN_UNICAST};
  struct nlmsghdr *header = begin(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof body);
  if (to != NULL) ipv4(RTA_DST, to);
  if (via != NULL) ipv4(RTA_GATEWAY, via);
  ipv4(RTA_PREFSRC, source);
  number(RTA_OIF, index);
  done(header);
}

// As netns/namespaces.ts: an empty file, a new namespace prepared from within, the mount that names it, and the way
// back. `socket` keeps serving the namespace from outside.
static int new_namespace(int home, const char *name, int *socket) {
  char path[128];
  snprintf(path, sizeof path, "/run/netns/%s", name);
  int file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
  if (file < 0) die(path);
  close(file);
  if (unshare(CLONE_NEWNET) < 0) die("unshare");
  int netns = open(SELF, O_RDONLY | O_CLOEXEC);
  *socket = open_socket();
  write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
  if (netns < 0 || mount(SELF, path, "none", MS_BIND, NULL) < 0) die("mount");
  if (setns(home, CLONE_NEWNET) < 0) die("setns");
  return netns;
}

static void create(int home, int host, char *const word[6]) {
  char path[128];
  const char *name = word[0], *link = word[1], *address = word[2], *owner = word[4];
  int inside, netns = new_namespace(home, name, &inside);
  new_pair(link, word[3], atoi(word[5]), netns);
  set_link(0, link, owner, 0);
  flush(host);
  int index = find_link(host, link);
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", link);
  write_file(path, "1");
  set_link(index, NULL, NULL, 1);
  add_address(index, GATEWAY, RT_SCOPE_LINK);
  add_route(index, address, NULL, GATEWAY, RT_SCOPE_LINK);
  flush(host);
  int eth0 = find_link(inside, "eth0");
  set_link(1, NULL, NULL, 1);
  set_link(eth0, NULL, owner, 1);
  add_address(eth0, address, RT_SCOPE_UNIVERSE);
  add_route(eth0, GATEWAY, NULL, address, RT_SCOPE_LINK);
  add_route(eth0, NULL, GATEWAY, address, RT_SCOPE_UNIVERSE);
  flush(inside);
  close(inside);
  close(netns);
}

int main(void) {
  char line[512], *word[6];
  int home = open(SELF, O_RDONLY | O_CLOEXEC), host = open_socket();
  while (fgets(line, sizeof line, stdin) != NULL) {
    int words = 0;
    for (char *at = strtok(line, " \n"); at != NULL && words < 6; at = strtok(NULL, " \n")) word[words++] = at;
    if (words < 6) continue;
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    create(home, host, word);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%ld\n", (ended.tv_sec - begun.tv_sec) * 1000000000L + ended.tv_nsec - begun.tv_nsec);
  }
  return 0;
}
