// Files on a disk, and asynchronous input and output.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char bytes[MEGABYTE] __attribute__((aligned(4096)));

static int new_file(int flags) {
    return MUST(open(path_of("file"), O_CREAT | O_RDWR | O_TRUNC | flags, 0600));
}

// A file whose pages are on the disk alone.
static int cold_file(int megabytes, int flags) {
    int file = new_file(0);
    for (int i = 0; i < megabytes; i++)
        MUST(pwrite(file, bytes, sizeof bytes, (off_t)i * MEGABYTE));
    MUST(fsync(file));
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
    return MUST(open(path_of("file"), O_RDONLY | flags));
}

STEP(fsync) {
    int file = new_file(0);
    for (int i = 0; i < 10; i++) {
        MUST(pwrite(file, bytes, sizeof bytes, (off_t)i * MEGABYTE));
        MEASURE(MUST(fsync(file)));
    }
}

STEP(fdatasync) {
    int file = new_file(0);
    MUST(pwrite(file, bytes, sizeof bytes, 0));
    MUST(fsync(file));
    for (int i = 0; i < 20; i++) {
        MUST(pwrite(file, bytes, 65536, i % 16 * 65536));
        MEASURE(MUST(fdatasync(file)));
    }
}

STEP(sync_write) {
    int file = new_file(O_SYNC);
    for (int i = 0; i < 20; i++)
        MEASURE(MUST(pwrite(file, bytes, 65536, i * 65536)));
}

STEP(msync) {
    size_t size = 4 * MEGABYTE;
    int file = new_file(0);
    MUST(ftruncate(file, size));
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    for (int i = 0; i < 5; i++) {
        memset(memory, i + 1, size);
        MEASURE(MUST(msync(memory, size, MS_SYNC)));
    }
}

STEP(direct_read) {
    int file = cold_file(16, O_DIRECT);
    for (int i = 0; i < 48; i++)
        MEASURE(MUST(pread(file, bytes, sizeof bytes, (off_t)(i * 5 % 16) * MEGABYTE)));
}

STEP(direct_write) {
    int file = new_file(O_DIRECT);
    for (int i = 0; i < 16; i++)
        MEASURE(MUST(pwrite(file, bytes, sizeof bytes, (off_t)i * MEGABYTE)));
}

STEP(cold_read) {
    int file = cold_file(16, 0);
    posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
    for (int i = 0; i < 256; i++)
        MEASURE(MUST(pread(file, bytes, 4096, (off_t)(i * 37 % 256) * 65536)));
}

STEP(cold_mapping) {
    volatile int sum = 0;
    int file = cold_file(16, 0);
    char *memory = mmap(NULL, 16 * MEGABYTE, PROT_READ, MAP_SHARED, file, 0);
    madvise(memory, 16 * MEGABYTE, MADV_RANDOM);
    for (int i = 0; i < 256; i++)
        MEASURE(sum += memory[(size_t)(i * 37 % 256) * 65536]);
}

STEP(aio) {
    aio_context_t context = 0;
    struct io_event event;
    int file = cold_file(16, O_DIRECT);
    MUST(syscall(SYS_io_setup, 8, &context));
    for (int i = 0; i < 48; i++) {
        struct iocb block = {.aio_fildes = file,
                             .aio_lio_opcode = IOCB_CMD_PREAD,
                             .aio_buf = (uintptr_t)bytes,
                             .aio_nbytes = sizeof bytes,
                             .aio_offset = (int64_t)(i * 5 % 16) * MEGABYTE};
        struct iocb *blocks[] = {&block};
        MUST(syscall(SYS_io_submit, context, 1, blocks));
        MEASURE(MUST(syscall(SYS_io_getevents, context, 1, 1, &event, NULL)));
    }
}
