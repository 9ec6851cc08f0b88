// SPDX-License-Identifier: Apache-2.0
/*
 * The command line: exit codes, what goes to stdout and what to stderr, words for mistakes, help for every command.
 *
 * Each row runs cli_main as main would, with stdout and stderr caught in files.
 */
#include "cli/cli.h"

#include "base/check.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 8
#define OUTPUT_MAX    16384
#define COLUMNS_MAX   100

struct caught {
    int code;
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
};

struct redirection {
    FILE *stream, *file;
    int saved_fd;
};

static struct redirection redirect(FILE *stream) {
    struct redirection redirection = {stream, tmpfile(), dup(fileno(stream))};
    assert_non_null(redirection.file);
    assert_int_equal(fflush(stream), 0);
    assert_true(dup2(fileno(redirection.file), fileno(stream)) >= 0);
    return redirection;
}

static void restore(struct redirection *redirection, char *text) {
    assert_int_equal(fflush(redirection->stream), 0);
    assert_true(dup2(redirection->saved_fd, fileno(redirection->stream)) >= 0);
    (void)close(redirection->saved_fd);
    rewind(redirection->file);
    size_t got = fread(text, 1, OUTPUT_MAX - 1, redirection->file);
    text[got] = '\0';
    (void)fclose(redirection->file);
}

/* The arguments are copied, since commands move them. */
static void run(const char *const *arguments, struct caught *ret_caught) {
    char *argv[ARGUMENTS_MAX + 2] = {mem_strdup("papi")};
    int argc = 1;
    for (; argc <= ARGUMENTS_MAX && arguments[argc - 1] != NULL; argc++)
        argv[argc] = mem_strdup(arguments[argc - 1]);
    char *copies[ARGUMENTS_MAX + 2];
    memcpy(copies, argv, sizeof copies);
    struct redirection err = redirect(stderr), out = redirect(stdout);
    ret_caught->code = cli_main(argc, argv);
    restore(&out, ret_caught->out);
    restore(&err, ret_caught->err);
    for (int i = 0; i < argc; i++)
        mem_free(copies[i]);
}

