// SPDX-License-Identifier: Apache-2.0
/*
 * papi launch: starts an agent pointed at this instance, or prints what it would be told.
 *
 * Why exec and not a child: the agent owns the terminal, its signals and its exit code from then on, and nothing of PAPI is left
 * running. Why the instance is asked first: an agent that finds nobody says so in its own words, which are about OpenAI. Our own
 * settings for SIGPIPE go back to the default, since they would be inherited by every tool the agent starts.
 * Files are needed by one agent only; they lie in a folder of our own in the user's cache, so that its own settings stay as they
 * are. Promises: a key is never printed and never an argument. Leaves to others: what agents are told (launch_agents.c).
 */
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/launch_agents.h"

#include "base/check.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX_BYTES ((size_t)64 * 1024)
#define PATH_BYTES     4096
#define ANY_KEY        "papi" /* where no keys are asked for, any is accepted */

struct values {
    const char *model;
    struct instance_wish wish;
    bool print_env;
    bool json;
};

static const struct cli_option options[] = {
    {"--model", CLI_TEXT, offsetof(struct values, model), "MODEL",
     "what the agent asks for; default auto"},
    {"--print-env", CLI_FLAG, offsetof(struct values, print_env), NULL,
     "print what it is told; start nothing"},
    {"--json", CLI_FLAG, offsetof(struct values, json), NULL, "the same as JSON"},
    {"--url", CLI_TEXT, offsetof(struct values, wish.url), "URL",
     "the running PAPI; else $PAPI_URL, " INSTANCE_DEFAULT_URL},
};

static const struct launch_agent *find_agent(const char *name) {
    struct cli_nearest nearest = {.asked = span_text(name), .distance = 3};
    for (size_t i = 0; i < launch_agent_count; i++) {
        if (strcmp(launch_agents[i].name, name) == 0)
            return &launch_agents[i];
        cli_nearest_offer(&nearest, launch_agents[i].name);
    }
    if (nearest.name != NULL)
        cli_complain("unknown agent '%s'; did you mean '%s'?", name, nearest.name);
    else
        cli_complain("unknown agent '%s'; there are claude, codex, opencode, aider, llm", name);
    return NULL;
}

/* --- the program --- */

static bool is_program(const char *path) {
    struct stat found;
    return stat(path, &found) == 0 && S_ISREG(found.st_mode) && access(path, X_OK) == 0;
}

/* As execvp would look, so that "not installed" is known before anything else is done. */
static bool find_program(const char *name, struct dynbuf *path) {
    struct span rest = span_text(getenv("PATH")), folder;
    while (span_split(&rest, ':', &folder)) {
        dynbuf_clear(path);
        int err = dynbuf_append_span(path, folder.len > 0 ? folder : SPAN_LITERAL("."));
        if (err == 0)
            err = dynbuf_append_format(path, "/%s", name);
        if (err == 0 && dynbuf_append_char(path, '\0') == 0 && is_program(dynbuf_span(path).ptr))
            return true;
    }
    return false;
}

/* --- files --- */

static bool put_in_own_file(const char *path, struct span text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    ssize_t written = write(fd, text.ptr, text.len);
    return (close(fd) == 0) && written == (ssize_t)text.len;
}

/* $XDG_CACHE_HOME/papi/NAME, else ~/.cache/papi/NAME; each folder is made when it is not there. Relative ones do not count (XDG
 * base directories). */
static bool make_folder(const char *name, char path[PATH_BYTES]) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool has_cache = cache != NULL && cache[0] == '/';
    const char *start = has_cache ? cache : home, *below = has_cache ? "" : "/.cache";
    const char *const parts[][2] = {{"", ""}, {"/papi", ""}, {"/papi/", name}};
    if (start == NULL || start[0] != '/')
        return false;
    for (size_t i = 0; i < array_length(parts); i++) {
        int length = snprintf(path, PATH_BYTES, "%s%s%s%s", start, below, parts[i][0], parts[i][1]);
        if (length < 0 || length >= PATH_BYTES || (mkdir(path, 0700) != 0 && errno != EEXIST))
            return false;
    }
    return true;
}

static bool write_file(const char *folder, const struct launch_file *file,
                       const struct launch_facts *facts) {
    char path[PATH_BYTES];
    struct dynbuf text;
    dynbuf_init(&text, TEXT_MAX_BYTES);
    int length = snprintf(path, sizeof path, "%s/%s", folder, file->name);
    bool written = length > 0 && length < PATH_BYTES &&
                   launch_expand(&text, file->text, facts) == 0 &&
                   put_in_own_file(path, dynbuf_span(&text));
    if (!written)
        cli_complain("%s/%s cannot be written", folder, file->name);
    dynbuf_done(&text);
    return written;
}

static bool write_files(const struct launch_agent *agent, const struct launch_facts *facts) {
    char folder[PATH_BYTES];
    if (agent->folder_variable == NULL)
        return true;
    bool done = make_folder(agent->name, folder);
    if (!done)
        cli_complain("there is no folder for %s's settings; set HOME or XDG_CACHE_HOME",
                     agent->name);
    for (size_t i = 0; i < LAUNCH_FILES_MAX && agent->files[i].name != NULL && done; i++)
        done = write_file(folder, &agent->files[i], facts);
    return done && setenv(agent->folder_variable, folder, 1) == 0;
}

/* --- starting --- */

