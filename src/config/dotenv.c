// SPDX-License-Identifier: Apache-2.0
/*
 * A .env, line by line: NAME=value as shells, Compose and the usual libraries write it.
 *
 * Forms: `export` before the name, spaces around '=', comments (a '#' at the beginning, or behind a space), values bare, in '...'
 * (as they stand), in "..." (\n \r \t \" \\ \$ \' decoded), CRLF, a BOM. There is no standard, so where programs differ
 * the reading is refused instead of guessed: a value over several lines, ${OTHER}, text behind a closing quote, other escapes.
 * Promises: a value is never taken out of the middle of another one: lines inside quotes are passed over. Values are decoded into
 * one buffer, which is wiped.
 * Leaves to others: which names matter and what a value may be (credentials.c).
 */
#include "config/dotenv.h"

static bool is_name_byte(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static struct span after(struct span text, size_t count) {
    return span_of(text.ptr + count, text.len - count);
}

static struct span skip_blanks(struct span text) {
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = after(text, 1);
    return text;
}

static struct span take_name(struct span *text) {
    size_t length = 0;
    while (length < text->len && is_name_byte(text->ptr[length], length == 0))
        length++;
    struct span name = span_of(text->ptr, length);
    *text = after(*text, length);
    return name;
}

void dotenv_begin(struct dotenv *dotenv, struct span text) {
    dotenv->rest = span_starts_with(text, "\xEF\xBB\xBF") ? after(text, 3) : text;
    dotenv->line = 0;
    dotenv->used_bytes = 0;
}

void dotenv_end(struct dotenv *dotenv) {
    secret_wipe(dotenv->value, dotenv->used_bytes);
    dotenv->used_bytes = 0;
}

static bool take_line(struct dotenv *dotenv, struct span *ret_line) {
    if (dotenv->rest.len == 0 || !span_split(&dotenv->rest, '\n', ret_line))
        return false;
    dotenv->line++;
    if (ret_line->len > 0 && ret_line->ptr[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

static bool put(struct dotenv *dotenv, char c) {
    if (dotenv->used_bytes == sizeof dotenv->value)
        return false;
    dotenv->value[dotenv->used_bytes++] = c;
    return true;
}

static const char too_long[] = "has a value that is too long";
static const char several_lines[] = "has a value over several lines, which is not supported";

/* After a quote that its line does not close: goes on behind the line that does, if there is one. */
static void pass_over(struct dotenv *dotenv, char quote) {
    const char *close =
        dotenv->rest.len > 0 ? memchr(dotenv->rest.ptr, quote, dotenv->rest.len) : NULL;
    struct span line;
    while (close != NULL && dotenv->rest.ptr != NULL && dotenv->rest.ptr <= close)
        if (!take_line(dotenv, &line))
            return;
}

/* What "\c" stands for between double quotes; 0 = nothing. */
static char escaped(char c) {
    static const char from[] = "nrt\"\\$'", to[] = "\n\r\t\"\\$'";
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    return at != NULL ? to[at - from] : '\0';
}

static const char *read_quoted(struct dotenv *dotenv, struct span text) {
    char quote = text.ptr[0];
    bool decodes = quote == '"';
    for (text = after(text, 1); text.len > 0 && text.ptr[0] != quote; text = after(text, 1)) {
        char c = text.ptr[0];
        if (decodes && c == '$')
            return "refers to another variable; write the value itself";
        if (decodes && c == '\\') {
            text = after(text, 1);
            c = text.len > 0 ? escaped(text.ptr[0]) : '\0';
            if (c == '\0')
                return "has an escape other than \\n, \\r, \\t, \\\", \\\\ and \\$";
        }
        if (!put(dotenv, c))
            return too_long;
    }
    if (text.len == 0) {
        pass_over(dotenv, quote);
        return several_lines;
    }
    struct span rest = skip_blanks(after(text, 1));
    return rest.len == 0 || rest.ptr[0] == '#' ? NULL : "has text behind its closing quote";
}

static const char *read_bare(struct dotenv *dotenv, struct span text) {
    struct span value = text;
    for (size_t i = 0; i < text.len; i++) {
        bool behind_blank = i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '\t';
        if (text.ptr[i] == '#' && behind_blank) {
            value.len = i;
            break;
        }
    }
    value = span_trim(value);
    if (value.len > 0 && value.ptr[value.len - 1] == '\\')
        return several_lines;
    if (span_contains(value, "${") || span_contains(value, "$("))
        return "refers to another variable; write the value itself";
    for (size_t i = 0; i < value.len; i++)
        if (!put(dotenv, value.ptr[i]))
            return too_long;
    return NULL;
}

static const char *read_value(struct dotenv *dotenv, struct span text) {
    text = skip_blanks(text);
    if (text.len > 0 && (text.ptr[0] == '"' || text.ptr[0] == '\'' || text.ptr[0] == '`'))
        return read_quoted(dotenv, text);
    return read_bare(dotenv, text);
}

bool dotenv_next(struct dotenv *dotenv, struct dotenv_entry *ret_entry) {
    struct span line;
    while (take_line(dotenv, &line)) {
        struct span rest = skip_blanks(line);
        struct span name = take_name(&rest);
        if (span_is(name, "export") && skip_blanks(rest).len < rest.len) {
            rest = skip_blanks(rest);
            name = take_name(&rest);
        }
        if (name.len == 0 && (rest.len == 0 || rest.ptr[0] == '#'))
            continue;
        dotenv_end(dotenv);
        *ret_entry = (struct dotenv_entry){
            .name = name,
            .line = dotenv->line,
            .column = (unsigned)((name.len > 0 ? name.ptr : rest.ptr) - line.ptr) + 1};
        rest = skip_blanks(rest);
        ret_entry->assigns = name.len > 0 && rest.len > 0 && rest.ptr[0] == '=';
        if (!ret_entry->assigns)
            ret_entry->why = "has no '=' behind it";
        else
            ret_entry->why = read_value(dotenv, after(rest, 1));
        if (ret_entry->why == NULL)
            ret_entry->value = span_of(dotenv->value, dotenv->used_bytes);
        ret_entry->last_line = dotenv->line;
        return true;
    }
    return false;
}
