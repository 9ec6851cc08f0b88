// SPDX-License-Identifier: Apache-2.0
#pragma once
/* One model as the running instance serves it, for `papi model show`. */
#include "cli/answer.h"
#include "cli/instance.h"
#include "cli/page.h"

struct model_served {
    struct dynbuf body;   /* owned */
    struct answer answer; /* owned, when known */
    bool known;           /* the instance serves it */
};

/* Silent: an instance that does not serve it, or that is not there, is none. Owners learn the routes too. */
void model_served_ask(struct model_served *served, struct instance *instance, const char *id);
void model_served_done(struct model_served *served);
/* "served by" lines; nothing when no routes are known. */
void model_served_routes(struct page *page, struct model_served *served);
/* A model that no catalog knows, in full. */
void model_served_show(struct page *page, struct model_served *served);
