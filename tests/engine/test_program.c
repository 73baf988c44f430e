/* Networks compiled: what becomes a step, where values live, what a mask changes, and what is refused. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "engine/program.h"
#include "net/build.h"
#include "network.h"

/* Two convolutions, the first pooled, whose map of 5 x 4 is averaged to 3 x 3; two fully connected layers. */
static const network_plan averaged_plan = {
    .h = 11, .w = 9, .channels = 3, .grid = 3, .conv = {5, 7}, .pool = {true, false}, .fc = {13, 6}};

static void a_layer_is_a_step_and_averaging_another(void **state)
{
    (void)state;
    lsn_net *net = network_build(&averaged_plan, 1);
    engine_program *program = engine_compile(net, NULL);
    assert_non_null(program);
    assert_int_equal(program->n_steps, 5);
    assert_int_equal(program->n_segments, 4);
    assert_int_equal(program->n_values, 6);
    assert_true(program->steps[0].relu && program->steps[0].pool && !program->steps[1].pool);
    assert_true(program->steps[3].relu && !program->steps[4].relu); /* the logits */
    assert_int_equal(program->segments[1].end - program->segments[1].first, 2);
    const engine_value *map = &program->values[program->steps[1].output];
    assert_true(map->inner && map->floats == 5 * 4 * 7);
    assert_int_equal(program->n_buffers, 1);
    assert_int_equal(program->buffer_floats[map->buffer], map->floats);
    assert_int_equal(program->values[program->segments[1].output].floats, 3 * 3 * 7);
    engine_program_destroy(program);
    network_free(net);
}

static void a_mask_changes_what_reads_it(void **state)
{
    (void)state;
    lsn_net *net = network_build(&averaged_plan, 1);
    engine_program *program = engine_compile(net, NULL);
    const engine_layer *first = &program->layers[0], *second = &program->layers[1], *last = &program->layers[3];
    assert_int_equal(first->masked, first->seen);
    assert_int_equal(first->branch, 1);
    assert_int_equal(first->n_affected, 2); /* the second convolution and the averaging behind it */
    assert_int_equal(first->affected[0], 1);
    assert_int_equal(first->affected[1], 2);
    assert_int_equal(second->masked, program->steps[1].output);
    assert_int_equal(second->seen, program->steps[2].output);
    assert_int_equal(second->branch, 2);
    assert_int_equal(second->n_affected, 1);
    assert_int_equal(second->filter_offset, 5);
    assert_int_equal(last->branch, program->n_segments); /* nothing reads the logits */
    engine_program_destroy(program);
    network_free(net);
}

/* A map that has the grid's size is not averaged, and a chain's images are only flattened. */
static void what_changes_nothing_is_no_step(void **state)
{
    (void)state;
    network_plan plan = averaged_plan;
    plan.h = plan.w = 6;
    lsn_net *net = network_build(&plan, 1), *chain = network_build(&chain_plan, 1);
    engine_program *program = engine_compile(net, NULL), *rows = engine_compile(chain, NULL);
    assert_int_equal(program->n_steps, 4);
    assert_int_equal(program->n_buffers, 0);
    assert_int_equal(rows->n_steps, 4);
    assert_int_equal(rows->steps[0].in.h * rows->steps[0].in.w, 5 * 4);
    engine_program_destroy(program), engine_program_destroy(rows);
    network_free(net), network_free(chain);
}

/* The input, a convolution of that window, and the node that `op` is; NULL and a message where it does not compile. */
static void refuse(lsn_net_window window, lsn_operator op, const char *words)
{
    static const float zeros[5 * 5 * 3 * 3];
    lsn_error err = {0};
    lsn_net *net = lsn_net_create("hand-built", &err);
    lsn_net_add_input(net, 3, &err);
    const int conv = lsn_net_add_conv(net, 0, 3, 3, window, &err);
    if (op == LSN_OP_ADD)
        lsn_net_add(net, (lsn_net_node){.op = op, .n_inputs = 2, .inputs = (int[]){0, conv}}, &err);
    for (int i = 0; i < net->n_nodes; i++)
        net->nodes[i].weights.values = net->nodes[i].bias.values = zeros;
    assert_true(lsn_net_add_layer(net, conv, (lsn_layer_names){.name = "conv"}, &err));
    assert_true(lsn_net_complete(net, &err) && lsn_net_set_input(net, 8, 8, 3, &err));
    assert_null(engine_compile(net, &err));
    assert_int_equal(err.code, LSN_INVALID);
    if (strstr(err.text, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    lsn_net_destroy(net);
}

static void what_has_no_kernel_is_refused(void **state)
{
    (void)state;
    refuse((lsn_net_window){.kernel = {5, 5}, .padding = {2, 2, 2, 2}}, LSN_OP_CONV, "node 1 (Conv)");
    refuse((lsn_net_window){.kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}, LSN_OP_CONV, "node 1 (Conv)");
    refuse((lsn_net_window){.kernel = {3, 3}, .padding = {1, 1, 1, 1}}, LSN_OP_ADD, "node 2 (Add)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_is_a_step_and_averaging_another),
        cmocka_unit_test(a_mask_changes_what_reads_it),
        cmocka_unit_test(what_changes_nothing_is_no_step),
        cmocka_unit_test(what_has_no_kernel_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
