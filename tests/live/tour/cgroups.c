// Waiting for a CPU, and being throttled by a control group.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

// All of it is measured: this process never waits by itself.
static void compute(int64_t ns) {
    for (int64_t end_ns = cpu_ns() + ns; cpu_ns() < end_ns;)
        continue;
}

// Two processes of this name on one CPU.
STEP(one_cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(0, &set);
    MUST(sched_setaffinity(0, sizeof set, &set));
    for (int i = 0; i < 2; i++)
        if (!MUST(fork())) {
            MEASURE(compute(WAIT_NS));
            print_measured();
            _exit(0);
        }
    reap();
    _exit(0);
}

// --- control groups, of either version

static const char *const roots[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/%s"};
static char group[200];

static int write_to(const char *file, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", group, file);
    int opened = open(path, O_WRONLY);
    if (opened < 0)
        return -1;
    int count = write(opened, text, strlen(text));
    close(opened);
    return count < 0 ? -1 : 0;
}

static int is_version_2(void) {
    return access("/sys/fs/cgroup/cgroup.controllers", R_OK) == 0;
}

static void make_group(const char *controller) {
    char root[60], all[20];
    snprintf(root, sizeof root, roots[!is_version_2()], controller);
    snprintf(all, sizeof all, "+%s", controller);
    snprintf(group, sizeof group, "%s", root);
    if (is_version_2())
        MUST(write_to("cgroup.subtree_control", all));
    snprintf(group, sizeof group, "%s/tour.%d", root, getpid());
    MUST(mkdir(group, 0755));
}

// Run a statement in a child that is a member of the group; then remove the group.
#define IN_GROUP(statement)                                                                        \
    do {                                                                                           \
        if (!MUST(fork())) {                                                                       \
            MUST(write_to("cgroup.procs", "0"));                                                   \
            statement;                                                                             \
            print_measured();                                                                      \
            _exit(0);                                                                              \
        }                                                                                          \
        reap();                                                                                    \
        rmdir(group);                                                                              \
        _exit(0);                                                                                  \
    } while (0)

// A tenth of a CPU.
STEP(cpu_quota) {
    make_group("cpu");
    if (is_version_2())
        MUST(write_to("cpu.max", "10000 100000"));
    else
        MUST(write_to("cpu.cfs_quota_us", "10000"));
    IN_GROUP(MEASURE(compute(WAIT_NS / 8)));
}

static void write_much(void) {
    static char bytes[MEGABYTE];
    int file = MUST(open(path_of("file"), O_CREAT | O_RDWR | O_TRUNC, 0600));
    for (int i = 0; i < 128; i++)
        MEASURE(MUST(write(file, bytes, sizeof bytes)));
}

STEP(memory_limit) {
    make_group("memory");
    MUST(write_to(is_version_2() ? "memory.high" : "memory.limit_in_bytes", "16777216"));
    IN_GROUP(write_much());
}
