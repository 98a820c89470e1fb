// Locks of files, message queues.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

// A process named w:STEP runs `take`, reports that it did, and runs `release` WAIT_NS later.
#define HELD_BY_PEER(take, release)                                                                \
    do {                                                                                           \
        int ends_[2];                                                                              \
        char byte_;                                                                                \
        MUST(pipe(ends_));                                                                         \
        if (!MUST(fork())) {                                                                       \
            name_thread("w");                                                                      \
            take;                                                                                  \
            MUST(write(ends_[1], "x", 1));                                                         \
            nap(WAIT_NS);                                                                          \
            release;                                                                               \
            _exit(0);                                                                              \
        }                                                                                          \
        MUST(read(ends_[0], &byte_, 1));                                                           \
    } while (0)

STEP(flock) {
    char *path = path_of("file");
    int file = MUST(open(path, O_CREAT | O_RDWR, 0600)), other;
    HELD_BY_PEER(other = MUST(open(path, O_RDWR)); MUST(flock(other, LOCK_EX)),
                 flock(other, LOCK_UN));
    MEASURE(MUST(flock(file, LOCK_EX)));
    reap();
}

static void wait_for_record_lock(int command) {
    char *path = path_of("file");
    int file = MUST(open(path, O_CREAT | O_RDWR, 0600)), other;
    struct flock lock = {.l_type = F_WRLCK};
    HELD_BY_PEER(other = MUST(open(path, O_RDWR)); MUST(fcntl(other, command, &lock)), );
    MEASURE(MUST(fcntl(file, command, &lock)));
    reap();
}

STEP(fcntl_lock) {
    wait_for_record_lock(F_SETLKW);
}

STEP(ofd_lock) {
    wait_for_record_lock(F_OFD_SETLKW);
}

// The holder of a lease is asked by SIGIO to give it back.
static void return_lease(int file) {
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigwait(&set, &number);
    nap(WAIT_NS);
    MUST(fcntl(file, F_SETLEASE, F_UNLCK));
}

STEP(lease) {
    char *path = path_of("file");
    sigset_t set;
    int other;
    close(MUST(open(path, O_CREAT | O_RDWR, 0600)));
    sigemptyset(&set);
    sigaddset(&set, SIGIO);
    sigprocmask(SIG_BLOCK, &set, NULL);
    HELD_BY_PEER(other = MUST(open(path, O_RDONLY)); MUST(fcntl(other, F_SETLEASE, F_RDLCK)),
                 return_lease(other));
    MEASURE(MUST(open(path, O_WRONLY)));
    reap();
}

// --- message queues

static struct {
    long type;
    char text[4000];
} message = {1, ""};

STEP(msgrcv) {
    int queue = MUST(msgget(IPC_PRIVATE, 0600));
    LATER(msgsnd(queue, &message, 1, 0));
    MEASURE(MUST(msgrcv(queue, &message, 1, 0, 0)));
    reap();
    msgctl(queue, IPC_RMID, NULL);
}

STEP(msgsnd) {
    int queue = MUST(msgget(IPC_PRIVATE, 0600));
    while (!msgsnd(queue, &message, sizeof message.text, IPC_NOWAIT))
        continue;
    LATER(for (int i = 0; i < 2; i++) msgrcv(queue, &message, sizeof message.text, 0, 0));
    MEASURE(MUST(msgsnd(queue, &message, sizeof message.text, 0)));
    reap();
    msgctl(queue, IPC_RMID, NULL);
}

static mqd_t posix_queue(void) {
    char name[40];
    struct mq_attr one_message = {.mq_maxmsg = 1, .mq_msgsize = 10};
    snprintf(name, sizeof name, "/tour.%d", getpid());
    mqd_t queue = MUST(mq_open(name, O_CREAT | O_RDWR, 0600, &one_message));
    mq_unlink(name);
    return queue;
}

STEP(mq_receive) {
    char text[10];
    mqd_t queue = posix_queue();
    LATER(mq_send(queue, "x", 1, 0));
    MEASURE(MUST(mq_receive(queue, text, sizeof text, NULL)));
    reap();
}

STEP(mq_send) {
    char text[10];
    mqd_t queue = posix_queue();
    MUST(mq_send(queue, "x", 1, 0));
    LATER(mq_receive(queue, text, sizeof text, NULL));
    MEASURE(MUST(mq_send(queue, "y", 1, 0)));
    reap();
}
