// The runner: tour DIRECTORY STEP... runs steps, each in a process of its own. It prints a line for
// each: "STEP OFF_CPU_NS RUNNABLE_NS", or "STEP ! REASON" if it could not be done. Steps joined by
// commas run at the same time.
#define _GNU_SOURCE
#include "tour.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    const char *name;
    void (*run)(void);
} steps[128];
static int step_count;

static const char *directory, *current_step;

// Of the measured calls: the time off the CPU, and the part of it in which the thread was runnable.
typedef struct {
    int64_t off_cpu_ns, runnable_ns;
} Clocks;

static Clocks measured, began;

void add_step(const char *name, void (*run)(void)) {
    steps[step_count].name = name;
    steps[step_count++].run = run;
}

// One write for a line: all processes of the tour write to the same file.
static void print_line(const char *separator, const char *text) {
    char line[400];
    int length = snprintf(line, sizeof line, "%s%s%s\n", current_step, separator, text);
    if (write(STDOUT_FILENO, line, length) != length)
        _exit(8);
}

void fail(const char *call) {
    char text[300];
    snprintf(text, sizeof text, "%s: %s", strerror(errno), call);
    print_line(" ! ", text);
    _exit(9);
}

// --- clocks

static int64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

int64_t now_ns(void) {
    return clock_ns(CLOCK_MONOTONIC);
}

static Clocks read_clocks(void) {
    long long running_ns, runnable_ns = 0;
    FILE *file = fopen("/proc/thread-self/schedstat", "r");
    if (file) {
        if (fscanf(file, "%lld %lld", &running_ns, &runnable_ns) != 2)
            runnable_ns = 0;
        fclose(file);
    }
    return (Clocks){now_ns() - clock_ns(CLOCK_THREAD_CPUTIME_ID), runnable_ns};
}

void begin_measuring(void) {
    name_thread("");
    began = read_clocks();
}

void end_measuring(void) {
    Clocks ended = read_clocks();
    measured.off_cpu_ns += ended.off_cpu_ns - began.off_cpu_ns;
    measured.runnable_ns += ended.runnable_ns - began.runnable_ns;
    name_thread("s");
}

void print_measured(void) {
    char text[60];
    snprintf(text, sizeof text, "%lld %lld", (long long)measured.off_cpu_ns,
             (long long)measured.runnable_ns);
    print_line(" ", text);
}

void nap(int64_t ns) {
    struct timespec time = {ns / 1000000000, ns % 1000000000};
    while (nanosleep(&time, &time) && errno == EINTR)
        continue;
}

void nap_until(volatile int *flag) {
    while (!*flag)
        nap(1000000);
}

// --- names, threads, children

const char *step_name(void) {
    return current_step;
}

void name_thread(const char *role) {
    char name[16];
    snprintf(name, sizeof name, "%s%s%s", role, *role ? ":" : "", current_step);
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

char *path_of(const char *file) {
    char *path;
    if (asprintf(&path, "%s/%s.%s", directory, current_step, file) < 0)
        fail("asprintf");
    return path;
}

void reap(void) {
    while (waitpid(-1, NULL, 0) > 0)
        continue;
}

pthread_t start_thread(void *(*run)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument))
        fail("pthread_create");
    return thread;
}

// --- a page that comes late

static int faults;
static char *late_page;
static volatile int is_awaited;

static void *answer(void *unused) {
    struct uffd_msg message;
    name_thread("w");
    MUST(read(faults, &message, sizeof message));
    is_awaited = 1;
    nap(WAIT_NS);
    struct uffdio_zeropage zero = {.range = {(uintptr_t)late_page, 4096}};
    MUST(ioctl(faults, UFFDIO_ZEROPAGE, &zero));
    return unused;
}

char *slow_page(void) {
    struct uffdio_api api = {.api = UFFD_API};
    faults = MUST(syscall(SYS_userfaultfd, O_CLOEXEC));
    MUST(ioctl(faults, UFFDIO_API, &api));
    late_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {(uintptr_t)late_page, 4096},
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};
    MUST(ioctl(faults, UFFDIO_REGISTER, &range));
    start_thread(answer, NULL);
    return late_page;
}

void wait_for_slow_page(void) {
    nap_until(&is_awaited);
}

// --- running

static void run_step(const char *name) {
    for (int i = 0; i < step_count; i++)
        if (!strcmp(steps[i].name, name)) {
            current_step = name;
            name_thread("s");
            steps[i].run();
            print_measured();
            exit(0);
        }
    fprintf(stderr, "no step %s\n", name);
    _exit(8);
}

int main(int count, char **words) {
    if (count < 3) {
        for (int i = 0; i < step_count; i++)
            puts(steps[i].name);
        return 0;
    }
    directory = words[1];
    for (int i = 2; i < count; i++) {
        char *rest = words[i];
        for (char *name; (name = strsep(&rest, ","));)
            if (!MUST(fork()))
                run_step(name);
        reap();
    }
    return 0;
}
