// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Rows for people, in columns that fit the terminal: when there is too little room, the columns that matter least are left out and
 * long texts are cut, marked by "~". Without a limit (a pipe) nothing is.
 */
#include "cli/page.h"

#define TABLE_COLUMNS_MAX 16

struct table_column {
    const char *head;
    uint8_t least;   /* narrower it says nothing; 0: never cut */
    uint8_t give_up; /* 1 is left out first; 0: never */
    bool right;
};

struct table {
    const struct table_column *columns; /* borrowed */
    uint32_t column_count;
    int room;            /* columns of the terminal; 0 = no limit */
    struct dynbuf cells; /* owned: texts, each with a NUL */
    uint32_t cell_count;
    int err;
    bool head_is_written;
    size_t widths[TABLE_COLUMNS_MAX]; /* of what is shown; they only grow */
    bool shown[TABLE_COLUMNS_MAX];
};

void table_init(struct table *table, const struct table_column *columns, uint32_t column_count,
                int room);
void table_done(struct table *table);
/* The next cell of the row; "-" for an absent text. A row is full when all its columns have one. */
void table_cell(struct table *table, struct span text);
void table_number(struct table *table, uint64_t number);
/* Adds the rows since the last time to the page, the head before the first. */
void table_write(struct table *table, struct page *page);
