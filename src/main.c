// SPDX-License-Identifier: Apache-2.0
/*
 * papi: argv to a command. Everything else is in the library, so that tests link it too.
 */
#include "cli/cli.h"

int main(int argc, char **argv) {
    return cli_main(argc, argv);
}
