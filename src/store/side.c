// SPDX-License-Identifier: Apache-2.0
/*
 * A thread of the store and the queue in front of it.
 *
 * Bounded: whoever comes when too many wait is told so at once. Promises: every job that was taken is run and told its end, also
 * while closing; signals are for the main thread. Leaves to others: what the threads do.
 */
#include "base/clock.h"
#include "store/parts.h"

#include <signal.h>
#include <time.h>

int side_init(struct side *side) {
    pthread_condattr_t attributes;
    *side = (struct side){.stopping = false};
    if (pthread_mutex_init(&side->lock, NULL) != 0 || pthread_condattr_init(&attributes) != 0)
        return ERR_SYSTEM;
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(&side->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return failed != 0 ? ERR_SYSTEM : 0;
}

void side_done(struct side *side) {
    (void)pthread_cond_destroy(&side->wake);
    (void)pthread_mutex_destroy(&side->lock);
}

int side_start(struct side *side, void *(*main)(void *), struct store *store) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&side->thread, NULL, main, store);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed != 0 ? ERR_SYSTEM : 0;
}

void side_stop(struct side *side) {
    pthread_mutex_lock(&side->lock);
    side->stopping = true;
    pthread_cond_signal(&side->wake);
    pthread_mutex_unlock(&side->lock);
    (void)pthread_join(side->thread, NULL);
}

int side_submit(struct side *side, uint32_t most, struct store_job *job) {
    int err = 0;
    job->next = NULL;
    pthread_mutex_lock(&side->lock);
    if (side->stopping)
        err = ERR_CANCELLED;
    else if (side->waiting >= most)
        err = ERR_BUSY;
    if (err == 0) {
        if (side->last != NULL)
            side->last->next = job;
        else
            side->first = job;
        side->last = job;
        side->waiting++;
        pthread_cond_signal(&side->wake);
    }
    pthread_mutex_unlock(&side->lock);
    return err;
}

static void wait_until(struct side *side, uint64_t until_ns) {
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    if (until_ns == 0)
        (void)pthread_cond_wait(&side->wake, &side->lock);
    else
        (void)pthread_cond_timedwait(&side->wake, &side->lock, &until);
}

struct store_job *side_take(struct side *side, uint64_t until_ns, bool *ret_stop) {
    pthread_mutex_lock(&side->lock);
    if (side->first == NULL && !side->stopping)
        wait_until(side, until_ns);
    struct store_job *job = side->first;
    side->first = side->last = NULL;
    side->waiting = 0;
    *ret_stop = side->stopping && job == NULL;
    pthread_mutex_unlock(&side->lock);
    return job;
}

/* Without the lock, since loops call it: a signal that falls between the look and the wait is made up for by the wait's end. */
void side_poke(struct side *side) {
    pthread_cond_signal(&side->wake);
}
