// SPDX-License-Identifier: Apache-2.0
/*
 * The heap: order against a sorted reference under random inserts, moves and removals.
 *
 * The reference is an array searched from end to end, so that the two have nothing in common.
 */
#include "base_fixture.h"

#include "base/check.h"
#include "base/heap.h"
#include "base/rand.h"

enum { NODES = 300, STEPS = 20000 };

struct model {
    struct heap heap;
    struct heap_node nodes[NODES];
    uint64_t since[NODES]; /* when the node got its key; 0: not in the heap */
    uint64_t clock;
};

/* NODES when the heap is empty */
static size_t model_first(const struct model *model) {
    size_t first = NODES;
    for (size_t i = 0; i < NODES; i++) {
        if (model->since[i] == 0)
            continue;
        if (first == NODES || model->nodes[i].key < model->nodes[first].key ||
            (model->nodes[i].key == model->nodes[first].key &&
             model->since[i] < model->since[first]))
            first = i;
    }
    return first;
}

static void assert_same_first(const struct model *model) {
    size_t first = model_first(model);
    struct heap_node *node = heap_first(&model->heap);
    if (first == NODES)
        assert_null(node);
    else
        assert_ptr_equal(node, &model->nodes[first]);
}

static void take(struct model *model, size_t index) {
    heap_remove(&model->heap, &model->nodes[index]);
    model->since[index] = 0;
    assert_false(heap_linked(&model->nodes[index]));
}

static void run(uint64_t seed, uint64_t keys) {
    static struct model model;
    struct rand rand;
    model = (struct model){0};
    rand_seed(&rand, seed);
    heap_init(&model.heap);
    for (int step = 0; step < STEPS; step++) {
        size_t index = rand_below(&rand, NODES);
        uint64_t key = rand_below(&rand, keys);
        uint64_t act = rand_below(&rand, 5);
        if (act < 2 && model.since[index] == 0) {
            heap_insert(&model.heap, &model.nodes[index], key);
            model.since[index] = ++model.clock;
        } else if (act == 2) {
            heap_set(&model.heap, &model.nodes[index], key);
            model.since[index] = ++model.clock;
        } else if (act == 3) {
            take(&model, index); /* also nodes in no heap */
        } else if (act == 4 && heap_first(&model.heap) != NULL) {
            take(&model, (size_t)(heap_first(&model.heap) - model.nodes));
        }
        assert_int_equal(heap_linked(&model.nodes[index]), model.since[index] != 0);
        assert_same_first(&model);
    }
    while (model.heap.count > 0) {
        assert_same_first(&model);
        take(&model, (size_t)(heap_first(&model.heap) - model.nodes));
    }
    assert_int_equal(model_first(&model), NODES);
    heap_done(&model.heap);
}

static void keeps_order(void **state) {
    (void)state;
    static const uint64_t key_counts[] = {1, 3, 100, UINT64_MAX};
    for (size_t i = 0; i < LENGTH_OF(key_counts); i++)
        run(i + 1, key_counts[i]);
}

static void is_first_come_first_served(void **state) {
    (void)state;
    static struct heap_node nodes[NODES];
    struct heap heap;
    heap_init(&heap);
    for (size_t i = 0; i < NODES; i++)
        heap_insert(&heap, &nodes[i], 5);
    heap_set(&heap, &nodes[0], 5); /* to the end of its equals */
    for (size_t i = 1; i < NODES; i++) {
        assert_ptr_equal(heap_first(&heap), &nodes[i]);
        heap_remove(&heap, &nodes[i]);
    }
    assert_ptr_equal(heap_first(&heap), &nodes[0]);
    heap_remove(&heap, &nodes[0]);
    assert_null(heap_first(&heap));
    heap_done(&heap);
    heap_done(&heap);
}

static void insert_twice(void) {
    struct heap heap;
    struct heap_node node = {0};
    heap_init(&heap);
    heap_insert(&heap, &node, 1);
    heap_insert(&heap, &node, 2);
}

static void remove_a_stranger(void) {
    struct heap heap;
    struct heap_node stranger = {.place = 7};
    heap_init(&heap);
    heap_remove(&heap, &stranger);
}

static void ends_the_process(void **state) {
    (void)state;
    assert_true(aborts(insert_twice));
    assert_true(aborts(remove_a_stranger));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_order),
        cmocka_unit_test(is_first_come_first_served),
        cmocka_unit_test(ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
