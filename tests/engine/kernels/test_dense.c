/* Fully connected layers on every instruction set, against loops in double and bit for bit against one another. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 300 };

typedef struct trial {
    lsn_dense dense;
    int n, in_floats;
    int *rows, *gather, *columns;
    float *w, *packed, *bias, *in, *base, *out[2], *pre;
    bool has_base;
} trial;

static void *take(size_t bytes)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, LSN_KERNEL_ALIGN, bytes == 0 ? 1 : bytes), 0);
    memset(p, 0xff, bytes); /* NaN */
    return p;
}

static int *list_of(uint64_t *seed, int *n, int of)
{
    *n = 1 + random_int(seed, of);
    int *list = take(*n * sizeof(int));
    random_list(seed, list, *n, of);
    return list;
}

static void make_trial(trial *t, int n, uint64_t *seed)
{
    *t = (trial){.n = n};
    lsn_dense *d = &t->dense;
    d->w_terms = d->terms = 1 + random_int(seed, random_int(seed, 3) == 0 ? 1500 : 100);
    d->w_filters = d->filters = 1 + random_int(seed, random_int(seed, 8) == 0 ? 600 : 90);
    t->in_floats = d->terms;
    if (random_int(seed, 3) == 0) {
        d->rows = t->rows = list_of(seed, &d->terms, d->w_terms);
        t->in_floats = d->terms;
        if (random_int(seed, 2) == 0) {
            d->gather = t->gather = t->rows;
            t->in_floats = d->w_terms;
        }
    }
    if (random_int(seed, 3) == 0)
        d->columns = t->columns = list_of(seed, &d->filters, d->w_filters);
    d->relu = random_int(seed, 2) == 0;
    d->subtract = random_int(seed, 2) == 0;
    t->has_base = random_int(seed, 2) == 0;
    size_t w = (size_t)d->w_terms * d->w_filters, outs = (size_t)n * d->filters;
    t->w = take(w * sizeof(float));
    t->packed = take(lsn_dense_weights_bytes(d->w_terms, d->w_filters));
    t->bias = take(d->filters * sizeof(float));
    t->in = take((size_t)n * t->in_floats * sizeof(float));
    t->base = take(outs * sizeof(float));
    t->pre = take(outs * sizeof(float));
    for (int i = 0; i < 2; i++)
        t->out[i] = take(outs * sizeof(float));
    random_floats(seed, t->w, w);
    random_floats(seed, t->bias, d->filters);
    random_floats(seed, t->in, (size_t)n * t->in_floats);
    random_floats(seed, t->base, outs);
    lsn_dense_pack(t->packed, t->w, d->w_terms, 1, d->w_filters, 0, lsn_conv_panels(d->w_filters));
    d->weights = t->packed;
    d->bias = random_int(seed, 3) == 0 ? NULL : t->bias;
}

