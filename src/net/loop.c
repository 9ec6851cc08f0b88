// SPDX-License-Identifier: Apache-2.0
/*
 * One I/O loop on libuv.
 *
 * Why a prepare handle does the work: libuv calls it once a turn, after the callbacks of timers and sockets and before
 * it sleeps. So everything a turn made is there: tasks run first, then each stream that was written to is flushed with
 * one system call, and an answer put together by ten calls leaves as one segment. Rounds are bounded, so that tasks which
 * keep deferring others cannot keep the sockets waiting; what is left over goes on in the next turn, without a sleep.
 * Why a stack for posted messages: pushing is one compare-and-swap, only the push onto an empty stack wakes the loop,
 * and taking the whole stack and turning it round gives the order of posting.
 * Promises: the clock is read once a turn. Leaves to others: timers (timer.c), sockets (stream_io.c, listener.c).
 */
#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/loop_parts.h"
#include "net/outbox.h"

#include <signal.h>

#define LOOP_ROUNDS_MAX       16
#define LOOP_CLOSE_TURNS_MAX  64
#define LOOP_CIPHER_MAX_BYTES ((size_t)1024 * 1024)

struct loop_signal_watch {
    uv_signal_t uv;
    struct list node;
    struct loop *loop;
    void (*handle)(void *context, int signal_number);
    void *context;
};

uint64_t loop_now_ns(const struct loop *loop) {
    return loop->now_ns;
}

uint64_t loop_refresh_now_ns(struct loop *loop) {
    loop->asleep = false;
    loop->now_ns = clock_mono_ns();
    return loop->now_ns;
}

/* --- tasks --- */

void loop_task_init(struct loop_task *task, void (*run)(struct loop_task *task)) {
    list_init(&task->node);
    task->run = run;
}

void loop_defer(struct loop *loop, struct loop_task *task) {
    if (!list_linked(&task->node))
        list_append(&loop->tasks, &task->node);
}

void loop_undefer(struct loop_task *task) {
    list_remove(&task->node);
}

static void run_tasks(struct loop *loop) {
    struct list round;
    list_init(&round);
    list_move_all(&round, &loop->tasks);
    for (struct list *node = list_pop(&round); node != NULL; node = list_pop(&round)) {
        struct loop_task *task = container_of(node, struct loop_task, node);
        task->run(task);
    }
}

static bool work_left(const struct loop *loop) {
    return !list_empty(&loop->tasks) || !list_empty(&loop->dirty);
}

static void on_awake(uv_idle_t *handle) {
    loop__wake(handle->data);
}

static void on_before_sleep(uv_prepare_t *handle) {
    struct loop *loop = handle->data;
    if (work_left(loop))
        loop__wake(loop);
    for (int round = 0; round < LOOP_ROUNDS_MAX && work_left(loop); round++) {
        for (int inner = 0; inner < LOOP_ROUNDS_MAX && !list_empty(&loop->tasks); inner++)
            run_tasks(loop);
        loop__flush(loop);
    }
    bool awake = uv_is_active((uv_handle_t *)&loop->stay_awake);
    if (work_left(loop) && !awake)
        check(uv_idle_start(&loop->stay_awake, on_awake) == 0);
    else if (awake && !work_left(loop))
        check(uv_idle_stop(&loop->stay_awake) == 0);
    loop__timers_arm(loop);
    loop->asleep = true;
}

/* --- calls from other threads --- */

