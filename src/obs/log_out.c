// SPDX-License-Identifier: Apache-2.0
/*
 * The end of the log: lines to a descriptor.
 *
 * Why a thread: a write to a pipe nobody reads, or to a disk that hangs, blocks; a gateway whose log blocks does not answer. Two
 * buffers of fixed size take turns: everybody fills one while the thread writes the other. A line that finds its buffer full, and
 * one that could not be written (no space, an error of the disk, no reader), is lost and counted; as soon as writing works again a
 * line says how many there were.
 * Promises: log_out_write copies and returns; memory is bounded; lines keep their order and never mix. Before the thread starts,
 * and in commands that start none, a line is written at once. Leaves to others: what a line says (log.c).
 */
#include "obs/log_out.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/span.h"
#include "obs/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#define BUFFER_BYTES  ((size_t)256 * 1024)
#define PIECE_BYTES   ((size_t)4096) /* PIPE_BUF: a pipe that poll calls writable takes so much */
#define LOOK_MS       100
#define STOP_WAIT_MS  1000 /* for the last lines at the end of the process */
#define PATH_BYTES    4096
#define LOG_FILE_MODE 0640

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping, reopen; /* guarded by lock, as all below */
    char *filling;                  /* owned: BUFFER_BYTES */
    size_t filled;
    uint64_t lost_unsaid;  /* lines that nobody was told of */
    char path[PATH_BYTES]; /* "" = standard error */
} out = {.lock = PTHREAD_MUTEX_INITIALIZER};

static _Atomic uint64_t lost_all;
/* Of the writer: the thread's while it runs, else the main thread's. */
static struct {
    int fd;
    char *writing; /* owned: BUFFER_BYTES */
    bool torn;     /* the last line was written in part */
    bool broken;   /* nothing could be written the last time */
} writer = {.fd = STDERR_FILENO};

uint64_t log_lost(void) {
    return atomic_load(&lost_all);
}

/* --- writing --- */

static bool stopping(void) {
    pthread_mutex_lock(&out.lock);
    bool stop = out.stopping;
    pthread_mutex_unlock(&out.lock);
    return stop;
}

/* Whether the descriptor takes more without blocking; files always do. */
static bool writable(void) {
    struct pollfd one = {.fd = writer.fd, .events = POLLOUT};
    for (;;) {
        int ready = poll(&one, 1, LOOK_MS);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return false;
        if (ready == 0 && stopping())
            return false;
    }
}

/* Bytes written; fewer than asked for when it does not work. */
static size_t put(const char *bytes, size_t length, bool waits) {
    size_t done = 0;
    while (done < length) {
        size_t piece = length - done < PIECE_BYTES ? length - done : PIECE_BYTES;
        if (waits && !writable())
            break;
        ssize_t wrote = write(writer.fd, bytes + done, piece);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote == 0 || (errno != EINTR && errno != EAGAIN))
            break;
        else if (errno == EAGAIN && !waits)
            break;
    }
    return done;
}

static uint64_t count_lines(const char *bytes, size_t length) {
    uint64_t lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

static void note_lost(uint64_t lines) {
    atomic_fetch_add(&lost_all, lines);
    pthread_mutex_lock(&out.lock);
    out.lost_unsaid += lines;
    pthread_mutex_unlock(&out.lock);
}

/* What was lost is said by the first line that can be written again, before those that come after it. */
static bool say_lost(void) {
    char line[256];
    pthread_mutex_lock(&out.lock);
    uint64_t lost = out.lost_unsaid;
    pthread_mutex_unlock(&out.lock);
    if (lost == 0)
        return true;
    size_t length = log_format_lost(lost, line, sizeof line);
    if (put(writer.torn ? "\n" : "", writer.torn, true) < writer.torn ||
        put(line, length, true) < length)
        return false;
    writer.torn = false;
    pthread_mutex_lock(&out.lock);
    out.lost_unsaid -= lost;
    pthread_mutex_unlock(&out.lock);
    return true;
}

static void write_batch(const char *bytes, size_t length) {
    size_t done = say_lost() ? put(bytes, length, true) : 0;
    if (done < length) {
        writer.torn = writer.torn || (done > 0 && bytes[done - 1] != '\n');
        note_lost(count_lines(bytes + done, length - done));
    }
    if (!say_lost())
        return; /* the next batch tries again */
}

static void reopen(const char *path) {
    int fd = path[0] == '\0'
                 ? STDERR_FILENO
                 : open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, LOG_FILE_MODE);
    if (fd < 0) {
        log_event(LOG_ERROR, "log.not_opened", "file=\"%s\" error=\"%s\"", path, strerror(errno));
        return;
    }
    int before = writer.fd;
    writer.fd = fd;
    writer.torn = false;
    if (before != STDERR_FILENO)
        (void)close(before);
}

