// SPDX-License-Identifier: Apache-2.0
/*
 * The loop: timers in order, tasks of one turn and their bounds, messages of several threads in order, signals, stopping
 * before, during and after a run. Runs under ThreadSanitizer as well.
 */
#include "net_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define THREADS  4
#define MESSAGES 2000
#define TIMERS   5

/* --- timers --- */

struct timer_log;

struct numbered_timer {
    struct loop_timer timer;
    struct timer_log *log;
    uint64_t deadline_ns;
    int number;
};

struct timer_log {
    struct loop *loop;
    struct numbered_timer timers[TIMERS];
    int fired[TIMERS * 2];
    int count;
    int wanted;
};

static void on_timer(struct loop_timer *timer) {
    struct numbered_timer *one = container_of(timer, struct numbered_timer, timer);
    struct timer_log *log = one->log;
    assert_false(loop_timer_armed(timer));
    assert_true(loop_now_ns(log->loop) >= one->deadline_ns);
    log->fired[log->count++] = one->number;
    if (one->number == 3)
        loop_timer_clear(log->loop, &log->timers[4].timer);
}

static bool timers_fired(void *context) {
    const struct timer_log *log = context;
    return log->count >= log->wanted;
}

static void test_timers_fire_in_order(void **state) {
    (void)state;
    static const uint64_t delays_ms[TIMERS] = {6, 2, 2, 4, 5};
    struct timer_log log = {.loop = loop_new(), .wanted = 4};
    uint64_t now_ns = loop_now_ns(log.loop);
    for (int i = 0; i < TIMERS; i++) {
        log.timers[i] = (struct numbered_timer){
            .timer = {.fire = on_timer},
            .log = &log,
            .deadline_ns = now_ns + delays_ms[i] * NS_PER_MS,
            .number = i,
        };
        loop_timer_set(log.loop, &log.timers[i].timer, log.timers[i].deadline_ns);
    }
    run_until(log.loop, timers_fired, &log);
    static const int wanted[] = {1, 2, 3, 0};
    assert_int_equal(log.count, 4);
    assert_memory_equal(log.fired, wanted, sizeof wanted);
    loop_end(log.loop);
}

/* A timer that always sets itself for now must not keep others, and the loop, from going on. */
static void on_restless(struct loop_timer *timer) {
    struct numbered_timer *one = container_of(timer, struct numbered_timer, timer);
    one->log->count++;
    loop_timer_set(one->log->loop, timer, 0);
}

static void test_restless_timer_does_not_starve(void **state) {
    (void)state;
    struct timer_log log = {.loop = loop_new(), .wanted = 5};
    log.timers[0] = (struct numbered_timer){.timer = {.fire = on_restless}, .log = &log};
    loop_timer_set(log.loop, &log.timers[0].timer, 0);
    run_until(log.loop, timers_fired, &log);
    loop_timer_clear(log.loop, &log.timers[0].timer);
    loop_timer_clear(log.loop, &log.timers[0].timer);
    loop_end(log.loop);
}

static void test_timer_may_outlive_its_loop(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct loop_timer timer = {.fire = on_restless};
    loop_timer_set(loop, &timer, loop_now_ns(loop) + 1000 * NS_PER_S);
    loop_end(loop);
    assert_false(loop_timer_armed(&timer));
}

/* --- tasks --- */

struct task_log {
    struct loop *loop;
    struct loop_task task;
    struct loop_task other;
    int runs;
    int other_runs;
    bool again;
};

static void on_task(struct loop_task *task) {
    struct task_log *log = container_of(task, struct task_log, task);
    log->runs++;
    if (log->again)
        loop_defer(log->loop, task);
    loop_undefer(&log->other);
}

static void on_other_task(struct loop_task *task) {
    container_of(task, struct task_log, other)->other_runs++;
}

static void task_log_init(struct task_log *log) {
    *log = (struct task_log){.loop = loop_new()};
    loop_task_init(&log->task, on_task);
    loop_task_init(&log->other, on_other_task);
}

static bool task_ran(void *context) {
    return ((struct task_log *)context)->runs > 0;
}

static bool task_ran_often(void *context) {
    return ((struct task_log *)context)->runs > 5000;
}

