// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What a command prints, gathered before it is printed: lines for people that fit PAGE_COLUMNS, or JSON. The first error stays and is
 * told by page_print, so that callers need not look at each step.
 */
#include "base/dynbuf.h"

#define PAGE_COLUMNS 100

struct page {
    struct dynbuf out; /* owned */
    int err;
};

void page_init(struct page *page);
/* Writes it to stdout, or complains; frees it. Returns an exit code. */
int page_print(struct page *page);

/* --- for people --- */
void page_add(struct page *page, const char *format, ...) PRINTF_LIKE(2, 3);
/* Any number of bytes as they are, and `after` them. */
void page_add_span(struct page *page, struct span text, const char *after);
/* One cell of a table: cut to `width` and padded, with one space after it; width 0: the last one, as it is. */
void page_cell(struct page *page, const char *text, int width);
/* "  label       text ...", wrapped under itself; nothing when the text is empty. */
void page_line(struct page *page, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

/* --- JSON: commas come by themselves --- */
void page_open(struct page *page, const char *name, char bracket); /* name NULL: an element */
void page_close(struct page *page, char bracket);
void page_string(struct page *page, const char *name, const char *text);
void page_number(struct page *page, const char *name, uint64_t number);
void page_decimal(struct page *page, const char *name, const char *digits); /* a number as it is */
void page_bool(struct page *page, const char *name, bool value);
