// SPDX-License-Identifier: Apache-2.0
/*
 * What a head may look like.
 *
 * Why before the parser: llhttp 8.1 lets three smuggling forms pass (bare CR before a header name, bare LF after the
 * request line, bare LF in an HTTP/0.9 form), and parsers differ about many more: white space around the colon, folded
 * lines, repeated lengths, codings with decoration. All of them are refused here, for requests and for answers, since what
 * two programs read differently is how one client's bytes become another client's request. Lines are checked as they
 * become complete, so the verdict does not depend on how the bytes were cut, and a head is walked once.
 * Promises: after HTTP_GUARD_DONE every line ends in CRLF, field names are tokens, no control byte is inside, there is at
 * most one length and at most one coding, never both, and exactly one Host on HTTP/1.1. Leaves to others: pulling the
 * head apart (parse.c), what target and Host hold (target.c), chunk lines and trailers (reader.c).
 */
#include "http/guard.h"

#include "http/grammar.h"
#include "http/header.h"

#define VERSION_BYTES 8 /* "HTTP/1.1" */

void http_guard_init(struct http_guard *guard, enum http_side side) {
    *guard = (struct http_guard){.side = (uint8_t)side};
}

static int check_version(struct http_guard *guard, const char *text) {
    if (memcmp(text, "HTTP/", 5) != 0 || !http_byte_is_digit(text[5]) || text[6] != '.' ||
        !http_byte_is_digit(text[7]))
        return ERR_HTTP_SYNTAX;
    if (text[5] != '1' || text[7] > '1')
        return ERR_HTTP_VERSION;
    guard->http_1_0 = text[7] == '0';
    return 0;
}

/* method SP target SP version, single spaces only (RFC 9112 section 3) */
static int check_request_line(struct http_guard *guard, struct span line) {
    const char *space = memchr(line.ptr, ' ', line.len);
    if (space == NULL || space == line.ptr)
        return ERR_HTTP_SYNTAX;
    struct span method = span_of(line.ptr, (size_t)(space - line.ptr));
    if (!http_all_of(method, HTTP_BYTE_TOKEN))
        return ERR_HTTP_SYNTAX;
    size_t rest = line.len - method.len - 1;
    const char *target = space + 1;
    if (rest < VERSION_BYTES + 2 || target[rest - VERSION_BYTES - 1] != ' ')
        return ERR_HTTP_SYNTAX;
    size_t target_bytes = rest - VERSION_BYTES - 1;
    if (!http_all_of(span_of(target, target_bytes), HTTP_BYTE_TARGET))
        return ERR_HTTP_SYNTAX;
    return check_version(guard, target + target_bytes + 1);
}

/* version SP three digits, then nothing or SP and any text (RFC 9112 section 4) */
static int check_status_line(struct http_guard *guard, struct span line) {
    if (line.len < VERSION_BYTES + 4 || line.ptr[VERSION_BYTES] != ' ')
        return ERR_HTTP_SYNTAX;
    int err = check_version(guard, line.ptr);
    if (err < 0)
        return err;
    const char *digits = line.ptr + VERSION_BYTES + 1;
    if (digits[0] < '1' || digits[0] > '5' || !http_byte_is_digit(digits[1]) ||
        !http_byte_is_digit(digits[2]))
        return ERR_HTTP_SYNTAX;
    struct span after = span_of(digits + 3, line.len - VERSION_BYTES - 4);
    if (after.len > 0 && (after.ptr[0] != ' ' || !http_all_text(after)))
        return ERR_HTTP_SYNTAX;
    return 0;
}

static int check_start_line(struct http_guard *guard, struct span line) {
    if (line.len == 0) {
        bool forgiven =
            guard->side == HTTP_SIDE_REQUEST && ++guard->empty_lines <= HTTP_EMPTY_LINES_MAX;
        guard->head_start += 2;
        return forgiven ? 0 : ERR_HTTP_SYNTAX;
    }
    guard->has_start_line = true;
    return guard->side == HTTP_SIDE_REQUEST ? check_request_line(guard, line)
                                            : check_status_line(guard, line);
}

static void note_length(struct http_guard *guard, struct span value) {
    guard->has_length = span_to_u64(value, &guard->length);
    if (++guard->length_fields > 1 || !guard->has_length)
        guard->framing_bad = true;
}

/* A tab before the word is legal white space, but some servers do not see the word then, and two programs that read a length
 * differently are how requests are smuggled: refused. No client sends one. */