static const struct {
    const char *arguments[ARGUMENTS_MAX + 1];
    int code;
    const char *out, *err; /* a part; "" = nothing at all */
} rows[] = {
    {{NULL}, 2, "", "Usage: papi COMMAND"},
    {{"help"}, 0, "Usage: papi COMMAND", ""},
    {{"--help"}, 0, "  serve       run the gateway\n", ""},
    {{"-h"}, 0, "papi help COMMAND", ""},
    {{"help", "serve"}, 0, "--listen ADDRESS:PORT", ""},
    {{"help", "nope"}, 2, "", "papi: unknown command 'nope'; `papi help` lists them\n"},
    {{"sreve"}, 2, "", "papi: unknown command 'sreve'; did you mean 'serve'?\n"},
    {{"Check"}, 2, "", "did you mean 'check'?"},
    {{"frobnicate"}, 2, "", "papi: unknown command 'frobnicate'; `papi help` lists them\n"},
    {{""}, 2, "", "unknown command ''"},
    {{"--config", "x"}, 2, "", "'--config' stands before a command"},
    {{"version"}, 0, "papi " PAPI_VERSION "\n", ""},
    {{"--version"}, 0, "papi " PAPI_VERSION "\n", ""},
    {{"-V"}, 0, "papi " PAPI_VERSION "\n", ""},
    {{"version", "--json"}, 0, "{\"name\":\"papi\",\"version\":\"" PAPI_VERSION "\"}\n", ""},
    {{"version", "--jsn"}, 2, "", "papi: unknown option '--jsn'; did you mean '--json'?\n"},
    {{"version", "--zzzzzzz"},
     2,
     "",
     "papi: unknown option '--zzzzzzz'; `papi version --help` lists them\n"},
    {{"version", "--json=yes"}, 2, "", "papi: --json takes no value\n"},
    {{"version", "x"},
     2,
     "",
     "papi: papi version takes no 'x'; `papi version --help` tells what it takes\n"},
    {{"version", "--", "--json"}, 2, "", "takes no '--json'"},
    {{"version", "--nonsense", "--help"}, 0, "Usage: papi version", ""},
    {{"serve", "--listen"}, 2, "", "papi: --listen needs a value: --listen ADDRESS:PORT\n"},
    {{"serve", "--lisen=127.0.0.1:1"}, 2, "", "unknown option '--lisen'; did you mean '--listen'?"},
    {{"serve", "--listen", ":80"}, 2, "", "papi: --listen :80 must name its address: 127.0.0.1"},
    {{"serve", "--listen=x"}, 2, "", "--listen x must be ADDRESS:PORT"},
    {{"serve", "now"}, 2, "", "takes no 'now'"},
    {{"serve", "--data", ""}, 2, "", "papi: --data needs a value that is not empty: --data DIR\n"},
    {{"serve", "--config="}, 2, "", "papi: --config needs a value that is not empty"},
    {{"check", "my.yaml"},
     2,
     "",
     "papi: papi check takes a file by --config: papi check --config my.yaml\n"},
    {{"version", "my.yml"}, 2, "", "papi version takes no 'my.yml'"},
    {{"serve", "--data", "/dev/null"}, 1, "", "/dev/null cannot be used: Not a directory; give"},
    {{"serve", "--config", "/nowhere/papi.yaml"},
     1,
     "",
     "has 1 error; `papi check --config /nowhere/papi.yaml` shows it\n"},
    {{"provider"}, 2, "", "Usage: papi provider COMMAND [OPTIONS]\n"},
    {{"model", "show"},
     2,
     "",
     "papi: papi model show needs MODEL, a model's name, as `papi model list` shows it: papi model "
     "show MODEL\n"},
    {{"model", "list", "x"}, 2, "", "papi: papi model list takes no 'x'; `papi model list --help`"},
    {{"help", "model", "lits"},
     2,
     "",
     "papi: unknown command 'model lits'; did you mean 'model list'?\n"},
    {{"model", "lits"}, 2, "", "papi: unknown command 'model lits'; did you mean 'model list'?\n"},
    {{"model", "frobnicate"}, 2, "", "unknown command 'model frobnicate'; `papi help model` lists"},
    {{"help", "version", "x"}, 2, "", "papi: papi version has no sub-commands\n"},
    {{"help", "provider"}, 0, "  test        try keys without spending quota\n", ""},
    {{"help", "provider", "show"}, 0, "Usage: papi provider show [OPTIONS] PROVIDER\n", ""},
    {{"provider", "show", "--help"}, 0, "Usage: papi provider show [OPTIONS] PROVIDER\n", ""},
    {{"provider", "-h"}, 0, "Usage: papi provider COMMAND [OPTIONS]\n", ""},
    {{"provider", "--json", "list"}, 0, "{\"compiled\":", ""},
    {{"provider", "--json"}, 2, "", "Usage: papi provider COMMAND"},
    {{"provider", "show", "--jsn", "x"}, 2, "", "did you mean '--json'?"},
    {{"provider", "show", "--zzzzzzz"}, 2, "", "`papi provider show --help` lists them\n"},
    {{"provider", "list"}, 0, " OVH_AI_ENDPOINTS_ACCESS_TOKEN\n", ""},
    {{"mock", "--seed", "many"}, 2, "", "papi: --seed needs a whole number, not 'many'\n"},
    {{"mock", "--listen", "1.2.3.4:5"}, 2, "", "must be a loopback address"},
    {{"check", "--config", "/nowhere/papi.yaml"},
     1,
     "",
     "error: cannot read /nowhere/papi.yaml: No such file or directory\n1 error\n"},
    {{"check", "--config", "/nowhere/papi.yaml", "--json"},
     1,
     "{\"ok\":false,\"file\":\"/nowhere/"
     "papi.yaml\",\"listen\":\"127.0.0.1:7274\",\"audience\":\"self\",\"data_use\":\"any\","
     "\"keyless\":\"safe\",\"local_servers\":true,\"dotenv\":true,\"proxy\":false,"
     "\"providers\":0,\"models\":0,\"aliases\":0,"
     "\"errors\":1,\"keys\":[],\"messages\":[{\"severity\":\"error\",\"line\":0,\"column\":0,"
     "\"text\":\"cannot read /nowhere/papi.yaml: No such file or directory\"}]}\n",
     ""},
    {{"chat", "--url", "127.0.0.1:1", "hi"},
     2,
     "",
     "papi: --url 127.0.0.1:1 must start with http:// or https://\n"},
    {{"chat", " "}, 2, "", "papi: nothing to ask: papi chat TEXT\n"},
    {{"launch"},
     2,
     "",
     "papi: papi launch needs AGENT, claude, codex, opencode, aider or llm: papi launch AGENT"},
    {{"launch", "adier"}, 2, "", "papi: unknown agent 'adier'; did you mean 'aider'?\n"},
    {{"launch", "emacs"}, 2, "", "there are claude, codex, opencode, aider, llm\n"},
    {{"launch", "aider", "--url", "h:1"}, 2, "", "papi: --url h:1 must start with http://"},
    {{"launch", "aider", "--model", "a b"}, 2, "", "papi: --model 'a b' has a character"},
    {{"launch", "aider", "--print-env", "--url", "http://h:1/v1/"},
     0,
     "export OPENAI_API_BASE='http://h:1/v1'\n",
     ""},
    {{"launch", "aider", "--print-env", "--url=https://h/x"},
     0,
     "export OPENAI_API_BASE='https://h/x/v1'\n",
     ""},
    {{"launch", "opencode", "--json"}, 0, "{\"agent\":\"opencode\"", ""},
    {{"reference"}, 0, "# Configuration\n", ""},
    {{"reference", "configuration"}, 0, "# Configuration\n", ""},
    {{"reference", "outcomes"}, 0, "| `ok` | nobody |  | 0 | usage |\n", ""},
    {{"reference", "simulator"}, 0, "### Members of a script\n", ""},
    {{"reference", "simulators"}, 2, "", "providers, simulator, not 'simulators'\n"},
    {{"reference", "simulator", "providers"}, 2, "", "papi: papi reference takes no 'providers'"},
};

