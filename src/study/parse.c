/* The study's top level: its name, the model, the metrics, and when a job's images are enough. */
#include "study/spec.h"

#include <stdlib.h>
#include <string.h>

void lsn_path_read(lsn_reading *in, const lsn_node *node, const char *what, lsn_file_spec *file)
{
    const char *text;
    file->at = node;
    if (node == NULL || !lsn_read_text(in, node, what, &text))
        return;
    char *path = lsn_path_beside(in->path, text, &in->failure);
    if (path != NULL)
        file->path = lsn_keep_text(in, path, strlen(path));
    free(path);
}

static void read_model(lsn_reading *in, const lsn_node *node)
{
    static const char *const keys[] = {"weights", NULL};
    if (node == NULL || !lsn_read_map(in, node, "model", "a map such as {weights: vgg19.safetensors}", keys))
        return;
    const lsn_node *weights =
        lsn_node_need(in, node, "weights", "give the path of a safetensors file, relative to the study's");
    lsn_path_read(in, weights, "weights", &in->spec->weights);
}

static void read_metrics(lsn_reading *in, const lsn_node *node)
{
    static const char *const known[] = {"top1", "top5", "loss", "kl", "per_class", "images", "drift", NULL};
    const lsn_node **places[] = {NULL, NULL, NULL, NULL, &in->spec->per_class, &in->spec->images, &in->spec->drift};
    if (node == NULL)
        return;
    int count = lsn_read_count(in, node, "metrics", "a list such as [top1, top5, loss, kl]");
    for (int i = 0; i < count; i++) {
        const lsn_node *item = lsn_node_item(node, i);
        int word = lsn_read_word(in, item, "metric", known);
        if (word >= 0 && places[word] != NULL)
            *places[word] = item;
    }
}

/* A number between 0 and 1, neither of them. */
static bool read_share(lsn_reading *in, const lsn_node *node, const char *what, const char *right, double *share)
{
    return lsn_read_real(in, node, what, share) &&
           ((*share > 0 && *share < 1) || lsn_mistake_value(in, node, what, right));
}

/* What is about all images of a job cannot be had of some. */
static void refuse_metric(lsn_reading *in, const lsn_node *metric)
{
    if (metric != NULL)
        lsn_mistake_at(in, metric,
                       "metric %s is measured on all images of a job, but stop ends jobs before that; remove it, or "
                       "stop",
                       metric->text);
}

/* `stop:`, when a job's images are enough; the metrics are read. */
static void read_stop(lsn_reading *in, const lsn_node *node)
{
    static const char *const keys[] = {"metric", "half_width", "confidence", "seed", NULL};
    static const char *const metrics[] = {"top1", NULL};
    lsn_stopping *stop = &in->spec->stop;
    if (node == NULL || !lsn_read_map(in, node, "stop", "a map such as {metric: top1, half_width: 0.005}", keys))
        return;
    stop->confidence = 0.95;
    const lsn_node *metric = lsn_node_get(node, "metric"), *confidence = lsn_node_get(node, "confidence");
    const lsn_node *half_width = lsn_node_need(
        in, node, "half_width", "say how well the change of top-1 is to be known, such as half_width: 0.005");
    if (metric != NULL)
        lsn_read_word(in, metric, "metric", metrics);
    if (half_width != NULL)
        read_share(in, half_width, "half_width", "a number greater than 0 and less than 1, such as 0.005",
                   &stop->half_width);
    if (confidence != NULL)
        read_share(in, confidence, "confidence", "a number greater than 0 and less than 1, such as 0.95",
                   &stop->confidence);
    lsn_read_seed(in, node, &stop->seed);
    refuse_metric(in, in->spec->per_class);
    refuse_metric(in, in->spec->drift);
}

void lsn_study_read(lsn_reading *in, const lsn_node *root)
{
    static const char *const keys[] = {"study", "model", "data", "ablate", "metrics", "stop", NULL};
    if (!lsn_read_map(in, root, "the study", "a map with study, model, data and ablate", keys))
        return;
    const lsn_node *name = lsn_node_need(in, root, "study", "give the study a name, such as study: vgg19");
    if (name != NULL)
        lsn_read_name(in, name, "study", &in->spec->name);
    read_model(in, lsn_node_need(in, root, "model", "give the network, such as model: {weights: FILE}"));
    lsn_images_read(in,
                    lsn_node_need(in, root, "data", "give the images: format, images, labels (and preprocess, take)"));
    lsn_ablate_read(
        in, lsn_node_need(in, root, "ablate",
                          "give a list of experiments, such as - {name: every, layers: conv1_1, filters: each}"));
    read_metrics(in, lsn_node_get(root, "metrics"));
    read_stop(in, lsn_node_get(root, "stop"));
}
