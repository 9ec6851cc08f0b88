// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Texts on a terminal: how many columns they take, and what of a foreign text may be shown at all. */
#include "base/dynbuf.h"

#include <stdio.h>

/* Columns of this output: $COLUMNS, else the terminal's own; 0 = no limit (a pipe or a file). */
int width_of(FILE *out);
/* Columns that UTF-8 takes: two for wide letters, none for marks that combine with the one before. */
size_t width_columns(struct span text);
/* As much of its front as fits into `columns`; letters stay whole. */
struct span width_cut(struct span text, size_t columns);
/* Appends the text; control characters (also those of RFC 3987 section 4.1's hidden kind, which turn the direction of writing) and
 * bytes that are no UTF-8 become "?", so that no name steers a terminal. */
int width_append_safe(struct dynbuf *out, struct span text) WARN_UNUSED;
