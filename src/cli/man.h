// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Manual pages in mdoc, from the table of commands. */
#include "cli/cli.h"
#include "cli/page.h"

/* Of papi itself (NULL), or of a command of the first level with its sub-commands. */
void man_write(struct page *page, const struct cli_command *command);
