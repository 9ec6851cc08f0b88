// SPDX-License-Identifier: Apache-2.0
/*
 * One pass over an object for a known set of names.
 *
 * Why: looking members up one by one walks the object once for each; on the path of every streamed chunk and of every
 * message of a long history that adds up. Names differ in length nearly always, so comparing lengths first rejects almost
 * all candidates at the cost of an integer comparison. Promises: no allocation. Leaves to others: members of other names.
 */
#include "message/members.h"

#include "base/check.h"

#define MEMBERS_MAX 32 /* bits of `seen` */

static bool name_is(const struct json_node *node, struct json_value key, struct span name) {
    if (node->escaped)
        return json_string_is(key, name.ptr);
    return node->end - node->start - 2 == name.len &&
           memcmp(key.doc->text.ptr + node->start + 1, name.ptr, name.len) == 0;
}

struct json_value members_read(struct json_value object, const struct span *names, size_t count,
                               struct json_value *ret_values) {
    struct json_value duplicate = {NULL, 0};
    uint32_t seen = 0;
    check(count <= MEMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        ret_values[i] = duplicate;
    if (!json_is(object, JSON_OBJECT))
        return duplicate;
    const struct json_node *nodes = object.doc->nodes;
    uint32_t end = nodes[object.index].next;
    for (uint32_t at = object.index + 1; at < end; at = nodes[at + 1].next) {
        struct json_value key = {object.doc, at};
        size_t i = 0;
        while (i < count && !name_is(&nodes[at], key, names[i]))
            i++;
        if (i == count)
            continue;
        struct json_value value = {object.doc, at + 1};
        if ((seen >> i & 1) != 0)
            duplicate = value;
        else if (nodes[at + 1].type != JSON_NULL)
            ret_values[i] = value;
        seen |= (uint32_t)1 << i;
    }
    return duplicate;
}
