// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Writing JSON member by member. Commas are the writer's; its first error stays and silences the rest, so that a page of members is
 * written straight down and looked at once, at the end. For answers that are not on the way of a token; those write by hand.
 *
 * Names are texts of the program. A name of NULL stands for an element of a list, or for the top. A value that is not there becomes
 * null: an absent span, a word of NULL.
 */
#include "base/dynbuf.h"

struct json_writer {
    struct dynbuf *out; /* borrowed */
    int err;
    bool follows; /* a comma goes before the next */
};

void json_writer_init(struct json_writer *writer, struct dynbuf *out);
void json_open_object(struct json_writer *writer, const char *name);
void json_close_object(struct json_writer *writer);
void json_open_list(struct json_writer *writer, const char *name);
void json_close_list(struct json_writer *writer);
void json_put_text(struct json_writer *writer, const char *name, struct span utf8);
void json_put_word(struct json_writer *writer, const char *name, const char *word);
void json_put_u64(struct json_writer *writer, const char *name, uint64_t number);
void json_put_i64(struct json_writer *writer, const char *name, int64_t number);
void json_put_flag(struct json_writer *writer, const char *name, bool flag);
void json_put_null(struct json_writer *writer, const char *name);
/* "2026-11-24T10:11:12.345Z", of milliseconds since 1970; null for 0 and what is before it. */
void json_put_time(struct json_writer *writer, const char *name, int64_t wall_ms);
/* A value that is JSON already. */
void json_put_raw(struct json_writer *writer, const char *name, struct span json);
