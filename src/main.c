// SPDX-License-Identifier: Apache-2.0
/*
 * papi: argv to a command.
 *
 * Everything else is in the library, so that tests and fuzz targets link the same code the program runs. What the
 * commands are stands in cli/commands.c.
 */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv);
}
