// SPDX-License-Identifier: Apache-2.0
/*
 * Gathering what a command prints.
 *
 * Why gathered: half a table followed by an error is worse than either, and a reader of JSON must never get half a document. Widths
 * are counted in bytes; the texts of the catalog are ASCII but for a few letters, where a column may be a little short.
 * Promises: no line of page_line is longer than PAGE_COLUMNS unless one word is. Leaves to others: what is said.
 */
#include "cli/page.h"

#include "cli/cli.h"
#include "json/json.h"

#include <stdarg.h>

#define PAGE_MAX_BYTES     ((size_t)8 * 1024 * 1024)
#define PAGE_LINE_BYTES    8192
#define PAGE_LABEL_COLUMNS 14

void page_init(struct page *page) {
    page->err = 0;
    dynbuf_init(&page->out, PAGE_MAX_BYTES);
}

static void keep(struct page *page, int err) {
    if (page->err == 0)
        page->err = err;
}

static void put(struct page *page, const char *text, size_t length) {
    if (page->err == 0)
        keep(page, dynbuf_append(&page->out, text, length));
}

int page_print(struct page *page) {
    if (page->err == 0)
        (void)fwrite(dynbuf_span(&page->out).ptr, 1, page->out.len, stdout);
    else
        cli_complain("it cannot be printed: %s", err_text(page->err));
    dynbuf_done(&page->out);
    return page->err == 0 ? CLI_DONE : CLI_FAILED;
}

/* --- for people --- */

void page_add(struct page *page, const char *format, ...) {
    char text[PAGE_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof text)
        keep(page, ERR_TOO_LARGE);
    else
        put(page, text, (size_t)length);
}

void page_add_span(struct page *page, struct span text, const char *after) {
    put(page, text.ptr, text.len);
    put(page, after, strlen(after));
}

void page_cell(struct page *page, const char *text, int width) {
    int length = (int)strlen(text);
    if (width == 0)
        page_add(page, "%s\n", text);
    else if (length > width)
        page_add(page, "%.*s~ ", width - 1, text);
    else
        page_add(page, "%-*s ", width, text);
}

void page_line(struct page *page, const char *label, const char *format, ...) {
    char text[PAGE_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct span rest = span_text(text), word;
    size_t column = 0;
    if (length >= (int)sizeof text)
        keep(page, ERR_TOO_LARGE);
    if (length <= 0)
        return;
    page_add(page, "  %-*s", PAGE_LABEL_COLUMNS - 2, label);
    while (span_split(&rest, ' ', &word)) {
        if (column > 0 && PAGE_LABEL_COLUMNS + column + 1 + word.len > PAGE_COLUMNS) {
            page_add(page, "\n%*s", PAGE_LABEL_COLUMNS, "");
            column = 0;
        }
        page_add(page, "%s%.*s", column > 0 ? " " : "", SPAN_ARG(word));
        column += word.len + (column > 0);
    }
    page_add(page, "\n");
}

/* --- JSON --- */

static void begin(struct page *page, const char *name) {
    struct span so_far = dynbuf_span(&page->out);
    char last = so_far.len > 0 ? so_far.ptr[so_far.len - 1] : '{';
    if (last != '{' && last != '[')
        put(page, ",", 1);
    if (name == NULL || page->err < 0)
        return;
    keep(page, json_write_string(&page->out, span_text(name)));
    put(page, ":", 1);
}

void page_open(struct page *page, const char *name, char bracket) {
    begin(page, name);
    put(page, &bracket, 1);
}

void page_close(struct page *page, char bracket) {
    put(page, &bracket, 1);
}

void page_string(struct page *page, const char *name, const char *text) {
    begin(page, name);
    if (page->err == 0)
        keep(page, json_write_string(&page->out, span_text(text)));
}

void page_number(struct page *page, const char *name, uint64_t number) {
    begin(page, name);
    page_add(page, "%llu", (unsigned long long)number);
}

void page_decimal(struct page *page, const char *name, const char *digits) {
    begin(page, name);
    page_add(page, "%s", digits);
}

void page_bool(struct page *page, const char *name, bool value) {
    begin(page, name);
    page_add(page, "%s", value ? "true" : "false");
}
