// Children, signals, stops, ends of processes with many threads.
#define _GNU_SOURCE
#include "tour.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

STEP(waitpid) {
    pid_t child = LATER();
    MEASURE(MUST(waitpid(child, NULL, 0)));
}

STEP(waitid) {
    siginfo_t info;
    LATER();
    MEASURE(MUST(waitid(P_ALL, 0, &info, WEXITED)));
}

STEP(vfork) {
    begin_measuring();
    if (!MUST(vfork())) {
        name_thread("w");
        nap(WAIT_NS);
        _exit(0);
    }
    end_measuring();
    reap();
}

// --- signals

static void ignore(int number) {
    (void)number;
}

static sigset_t block(int number, sigset_t *before) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, before);
    return set;
}

STEP(sigsuspend) {
    sigset_t before;
    pid_t parent = getpid();
    signal(SIGUSR1, ignore);
    block(SIGUSR1, &before);
    LATER(kill(parent, SIGUSR1));
    MEASURE(sigsuspend(&before));
    reap();
}

STEP(sigwait) {
    siginfo_t info;
    pid_t parent = getpid();
    sigset_t set = block(SIGUSR1, NULL);
    LATER(kill(parent, SIGUSR1));
    MEASURE(MUST(sigwaitinfo(&set, &info)));
    reap();
}

STEP(pause_alarm) {
    struct itimerspec time = {{0, 0}, {0, WAIT_NS}};
    timer_t timer;
    signal(SIGALRM, ignore);
    MUST(timer_create(CLOCK_MONOTONIC, NULL, &timer));
    MUST(timer_settime(timer, 0, &time, NULL));
    MEASURE(pause());
}

STEP(sigstop) {
    pid_t parent = getpid();
    LATER(kill(parent, SIGCONT));
    MEASURE(raise(SIGSTOP));
    reap();
}

// The child has the step's name: it stops, and its tracer lets it go on.
STEP(ptrace_stop) {
    int status;
    pid_t child = MUST(fork());
    if (!child) {
        MUST(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
        MEASURE(raise(SIGUSR2));
        print_measured();
        _exit(0);
    }
    name_thread("w");
    MUST(waitpid(child, &status, 0));
    nap(WAIT_NS);
    MUST(ptrace(PTRACE_CONT, child, NULL, NULL));
    MUST(waitpid(child, &status, 0));
    _exit(0);
}

// --- processes with many threads

static void *sleep_long(void *unused) {
    name_thread("t");
    nap(100000000000L);
    return unused;
}

static void start_threads(int count) {
    for (int i = 0; i < count; i++)
        pthread_detach(start_thread(sleep_long, NULL));
    nap(20000000); // until they sleep
}

// To become another program, a thread waits until the others have ended.
STEP(exec_threads) {
    start_threads(200);
    print_measured();
    name_thread("");
    execl("/bin/true", "true", (char *)NULL);
}

// The parent waits for the end of a process with many threads and much memory.
STEP(exit_threads) {
    int ends[2];
    char byte;
    MUST(pipe(ends));
    pid_t child = MUST(fork());
    if (!child) {
        size_t size = 256 * MEGABYTE;
        char *memory =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        name_thread("w");
        madvise(memory, size, MADV_NOHUGEPAGE);
        memset(memory, 1, size);
        start_threads(100);
        MUST(write(ends[1], "x", 1));
        _exit(0);
    }
    MUST(read(ends[0], &byte, 1));
    MEASURE(MUST(waitpid(child, NULL, 0)));
}

// The other threads of a process that dumps its memory wait until that is done.
STEP(core_dump) {
    struct rlimit no_limit = {RLIM_INFINITY, RLIM_INFINITY};
    char directory[40], command[60];
    snprintf(directory, sizeof directory, "/dev/shm/tour.%d", getpid());
    MUST(mkdir(directory, 0700));
    pid_t child = MUST(fork());
    if (!child) {
        size_t size = 64 * MEGABYTE;
        name_thread("w");
        MUST(setrlimit(RLIMIT_CORE, &no_limit));
        MUST(chdir(directory));
        char *memory =
            mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(memory, 1, size);
        start_threads(20);
        abort();
    }
    MEASURE(MUST(waitpid(child, NULL, 0)));
    snprintf(command, sizeof command, "rm -r %s", directory);
    MUST(system(command));
}
