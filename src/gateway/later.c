// SPDX-License-Identifier: Apache-2.0
/*
 * Answers that are given later.
 *
 * Why a word and not a pointer: the client may hang up, and its request be freed, while a thread still works for it. The word names
 * loop, slot and generation, as for grants of the desk, so that a job that comes back finds its own request or none.
 * Promises: no lock, one message a job. Leaves to others: what is done meanwhile, and where.
 */
#include "gateway/later.h"

#include "base/check.h"

static void on_done(struct loop_message *message) {
    struct later *later = container_of(message, struct later, message);
    struct gateway_loop *home = later->home;
    struct request *r = gateway_find(home, later->owner);
    check(home->laters_open > 0);
    home->laters_open--;
    if (r == NULL || r->later != later) {
        later->release(later);
        return;
    }
    r->later_done = true;
    request_resume(r);
}

void later_begin(struct later *later, struct request *r,
                 int (*finish)(struct request *r, struct later *later),
                 void (*release)(struct later *later)) {
    check(r->later == NULL && r->sm.state == STEP_ANSWER);
    *later = (struct later){.message = {.run = on_done},
                            .home = r->home,
                            .owner = request_owner(r),
                            .finish = finish,
                            .release = release};
    r->home->laters_open++;
    r->later = later;
    r->later_done = false;
}

void later_done(struct later *later) {
    loop_post(later->home->loop, &later->message);
}

void later_forget(struct request *r) {
    struct later *later = r->later;
    r->later = NULL;
    if (later != NULL && r->later_done)
        later->release(later); /* it came back in the turn in which the client left */
}

int later_finish(struct request *r) {
    struct later *later = r->later;
    check(r->later_done);
    r->later = NULL;
    int err = later->finish(r, later);
    later->release(later);
    return err;
}
