// SPDX-License-Identifier: Apache-2.0
/*
 * What the running instance says of one model: its routes with their accounts where the owner asks, by the socket; by URL, what every
 * client may know.
 *
 * Why beside the catalog's words: the catalog tells who lists a model, this who would be asked here, and models of servers of one's
 * own are in no catalog at all. Leaves to others: which is asked first (papi explain).
 */
#include "cli/model_served.h"

#include <stdio.h>

#define PATH_MAX_BYTES 1024

void model_served_ask(struct model_served *served, struct instance *instance, const char *id) {
    char path[PATH_MAX_BYTES] = "/v1/models";
    int status = 0;
    served->known = false;
    dynbuf_init(&served->body, INSTANCE_ANSWER_MAX_BYTES);
    if (!instance_is_url(instance))
        (void)snprintf(path, sizeof path, "/admin/v1/models");
    served->known = instance_add_segment(path, sizeof path, id) &&
                    instance_ask(instance, path, SPAN_NONE, &served->body, &status) == 0 &&
                    status == 200 && answer_read(&served->answer, dynbuf_span(&served->body));
}

void model_served_done(struct model_served *served) {
    if (served->known)
        answer_done(&served->answer);
    dynbuf_done(&served->body);
}

void model_served_routes(struct page *page, struct model_served *served) {
    const char *label = "served by";
    if (!served->known)
        return;
    struct answer *answer = &served->answer;
    for (struct json_iter it = json_each(json_get(answer->top, "routes")); json_next(&it);) {
        page_line(page, label, "%.*s/%.*s as %.*s%s%s",
                  SPAN_ARG(answer_text(answer, it.value, "provider")),
                  SPAN_ARG(answer_text(answer, it.value, "account")),
                  SPAN_ARG(answer_text(answer, it.value, "upstream_model")),
                  answer_is_true(it.value, "available") ? "" : ", not now",
                  answer_is_true(it.value, "automatic") ? "" : ", only when it is named");
        label = "";
    }
}

void model_served_show(struct page *page, struct model_served *served) {
    struct answer *answer = &served->answer;
    page_add(page, "%.*s\n", SPAN_ARG(answer_text(answer, answer->top, "id")));
    page_line(page, "kind", "%.*s", SPAN_ARG(answer_text(answer, answer->top, "kind")));
    if (answer_number(answer->top, "context_length") > 0)
        page_line(page, "context", "%lld tokens",
                  (long long)answer_number(answer->top, "context_length"));
    page_line(page, "now", "%lld providers of the running instance can answer",
              (long long)answer_number(answer->top, "providers"));
    model_served_routes(page, served);
    page_line(page, "catalog", "does not know it: it is of this instance alone");
}
