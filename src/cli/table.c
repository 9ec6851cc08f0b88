// SPDX-License-Identifier: Apache-2.0
/*
 * Fitting a table into a terminal.
 *
 * In three steps: the widest text of each column; then, while the least widths do not fit, the columns that are given up first go;
 * then the widest column that may be cut loses a column at a time. The last column is never padded.
 * Why by "give up" and not by wrapping: a row is one line, so that a list can be read down its columns and by grep.
 * Promises: no line is wider than the room, unless columns that are never cut need more. Leaves to others: what is in the cells.
 */
#include "cli/table.h"

#include "base/check.h"
#include "cli/width.h"

#define CELLS_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define GAP             2

void table_init(struct table *table, const struct table_column *columns, uint32_t column_count,
                int room) {
    check(column_count <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .column_count = column_count, .room = room};
    dynbuf_init(&table->cells, CELLS_MAX_BYTES);
    for (uint32_t i = 0; i < column_count; i++) {
        table->widths[i] = strlen(columns[i].head);
        table->shown[i] = true;
    }
}

void table_done(struct table *table) {
    dynbuf_done(&table->cells);
}

void table_cell(struct table *table, struct span text) {
    size_t start = table->cells.len;
    if (table->err == 0)
        table->err = width_append_safe(&table->cells, text.len > 0 ? text : SPAN_LITERAL("-"));
    if (table->err < 0)
        return;
    uint32_t column = table->cell_count++ % table->column_count;
    struct span all = dynbuf_span(&table->cells);
    size_t columns = width_columns(span_of(all.ptr + start, all.len - start));
    if (columns > table->widths[column])
        table->widths[column] = columns;
    table->err = dynbuf_append_char(&table->cells, '\0');
}

void table_number(struct table *table, uint64_t number) {
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    table_cell(table, span_text(text));
}

/* --- fitting --- */

static size_t least_of(const struct table *table, uint32_t i) {
    size_t least = table->columns[i].least;
    return least > 0 && least < table->widths[i] ? least : table->widths[i];
}

static size_t total(const struct table *table, bool least) {
    size_t sum = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->shown[i])
            sum += (sum > 0 ? GAP : 0) + (least ? least_of(table, i) : table->widths[i]);
    return sum;
}

/* False when none may go any more. */
static bool give_one_up(struct table *table) {
    uint32_t chosen = table->column_count;
    for (uint32_t i = 0; i < table->column_count; i++) {
        bool may = table->shown[i] && table->columns[i].give_up > 0;
        if (may && (chosen == table->column_count ||
                    table->columns[i].give_up < table->columns[chosen].give_up))
            chosen = i;
    }
    if (chosen < table->column_count)
        table->shown[chosen] = false;
    return chosen < table->column_count;
}

static bool narrow_one(struct table *table) {
    uint32_t chosen = table->column_count;
    for (uint32_t i = 0; i < table->column_count; i++) {
        bool may = table->shown[i] && table->widths[i] > least_of(table, i);
        if (may && (chosen == table->column_count || table->widths[i] > table->widths[chosen]))
            chosen = i;
    }
    if (chosen < table->column_count)
        table->widths[chosen]--;
    return chosen < table->column_count;
}

static void fit(struct table *table) {
    if (table->room == 0)
        return;
    while (total(table, true) > (size_t)table->room && give_one_up(table))
        continue;
    while (total(table, false) > (size_t)table->room && narrow_one(table))
        continue;
}

/* --- writing --- */

static uint32_t last_shown(const struct table *table) {
    uint32_t last = 0;
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->shown[i])
            last = i;
    return last;
}

static void write_cell(const struct table *table, struct page *page, uint32_t i, struct span text) {
    size_t width = table->widths[i], columns = width_columns(text);
    bool last = i == last_shown(table);
    if (columns > width) {
        text = width_cut(text, width - 1);
        columns = width_columns(text) + 1;
        page_add(page, "%.*s~", SPAN_ARG(text));
    } else if (table->columns[i].right) {
        page_add(page, "%*s%.*s", (int)(width - columns), "", SPAN_ARG(text));
        columns = width;
    } else {
        page_add(page, "%.*s", SPAN_ARG(text));
    }
    page_add(page, "%*s", last ? 0 : (int)(width - columns) + GAP, "");
    if (last)
        page_add(page, "\n");
}

void table_write(struct table *table, struct page *page) {
    struct span rest = dynbuf_span(&table->cells), text;
    fit(table);
    for (uint32_t i = 0; i < table->column_count && !table->head_is_written; i++)
        if (table->shown[i])
            write_cell(table, page, i, span_text(table->columns[i].head));
    table->head_is_written = true;
    for (uint32_t at = 0; at < table->cell_count && span_split(&rest, '\0', &text); at++)
        if (table->shown[at % table->column_count])
            write_cell(table, page, at % table->column_count, text);
    if (page->err == 0)
        page->err = table->err;
    dynbuf_clear(&table->cells);
    table->cell_count = 0;
}
