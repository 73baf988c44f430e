/* Lesion's side of the benchmark: bench/run asks, this program computes and times itself.
 *
 * usage: bench_lesion WEIGHTS IMAGES HxWxC JOBS MEMORY_BYTES
 *
 * IMAGES: float32 [N][C][H][W] without a header, preprocessed; JOBS: a line "LAYER FILTER" a job. Commands come on
 * stdin, a line each; each is answered by one line of JSON:
 *
 *   forward IMAGES BATCH                   the intact network on the first IMAGES images, BATCH at a time
 *   sweep WAY IMAGES BATCH FIRST STEP      jobs FIRST, FIRST + STEP, ... of the file on the same; WAY is "engine"
 *   logits WAY IMAGES FIRST STEP PATH      the same, its logits written: float32 [1 + jobs][IMAGES][classes],
 *                                          the intact network's first
 *
 * Reading files and making room is never in the time.
 */
#include "lesion/base.h"
#include "lesion/engine.h"
#include "lesion/formats.h"
#include "lesion/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES = 4096 };

/* What is removed by a job: one filter. */
typedef struct job {
    int32_t filter;
    lsn_mask_part part;
    lsn_ablation ablation;
} job;

typedef struct bench {
    lsn_net *net;
    lsn_engine *engine;
    float *images; /* [n_images][H][W][C] */
    int n_images;
    job *jobs;
    int n_jobs;
    const lsn_ablation **taken; /* [n_jobs] */
    float *baseline;            /* [n_images][classes] */
    float *logits;              /* [n_jobs][n_images][classes] */
    double *seconds;            /* [n_jobs] */
    lsn_engine_profile profile; /* as it was printed last */
} bench;

/* One command's task. */
typedef struct task {
    int images, batch, first, step;
} task;

/* ---- input --------------------------------------------------------------------------------------------------- */

static size_t image_floats(const lsn_net *net)
{
    const lsn_net_shape *input = &net->nodes[0].shape;
    return (size_t)input->h * input->w * input->channels;
}

/* [N][C][H][W] to [N][H][W][C]. */
static void to_channels_last(const float *from, int n, const lsn_net *net, float *to)
{
    size_t channels = net->nodes[0].shape.channels, positions = image_floats(net) / channels;
    for (int i = 0; i < n; i++, from += positions * channels, to += positions * channels)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < positions; p++)
                to[p * channels + c] = from[c * positions + p];
}

static bool read_images(bench *b, const char *path, lsn_error *err)
{
    lsn_file file;
    if (!lsn_file_map(&file, path, err))
        return false;
    size_t image = sizeof(float) * image_floats(b->net);
    b->n_images = (int)(file.bytes / image);
    bool whole = b->n_images > 0 && file.bytes % image == 0;
    b->images = whole ? lsn_array(file.bytes, 1, err) : NULL;
    if (b->images != NULL)
        to_channels_last((const float *)(const void *)file.data, b->n_images, b->net, b->images);
    lsn_file_unmap(&file);
    return whole ? b->images != NULL : lsn_fail(err, LSN_INVALID, "%s: no whole number of images", path);
}

static bool add_job(bench *b, size_t *room, const char *layer, int filter, lsn_error *err)
{
    int l = lsn_net_find(b->net, layer);
    if (l < 0 || b->net->layers[l].logits || filter < 0 || filter >= b->net->layers[l].filters)
        return lsn_fail(err, LSN_INVALID, "%s has no filter %d to ablate", layer, filter);
    if (!lsn_grow((void **)&b->jobs, b->n_jobs, room, sizeof *b->jobs, err))
        return false;
    b->jobs[b->n_jobs++] = (job){.filter = filter, .part = {.layer = l, .count = 1}};
    return true;
}

static bool read_jobs(bench *b, const char *path, lsn_error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return lsn_fail(err, LSN_INVALID, "%s cannot be read", path);
    char layer[64];
    int filter;
    size_t room = 0;
    bool ok = true;
    while (ok && fscanf(file, "%63s %d", layer, &filter) == 2)
        ok = add_job(b, &room, layer, filter, err);
    ok = ok && (feof(file) || lsn_fail(err, LSN_INVALID, "%s: job %d is not \"LAYER FILTER\"", path, b->n_jobs + 1));
    fclose(file);
    for (int i = 0; i < b->n_jobs; i++) { /* the jobs stay where they are from here on */
        b->jobs[i].part.filters = &b->jobs[i].filter;
        b->jobs[i].ablation = (lsn_ablation){.mask = {.count = 1, .parts = &b->jobs[i].part}, .mode = LSN_ZERO};
    }
    return ok;
}