static struct loop_message *reversed(struct loop_message *newest) {
    struct loop_message *oldest = NULL;
    while (newest != NULL) {
        struct loop_message *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void on_call(uv_async_t *handle) {
    struct loop *loop = handle->data;
    loop__wake(loop);
    struct loop_message *message = reversed(atomic_exchange(&loop->posted, NULL));
    while (message != NULL) {
        struct loop_message *next = message->next;
        message->next = NULL;
        message->run(message);
        message = next;
    }
    if (atomic_load(&loop->stop))
        uv_stop(&loop->uv);
}

void loop_post(struct loop *loop, struct loop_message *message) {
    struct loop_message *newest = atomic_load(&loop->posted);
    do {
        message->next = newest;
    } while (!atomic_compare_exchange_weak(&loop->posted, &newest, message));
    if (newest == NULL)
        check(uv_async_send(&loop->call) == 0);
}

void loop_stop(struct loop *loop) {
    atomic_store(&loop->stop, true);
    check(uv_async_send(&loop->call) == 0);
}

/* --- signals --- */

static void on_signal(uv_signal_t *handle, int signal_number) {
    struct loop_signal_watch *watch = handle->data;
    loop__wake(watch->loop);
    watch->handle(watch->context, signal_number);
}

int loop_signal(struct loop *loop, int signal_number,
                void (*handle)(void *context, int signal_number), void *context) {
    struct loop_signal_watch *watch = mem_zalloc(sizeof *watch);
    *watch = (struct loop_signal_watch){.loop = loop, .handle = handle, .context = context};
    check(uv_signal_init(&loop->uv, &watch->uv) == 0);
    watch->uv.data = watch;
    list_init(&watch->node);
    list_append(&loop->signals, &watch->node);
    loop__opened(loop);
    return uv_signal_start(&watch->uv, on_signal, signal_number) == 0 ? 0 : ERR_SYSTEM;
}

static void on_signal_closed(uv_handle_t *handle) {
    struct loop_signal_watch *watch = handle->data;
    loop__closed(watch->loop);
    mem_free(watch);
}

void loop_signals_close(struct loop *loop) {
    for (struct list *node = list_pop(&loop->signals); node != NULL;
         node = list_pop(&loop->signals))
        uv_close((uv_handle_t *)&container_of(node, struct loop_signal_watch, node)->uv,
                 on_signal_closed);
}

/* --- life --- */

void loop__closed(struct loop *loop) {
    check(loop->open_count > 0);
    loop->open_count--;
}

struct loop *loop_new(void) {
    struct loop *loop = mem_zalloc(sizeof *loop);
    list_init(&loop->tasks);
    list_init(&loop->dirty);
    list_init(&loop->signals);
    loop->buffer = mem_alloc(LOOP_BUFFER_BYTES);
    dynbuf_init(&loop->cipher, LOOP_CIPHER_MAX_BYTES);
    /* A peer that went away is an error of the write, not the end of the program. */
    (void)signal(SIGPIPE, SIG_IGN);
    check(uv_loop_init(&loop->uv) == 0);
    check(uv_prepare_init(&loop->uv, &loop->before_sleep) == 0);
    check(uv_idle_init(&loop->uv, &loop->stay_awake) == 0);
    check(uv_async_init(&loop->uv, &loop->call, on_call) == 0);
    loop->before_sleep.data = loop;
    loop->stay_awake.data = loop;
    loop->call.data = loop;
    loop->uv.data = loop;
    loop__timers_init(loop);
    check(uv_prepare_start(&loop->before_sleep, on_before_sleep) == 0);
    (void)loop_refresh_now_ns(loop);
    return loop;
}

void loop_run(struct loop *loop) {
    (void)loop_refresh_now_ns(loop);
    while (!atomic_load(&loop->stop))
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    atomic_store(&loop->stop, false);
}

static void on_idle_deadline(struct loop_timer *timer) {
    struct loop *loop = container_of(timer, struct loop, idle_deadline);
    loop->expired = true;
}

static bool idle(struct loop *loop) {
    return loop->open_count == 0 && !work_left(loop) && atomic_load(&loop->posted) == NULL;
}

bool loop_run_until_idle(struct loop *loop, uint64_t deadline_ns) {
    (void)loop_refresh_now_ns(loop);
    loop->expired = false;
    loop->idle_deadline.fire = on_idle_deadline;
    loop_timer_set(loop, &loop->idle_deadline, deadline_ns);
    while (!idle(loop) && !loop->expired)
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    loop_timer_clear(loop, &loop->idle_deadline);
    atomic_store(&loop->stop, false);
    return idle(loop);
}

void loop_give_back(struct loop *loop) {
    while (loop->spares != NULL)
        outbox_free(outbox_take(loop));
}

void loop_free(struct loop *loop) {
    check(loop->open_count == 0 && list_empty(&loop->dirty));
    loop__timers_drop(loop);
    uv_close((uv_handle_t *)&loop->before_sleep, NULL);
    uv_close((uv_handle_t *)&loop->stay_awake, NULL);
    uv_close((uv_handle_t *)&loop->call, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    for (int turn = 0; turn < LOOP_CLOSE_TURNS_MAX && uv_loop_alive(&loop->uv); turn++)
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    check(uv_loop_close(&loop->uv) == 0);
    loop_give_back(loop);
    dynbuf_done(&loop->cipher);
    mem_free(loop->plain);
    mem_free(loop->buffer);
    mem_free(loop);
}
