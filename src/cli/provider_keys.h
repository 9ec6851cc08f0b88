// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Sub-commands of `papi provider` that keep and change keys. */
#include "cli/cli.h"

extern const struct cli_command cli_provider_add, cli_provider_import, cli_provider_pause,
    cli_provider_resume, cli_provider_remove, cli_provider_rekey;