static void expect_part(const char *name, const char *text, const char *part, size_t row) {
    bool fits = part[0] == '\0' ? text[0] == '\0' : strstr(text, part) != NULL;
    if (!fits)
        fail_msg("row %zu (%s): %s is:\n%s\nwithout:\n%s", row, rows[row].arguments[0], name, text,
                 part);
}

static void answers_as_written(void **state) {
    struct caught caught;
    (void)state;
    for (size_t i = 0; i < array_length(rows); i++) {
        run(rows[i].arguments, &caught);
        expect_part("stdout", caught.out, rows[i].out, i);
        expect_part("stderr", caught.err, rows[i].err, i);
        assert_int_equal(caught.code, rows[i].code);
    }
}

/* Help fits a usual terminal. */
static void expect_columns(const char *text) {
    struct span rest = span_text(text), line;
    while (span_split(&rest, '\n', &line))
        if (line.len > COLUMNS_MAX)
            fail_msg("%zu columns: %.*s", line.len, SPAN_ARG(line));
}

/* Every option is listed with its help, and what stands for its value is a word of the table. */
static void expect_option(const char *help, const struct cli_option *option) {
    struct span rest = span_text(option->value), choice;
    enum cli_kind kind;
    assert_non_null(strstr(help, option->name));
    assert_non_null(strstr(help, option->help));
    assert_int_equal(option->value == NULL, option->type == CLI_FLAG);
    while (cli_next_choice(&rest, &choice, &kind))
        if (kind != CLI_WORD && cli_word(choice) == NULL)
            fail_msg("%s %.*s: the word is not in words.c", option->name, SPAN_ARG(choice));
}

static void expect_operands(const char *operands) {
    struct span rest = span_text(operands), choices, choice;
    struct cli_operand operand;
    enum cli_kind kind;
    while (cli_next_operand(&rest, &operand)) {
        choices = operand.value;
        while (cli_next_choice(&choices, &choice, &kind))
            if (kind != CLI_WORD && cli_word(choice) == NULL)
                fail_msg("%s: %.*s is not in words.c", operands, SPAN_ARG(choice));
    }
}

/* `list`: the help one level above. Returns how many commands there are in it. */
static size_t expect_help(const struct cli_command *command, const char *list) {
    struct caught caught;
    size_t count = 1;
    const char *const alone[] = {command->name, "--help", NULL};
    const char *const grouped[] = {command->group, command->name, "--help", NULL};
    run(command->group != NULL ? grouped : alone, &caught);
    assert_int_equal(caught.code, 0);
    assert_string_equal(caught.err, "");
    assert_non_null(strstr(caught.out, command->line));
    assert_int_equal(strstr(list, command->line) == NULL, command->hidden);
    for (size_t i = 0; i < command->option_count; i++)
        expect_option(caught.out, &command->options[i]);
    expect_operands(command->operands);
    expect_columns(caught.out);
    assert_int_equal(command->commands != NULL, command->run == NULL);
    for (size_t i = 0; i < command->command_count; i++) {
        assert_string_equal(command->commands[i]->group, command->name);
        count += expect_help(command->commands[i], caught.out);
    }
    return count;
}

static void helps_with_every_command(void **state) {
    struct caught list;
    const char *const all[] = {"help", NULL};
    size_t count = 0;
    (void)state;
    run(all, &list);
    for (size_t i = 0; i < cli_command_count; i++)
        count += expect_help(cli_commands[i], list.out);
    assert_true(count > cli_command_count);
}

