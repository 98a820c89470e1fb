// What the steps of the tour share: names, naps, measuring, peers.
#ifndef TOUR_H
#define TOUR_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#define MEGABYTE (1 << 20)

// How long a wait lasts.
#define WAIT_NS 200000000L

// A step registers itself: STEP(pipe_read) { ... }.
#define STEP(name)                                                                                 \
    static void step_##name(void);                                                                 \
    __attribute__((constructor)) static void register_##name(void) {                               \
        add_step(#name, step_##name);                                                              \
    }                                                                                              \
    static void step_##name(void)

void add_step(const char *name, void (*run)(void));

// End the step with a message if a call returns -1; return its result.
#define MUST(call)                                                                                 \
    ({                                                                                             \
        __typeof__(call) result_ = (call);                                                         \
        if ((long)result_ == -1)                                                                   \
            fail(#call);                                                                           \
        result_;                                                                                   \
    })

void fail(const char *call);

// Measure a call: how long its thread was off the CPU, and how long of that it waited for a CPU.
// Several calls are added up. While it is measured, and only then, a thread has the step's name;
// at other times a process is named s:STEP.
#define MEASURE(call)                                                                              \
    do {                                                                                           \
        begin_measuring();                                                                         \
        call;                                                                                      \
        end_measuring();                                                                           \
    } while (0)

void begin_measuring(void);
void end_measuring(void);
void print_measured(void); // the runner calls it at the end of a step

int64_t now_ns(void);
void nap(int64_t ns);
void nap_until(volatile int *flag);
void name_thread(const char *role); // "w" makes it "w:STEP"; "" gives it the step's own name
const char *step_name(void);
char *path_of(const char *file); // a file of this step, in the tour's directory
void reap(void);                 // waits for all children

// Fork a process named w:STEP that runs a statement after WAIT_NS.
#define LATER(statement)                                                                           \
    ({                                                                                             \
        pid_t child_ = MUST(fork());                                                               \
        if (!child_) {                                                                             \
            name_thread("w");                                                                      \
            nap(WAIT_NS);                                                                          \
            statement;                                                                             \
            _exit(0);                                                                              \
        }                                                                                          \
        child_;                                                                                    \
    })

pthread_t start_thread(void *(*run)(void *), void *argument);

// A page whose first touch waits (userfaultfd) until a thread named w:STEP answers, WAIT_NS later.
char *slow_page(void);
void wait_for_slow_page(void); // until a thread waits for it

#endif