static bool make_room(bench *b, lsn_error *err)
{
    size_t one = (size_t)b->n_images * b->net->classes;
    size_t jobs = b->n_jobs > 0 ? b->n_jobs : 1; /* an engine is never given a NULL array */
    b->taken = lsn_array(jobs, sizeof *b->taken, err);
    b->seconds = b->taken == NULL ? NULL : lsn_array(jobs, sizeof *b->seconds, err);
    b->baseline = b->seconds == NULL ? NULL : lsn_array(one, sizeof(float), err);
    b->logits = b->baseline == NULL ? NULL : lsn_array(jobs * one, sizeof(float), err);
    return b->logits != NULL;
}

static bool bench_init(bench *b, char **words, lsn_error *err)
{
    int h, w, c;
    unsigned long long memory_bytes;
    if (sscanf(words[2], "%dx%dx%d", &h, &w, &c) != 3 || sscanf(words[4], "%llu", &memory_bytes) != 1)
        return lsn_fail(err, LSN_USAGE, "give the images' size as HxWxC, and the memory in bytes");
    b->net = lsn_net_load(words[0], err);
    if (b->net == NULL || !lsn_net_set_input(b->net, h, w, c, err) || !read_images(b, words[1], err) ||
        !read_jobs(b, words[3], err) || !make_room(b, err))
        return false;
    lsn_engine_options options = {.memory_bytes = memory_bytes};
    b->engine = lsn_engine_create(b->net, &options, err);
    return b->engine != NULL;
}

static void bench_finish(bench *b)
{
    lsn_engine_destroy(b->engine);
    lsn_net_destroy(b->net);
    free(b->images);
    free(b->jobs);
    free(b->taken);
    free(b->baseline);
    free(b->logits);
    free(b->seconds);
}

/* ---- computing ----------------------------------------------------------------------------------------------- */

/* Seconds of processor time, all threads together: tells whether the run had its core to itself. */
static double cpu_now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* b->taken: jobs first, first + step, ... Returns how many; step 0: none. */
static int take_jobs(const bench *b, const task *t)
{
    int n = 0;
    for (int i = t->first; t->step > 0 && i < b->n_jobs; i += t->step)
        b->taken[n++] = &b->jobs[i].ablation;
    return n;
}

/* The batch's images begin .. begin + n - 1 under b->taken[jobs]. */
static bool run_batch(const bench *b, int begin, int n, int jobs, lsn_error *err)
{
    size_t image = image_floats(b->net);
    return lsn_engine_run(b->engine,
                          &(lsn_engine_request){.images = b->images + begin * image,
                                                .n = n,
                                                .ablations = b->taken,
                                                .n_ablations = jobs,
                                                .baseline = b->baseline,
                                                .logits = b->logits,
                                                .seconds = b->seconds},
                          err);
}

/* What the engine itself knows of its work.
 *   executed_madds   multiply-adds really executed since the last call (in transformed space where it is Winograd's)
 *   phases           seconds by phase */
static void print_work(bench *b)
{
    const lsn_engine_profile now = lsn_engine_profile_of(b->engine), *was = &b->profile;
    double madds = now.conv_madds - was->conv_madds + now.dense_madds - was->dense_madds;
    double named = now.input_s + now.product_s + now.output_s + now.dense_s + now.branch_s;
    double before = was->input_s + was->product_s + was->output_s + was->dense_s + was->branch_s;
    printf(", \"executed_madds\": %.0f, \"phases\": {\"input transform\": %.6f, \"product\": %.6f, "
           "\"output transform\": %.6f, \"fully connected\": %.6f, \"branch\": %.6f, \"other\": %.6f}",
           madds, now.input_s - was->input_s, now.product_s - was->product_s, now.output_s - was->output_s,
           now.dense_s - was->dense_s, now.branch_s - was->branch_s, (now.run_s - was->run_s) - (named - before));
    b->profile = now;
}

/* Seconds spent on jobs whose filter is in each layer, without the shared baseline. */
static void print_layer_seconds(const double *seconds, int layers)
{
    for (int l = 0; l < layers; l++)
        printf("%s%.6f", l == 0 ? ", \"layer_seconds\": [" : ", ", seconds[l]);
    printf("]");
}

