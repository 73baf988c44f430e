/* Fills the database of any study with invented results, at once: to see what a study's results take on disk, and how
 * quick status, export and report are on them, before weeks of computing.
 *
 * usage: bench_results STUDY DATABASE [SHARE [FAILED]]
 *
 * Of the study's ablations the first SHARE (0 .. 1; default: 1) have a result, FAILED of the others have failed, and
 * the run is left open where anything is missing. The results are consistent and the same every time: every filter has
 * a weight of its own, drawn once; what a mask does grows with the sum of its filters' weights, and differs by class.
 * Studies with `metrics: [images]` are refused.
 */
#include "lesion/ranks.h"
#include "lesion/store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COMMIT_EVALUATIONS = 20000 };

static const double BASE_RIGHT = 0.93, BASE_LOSS = 0.25, AMONG_FIVE = 0.85, SECONDS = 0.02;

typedef struct inventor {
    const lsn_plan *plan;
    int32_t classes;
    int32_t *images;            /* [classes] */
    int32_t *base;              /* [classes] right in the baseline */
    int32_t *right, *predicted; /* [classes] of the result in hand */
    int64_t *drift;             /* [n_layers] likewise */
    int64_t base_top5, base_loss;
} inventor;

/* 0 .. 1, for ever the same of the same numbers (splitmix64). */
static double drawn(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t x = (a * 0x9e3779b97f4a7c15u) ^ (b * 0xbf58476d1ce4e5b9u) ^ (c * 0x94d049bb133111ebu);
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0;
}

/* ---- what a mask does ---------------------------------------------------------------------------------------- */

/* Few filters matter much; later layers have more of them, each worth less. */
static double weight_of(const lsn_net *net, int layer, int32_t filter)
{
    const double u = drawn((uint64_t)layer, (uint64_t)filter, 1);
    return 0.7 * pow(u, 6) / sqrt((double)net->layers[layer].filters) + 2e-4 * u;
}

/* The share of right images that a mask makes wrong in a class, on average. */
static double harm(const inventor *v, const lsn_ablation *ablation, int32_t c)
{
    double sum = 0;
    for (int32_t p = 0; p < ablation->mask.count; p++) {
        const lsn_mask_part *part = &ablation->mask.parts[p];
        for (int32_t i = 0; i < part->count; i++)
            sum += weight_of(v->plan->net, part->layer, part->filters[i]) * 2 *
                   drawn((uint64_t)part->layer * 65536 + (uint64_t)part->filters[i], (uint64_t)c, 2);
    }
    return (1 - 1.0 / v->classes) * (1 - exp(-(ablation->mode == LSN_MEAN ? 0.7 : 1.0) * sum));
}

/* A whole number near `expected`, at most `most`. */
static int32_t near(double expected, int32_t most, double luck)
{
    const double number = floor(expected + (2 * luck - 1) * sqrt(expected) + luck);
    return number < 0 ? 0 : number > most ? most : (int32_t)number;
}

/* Right and predicted images of every class, and the counts that follow from them. */
static void invent_classes(inventor *v, int32_t e, lsn_tally *t)
{
    const lsn_ablation *ablation = &v->plan->evaluations[e].ablation;
    memset(v->predicted, 0, (size_t)v->classes * sizeof *v->predicted);
    for (int32_t c = 0; c < v->classes; c++) {
        const double h = harm(v, ablation, c);
        const uint64_t seed = (uint64_t)e, class = (uint64_t)c;
        const int32_t wrong = v->images[c] - v->base[c];
        const int32_t lost = e == 0 ? 0 : near(h * v->base[c], v->base[c], drawn(seed, class, 3));
        const int32_t gained = e == 0 ? 0 : near(0.1 * h * wrong, wrong, drawn(seed, class, 4));
        v->right[c] = v->base[c] - lost + gained;
        v->predicted[c] += v->right[c];
        v->predicted[(c + 1 + (int32_t)(2 * drawn(seed, class, 5))) % v->classes] += v->images[c] - v->right[c];
        t->images += v->images[c];
        t->top1 += v->right[c];
        t->lost += lost;
        t->gained += gained;
    }
}

static void invent_drift(inventor *v, int32_t e, const lsn_tally *t)
{
    const lsn_mask *mask = &v->plan->evaluations[e].ablation.mask;
    const int first = mask->count == 0 ? v->plan->net->n_layers : mask->parts[0].layer;
    for (int i = 0; i < v->plan->net->n_layers; i++)
        v->drift[i] = i < first ? 0
                                : (int64_t)((0.01 + 0.1 * (double)t->lost / (double)t->images) * LSN_FIXED *
                                            (double)t->images * (1 + drawn((uint64_t)e, (uint64_t)i, 6)));
}

