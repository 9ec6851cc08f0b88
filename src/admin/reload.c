// SPDX-License-Identifier: Apache-2.0
/*
 * POST /admin/v1/reload: the configuration is read anew, as by HUP.
 *
 * Promises: answers when the new one is in use, or with what is wrong with it while the old one goes on. Leaves to others: reading it
 * (app/).
 */
#include "admin/admin.h"
#include "gateway/later.h"

#include "base/check.h"
#include "base/mem.h"

struct reload {
    struct later later;
    struct admin_reload wish;
    struct dynbuf report; /* owned: lines about it */
    uint64_t version;
    int err;
};

static void on_done(struct admin_reload *wish, int err, uint64_t version, struct span report) {
    struct reload *reload = container_of(wish, struct reload, wish);
    if (report.len > ADMIN_REPORT_MAX_BYTES)
        report.len = ADMIN_REPORT_MAX_BYTES;
    check(dynbuf_append_span(&reload->report, report) == 0);
    reload->err = err;
    reload->version = version;
    later_done(&reload->later);
}

static int finish(struct request *r, struct later *later) {
    struct reload *reload = container_of(later, struct reload, later);
    struct span rest = dynbuf_span(&reload->report), line;
    struct json_writer writer;
    struct dynbuf body;
    if (reload->err == ERR_CANCELLED) {
        (void)request_fail(r, API_UNAVAILABLE, NULL, "This gateway is ending; nothing was read.");
        return 0;
    }
    if (reload->err < 0) {
        rest = span_trim(rest);
        (void)request_fail(r, API_CONFIG_INVALID, NULL, "%.*s", SPAN_ARG(rest));
        return 0;
    }
    admin_begin(&writer, &body);
    json_open_object(&writer, NULL);
    json_put_u64(&writer, "config_version", reload->version);
    json_open_list(&writer, "warnings");
    while (span_split(&rest, '\n', &line))
        if (line.len > 0)
            json_put_text(&writer, NULL, line);
    json_close_list(&writer);
    json_close_object(&writer);
    return admin_end(r, 200, &writer);
}

static void release(struct later *later) {
    struct reload *reload = container_of(later, struct reload, later);
    dynbuf_done(&reload->report);
    mem_free(reload);
}

static int answer_reload(struct request *r) {
    struct admin *admin = admin_of(r);
    struct reload *reload = mem_zalloc(sizeof *reload);
    dynbuf_init(&reload->report, ADMIN_REPORT_MAX_BYTES);
    reload->wish.done = on_done;
    later_begin(&reload->later, r, finish, release);
    admin->reload(admin->app, &reload->wish);
    return ANSWER_LATER;
}

static const struct schema_member reload_members[] = {
    M_WHOLE("config_version", 0, "of the configuration in use"),
    M_TEXT("warnings", SCHEMA_LIST, "what is worth looking at, with its place"),
    M_END,
};
static const struct schema reload_schema = {"Reload", "The new configuration is in use",
                                            reload_members, false};
static const struct endpoint_doc reload_doc = {.operation = "reload", .gives = &reload_schema};

static const struct endpoint rows[] = {
    {"/admin/v1/reload", METHOD_POST, ACCESS_ADMIN, NULL, answer_reload,
     "read the configuration anew; 422 names file, line and column of what is wrong", &reload_doc},
};
const struct endpoint_part admin_reload_part = {rows, array_length(rows)};
