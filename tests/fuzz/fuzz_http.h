// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * A reader of HTTP messages made of the parts of http/, as server and client put them together, that writes down all it
 * sees: the record of a run must be the same however the bytes are cut.
 */
#include "base/check.h"
#include "base/dynbuf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "http/decode.h"
#include "http/parse.h"
#include "http/reader.h"
#include "http/target.h"

#define FUZZ_INPUT_MAX ((size_t)4 << 20)

struct fuzz_machine {
    enum http_side side;
    struct http_guard guard;
    struct http_reader reader;
    struct http_headers headers;
    struct dynbuf input;   /* a partial head */
    struct dynbuf record;  /* what was seen */
    uint64_t framed_bytes; /* of a body with a length */
    uint64_t body_bytes;
    bool in_body;
    int err;
};

static inline void fuzz_note(struct fuzz_machine *machine, struct span bytes) {
    check(dynbuf_append_span(&machine->record, bytes) == 0);
}

static inline void fuzz_note_number(struct fuzz_machine *machine, const char *what,
                                    uint64_t number) {
    check(dynbuf_append_format(&machine->record, "<%s %llu>", what, (unsigned long long)number) ==
          0);
}

static inline void fuzz_init(struct fuzz_machine *machine, enum http_side side) {
    *machine = (struct fuzz_machine){.side = side};
    http_guard_init(&machine->guard, side);
    dynbuf_init(&machine->input, FUZZ_INPUT_MAX);
    dynbuf_init(&machine->record, 16 * FUZZ_INPUT_MAX);
}

static inline void fuzz_done(struct fuzz_machine *machine) {
    dynbuf_done(&machine->input);
    dynbuf_done(&machine->record);
}

static inline bool fuzz_clean(struct span span) {
    return memchr(span.ptr, '\r', span.len) == NULL && memchr(span.ptr, '\n', span.len) == NULL &&
           memchr(span.ptr, '\0', span.len) == NULL;
}

/* What nobody behind the guard has to check again. */
static inline void fuzz_check_head(struct fuzz_machine *machine, const struct http_head *head) {
    check(!(head->chunked && head->has_length));
    check(http_header_count(head->headers, "content-length") == (head->has_length ? 1 : 0));
    check(http_header_count(head->headers, "transfer-encoding") == (head->chunked ? 1 : 0));
    for (size_t i = 0; i < head->headers->count; i++) {
        const struct http_header *header = &head->headers->items[i];
        check(header->name.len > 0 && fuzz_clean(header->name) && fuzz_clean(header->value));
        check(memchr(header->name.ptr, ' ', header->name.len) == NULL);
        fuzz_note(machine, header->name);
        fuzz_note(machine, SPAN_LITERAL(":"));
        fuzz_note(machine, header->value);
        fuzz_note(machine, SPAN_LITERAL("\n"));
    }
}

static inline enum http_framing fuzz_request_framing(struct fuzz_machine *machine,
                                                     const struct http_head *head) {
    struct http_target target;
    check(head->target.len > 0 && fuzz_clean(head->target));
    int err = http_parse_target(head->method, head->target, &target);
    fuzz_note(machine, head->method);
    if (err == 0) {
        check(target.path.ptr[0] == '/' || span_is(target.path, "*"));
        fuzz_note(machine, target.path);
        fuzz_note(machine, target.query);
        fuzz_note(machine, target.authority);
    }
    if (head->chunked)
        return HTTP_FRAMING_CHUNKED;
    return head->has_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_NONE;
}

static inline enum http_framing fuzz_answer_framing(struct fuzz_machine *machine,
                                                    const struct http_head *head) {
    check(head->status >= 100 && head->status <= 599);
    fuzz_note_number(machine, "status", (uint64_t)head->status);
    if (head->status < 200 || head->status == 204 || head->status == 304)
        return HTTP_FRAMING_NONE;
    if (head->chunked)
        return HTTP_FRAMING_CHUNKED;
    return head->has_length ? HTTP_FRAMING_LENGTH : HTTP_FRAMING_CLOSE;
}