static void test_task_runs_once_and_may_be_taken_back(void **state) {
    (void)state;
    struct task_log log;
    task_log_init(&log);
    loop_defer(log.loop, &log.task);
    loop_defer(log.loop, &log.task);
    loop_defer(log.loop, &log.other);
    run_until(log.loop, task_ran, &log);
    assert_int_equal(log.runs, 1);
    assert_int_equal(log.other_runs, 0);
    loop_end(log.loop);
}

static void test_task_that_defers_itself_leaves_room(void **state) {
    (void)state;
    struct task_log log;
    task_log_init(&log);
    log.again = true;
    loop_defer(log.loop, &log.task);
    run_until(log.loop, task_ran_often, &log);
    loop_undefer(&log.task);
    loop_end(log.loop);
}

/* --- messages --- */

struct post_log;

struct numbered_message {
    struct loop_message message;
    struct post_log *log;
    int thread;
    int number;
};

struct poster {
    struct post_log *log;
    pthread_t thread;
    int number;
    int next; /* the loop's: what must come next */
    struct numbered_message messages[MESSAGES];
};

struct post_log {
    struct loop *loop;
    struct poster posters[THREADS];
    int count;
};

static void on_message(struct loop_message *message) {
    struct numbered_message *one = container_of(message, struct numbered_message, message);
    assert_int_equal(one->number, one->log->posters[one->thread].next);
    one->log->posters[one->thread].next++;
    one->log->count++;
    if (one->log->count == THREADS * MESSAGES)
        loop_stop(one->log->loop);
}

static void *post_all(void *argument) {
    struct poster *poster = argument;
    for (int i = 0; i < MESSAGES; i++) {
        poster->messages[i] = (struct numbered_message){
            .message = {.run = on_message},
            .log = poster->log,
            .thread = poster->number,
            .number = i,
        };
        loop_post(poster->log->loop, &poster->messages[i].message);
    }
    return NULL;
}

static void test_messages_keep_their_order(void **state) {
    (void)state;
    struct post_log *log = mem_zalloc(sizeof *log);
    log->loop = loop_new();
    for (int i = 0; i < THREADS; i++) {
        log->posters[i].log = log;
        log->posters[i].number = i;
        assert_int_equal(pthread_create(&log->posters[i].thread, NULL, post_all, &log->posters[i]),
                         0);
    }
    loop_run(log->loop);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(log->posters[i].thread, NULL), 0);
    assert_int_equal(log->count, THREADS * MESSAGES);
    loop_end(log->loop);
    mem_free(log);
}

/* --- stopping, signals --- */

static void *stop_it(void *argument) {
    loop_stop(argument);
    return NULL;
}

static void test_stop_is_not_lost(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    pthread_t thread;
    loop_stop(loop);
    loop_run(loop);
    assert_int_equal(pthread_create(&thread, NULL, stop_it, loop), 0);
    loop_run(loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    loop_end(loop);
}

struct signal_log {
    int count;
    int number;
};

static void on_signal(void *context, int signal_number) {
    struct signal_log *log = context;
    log->count++;
    log->number = signal_number;
}

static bool signal_came(void *context) {
    return ((struct signal_log *)context)->count > 0;
}

static void test_signals(void **state) {
    (void)state;
    struct loop *loop = loop_new();
    struct signal_log log = {0};
    assert_int_equal(loop_signal(loop, SIGUSR1, on_signal, &log), 0);
    assert_int_equal(loop_signal(loop, SIGKILL, on_signal, &log), ERR_SYSTEM);
    assert_int_equal(raise(SIGUSR1), 0);
    run_until(loop, signal_came, &log);
    assert_int_equal(log.number, SIGUSR1);
    assert_false(loop_run_until_idle(loop, loop_now_ns(loop) + NS_PER_MS));
    loop_signals_close(loop);
    loop_end(loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_restless_timer_does_not_starve),
        cmocka_unit_test(test_timer_may_outlive_its_loop),
        cmocka_unit_test(test_task_runs_once_and_may_be_taken_back),
        cmocka_unit_test(test_task_that_defers_itself_leaves_room),
        cmocka_unit_test(test_messages_keep_their_order),
        cmocka_unit_test(test_stop_is_not_lost),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
