/* The study's top level. */
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
    lsn_stop_read(in, lsn_node_get(root, "stop"));
}