static void note_encoding(struct http_guard *guard, struct span value) {
    bool tab = value.len > 0 && memchr(value.ptr, '\t', value.len) != NULL;
    guard->chunked = span_is_nocase(span_trim(value), "chunked");
    if (++guard->encoding_fields > 1 || !guard->chunked || tab)
        guard->framing_bad = true;
}

/* Only three names matter here; their lengths tell them from nearly all others. */
static void note_field(struct http_guard *guard, struct span name, struct span value) {
    if (name.len == 14 && span_is_nocase(name, "content-length"))
        note_length(guard, span_trim(value));
    else if (name.len == 17 && span_is_nocase(name, "transfer-encoding"))
        note_encoding(guard, value);
    else if (name.len == 4 && span_is_nocase(name, "host"))
        guard->host_fields++;
}

/* A folded line begins with white space, which is no token: refused with the rest (RFC 9112 section 5.2). */
static int check_field(struct http_guard *guard, struct span line) {
    size_t name_bytes = 0;
    while (name_bytes < line.len && http_byte_is(line.ptr[name_bytes], HTTP_BYTE_TOKEN))
        name_bytes++;
    if (name_bytes == 0 || name_bytes == line.len || line.ptr[name_bytes] != ':')
        return ERR_HTTP_SYNTAX;
    struct span value = span_of(line.ptr + name_bytes + 1, line.len - name_bytes - 1);
    if (!http_all_text(value))
        return ERR_HTTP_SYNTAX;
    if (++guard->fields > HTTP_HEADERS_MAX)
        return ERR_HTTP_HEADER_TOO_LARGE;
    note_field(guard, span_of(line.ptr, name_bytes), value);
    return 0;
}

static int check_whole(const struct http_guard *guard) {
    if (guard->framing_bad || (guard->encoding_fields > 0 && guard->length_fields > 0) ||
        (guard->encoding_fields > 0 && guard->http_1_0))
        return ERR_HTTP_FRAMING;
    if (guard->side != HTTP_SIDE_REQUEST)
        return 0;
    bool host_right = guard->host_fields == 1 || (guard->http_1_0 && guard->host_fields == 0);
    return host_right ? 0 : ERR_HTTP_SYNTAX;
}

/* One complete line without its CRLF; HTTP_GUARD_MORE while the head goes on. */
static int check_line(struct http_guard *guard, struct span line) {
    if (guard->has_start_line && line.len == 0)
        return check_whole(guard);
    int err = guard->has_start_line ? check_field(guard, line) : check_start_line(guard, line);
    return err < 0 ? err : HTTP_GUARD_MORE;
}

/* Something else than HTTP, a TLS greeting say, is told by its first byte and need not be waited for. */
static bool starts_wrong(const struct http_guard *guard, struct span bytes) {
    if (guard->has_start_line || bytes.len <= guard->line_start)
        return false;
    char first = bytes.ptr[guard->line_start];
    if (guard->side == HTTP_SIDE_ANSWER)
        return first != 'H';
    return first != '\r' && !http_byte_is(first, HTTP_BYTE_TOKEN);
}

int http_guard_feed(struct http_guard *guard, struct span bytes, size_t *ret_head_end) {
    size_t limit = bytes.len < HTTP_HEAD_MAX_BYTES ? bytes.len : HTTP_HEAD_MAX_BYTES;
    while (guard->scanned < limit) {
        const char *feed = memchr(bytes.ptr + guard->scanned, '\n', limit - guard->scanned);
        if (feed == NULL) {
            guard->scanned = limit;
            break;
        }
        size_t end = (size_t)(feed - bytes.ptr);
        if (end == guard->line_start || bytes.ptr[end - 1] != '\r')
            return ERR_HTTP_SYNTAX;
        struct span line = span_of(bytes.ptr + guard->line_start, end - 1 - guard->line_start);
        guard->line_start = guard->scanned = end + 1;
        int verdict = check_line(guard, line);
        if (verdict == HTTP_GUARD_DONE)
            *ret_head_end = end + 1;
        if (verdict != HTTP_GUARD_MORE)
            return verdict;
    }
    if (starts_wrong(guard, bytes))
        return ERR_HTTP_SYNTAX;
    return limit == HTTP_HEAD_MAX_BYTES ? ERR_HTTP_HEADER_TOO_LARGE : HTTP_GUARD_MORE;
}