static void free_trial(trial *t)
{
    void *all[] = {t->rows, t->columns, t->w, t->packed, t->bias, t->in, t->base, t->out[0], t->out[1], t->pre};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static lsn_dense_row row_of(const trial *t, size_t i, float *out, float *pre)
{
    size_t at = i * t->dense.filters;
    return (lsn_dense_row){t->in + i * t->in_floats, out == NULL ? NULL : out + at, t->has_base ? t->base + at : NULL,
                           pre == NULL ? NULL : pre + at};
}

static void run(const trial *t, const lsn_isa *isa, int first, int end, float *out, float *pre, uint64_t *seed)
{
    static lsn_dense_row rows[MAX_ROWS];
    lsn_dense dense = t->dense;
    dense.block_panels = random_int(seed, 4);
    dense.isa = isa;
    for (int i = first; i < end; i++)
        rows[i - first] = row_of(t, i, out, pre);
    int blocks = lsn_dense_blocks(&dense, end - first), cut = random_int(seed, blocks + 1);
    void *workspace = take(lsn_dense_workspace_bytes(&dense, end - first));
    lsn_dense_run(&dense, rows, end - first, cut, blocks, workspace);
    lsn_dense_run(&dense, rows, end - first, 0, cut, workspace);
    free(workspace);
}

static void check_values(const trial *t, bool split)
{
    int filters = t->dense.filters;
    double *z = calloc(filters, sizeof *z), *bound = calloc(filters, sizeof *bound);
    for (int i = 0; i < t->n; i++) {
        lsn_dense_row row = row_of(t, i, NULL, NULL);
        reference_dense(&t->dense, t->w, &row, split, z, bound);
        for (int f = 0; f < filters; f++) {
            float pre = t->pre[(size_t)i * filters + f], out = t->out[0][(size_t)i * filters + f];
            if (!(fabs(pre - z[f]) <= bound[f]))
                fail_msg("row %d of %d, %d -> %d, filter %d: %.9g, not %.9g", i, t->n, t->dense.terms, filters, f, pre,
                         z[f]);
            assert_true(out == (t->dense.relu && pre < 0 ? 0 : pre));
        }
    }
    free(z);
    free(bound);
}

/* The sets of one kind, of which `model` is one. */
static void check_kind(const trial *t, const lsn_isa *model, uint64_t *seed)
{
    size_t bytes = (size_t)t->n * t->dense.filters * sizeof(float);
    run(t, model, 0, t->n, t->out[0], t->pre, seed);
    check_values(t, !lsn_isa_is_own(model));
    for (int i = FIRST_ISA; i < N_ISAS; i++) {
        const lsn_isa *isa = lsn_isa_find(isa_names[i]);
        if (isa == NULL || lsn_isa_is_own(isa) != lsn_isa_is_own(model))
            continue;
        memset(t->out[1], 0xff, bytes);
        run(t, isa, 0, t->n, t->out[1], NULL, seed);
        assert_memory_equal(t->out[0], t->out[1], bytes);
        memset(t->out[1], 0xff, bytes);
        for (int cut = 0, end; cut < t->n; cut = end) {
            end = cut + 1 + random_int(seed, t->n - cut);
            run(t, isa, cut, end, t->out[1], NULL, seed);
        }
        assert_memory_equal(t->out[0], t->out[1], bytes);
    }
}

static void check_trial(const trial *t, uint64_t *seed)
{
    check_kind(t, lsn_isa_find("portable"), seed);
    check_kind(t, lsn_isa_find("openblas"), seed);
}

static void test_random_layers(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < (SANITIZED ? 16 : 80); i++) {
        trial t;
        make_trial(&t, i % 40 == 7 ? MAX_ROWS : 1 + random_int(&seed, 40), &seed);
        check_trial(&t, &seed);
        free_trial(&t);
    }
}

/* Weights [filters][channels][pixels] must meet inputs [pixels][channels]. */
static void test_flattened_map(void **state)
{
    (void)state;
    enum { CHANNELS = 3, PIXELS = 4, TERMS = CHANNELS * PIXELS, FILTERS = 2 };
    float w[FILTERS * TERMS], in[TERMS], out[FILTERS];
    uint64_t seed = 6;
    random_floats(&seed, w, FILTERS * TERMS);
    random_floats(&seed, in, TERMS);
    float *packed = take(lsn_dense_weights_bytes(TERMS, FILTERS));
    lsn_dense_pack(packed, w, CHANNELS, PIXELS, FILTERS, 0, 1);
    lsn_dense dense = {.isa = lsn_isa_find("portable"),
                       .terms = TERMS,
                       .filters = FILTERS,
                       .w_terms = TERMS,
                       .w_filters = FILTERS,
                       .weights = packed};
    void *workspace = take(lsn_dense_workspace_bytes(&dense, 1));
    lsn_dense_run(&dense, &(lsn_dense_row){.in = in, .out = out}, 1, 0, lsn_dense_blocks(&dense, 1), workspace);
    for (int f = 0; f < FILTERS; f++) {
        double sum = 0;
        for (int x = 0; x < PIXELS; x++)
            for (int c = 0; c < CHANNELS; c++)
                sum += (double)in[x * CHANNELS + c] * w[(f * CHANNELS + c) * PIXELS + x];
        assert_true(fabs(out[f] - sum) <= 1e-6);
    }
    free(workspace);
    free(packed);
}

int main(void)
{
    if (openblas_is_out_of_place())
        return 77;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_layers), cmocka_unit_test(test_flattened_map)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