/* The first t->images images under the task's jobs, t->batch at a time, timed and reported. */
static bool measure(bench *b, const task *t, lsn_error *err)
{
    double *by_layer = lsn_array((size_t)b->net->n_layers, sizeof *by_layer, err);
    int jobs = take_jobs(b, t);
    if (by_layer == NULL)
        return false;
    double began = lsn_now_s(), cpu_began = cpu_now_s();
    for (int at = 0; at < t->images; at += t->batch) {
        int n = t->images - at < t->batch ? t->images - at : t->batch;
        if (!run_batch(b, at, n, jobs, err)) {
            free(by_layer);
            return false;
        }
        for (int i = 0; i < jobs; i++)
            by_layer[b->taken[i]->mask.parts[0].layer] += b->seconds[i];
    }
    double seconds = lsn_now_s() - began, cpu = cpu_now_s() - cpu_began;
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"jobs\": %d, \"images\": %d", seconds, cpu, jobs, t->images);
    print_layer_seconds(by_layer, b->net->n_layers);
    free(by_layer);
    print_work(b);
    printf("}\n");
    return true;
}

static bool write_logits(const bench *b, const task *t, const char *path, lsn_error *err)
{
    int jobs = take_jobs(b, t);
    if (!run_batch(b, 0, t->images, jobs, err))
        return false;
    size_t one = (size_t)t->images * b->net->classes;
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return lsn_fail(err, LSN_FAILED, "%s cannot be written", path);
    bool ok = fwrite(b->baseline, sizeof(float), one, file) == one &&
              fwrite(b->logits, sizeof(float), one * jobs, file) == one * jobs;
    ok = fclose(file) == 0 && ok;
    printf("{\"jobs\": %d, \"images\": %d}\n", jobs, t->images);
    return ok || lsn_fail(err, LSN_FAILED, "%s cannot be written", path);
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

static void print_layers(const lsn_net *net)
{
    printf("\"layers\": [");
    for (int l = 0; l < net->n_layers; l++) {
        const lsn_layer *layer = &net->layers[l];
        const lsn_net_node *node = lsn_layer_node(net, l);
        printf("%s{\"name\": \"%s\", \"kind\": \"%s\", \"filters\": %d, \"channels\": %d, \"h\": %d, \"w\": %d}",
               l == 0 ? "" : ", ", layer->name, layer->kind == LSN_CONVOLUTION ? "conv" : "fc", layer->filters,
               node->channels, node->shape.h, node->shape.w);
    }
    printf("]");
}

static bool check_task(const bench *b, const task *t, lsn_error *err)
{
    bool ok = t->images > 0 && t->images <= b->n_images && t->batch > 0 && t->first >= 0 && t->step >= 0;
    return ok || lsn_fail(err, LSN_USAGE, "%d images (there are %d) in batches of %d, jobs from %d by %d", t->images,
                          b->n_images, t->batch, t->first, t->step);
}

static bool obey(bench *b, const char *line, lsn_error *err)
{
    task t = {.batch = 1};
    char path[LINE_BYTES];
    if (sscanf(line, "forward %d %d", &t.images, &t.batch) == 2)
        return check_task(b, &t, err) && measure(b, &t, err);
    if (sscanf(line, "sweep engine %d %d %d %d", &t.images, &t.batch, &t.first, &t.step) == 4)
        return check_task(b, &t, err) && measure(b, &t, err);
    if (sscanf(line, "logits engine %d %d %d %4095s", &t.images, &t.first, &t.step, path) == 4)
        return check_task(b, &t, err) && write_logits(b, &t, path, err);
    return lsn_fail(err, LSN_USAGE, "unknown command: %s", line);
}

static bool serve(bench *b, lsn_error *err)
{
    char line[LINE_BYTES];
    printf("{\"what\": \"Lesion, %s\", ", lsn_engine_isa(b->engine));
    print_layers(b->net);
    printf("}\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!obey(b, line, err))
            return false;
        fflush(stdout);
    }
    return true;
}

int main(int argc, char **argv)
{
    bench b = {0};
    lsn_error err = {0};
    bool ok = argc == 6 ? bench_init(&b, argv + 1, &err) && serve(&b, &err)
                        : lsn_fail(&err, LSN_USAGE, "usage: bench_lesion WEIGHTS IMAGES HxWxC JOBS MEMORY_BYTES");
    if (!ok)
        lsn_log("%s", err.text);
    bench_finish(&b);
    return ok ? LSN_OK : (int)err.code;
}
