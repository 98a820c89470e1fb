// Locks and semaphores of programs.
#define _GNU_SOURCE
#include "tour.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static volatile int is_held, has_turned;

static void *hold_mutex(void *held) {
    name_thread("w");
    pthread_mutex_lock(held);
    is_held = 1;
    nap(WAIT_NS);
    pthread_mutex_unlock(held);
    return NULL;
}

static void wait_for_mutex(pthread_mutex_t *held) {
    pthread_t holder = start_thread(hold_mutex, held);
    nap_until(&is_held);
    MEASURE(pthread_mutex_lock(held));
    pthread_join(holder, NULL);
}

STEP(mutex) {
    wait_for_mutex(&mutex);
}

STEP(pi_mutex) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t inheriting;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&inheriting, &attributes);
    wait_for_mutex(&inheriting);
}

static void *hold_rwlock(void *unused) {
    name_thread("w");
    pthread_rwlock_wrlock(&rwlock);
    is_held = 1;
    nap(WAIT_NS);
    pthread_rwlock_unlock(&rwlock);
    return unused;
}

STEP(rwlock) {
    pthread_t holder = start_thread(hold_rwlock, NULL);
    nap_until(&is_held);
    MEASURE(pthread_rwlock_rdlock(&rwlock));
    pthread_join(holder, NULL);
}

static void *turn(void *unused) {
    name_thread("w");
    nap(WAIT_NS);
    pthread_mutex_lock(&mutex);
    has_turned = 1;
    pthread_cond_signal(&condition);
    pthread_mutex_unlock(&mutex);
    return unused;
}

STEP(condition) {
    pthread_mutex_lock(&mutex);
    pthread_t other = start_thread(turn, NULL);
    MEASURE(while (!has_turned) pthread_cond_wait(&condition, &mutex));
    pthread_join(other, NULL);
}

STEP(cond_timed) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    int64_t end_ns = end.tv_sec * 1000000000LL + end.tv_nsec + WAIT_NS;
    end.tv_sec = end_ns / 1000000000;
    end.tv_nsec = end_ns % 1000000000;
    pthread_mutex_lock(&mutex);
    MEASURE(pthread_cond_timedwait(&condition, &mutex, &end));
}

static void *only_nap(void *unused) {
    name_thread("w");
    nap(WAIT_NS);
    return unused;
}

STEP(thread_join) {
    pthread_t other = start_thread(only_nap, NULL);
    MEASURE(pthread_join(other, NULL));
}

static void *reach_barrier(void *unused) {
    name_thread("w");
    nap(WAIT_NS);
    pthread_barrier_wait(&barrier);
    return unused;
}

STEP(barrier) {
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_t other = start_thread(reach_barrier, NULL);
    MEASURE(pthread_barrier_wait(&barrier));
    pthread_join(other, NULL);
}

static void *post(void *unused) {
    name_thread("w");
    nap(WAIT_NS);
    sem_post(&semaphore);
    return unused;
}

STEP(posix_sem) {
    sem_init(&semaphore, 0, 0);
    pthread_t other = start_thread(post, NULL);
    MEASURE(sem_wait(&semaphore));
    pthread_join(other, NULL);
}

STEP(named_sem) {
    char name[40];
    snprintf(name, sizeof name, "/tour.%d", getpid());
    sem_t *named = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
    if (named == SEM_FAILED)
        fail("sem_open");
    sem_unlink(name);
    LATER(sem_post(named));
    MEASURE(sem_wait(named));
    reap();
}

STEP(sysv_sem) {
    int semaphores = MUST(semget(IPC_PRIVATE, 1, 0600));
    struct sembuf down = {0, -1, 0}, up = {0, 1, 0};
    LATER(semop(semaphores, &up, 1));
    MEASURE(MUST(semop(semaphores, &down, 1)));
    reap();
    semctl(semaphores, 0, IPC_RMID);
}

#ifdef SYS_futex_waitv
STEP(futex_waitv) {
    uint32_t *word =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct futex_waitv wait = {.val = 0, .uaddr = (uintptr_t)word, .flags = FUTEX_32};
    LATER(*word = 1; syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0));
    MEASURE(MUST(syscall(SYS_futex_waitv, &wait, 1, 0, NULL, 0)));
    reap();
}
#endif