/* --- the thread --- */

static void await_work(void) {
    uint64_t until_ns = clock_mono_ns() + LOOK_MS * NS_PER_MS;
    const struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                                   .tv_nsec = (long)(until_ns % NS_PER_S)};
    bool idle = out.filled == 0 && !out.stopping && !out.reopen;
    if (idle && out.lost_unsaid == 0)
        (void)pthread_cond_wait(&out.wake, &out.lock);
    else if (idle)
        (void)pthread_cond_timedwait(&out.wake, &out.lock, &until);
}

static void *run(void *argument) {
    char path[PATH_BYTES];
    bool stop = false;
    (void)argument;
    while (!stop) {
        pthread_mutex_lock(&out.lock);
        await_work();
        char *bytes = out.filling;
        size_t length = out.filled;
        bool again = out.reopen;
        stop = out.stopping && length == 0;
        out.filling = writer.writing;
        out.filled = 0;
        out.reopen = false;
        memcpy(path, out.path, sizeof path);
        pthread_mutex_unlock(&out.lock);
        writer.writing = bytes;
        write_batch(bytes, length); /* lines of before go where they belong */
        if (again)
            reopen(path);
    }
    return NULL;
}

void log_start(void) {
    sigset_t all, before;
    pthread_condattr_t attributes;
    check(!out.running);
    check(pthread_condattr_init(&attributes) == 0);
    check(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0);
    check(pthread_cond_init(&out.wake, &attributes) == 0);
    check(pthread_condattr_destroy(&attributes) == 0);
    out.filling = mem_alloc(BUFFER_BYTES);
    writer.writing = mem_alloc(BUFFER_BYTES);
    out.filled = 0;
    out.stopping = false;
    out.running = true;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    check(pthread_create(&out.thread, NULL, run, NULL) == 0);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* A disk that hangs must not keep the process: then its buffers are left to the end of it. */
void log_stop(void) {
    struct timespec until;
    pthread_mutex_lock(&out.lock);
    bool running = out.running;
    out.stopping = true;
    if (running)
        pthread_cond_signal(&out.wake);
    pthread_mutex_unlock(&out.lock);
    if (!running)
        return;
    check(clock_gettime(CLOCK_REALTIME, &until) == 0);
    until.tv_sec += STOP_WAIT_MS / 1000;
    if (pthread_timedjoin_np(out.thread, NULL, &until) != 0) {
        check(pthread_detach(out.thread) == 0);
        return;
    }
    pthread_mutex_lock(&out.lock);
    out.running = false;
    pthread_mutex_unlock(&out.lock);
    mem_free(out.filling);
    mem_free(writer.writing);
    out.filling = writer.writing = NULL;
    check(pthread_cond_destroy(&out.wake) == 0);
}

/* --- for everybody --- */

int log_set_file(const char *path) {
    int err = 0;
    pthread_mutex_lock(&out.lock);
    int length = snprintf(out.path, sizeof out.path, "%s", path != NULL ? path : "");
    if (length < 0 || (size_t)length >= sizeof out.path)
        err = ERR_TOO_LARGE;
    out.reopen = out.running;
    if (out.running)
        pthread_cond_signal(&out.wake);
    bool now = !out.running && err == 0;
    pthread_mutex_unlock(&out.lock);
    if (now) { /* at the start: an error is told to who starts */
        int before = writer.fd;
        reopen(out.path);
        err = out.path[0] != '\0' && writer.fd == before ? ERR_SYSTEM : 0;
    }
    return err;
}

void log_reopen(void) {
    pthread_mutex_lock(&out.lock);
    out.reopen = out.running;
    if (out.running)
        pthread_cond_signal(&out.wake);
    pthread_mutex_unlock(&out.lock);
}

void log_out_write(const char *line, size_t length) {
    pthread_mutex_lock(&out.lock);
    bool queued = out.running && out.filled + length <= BUFFER_BYTES;
    bool lost = out.running && !queued;
    if (queued) {
        memcpy(out.filling + out.filled, line, length);
        out.filled += length;
        pthread_cond_signal(&out.wake);
    }
    out.lost_unsaid += lost;
    pthread_mutex_unlock(&out.lock);
    if (lost)
        atomic_fetch_add(&lost_all, 1);
    if (!queued && !lost)
        (void)put(line, length, false); /* nobody left to tell */
}
