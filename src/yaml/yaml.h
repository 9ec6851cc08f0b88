// SPDX-License-Identifier: Apache-2.0
#pragma once
/*
 * YAML 1.1 as libyaml reads it, turned into a tree in which every node knows its line and column.
 *
 * Only what a configuration needs: one document of scalars, sequences and mappings with scalar keys. Refused, each with its
 * place: anchors and aliases (so no text can unfold into more than it is), tags, a second document, a key twice in one
 * mapping, anything beyond the caps below.
 *
 * Ownership: everything lives in the arena given. The text may go after yaml_parse returns.
 */
#include "base/arena.h"

#define YAML_TEXT_MAX_BYTES (1024 * 1024)
#define YAML_DEPTH_MAX      16
#define YAML_NODES_MAX      200000
#define YAML_KEYS_MAX       4096 /* of one mapping */

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_type type;
    bool plain; /* a scalar without quotes: only those can mean nothing, a number or a switch */
    unsigned line, column;   /* 1-based; columns in characters */
    struct span text;        /* a scalar's value, UTF-8; followed by a NUL that is not counted */
    struct yaml_node *key;   /* in a mapping: the scalar this node is the value of; else NULL */
    struct yaml_node *first; /* child, in order of the text */
    struct yaml_node *next;  /* sibling */
    uint32_t count;          /* children */
};

struct yaml_error {
    int err; /* ERR_INVALID, ERR_UTF8, ERR_DEPTH, ERR_DUPLICATE, ERR_UNSUPPORTED, ERR_TOO_LARGE */
    unsigned line, column; /* 1-based */
    const char *text;      /* in the arena; what is wrong and what to do */
};

/* *ret_root is NULL for a text without content. On failure *ret_error is filled and *ret_root untouched. */
int yaml_parse(struct span text, struct arena *arena, struct yaml_node **ret_root,
               struct yaml_error *ret_error) WARN_UNUSED;
/* "", ~ or null without quotes: no value. */
bool yaml_is_null(const struct yaml_node *node);
/* "a mapping", "a list", "a single value": for messages. */
const char *yaml_type_name(const struct yaml_node *node);