/* Owned text. */
static char *expanded(const char *text, const struct launch_facts *facts) {
    struct dynbuf out;
    dynbuf_init(&out, TEXT_MAX_BYTES);
    int err = launch_expand(&out, text, facts);
    char *copy = err == 0 ? mem_strndup(dynbuf_span(&out).ptr, out.len) : NULL;
    dynbuf_done(&out);
    return copy;
}

static bool set_environment(const struct launch_agent *agent, const struct launch_facts *facts) {
    bool set = true;
    for (size_t i = 0; i < LAUNCH_VARIABLES_MAX && agent->variables[i].name != NULL && set; i++) {
        const struct launch_variable *variable = &agent->variables[i];
        char *value = variable->value != NULL ? expanded(variable->value, facts) : NULL;
        if (variable->value == NULL)
            set = unsetenv(variable->name) == 0;
        else
            set = value != NULL && setenv(variable->name, value, 1) == 0;
        mem_free(value);
    }
    return set;
}

/* The agent's own arguments, then the user's. */
static int become(const char *path, const struct launch_agent *agent,
                  const struct launch_facts *facts, const struct cli_operands *rest) {
    char **argv = mem_zalloc((LAUNCH_ARGUMENTS_MAX + (size_t)rest->count + 2) * sizeof *argv);
    size_t own = 0;
    argv[own++] = mem_strdup(agent->program);
    for (size_t i = 0; i < LAUNCH_ARGUMENTS_MAX && agent->arguments[i] != NULL; i++)
        argv[own++] = expanded(agent->arguments[i], facts);
    for (int i = 0; i < rest->count; i++)
        argv[own + (size_t)i] = rest->items[i];
    (void)signal(SIGPIPE, SIG_DFL);
    (void)fflush(stdout);
    (void)execv(path, argv);
    cli_complain("%s cannot be started: %s", path, strerror(errno));
    for (size_t i = 0; i < own; i++)
        mem_free(argv[i]);
    mem_free(argv);
    return CLI_FAILED;
}

static bool is_alive(struct instance *instance) {
    struct dynbuf body;
    int status = 0;
    dynbuf_init(&body, TEXT_MAX_BYTES);
    int err = instance_ask(instance, "/healthz", SPAN_NONE, &body, &status);
    dynbuf_done(&body);
    if (err < 0)
        instance_complain(instance, err);
    else if (status != 200)
        cli_complain("%.*s is no PAPI: it answers %d at /healthz",
                     SPAN_ARG(instance_place(instance)->text), status);
    return err == 0 && status == 200;
}

static int start(const struct launch_agent *agent, struct instance *instance,
                 const struct launch_facts *facts, const struct cli_operands *rest) {
    struct dynbuf path;
    int code = CLI_FAILED;
    if (!launch_is_served(agent)) {
        cli_complain("%s speaks %s, which this version does not serve yet; --print-env shows what "
                     "it will need",
                     agent->name, agent->endpoint);
        return code;
    }
    dynbuf_init(&path, TEXT_MAX_BYTES);
    if (!find_program(agent->program, &path))
        cli_complain("%s is not installed: no such program in PATH; see %s", agent->program,
                     agent->home);
    else if (is_alive(instance) && write_files(agent, facts) && set_environment(agent, facts))
        code = become(dynbuf_span(&path).ptr, agent, facts, rest);
    dynbuf_done(&path);
    return code;
}

static int print(const struct launch_agent *agent, const struct launch_facts *facts, bool json) {
    struct dynbuf out;
    dynbuf_init(&out, 4 * TEXT_MAX_BYTES);
    int err = json ? launch_print_json(&out, agent, facts) : launch_print_shell(&out, agent, facts);
    if (err == 0)
        (void)fwrite(dynbuf_span(&out).ptr, 1, out.len, stdout);
    else
        cli_complain("it cannot be printed: %s", err_text(err));
    dynbuf_done(&out);
    return err == 0 ? CLI_DONE : CLI_FAILED;
}

static int run(const struct cli_command *command, int argc, char **argv) {
    struct values values = {.model = "auto"};
    struct cli_operands operands;
    struct instance instance;
    enum cli_parsed parsed = cli_parse(command, argc, argv, &values, &operands);
    if (parsed != CLI_PARSED)
        return cli_parsed_exit(parsed);
    const struct launch_agent *agent = find_agent(operands.items[0]);
    if (agent == NULL || !instance_find(&values.wish, INSTANCE_BY_URL, &instance))
        return CLI_USAGE;
    if (!launch_model_fits(span_text(values.model))) {
        cli_complain("--model '%s' has a character that no model's name has", values.model);
        return CLI_USAGE;
    }
    const char *key = getenv(LAUNCH_KEY_VARIABLE);
    bool key_is_set = key != NULL && key[0] != '\0';
    const struct launch_facts facts = {.base = instance_place(&instance)->base,
                                       .model = span_text(values.model),
                                       .key = span_text(key_is_set ? key : ANY_KEY),
                                       .key_is_set = key_is_set};
    const struct cli_operands rest = {operands.items + 1, operands.count - 1};
    if (values.print_env || values.json)
        return print(agent, &facts, values.json);
    return start(agent, &instance, &facts, &rest);
}

const struct cli_command cli_launch = {
    .name = "launch",
    .operands = "AGENT [-- ARGUMENTS...]",
    .line = "start claude, codex, opencode, aider or llm pointed at this instance",
    .about = "ARGUMENTS are the agent's own. $" LAUNCH_KEY_VARIABLE
             " is the key, where the instance asks for one.\n"
             "`eval \"$(papi launch aider --print-env)\"` sets up a shell instead.",
    .options = options,
    .option_count = array_length(options),
    .run = run,
};
