// SPDX-License-Identifier: Apache-2.0
#pragma once
/* papi complete, as the scripts of `papi completion` call it. */
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/page.h"

/* Adds the lines for the last of the words, the first being what follows "papi". */
void complete_words(struct page *page, int count, char **words);
