// Waiting for one of several files, for events, for a time.
#define _GNU_SOURCE
#include "tour.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS (WAIT_NS / 1000000)

STEP(epoll) {
    int ends[2], set = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN};
    MUST(pipe(ends));
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(epoll_wait(set, &event, 1, -1)));
    reap();
}

STEP(poll) {
    int ends[2];
    MUST(pipe(ends));
    struct pollfd file = {ends[0], POLLIN, 0};
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(poll(&file, 1, -1)));
    reap();
}

STEP(select) {
    int ends[2];
    fd_set set;
    MUST(pipe(ends));
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(select(ends[0] + 1, &set, NULL, NULL, NULL)));
    reap();
}

STEP(epoll_timed) {
    int set = MUST(epoll_create1(0));
    struct epoll_event event;
    MEASURE(MUST(epoll_wait(set, &event, 1, WAIT_MS)));
}

STEP(poll_timed) {
    MEASURE(MUST(poll(NULL, 0, WAIT_MS)));
}

STEP(select_timed) {
    struct timeval timeout = {0, WAIT_NS / 1000};
    MEASURE(MUST(select(0, NULL, NULL, NULL, &timeout)));
}

// Until a process has ended.
STEP(poll_pidfd) {
    pid_t child = LATER();
    struct pollfd file = {MUST(syscall(SYS_pidfd_open, child, 0)), POLLIN, 0};
    MEASURE(MUST(poll(&file, 1, -1)));
    reap();
}

STEP(eventfd_read) {
    int counter = MUST(eventfd(0, 0));
    uint64_t value = 1;
    LATER(write(counter, &value, sizeof value));
    MEASURE(MUST(read(counter, &value, sizeof value)));
    reap();
}

STEP(eventfd_write) {
    int counter = MUST(eventfd(0, 0));
    uint64_t value = ~0ULL - 1;
    MUST(write(counter, &value, sizeof value));
    LATER(read(counter, &value, sizeof value));
    value = 1;
    MEASURE(MUST(write(counter, &value, sizeof value)));
    reap();
}

STEP(signalfd) {
    sigset_t set;
    struct signalfd_siginfo info;
    pid_t parent = getpid();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int file = MUST(signalfd(-1, &set, 0));
    LATER(kill(parent, SIGUSR1));
    MEASURE(MUST(read(file, &info, sizeof info)));
    reap();
}

STEP(inotify) {
    char event[400], *directory = path_of("directory");
    int watch = MUST(inotify_init());
    MUST(mkdir(directory, 0700));
    MUST(inotify_add_watch(watch, directory, IN_DELETE_SELF));
    LATER(rmdir(directory));
    MEASURE(MUST(read(watch, event, sizeof event)));
    reap();
}

STEP(timerfd) {
    int timer = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
    struct itimerspec time = {{0, 0}, {0, WAIT_NS}};
    uint64_t value;
    MUST(timerfd_settime(timer, 0, &time, NULL));
    MEASURE(MUST(read(timer, &value, sizeof value)));
}

STEP(nanosleep) {
    MEASURE(nap(WAIT_NS));
}

STEP(clock_sleep) {
    int64_t end_ns = now_ns() + WAIT_NS;
    struct timespec end = {end_ns / 1000000000, end_ns % 1000000000};
    MEASURE(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL));
}
