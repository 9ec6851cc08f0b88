// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * What each agent must be told to speak to PAPI: one row an agent, texts with {base} (the address), {api} (the same with /v1),
 * {model} and {key}.
 */
#include "base/dynbuf.h"

#define LAUNCH_VARIABLES_MAX 8
#define LAUNCH_ARGUMENTS_MAX 12
#define LAUNCH_FILES_MAX     2
#define LAUNCH_KEY_VARIABLE  "PAPI_API_KEY"

struct launch_variable {
    const char *name;
    const char *value; /* NULL: must not be set */
};

/* Files are written by a launch only, in a folder of PAPI's own that `folder_variable` names. */
struct launch_file {
    const char *name;
    const char *text;
    bool
        ours_only; /* would change how the program works without PAPI: not for the user's own folder */
};

struct launch_agent {
    const char *name;
    const char *program;
    const char *endpoint; /* which path of ours it calls */
    const char *home;     /* where to get it */
    const char *start;    /* how to start it by hand, if not by `arguments` */
    const char *folder_variable;
    const char *folder_words; /* where the files belong by hand */
    struct launch_variable variables[LAUNCH_VARIABLES_MAX];
    const char *arguments[LAUNCH_ARGUMENTS_MAX];
    struct launch_file files[LAUNCH_FILES_MAX];
};

extern const struct launch_agent launch_agents[];
extern const size_t launch_agent_count;

struct launch_facts {
    struct span base; /* "http://127.0.0.1:7274" */
    struct span model;
    struct span key;
    bool key_is_set; /* by the user: prints name the variable, never the key */
};

/* Whether a model's name can stand in every form there is (shell, JSON, YAML, TOML). */
bool launch_model_fits(struct span model);
/* Whether this version serves what the agent speaks. */
bool launch_is_served(const struct launch_agent *agent);
/* ERR_TOO_LARGE, ERR_NOMEM */
int launch_expand(struct dynbuf *out, const char *text,
                  const struct launch_facts *facts) WARN_UNUSED;
/* For a shell, to be read with eval or pasted; comments tell what no variable can. */
int launch_print_shell(struct dynbuf *out, const struct launch_agent *agent,
                       const struct launch_facts *facts) WARN_UNUSED;
int launch_print_json(struct dynbuf *out, const struct launch_agent *agent,
                      const struct launch_facts *facts) WARN_UNUSED;
