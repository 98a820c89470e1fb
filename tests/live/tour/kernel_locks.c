// Locks of the kernel, each held for a known time.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

STEP(userfaultfd) {
    char *page = slow_page();
    MEASURE(*(volatile char *)page);
}

// --- inodes: a page that comes late makes a system call hold its lock

static int held_file;

static void *read_into(void *page) {
    name_thread("h");
    MUST(syscall(SYS_read, held_file, page, 4096));
    return NULL;
}

static void *write_from(void *page) {
    name_thread("h");
    MUST(syscall(SYS_write, held_file, page, 4096));
    return NULL;
}

static void *list_into(void *page) {
    name_thread("h");
    MUST(syscall(SYS_getdents64, held_file, page, 4096));
    return NULL;
}

static pthread_t start_holder(void *(*run)(void *)) {
    pthread_t holder = start_thread(run, slow_page());
    wait_for_slow_page();
    return holder;
}

STEP(file_position) {
    char byte;
    held_file = MUST(open(path_of("file"), O_CREAT | O_RDWR, 0600));
    MUST(ftruncate(held_file, 8192));
    pthread_t holder = start_holder(read_into);
    MEASURE(MUST(read(held_file, &byte, 1)));
    pthread_join(holder, NULL);
}

static void wait_for_inode(const char *path) {
    held_file = MUST(open(path, O_CREAT | O_RDWR, 0600));
    int second = MUST(open(path, O_RDWR));
    pthread_t holder = start_holder(write_from);
    MEASURE(MUST(write(second, "x", 1)));
    pthread_join(holder, NULL);
    unlink(path);
}

STEP(inode) {
    wait_for_inode(path_of("file"));
}

STEP(inode_tmpfs) {
    char path[60];
    snprintf(path, sizeof path, "/dev/shm/tour.%d", getpid());
    wait_for_inode(path);
}

static char *new_directory(const char *name) {
    char *path = path_of(name);
    MUST(mkdir(path, 0700));
    return path;
}

STEP(dir_create) {
    held_file = MUST(open(new_directory("a"), O_RDONLY));
    pthread_t holder = start_holder(list_into);
    MEASURE(MUST(open(path_of("a/new"), O_CREAT | O_RDWR, 0600)));
    pthread_join(holder, NULL);
}

// A directory that is being listed cannot be renamed into; that rename holds the mutex of all
// renames between directories of the file system.
static void *rename_into_held(void *unused) {
    name_thread("r");
    MUST(rename(path_of("a/x"), path_of("b/x")));
    return unused;
}

STEP(rename_dirs) {
    new_directory("a");
    held_file = MUST(open(new_directory("b"), O_RDONLY));
    new_directory("c");
    new_directory("d");
    new_directory("a/x");
    new_directory("c/x");
    pthread_t holder = start_holder(list_into);
    pthread_t renamer = start_thread(rename_into_held, NULL);
    nap(20000000); // until it waits
    MEASURE(MUST(rename(path_of("c/x"), path_of("d/x"))));
    pthread_join(holder, NULL);
    pthread_join(renamer, NULL);
}

// --- mmap_lock

static volatile int is_filling;

// The lock is held as long as the pages of a mapping are made.
static void *fill_memory(void *size) {
    name_thread("w");
    is_filling = 1;
    void *memory = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    munmap(memory, (size_t)size);
    return NULL;
}

static pthread_t start_filling(void) {
    pthread_t filler = start_thread(fill_memory, (void *)(1024UL * MEGABYTE));
    nap_until(&is_filling);
    nap(5000000);
    return filler;
}

STEP(mmap_lock) {
    pthread_t filler = start_filling();
    MEASURE(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    pthread_join(filler, NULL);
}

STEP(mlock) {
    static char page[8192];
    pthread_t filler = start_filling();
    MEASURE(MUST(mlock(page, sizeof page)));
    pthread_join(filler, NULL);
}

// Several threads at once: whichever call they wait in, it is the same lock.
static void *map_and_touch(void *length) {
    size_t size = (size_t)length;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (size > 16384 ? MAP_POPULATE : 0);
    name_thread("");
    for (int64_t end_ns = now_ns() + WAIT_NS; now_ns() < end_ns;) {
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
        memory[0] = memory[8192] = 1;
        munmap(memory, size);
    }
    return NULL;
}

STEP(mmap_crowd) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        threads[i] = start_thread(map_and_touch, (void *)(i & 1 ? 64UL * MEGABYTE : 16384UL));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

STEP(rcu) {
    for (int i = 0; i < 10; i++)
        MEASURE(MUST(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0)));
}
