// SPDX-License-Identifier: Apache-2.0
/*
 * The tables of docs/guides/simulator.md, written from the rows that the reader itself uses, so that they cannot drift.
 *
 * Promises: every member, word and fault has its line. Leaves to others: the prose around them, comparing the two (tests/unit/fake).
 */
#include "fake/script.h"

#include "base/check.h"

struct word_row {
    const char *word, *about;
};

#define ROW(name, word, about) {word, about},
static const struct word_row units[] = {FAKE_UNIT_TABLE(ROW)};
static const struct word_row shapes[] = {FAKE_SHAPE_TABLE(ROW)};
static const struct word_row scopes[] = {FAKE_SCOPE_TABLE(ROW)};
static const struct word_row charges[] = {FAKE_CHARGE_TABLE(ROW)};
static const struct word_row headers[] = {FAKE_HEADERS_TABLE(ROW)};
static const struct word_row truths[] = {FAKE_TRUTH_TABLE(ROW)};
static const struct word_row bodies[] = {FAKE_BODIES_TABLE(ROW)};
static const struct word_row retries[] = {FAKE_RETRY_TABLE(ROW)};
#undef ROW

static const struct {
    const char *title;
    const struct word_row *rows;
    size_t count;
} tables[] = {
    {"Units", units, array_length(units)},         {"`shape`", shapes, array_length(shapes)},
    {"`scope`", scopes, array_length(scopes)},     {"`charge`", charges, array_length(charges)},
    {"`headers`", headers, array_length(headers)}, {"`headers_are`", truths, array_length(truths)},
    {"`errors`", bodies, array_length(bodies)},    {"`retry_form`", retries, array_length(retries)},
};

static int write_head(struct dynbuf *out, const char *title, const char *column) {
    return dynbuf_append_format(out, "\n### %s\n\n| %s | what it is |\n| --- | --- |\n", title,
                                column);
}

static int write_members(struct dynbuf *out, const char *title, const struct member *table) {
    int err = write_head(out, title, "member");
    for (size_t i = 0; table[i].name != NULL && err == 0; i++)
        err = dynbuf_append_format(out, "| `%s` | %s |\n", table[i].name, table[i].about);
    return err;
}

static int write_faults(struct dynbuf *out) {
    int err = write_head(out, "Faults", "name");
    for (uint32_t i = 0; i < FAULT_COUNT && err == 0; i++)
        err = dynbuf_append_format(out, "| `%s` | %s |\n", fault_row((enum fault)i)->name,
                                   fault_row((enum fault)i)->about);
    return err;
}

int fake_reference_write(struct dynbuf *out) {
    int err = write_members(out, "Members of a script", fake_script_members);
    if (err == 0)
        err = write_members(out, "Members of a limit", fake_limit_members);
    for (size_t t = 0; t < array_length(tables) && err == 0; t++) {
        err = write_head(out, tables[t].title, "word");
        for (size_t i = 0; i < tables[t].count && err == 0; i++)
            err = dynbuf_append_format(out, "| `%s` | %s |\n", tables[t].rows[i].word,
                                       tables[t].rows[i].about);
    }
    return err == 0 ? write_faults(out) : err;
}