static void invent(inventor *v, int32_t e, lsn_tally *t, lsn_part *part)
{
    *t = (lsn_tally){.seconds = SECONDS};
    invent_classes(v, e, t);
    const double n = (double)t->images, change = (double)(t->lost - t->gained) / n;
    const double d_loss = 2.5 * change + (e == 0 ? 0 : 1e-3 * (drawn((uint64_t)e, 0, 7) - 0.4));
    const int64_t still_wrong = t->images - t->top1 - t->lost;
    t->agree = t->top1 - t->gained + (e == 0 ? still_wrong : still_wrong * 9 / 10);
    t->top5 = t->top1 + (int64_t)(AMONG_FIVE * (n - (double)t->top1));
    t->loss = (int64_t)((BASE_LOSS + d_loss > 0 ? BASE_LOSS + d_loss : 0) * n * LSN_FIXED);
    t->kl = (int64_t)((fabs(d_loss) + change * change) * n * LSN_FIXED);
    t->margin = (int64_t)((6 - 8 * change) * n * LSN_FIXED);
    if (e == 0) {
        v->base_top5 = t->top5;
        v->base_loss = t->loss;
    }
    t->base_top5 = v->base_top5;
    t->base_loss = v->base_loss;
    t->d_loss_squared = (int64_t)((4 * d_loss * d_loss + (e == 0 ? 0 : 1e-4)) * n * LSN_SQUARE);
    invent_drift(v, e, t);
    *part = (lsn_part){.tally = t, .class_right = v->right, .class_predicted = v->predicted, .drift = v->drift};
}

/* ---- the database -------------------------------------------------------------------------------------------- */

static bool begin(inventor *v, const lsn_plan *plan, lsn_error *err)
{
    const size_t classes = (size_t)plan->net->classes;
    *v = (inventor){.plan = plan, .classes = plan->net->classes};
    v->images = lsn_array(classes, sizeof *v->images, err);
    v->base = lsn_array(classes, sizeof *v->base, err);
    v->right = lsn_array(classes, sizeof *v->right, err);
    v->predicted = lsn_array(classes, sizeof *v->predicted, err);
    v->drift = lsn_array((size_t)plan->net->n_layers, sizeof *v->drift, err);
    if (v->images == NULL || v->base == NULL || v->right == NULL || v->predicted == NULL || v->drift == NULL)
        return false;
    for (int32_t i = 0; i < plan->images.count; i++)
        v->images[lsn_data_label(plan->data, plan->images.images[i])]++;
    for (int32_t c = 0; c < v->classes; c++)
        v->base[c] = (int32_t)((BASE_RIGHT - 0.1 * drawn((uint64_t)c, 0, 8)) * v->images[c]);
    return true;
}

static void finish(inventor *v)
{
    free(v->images);
    free(v->base);
    free(v->right);
    free(v->predicted);
    free(v->drift);
}

static bool fill(inventor *v, lsn_store *store, double share, int32_t failed, lsn_error *err)
{
    const int32_t count = v->plan->n_evaluations, end = (int32_t)ceil(share * count);
    const lsn_run_record record = {
        .version = "invented", .command = "bench_results", .hosts = "n1*33,n2*32", .kernels = "own", .ranks = 65};
    bool ok = lsn_store_run_begin(store, &record, err);
    for (int32_t e = 0; ok && e < end; e++) {
        lsn_tally tally;
        lsn_part part;
        invent(v, e, &tally, &part);
        ok = lsn_store_add(store, e, 0, &part, NULL, err) && (e % COMMIT_EVALUATIONS != 0 || lsn_store_commit(store, err));
    }
    for (int32_t e = end; ok && e < count && e < end + failed; e++)
        ok = lsn_store_fail(store, e, "invented: it could not be computed", err);
    return ok && lsn_store_run_note(store, end + failed < count ? NULL : "complete", err) &&
           lsn_store_judge(store, err);
}

static bool invent_results(const char *study, const char *database, double share, int32_t failed, lsn_error *err)
{
    lsn_problems problems = {0};
    lsn_plan *plan = lsn_plan_create(study, NULL, 0, &problems, err);
    lsn_store *store = NULL;
    inventor v = {0};
    bool ok = plan != NULL && lsn_images_settle(plan, &(lsn_ranks){.size = 1, .on_node = 1}, 1, &problems, err) &&
              (plan->expanded || lsn_plan_expand(plan, NULL, err));
    if (ok && plan->metrics.images)
        ok = lsn_fail(err, LSN_INVALID, "%s: results of single images are not invented", study);
    if (ok)
        store = lsn_store_open(database, plan, plan->images.count, true, err);
    ok = store != NULL && begin(&v, plan, err) && fill(&v, store, share, failed, err);
    if (ok)
        printf("%s: %d jobs, %d different ablations\n", database, (int)plan->n_jobs, (int)plan->n_evaluations);
    for (size_t i = 0; i < problems.count; i++)
        fprintf(stderr, "%s\n", problems.text[i]);
    finish(&v);
    lsn_problems_finish(&problems);
    lsn_store_close(store);
    lsn_plan_destroy(plan);
    return ok;
}

int main(int argc, char **argv)
{
    lsn_error err = {0};
    const double share = argc > 3 ? strtod(argv[3], NULL) : 1;
    const long failed = argc > 4 ? strtol(argv[4], NULL, 10) : 0;
    if (argc < 3 || argc > 5 || !(share >= 0 && share <= 1) || failed < 0 || failed > INT32_MAX) {
        fprintf(stderr, "usage: bench_results STUDY DATABASE [SHARE [FAILED]]\n");
        return LSN_USAGE;
    }
    if (invent_results(argv[1], argv[2], share, (int32_t)failed, &err))
        return LSN_OK;
    fprintf(stderr, "%s\n", err.text);
    return LSN_FAILED;
}
