// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Inside of a loop, for src/net only. Whoever opens a uv handle counts it (loop__opened, loop__closed), so that
 * loop_run_until_idle knows when nothing is left; every callback from libuv begins with loop__wake.
 */
#include "base/dynbuf.h"
#include "net/loop.h"

#include <stdatomic.h>
#include <uv.h>

/* One read takes this much at most; all streams of a loop share the buffer. */
#define LOOP_BUFFER_BYTES ((size_t)64 * 1024)

struct outbox;

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_sleep;
    uv_idle_t stay_awake; /* runs only while tasks are left over from this turn */
    uv_async_t call;
    uv_timer_t alarm;
    struct loop_timer idle_deadline; /* of loop_run_until_idle */
    uint64_t now_ns;
    uint64_t alarm_ns;                     /* when alarm goes off; 0: not set */
    struct heap timers;                    /* of struct loop_timer, borrowed */
    struct list tasks;                     /* of struct loop_task, borrowed */
    struct list dirty;                     /* of struct stream with bytes to send, borrowed */
    struct list signals;                   /* of struct loop_signal_watch, owned */
    _Atomic(struct loop_message *) posted; /* newest first, borrowed */
    atomic_bool stop;
    bool asleep;  /* now_ns is of the turn before */
    bool firing;  /* timers: one set now waits for the next turn */
    bool expired; /* loop_run_until_idle: deadline passed */
    size_t open_count;
    struct outbox *spares; /* owned: empty outboxes for the next writers */
    size_t spare_count;
    char *buffer;         /* owned, LOOP_BUFFER_BYTES: bytes just read */
    char *plain;          /* owned, LOOP_BUFFER_BYTES, made at first use: bytes just decrypted */
    struct dynbuf cipher; /* bytes just encrypted; empty between calls */
};

/* A handle began or ended; the loop is idle when as many ended as began. */
static inline void loop__opened(struct loop *loop) {
    loop->open_count++;
}

void loop__closed(struct loop *loop);
/* First thing in each callback of libuv: reads the clock once a turn. */
static inline void loop__wake(struct loop *loop) {
    if (loop->asleep)
        (void)loop_refresh_now_ns(loop);
}

/* timer.c: fires what is due; sets the alarm for what comes first. */
void loop__timers_init(struct loop *loop);
void loop__timers_arm(struct loop *loop);
void loop__timers_drop(struct loop *loop);

/* stream_io.c: sends what the streams on loop->dirty have queued. */
void loop__flush(struct loop *loop);
