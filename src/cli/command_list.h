// SPDX-License-Identifier: Apache-2.0
#pragma once
/* The names of the rows, one a line, so that a new command is one line here and a file of its own. */

/* All of the first level, in the order of the list. */
#define CLI_COMMANDS(X) \
    X(cli_serve)        \
    X(cli_check)        \
    X(cli_doctor)       \
    X(cli_mock)         \
    X(cli_chat)         \
    X(cli_provider)     \
    X(cli_client)       \
    X(cli_admin)        \
    X(cli_model)        \
    X(cli_status)       \
    X(cli_requests)     \
    X(cli_request)      \
    X(cli_explain)      \
    X(cli_capacity)     \
    X(cli_reload)       \
    X(cli_launch)       \
    X(cli_completion)   \
    X(cli_version)      \
    X(cli_help)         \
    X(cli_complete)     \
    X(cli_reference)