static void reads_operands(void **state) {
    static const struct {
        const char *text;
        struct cli_operand first, second;
    } cases[] = {
        {"", {SPAN_NONE, false, false}, {SPAN_NONE, false, false}},
        {"FILE", {SPAN_LITERAL("FILE"), false, false}, {SPAN_NONE, false, false}},
        {"PROVIDER [FILE...]",
         {SPAN_LITERAL("PROVIDER"), false, false},
         {SPAN_LITERAL("FILE"), true, true}},
        {"[a|b] FILE...", {SPAN_LITERAL("a|b"), true, false}, {SPAN_LITERAL("FILE"), false, true}},
        {"AGENT [-- ARGUMENTS...]",
         {SPAN_LITERAL("AGENT"), false, false},
         {SPAN_LITERAL("ARGUMENTS"), true, true}},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        const struct cli_operand *const expected[] = {&cases[i].first, &cases[i].second};
        struct span rest = span_text(cases[i].text);
        struct cli_operand operand;
        for (size_t j = 0; j < 2 && !span_absent(expected[j]->value); j++) {
            assert_true(cli_next_operand(&rest, &operand));
            assert_true(span_equal(operand.value, expected[j]->value));
            assert_int_equal(operand.optional, expected[j]->optional);
            assert_int_equal(operand.repeats, expected[j]->repeats);
        }
        assert_false(cli_next_operand(&rest, &operand));
    }
}

static void counts_operands(void **state) {
    static const struct {
        const char *row, *given[4];
        bool fits;
    } cases[] = {
        {"FILE", {NULL}, false},
        {"FILE", {"a"}, true},
        {"FILE", {"a", "b"}, false},
        {"[FILE]", {NULL}, true},
        {"[FILE]", {"a", "b"}, false},
        {"FILE...", {NULL}, false},
        {"FILE...", {"a", "b", "c"}, true},
        {"PROVIDER [FILE...]", {"a", "b", "c"}, true},
        {"bash|zsh", {"zsh"}, true},
        {"bash|zsh", {"csh"}, false},
        {"bash|FILE", {"csh"}, true},
        {"[one|two] FILE...", {"one", "x"}, true},
        {"[one|two] FILE...", {"x", "x"}, false},
    };
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct cli_command command = {
            .name = "x", .operands = cases[i].row, .line = "", .about = ""};
        struct cli_operands operands;
        char *argv[4] = {NULL}, text[4][8];
        int argc = 0;
        for (; argc < 4 && cases[i].given[argc] != NULL; argc++) {
            (void)snprintf(text[argc], sizeof text[argc], "%s", cases[i].given[argc]);
            argv[argc] = text[argc];
        }
        if ((cli_parse(&command, argc, argv, NULL, &operands) == CLI_PARSED) != cases[i].fits)
            fail_msg("case %zu: %s", i, cases[i].row);
    }
}

struct values {
    bool flag;
    const char *text;
    struct cli_number number;
};

static void reads_durations(void **state) {
    static const struct {
        const char *text;
        uint64_t ms; /* 0: refused */
    } cases[] = {
        {"90s", 90000}, {"15m", 900000}, {"1h", 3600000}, {"7d", 604800000},    {"7", 0},  {"h", 0},
        {"1w", 0},      {"-1h", 0},      {"1.5h", 0},     {"300000000000d", 0}, {"1 h", 0}};
    static const struct cli_option options[] = {
        {"--since", CLI_DURATION, offsetof(struct values, number), "DURATION", ""}};
    const struct cli_command command = {.name = "x",
                                        .operands = "",
                                        .line = "",
                                        .about = "",
                                        .options = options,
                                        .option_count = 1};
    (void)state;
    for (size_t i = 0; i < array_length(cases); i++) {
        struct values values = {0};
        struct cli_operands operands;
        char name[] = "--since", text[24];
        char *argv[] = {name, text};
        (void)snprintf(text, sizeof text, "%s", cases[i].text);
        enum cli_parsed parsed = cli_parse(&command, 2, argv, &values, &operands);
        assert_int_equal(parsed == CLI_PARSED, cases[i].ms > 0);
        assert_int_equal(values.number.value, cases[i].ms);
    }
}

