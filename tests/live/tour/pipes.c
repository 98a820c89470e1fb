// Pipes and terminals.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <pty.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char bytes[65536];

STEP(pipe_read) {
    int ends[2];
    MUST(pipe(ends));
    LATER(write(ends[1], "x", 1));
    MEASURE(MUST(read(ends[0], bytes, 1)));
    reap();
}

STEP(pipe_write) {
    int ends[2];
    MUST(pipe(ends));
    MUST(write(ends[1], bytes, sizeof bytes));
    LATER(read(ends[0], bytes, sizeof bytes));
    MEASURE(MUST(write(ends[1], bytes, 4096)));
    reap();
}

STEP(fifo_open) {
    char *fifo = path_of("fifo");
    MUST(mkfifo(fifo, 0600));
    LATER(open(fifo, O_WRONLY));
    MEASURE(MUST(open(fifo, O_RDONLY)));
    reap();
}

STEP(splice) {
    int from[2], to[2];
    MUST(pipe(from));
    MUST(pipe(to));
    LATER(write(from[1], "x", 1));
    MEASURE(MUST(splice(from[0], NULL, to[1], NULL, 10, 0)));
    reap();
}

static void *write_slow_page(void *page) {
    name_thread("h");
    MUST(write(((int *)bytes)[1], page, 4096));
    return NULL;
}

// A writer holds the pipe's mutex while a page of what it writes comes late.
STEP(pipe_mutex) {
    int *ends = (int *)bytes;
    MUST(pipe(ends));
    pthread_t holder = start_thread(write_slow_page, slow_page());
    wait_for_slow_page();
    MEASURE(MUST(write(ends[1], "x", 1)));
    pthread_join(holder, NULL);
}

STEP(tty_read) {
    int master, terminal;
    MUST(openpty(&master, &terminal, NULL, NULL, NULL));
    LATER(write(master, "x\n", 2));
    MEASURE(MUST(read(terminal, bytes, 10)));
    reap();
}

static void drain(int master) {
    fcntl(master, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 400; i++) {
        if (read(master, bytes, 4096) < 0)
            nap(100000);
    }
}

STEP(tty_write) {
    int master, terminal;
    MUST(openpty(&master, &terminal, NULL, NULL, NULL));
    fcntl(terminal, F_SETFL, O_NONBLOCK);
    memset(bytes, 'x', 4096);
    while (write(terminal, bytes, 4096) > 0)
        continue;
    fcntl(terminal, F_SETFL, 0);
    LATER(drain(master));
    MEASURE(MUST(write(terminal, bytes, 4096)));
    reap();
}

STEP(pty_read) {
    int master, terminal;
    MUST(openpty(&master, &terminal, NULL, NULL, NULL));
    LATER(write(terminal, "x", 1));
    MEASURE(MUST(read(master, bytes, 10)));
    reap();
}