static inline bool fuzz_take_head(struct fuzz_machine *machine, struct span *bytes) {
    size_t end = 0;
    int verdict = http_guard_feed(&machine->guard, *bytes, &end);
    if (verdict == HTTP_GUARD_MORE)
        return false;
    if (verdict < 0) {
        machine->err = verdict;
        return false;
    }
    struct http_head head = {.headers = &machine->headers};
    size_t start = machine->guard.head_start;
    /* a copy, so that nothing behind the head is looked at unseen */
    char *copy = mem_alloc(end - start);
    memcpy(copy, bytes->ptr + start, end - start);
    machine->err = http_parse_head(&machine->guard, span_of(copy, end - start), &head);
    if (machine->err == 0) {
        fuzz_check_head(machine, &head);
        enum http_framing framing = machine->side == HTTP_SIDE_REQUEST
                                        ? fuzz_request_framing(machine, &head)
                                        : fuzz_answer_framing(machine, &head);
        http_reader_init(&machine->reader, framing, head.length);
        machine->framed_bytes = framing == HTTP_FRAMING_LENGTH ? head.length : UINT64_MAX;
        machine->body_bytes = 0;
        machine->in_body = true;
    }
    mem_free(copy);
    *bytes = span_of(bytes->ptr + end, bytes->len - end);
    return machine->err == 0;
}

static inline bool fuzz_take_body(struct fuzz_machine *machine, struct span *bytes) {
    struct span part;
    uint64_t direct = http_reader_direct(&machine->reader);
    size_t before = bytes->len;
    int result = http_reader_next(&machine->reader, bytes, &part);
    if (result < 0) {
        machine->err = result;
        return false;
    }
    if (result == HTTP_READ_BYTES) {
        check(part.len > 0 && part.len <= before && (direct == 0 || part.len <= direct));
        machine->body_bytes += part.len;
        check(machine->body_bytes <= machine->framed_bytes);
        fuzz_note(machine, part);
        return true;
    }
    if (result == HTTP_READ_MORE) {
        check(bytes->len == 0);
        return false;
    }
    fuzz_note_number(machine, "end", machine->body_bytes);
    machine->in_body = false;
    http_guard_init(&machine->guard, machine->side);
    return true;
}

static inline void fuzz_feed(struct fuzz_machine *machine, struct span bytes) {
    check(dynbuf_append_span(&machine->input, bytes) == 0);
    struct span rest = dynbuf_span(&machine->input);
    size_t before = rest.len;
    bool more = true;
    while (more && machine->err == 0)
        more = machine->in_body ? fuzz_take_body(machine, &rest)
                                : rest.len > 0 && fuzz_take_head(machine, &rest);
    dynbuf_consume(&machine->input, before - rest.len);
}

/* Feeds all bytes in pieces of up to `most`, by chance; 0: all at once. */
static inline void fuzz_run(struct fuzz_machine *machine, struct span bytes, size_t most,
                            struct rand *rand) {
    while (bytes.len > 0 && machine->err == 0) {
        size_t count = most == 0 ? bytes.len : 1 + (size_t)rand_below(rand, most);
        count = count < bytes.len ? count : bytes.len;
        fuzz_feed(machine, span_of(bytes.ptr, count));
        bytes = span_of(bytes.ptr + count, bytes.len - count);
    }
    fuzz_note_number(machine, "err", (uint64_t)-machine->err);
    if (machine->err == 0 && machine->in_body)
        fuzz_note_number(machine, "finish", (uint64_t)-http_reader_finish(&machine->reader));
}

static inline void fuzz_every_way(enum http_side side, const uint8_t *data, size_t size) {
    static const size_t mosts[] = {1, 3, 17, 400};
    struct span bytes = span_of((const char *)data, size);
    struct rand rand;
    struct fuzz_machine whole;
    rand_seed(&rand, span_hash(bytes));
    fuzz_init(&whole, side);
    fuzz_run(&whole, bytes, 0, &rand);
    for (size_t i = 0; i < array_length(mosts); i++) {
        struct fuzz_machine cut;
        fuzz_init(&cut, side);
        fuzz_run(&cut, bytes, mosts[i], &rand);
        check(span_equal(dynbuf_span(&cut.record), dynbuf_span(&whole.record)));
        fuzz_done(&cut);
    }
    fuzz_done(&whole);
}