static void checks_a_file(void **state) {
    char path[] = "/tmp/papi-cli-XXXXXX";
    static const char text[] = "providers: {p: {base_url: http://127.0.0.1:1, models: [m, n]}}\n"
                               "models: {aliases: {a: m}}\nqueue: {max_wait: 5}\n";
    struct caught caught;
    (void)state;
    int fd = mkstemp(path);
    assert_int_equal(setenv("PAPI_KEYLESS", "off", 1), 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    assert_int_equal(close(fd), 0);
    const char *const plain[] = {"check", "--config", path, NULL};
    run(plain, &caught);
    assert_int_equal(caught.code, 0);
    assert_non_null(strstr(caught.out, " is fine\n  listen     127.0.0.1:7274\n"));
    assert_non_null(strstr(caught.out, "  providers  1: p\n  models     2\n  aliases    1\n"));
    assert_non_null(
        strstr(caught.err,
               ":3:19: warning: 'queue.max_wait' has no unit and is taken as seconds; write 5s\n"));
    const char *const json[] = {"check", "--json", "--config", path, NULL};
    run(json, &caught);
    assert_int_equal(caught.code, 0);
    assert_string_equal(caught.err, "");
    assert_non_null(strstr(caught.out, "{\"ok\":true,"));
    assert_non_null(strstr(caught.out, "\"providers\":1,\"models\":2,\"aliases\":1,\"errors\":0,"
                                       "\"keys\":[],\"messages\":[{\"severity\":\"warning\","
                                       "\"line\":3,\"column\":19,\"file\":"));
    assert_int_equal(unlink(path), 0);
}

/* A port that is bound but not listened on is nobody else's and refuses connections. */
static void says_that_nobody_answers(void **state) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct caught caught;
    char url[64], expected[160];
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    (void)snprintf(expected, sizeof expected,
                   "papi: no PAPI is running at %s; start one with `papi serve`\n", url);
    const char *const arguments[] = {"chat", "--url", url, "hello", NULL};
    run(arguments, &caught);
    assert_int_equal(caught.code, 1);
    assert_string_equal(caught.out, "");
    assert_string_equal(caught.err, expected);
    (void)close(fd);
}

/* Reading options alone: mixed order, last value wins, operands kept in order. */
static void reads_options(void **state) {
    static const struct cli_option options[] = {
        {"--flag", CLI_FLAG, offsetof(struct values, flag), NULL, ""},
        {"--text", CLI_TEXT, offsetof(struct values, text), "TEXT", ""},
        {"--number", CLI_NUMBER, offsetof(struct values, number), "N", ""},
    };
    const struct cli_command command = {.name = "x",
                                        .operands = "TEXT...",
                                        .line = "",
                                        .about = "",
                                        .options = options,
                                        .option_count = array_length(options)};
    char first[] = "one", option[] = "--text=a=b", flag[] = "--flag", number[] = "--number",
         value[] = "7", text[] = "--text", again[] = "c", dash[] = "-", end[] = "--",
         last[] = "--flag";
    char *argv[] = {first, option, flag, number, value, text, again, dash, end, last};
    struct values values = {0};
    struct cli_operands operands;
    (void)state;
    assert_int_equal(cli_parse(&command, array_length(argv), argv, &values, &operands), CLI_PARSED);
    assert_true(values.flag);
    assert_string_equal(values.text, "c");
    assert_true(values.number.given && values.number.value == 7);
    assert_int_equal(operands.count, 3);
    assert_string_equal(operands.items[0], "one");
    assert_string_equal(operands.items[1], "-");
    assert_string_equal(operands.items[2], "--flag");
}

static void tells_waits_in_words(void **state) {
    static const struct {
        uint64_t wait_ms;
        const char *text;
    } waits[] = {{0, "0 s"},
                 {1, "1 s"},
                 {119000, "119 s"},
                 {119001, "2 min"},
                 {7140000, "119 min"},
                 {7140001, "2 h 0 min"},
                 {77920000, "21 h 39 min"},
                 {169200000, "47 h 0 min"},
                 {169200001, "2 d 0 h"},
                 {221920000, "2 d 14 h"},
                 {UINT64_MAX, "213503982334 d 15 h"}};
    char text[CLI_WAIT_SIZE];
    (void)state;
    for (size_t i = 0; i < array_length(waits); i++)
        assert_string_equal(cli_wait_text(waits[i].wait_ms, text), waits[i].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_as_written),       cmocka_unit_test(helps_with_every_command),
        cmocka_unit_test(reads_operands),           cmocka_unit_test(counts_operands),
        cmocka_unit_test(reads_durations),          cmocka_unit_test(checks_a_file),
        cmocka_unit_test(says_that_nobody_answers), cmocka_unit_test(reads_options),
        cmocka_unit_test(tells_waits_in_words),
    };
    /* What a developer has set must not change what the rows expect. */
    (void)unsetenv("PAPI_URL");
    (void)unsetenv("PAPI_LISTEN");
    (void)unsetenv("PAPI_API_KEY");
    (void)setenv("NO_COLOR", "1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
