/* The machine's arithmetic limit on one core: a chain of fused multiply-adds in registers, and OpenBLAS's sgemm.
 *
 * usage: bench_peak      commands on stdin, each answered by one line of JSON, in GFLOP/s (a multiply-add is two
 *                        operations): "peak", the best of some short runs; "sustain SECONDS", the chain's average over
 *                        that time on the clock.
 */
#include "lesion/base.h"

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

extern char *openblas_get_config(void);
extern char *openblas_get_corename(void);
extern void openblas_set_num_threads(int threads);

enum {
    SIDE = 2048,       /* of sgemm's square matrices */
    SGEMM_REPEATS = 3, /* the best counts: what disturbs a run can only slow it */
    CHAIN_REPEATS = 5,
    CHAINS = 12,     /* independent sums: more than latency times units on any core, no more than registers */
    STEPS = 4000000, /* of each chain */
};

/* Seconds of processor time: what other processes take of the core is not in it. */
static double cpu_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- multiply-adds in registers ------------------------------------------------------------------------------ */

/* Runs STEPS steps of CHAINS chains of vectors; returns a sum that depends on all, so that nothing is left out.
 * `factor` is 1 and not known to the compiler. */
typedef float chain_run(float factor);

/* One function for a vector type of `floats` floats and its operations. */
#define CHAIN_RUN(name, attribute, vector, floats, set1, fmadd, store) \
    attribute static float name(float factor)                          \
    {                                                                  \
        vector sum[CHAINS], x = set1(factor), y = set1(1e-9F);         \
        float out[floats], total = 0.0F;                               \
        for (int c = 0; c < CHAINS; c++)                               \
            sum[c] = set1((float)c);                                   \
        for (int i = 0; i < STEPS; i++)                                \
            for (int c = 0; c < CHAINS; c++)                           \
                sum[c] = fmadd(sum[c], x, y);                          \
        for (int c = 0; c < CHAINS; c++) {                             \
            store(out, sum[c]);                                        \
            for (int i = 0; i < (floats); i++)                         \
                total += out[i];                                       \
        }                                                              \
        return total;                                                  \
    }

#if defined(__x86_64__)
CHAIN_RUN(run_avx512, __attribute__((target("avx512f"), optimize("unroll-loops"))), __m512, 16, _mm512_set1_ps,
          _mm512_fmadd_ps, _mm512_storeu_ps)
CHAIN_RUN(run_avx2, __attribute__((target("avx2,fma"), optimize("unroll-loops"))), __m256, 8, _mm256_set1_ps,
          _mm256_fmadd_ps, _mm256_storeu_ps)
#endif

typedef struct chain {
    const char *name;
    chain_run *run;
    int floats;
} chain;

/* The widest chain that this machine runs; run is NULL where none was written for it. */
static chain find_chain(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f"))
        return (chain){"AVX-512", run_avx512, 16};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (chain){"AVX2", run_avx2, 8};
#endif
    return (chain){"none", NULL, 0};
}

static double measure_chain(const chain *c)
{
    double best = 0.0;
    volatile float factor = 1.0F, kept = 0.0F;
    for (int r = 0; c->run != NULL && r < CHAIN_REPEATS; r++) {
        double began = cpu_now_s();
        kept += c->run(factor);
        double rate = 2e-9 * CHAINS * STEPS * c->floats / (cpu_now_s() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

static double sustain_chain(const chain *c, double seconds)
{
    volatile float factor = 1.0F, kept = 0.0F;
    double began = lsn_now_s(), took = 0.0;
    int64_t runs = 0;
    for (; c->run != NULL && took < seconds; took = lsn_now_s() - began, runs++)
        kept += c->run(factor);
    return runs == 0 ? 0.0 : 2e-9 * CHAINS * STEPS * c->floats * (double)runs / took;
}

/* ---- sgemm --------------------------------------------------------------------------------------------------- */

typedef struct square {
    float *a, *b, *c; /* [SIDE][SIDE] */
} square;

static bool square_init(square *s, lsn_error *err)
{
    const size_t n = (size_t)SIDE * SIDE;
    s->a = lsn_array(n, sizeof(float), err);
    s->b = s->a == NULL ? NULL : lsn_array(n, sizeof(float), err);
    s->c = s->b == NULL ? NULL : lsn_array(n, sizeof(float), err);
    for (size_t i = 0; s->c != NULL && i < n; i++) {
        s->a[i] = (float)(i % 17) - 8.0F;
        s->b[i] = (float)(i % 13) - 6.0F;
    }
    return s->c != NULL;
}

static double measure_sgemm(const square *s)
{
    double best = 0.0;
    for (int r = 0; r < SGEMM_REPEATS; r++) {
        double began = cpu_now_s();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1.0F, s->a, SIDE, s->b, SIDE, 0.0F,
                    s->c, SIDE);
        double rate = 2e-9 * SIDE * SIDE * SIDE / (cpu_now_s() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

static void square_finish(square *s)
{
    free(s->a);
    free(s->b);
    free(s->c);
}

int main(void)
{
    square s = {0};
    lsn_error err = {0};
    const chain widest = find_chain();
    openblas_set_num_threads(1);
    bool ok = square_init(&s, &err);
    if (ok)
        printf("{\"what\": \"%s %s; multiply-add chain: %s\"}\n", openblas_get_config(), openblas_get_corename(),
               widest.name);
    fflush(stdout);
    char line[64];
    while (ok && fgets(line, sizeof line, stdin) != NULL) {
        double seconds = 0.0;
        if (sscanf(line, "sustain %lf", &seconds) == 1) {
            printf("{\"chain\": %.2f}\n", sustain_chain(&widest, seconds));
            fflush(stdout);
            continue;
        }
        ok = strcmp(line, "peak\n") == 0 || lsn_fail(&err, LSN_USAGE, "unknown command: %s", line);
        if (ok)
            printf("{\"chain\": %.2f, \"sgemm\": %.2f}\n", measure_chain(&widest), measure_sgemm(&s));
        fflush(stdout);
    }
    if (!ok)
        lsn_log("%s", err.text);
    square_finish(&s);
    return ok ? LSN_OK : (int)err.code;
}
