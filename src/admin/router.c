// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of the admin plane, and what its handlers share.
 *
 * Promises: nothing here waits. Leaves to others: finding the row and judging who asks (gateway/), checking what was sent (take.c).
 */
#include "admin/admin.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>

const struct endpoint_part *const admin_parts[] = {
    &admin_status_part, &admin_look_part,    &admin_requests_part,  &admin_usage_part,
    &admin_reload_part, &admin_openapi_part, &admin_providers_part, &admin_clients_part,
};
const uint32_t admin_part_count = array_length(admin_parts);

struct admin *admin_of(const struct request *r) {
    struct admin *admin = gateway_config_of(r->home)->more_context;
    check(admin != NULL);
    return admin;
}

void admin_begin(struct json_writer *writer, struct dynbuf *body) {
    dynbuf_init(body, ADMIN_ANSWER_MAX_BYTES);
    json_writer_init(writer, body);
}

int admin_end(struct request *r, int status, struct json_writer *writer) {
    int err = writer->err;
    if (err == 0)
        err = dynbuf_append_char(writer->out, '\n');
    return respond_body(r, status, "application/json", err, writer->out);
}

void admin_open_page(struct json_writer *writer) {
    json_open_object(writer, NULL);
    json_put_word(writer, "object", "list");
    json_open_list(writer, "data");
}

void admin_close_page(struct json_writer *writer, bool has_more, struct span next_cursor) {
    json_close_list(writer);
    json_put_flag(writer, "has_more", has_more);
    json_put_text(writer, "next_cursor", next_cursor);
    json_close_object(writer);
}

void admin_put_name(struct json_writer *writer, const char *member, struct span name) {
    json_put_text(writer, member, name.len > 0 ? name : SPAN_NONE);
}

int admin_not_found(struct request *r, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    (void)request_fail(r, API_NOT_FOUND, NULL, "%s", text);
    return 0;
}
