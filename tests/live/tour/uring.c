// io_uring, and its workers.
#define _GNU_SOURCE
#include "tour.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char bytes[MEGABYTE] __attribute__((aligned(4096)));

static int ring;
static struct io_uring_sqe *entry;
static unsigned *tail, *order, *done_head;
static struct io_uring_cqe *done;

static void *map_ring(size_t size, off_t which) {
    void *mapped =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, which);
    if (mapped == MAP_FAILED)
        fail("mmap of a ring");
    return mapped;
}

static void open_ring(void) {
    struct io_uring_params sizes = {0};
    ring = MUST(syscall(SYS_io_uring_setup, 1, &sizes));
    char *asked = map_ring(sizes.sq_off.array + sizeof *order, IORING_OFF_SQ_RING);
    char *answered = map_ring(sizes.cq_off.cqes + 2 * sizeof *done, IORING_OFF_CQ_RING);
    entry = map_ring(sizeof *entry, IORING_OFF_SQES);
    tail = (unsigned *)(asked + sizes.sq_off.tail);
    order = (unsigned *)(asked + sizes.sq_off.array);
    done_head = (unsigned *)(answered + sizes.cq_off.head);
    done = (struct io_uring_cqe *)(answered + sizes.cq_off.cqes);
}

// Fill in the only entry; what it does not need is 0.
static void prepare(int operation, int file, void *address, unsigned length, uint64_t offset) {
    memset(entry, 0, sizeof *entry);
    entry->opcode = operation;
    entry->fd = file;
    entry->addr = (uintptr_t)address;
    entry->len = length;
    entry->off = offset;
}

static void submit_and_wait(void) {
    order[0] = 0;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    MUST(syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0));
    int result = done[*done_head & 1].res;
    __atomic_store_n(done_head, *done_head + 1, __ATOMIC_RELEASE);
    if (result < 0 && result != -ETIME) {
        errno = -result;
        fail("what the ring did");
    }
}

STEP(uring_pipe) {
    int ends[2];
    open_ring();
    MUST(pipe(ends));
    prepare(IORING_OP_READ, ends[0], bytes, 8, -1);
    LATER(write(ends[1], "x", 1));
    MEASURE(submit_and_wait());
    reap();
}

// A worker of the ring waits for a writer of the fifo, and this thread for the worker.
STEP(uring_worker) {
    char *fifo = path_of("fifo");
    open_ring();
    MUST(mkfifo(fifo, 0600));
    prepare(IORING_OP_OPENAT, AT_FDCWD, fifo, 0, 0);
    entry->open_flags = O_RDONLY;
    entry->flags = IOSQE_ASYNC;
    LATER(open(fifo, O_WRONLY));
    MEASURE(submit_and_wait());
    reap();
}

STEP(uring_timeout) {
    struct __kernel_timespec time = {0, WAIT_NS};
    open_ring();
    prepare(IORING_OP_TIMEOUT, -1, &time, 1, 0);
    MEASURE(submit_and_wait());
}

STEP(uring_read) {
    int file = MUST(open(path_of("file"), O_CREAT | O_RDWR | O_DIRECT, 0600));
    open_ring();
    for (int i = 0; i < 16; i++)
        MUST(pwrite(file, bytes, sizeof bytes, (off_t)i * MEGABYTE));
    for (int i = 0; i < 48; i++) {
        prepare(IORING_OP_READ, file, bytes, sizeof bytes, (off_t)(i * 5 % 16) * MEGABYTE);
        MEASURE(submit_and_wait());
    }
}

// Only a worker can do that.
STEP(uring_fsync) {
    int file = MUST(open(path_of("file"), O_CREAT | O_RDWR, 0600));
    open_ring();
    for (int i = 0; i < 10; i++) {
        MUST(pwrite(file, bytes, sizeof bytes, (off_t)i * MEGABYTE));
        prepare(IORING_OP_FSYNC, file, NULL, 0, 0);
        MEASURE(submit_and_wait());
    }
}
