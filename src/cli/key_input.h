// SPDX-License-Identifier: Apache-2.0
#pragma once
/* Reading secrets from people: a terminal that shows nothing, a pipe, a file. Each complains by itself. */
#include "base/dynbuf.h"
#include "base/secret.h"

/* True after complaining: --key stands among the arguments. */
bool key_input_on_command_line(int argc, char **argv);
/* One key, without white space around it. path NULL: standard input. */
bool key_input_read(const char *path, const char *what, struct secret **ret_key);
/* A whole file of at most text->cap_bytes; "-": standard input. The caller wipes it. */
bool key_input_file(const char *path, struct dynbuf *text);
