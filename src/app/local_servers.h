// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * Servers of models on this machine: Ollama, llama.cpp, LM Studio and vLLM on their usual ports, told by their answers.
 *
 * Ownership: local_servers_free frees all; texts live in its arena.
 */
#include "base/arena.h"

#define LOCAL_SERVERS_MAX       4
#define LOCAL_SERVER_MODELS_MAX 256
#define LOCAL_SERVERS_WAIT_MS   250

struct local_model {
    struct span id;          /* as the server calls it */
    uint64_t context_tokens; /* 0 = unknown */
    bool embeds;             /* told by the server, else guessed by its name */
    bool vision;             /* told by the server */
};

struct local_server {
    struct span provider; /* the catalog's id: "ollama_local", "llamacpp", "lmstudio", "vllm" */
    uint16_t port;        /* on 127.0.0.1; its OpenAI API is below /v1 */
    bool loading;         /* recognised, but not ready: no models yet */
    const struct local_model *models;
    uint32_t model_count;
};

struct local_servers {
    struct local_server items[LOCAL_SERVERS_MAX];
    uint32_t count;
    struct arena arena;
};

/*
 * Looks at the usual ports, or those of `ports` ("ollama_local=4001,vllm=4002", servers not named are left out; NULL or "" = the
 * usual ones), but never at `own_port`. At most LOCAL_SERVERS_WAIT_MS; under a millisecond when nobody listens. A server counts
 * only if it answers as that program does; a PAPI never counts.
 */
void local_servers_find(struct local_servers *servers, const char *ports, uint16_t own_port);
void local_servers_free(struct local_servers *servers);
/* "bge-m3", "nomic-embed-text": names of models that embed. */
bool local_model_embeds(struct span id);
