// What the kernel itself takes for a sweep: pread on kept descriptors, numbers read where they lie.
// Arguments: how many sweeps, then the names of the files. Reads directories, one a line; prints nanoseconds, one a sweep.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MOST 100000
#define WARM_UP 3

static int fds[MOST];
static char buffer[65536];
static volatile uint64_t sum;

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t parse(const char *at, const char *end) {
  uint64_t total = 0, value = 0;
  for (; at < end; at++) {
    if (*at >= '0' && *at <= '9') {
      value = value * 10 + (uint64_t)(*at - '0');
    } else {
      total += value;
      value = 0;
    }
  }
  return total + value;
}

static void sweep(int count) {
  for (int i = 0; i < count; i++) {
    ssize_t length = pread(fds[i], buffer, sizeof buffer, 0);
    if (length < 0) die("pread");
    sum += parse(buffer, buffer + length);
  }
}

int main(int argc, char **argv) {
  char line[4096], path[8192];
  int count = 0;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = 0;
    for (int i = 2; i < argc && count < MOST; i++) {
      snprintf(path, sizeof path, "%s/%s", line, argv[i]);
      if ((fds[count++] = open(path, O_RDONLY | O_CLOEXEC)) < 0) die(path);
    }
  }
  for (int i = 0; i < WARM_UP; i++) sweep(count);
  for (int i = 0; i < atoi(argv[1]); i++) {
    struct timespec begun, ended;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    sweep(count);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    printf("%lld\n", (ended.tv_sec - begun.tv_sec) * 1000000000LL + ended.tv_nsec - begun.tv_nsec);
  }
  return 0;
}
