// SPDX-License-Identifier: Apache-2.0
/*
 * papi provider rekey: another master key for the vault.
 *
 * Only while nobody serves the data directory: a rotation is rare, and done in peace. Keys of clients stay valid (vault/vault.c tells how).
 * Promises: crash-safe at every step; a lost master key is no dead end (--start-over). Leaves to others: the rotation (app/vault_offline.c).
 */
#include "cli/provider_keys.h"

#include "app/vault_offline.h"
#include "base/check.h"
#include "cli/key_input.h"
#include "crypto/key.h"

struct values {
    const char *data, *key_file;
    bool start_over, json;
};

static const struct cli_option options[] = {
    {"--data", CLI_TEXT, offsetof(struct values, data), "DIR",
     "the data directory, else $PAPI_DATA, your own"},
    {"--key-file", CLI_TEXT, offsetof(struct values, key_file), "FILE",
     "the new key, as PAPI_VAULT_KEY has it; needed where that variable is in use"},
    {"--start-over", CLI_FLAG, offsetof(struct values, start_over), NULL,
     "when the master key is lost: forget everything that was sealed with it"},
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "how many keys, as JSON"},
};

static int rotate(struct vault_offline *offline, struct secret *next, bool json) {
    uint32_t count = 0;
    bool by_variable = offline->place.given != NULL;
    if (by_variable && next == NULL) {
        cli_complain("the master key comes from PAPI_VAULT_KEY: give the new one with --key-file "
                     "FILE, and put it there before the next start");
        return CLI_USAGE;
    }
    if (vault_offline_rotate(offline, next, &count) < 0) {
        cli_complain("%s", offline->why);
        return CLI_FAILED;
    }
    if (json)
        (void)printf("{\"sealed\":%u}\n", count);
    else
        (void)printf("%u key%s sealed anew; %s\n", count, count == 1 ? "" : "s",
                     by_variable ? "from now on PAPI_VAULT_KEY must hold the new key"
                                 : "back up the new key file, apart from the database");
    return CLI_DONE;
}

static int start_over(struct vault_offline *offline, bool json) {
    uint32_t count = 0;
    if (vault_offline_start_over(offline, &count) < 0) {
        cli_complain("%s", offline->why);
        return CLI_FAILED;
    }
    if (json)
        (void)printf("{\"forgotten\":%u}\n", count);
    else
        (void)printf(
            "%u key%s forgotten; keys of clients that were made before are not recognised any "
            "more\n",
            count, count == 1 ? "" : "s");
    return CLI_DONE;
}

static bool read_next(const char *path, struct secret **ret_next) {
    struct secret *text = NULL;
    if (path == NULL)
        return true;
    if (!key_input_read(path, "the vault", &text))
        return false;
    int err = key_from_text(secret_reveal(text), ret_next);
    secret_unref(text);
    if (err < 0)
        cli_complain("%s holds no master key: wanted are 64 hexadecimal digits, or base64 of 32 "
                     "bytes",
                     path);
    return err == 0;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {0};
    struct cli_operands operands;
    struct vault_offline offline;
    struct secret *next = NULL;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    if (!read_next(values.key_file, &next))
        return CLI_FAILED;
    int code = CLI_FAILED;
    int err = vault_offline_open(&offline, values.data);
    if (err == ERR_BUSY)
        cli_complain("stop the PAPI that serves %s first", offline.data_dir);
    else if (err < 0)
        cli_complain("%s", offline.why);
    else
        code = values.start_over ? start_over(&offline, values.json)
                                 : rotate(&offline, next, values.json);
    vault_offline_close(&offline);
    secret_unref(next);
    return code;
}

const struct cli_command cli_provider_rekey = {
    .group = "provider",
    .name = "rekey",
    .operands = "",
    .line = "seal all kept keys with a new master key",
    .about = "Stop the gateway first. A crash in between leaves either the old state or the new "
             "one.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
