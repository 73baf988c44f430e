#include "science.h"

#include "shell.h"
#include "tiny.h"

static const char science[] =
    "study: science\n"
    "model: {weights: net.safetensors}\n"
    "data:\n"
    "  format: idx\n"
    "  images: images.idx\n"
    "  labels: labels.idx\n"
    "  preprocess: {pad: 2, mean: 0.3, std: 0.4}\n"
    "  take: {count: 40, seed: 3}\n"
    "  calibration: {count: 15, seed: 1}\n"
    "ablate:\n"
    "  - {name: single, layers: [conv1_1, conv5_1, fc6], filters: each,\n"
    "     mode: [zero, mean, {resample: {seeds: 0..1}}, {noise: {seeds: [0, 3]}}]}\n"
    "  - {name: scored, layers: [conv*, fc6], filters: {lowest: [mean_activation, apoz, selectivity],\n"
    "     fraction: [0.25, 0.5]}}\n"
    "  - {name: curve, layers: conv3_1, filters: {cumulative: {order: [selectivity, l1], steps: 4}}}\n"
    "  - {name: several, layers: [conv*, fc7], filters: {random: {count: 2, seeds: 0..1}}, together: true,\n"
    "     mode: [zero, mean, resample, noise]}\n"
    "  - {name: pairs, layers: conv2_1, filters: {pairs: {highest: apoz, count: 3}}}\n"
    "metrics: [top1, top5, loss, kl, per_class, images, drift]\n";

static const char race[] = "study: race\n"
                           "model: {weights: net.safetensors}\n"
                           "data:\n"
                           "  format: idx\n"
                           "  images: many.idx\n"
                           "  labels: many-labels.idx\n"
                           "  preprocess: {pad: 2, mean: 0.3, std: 0.4}\n"
                           "  take: all\n"
                           "ablate:\n"
                           "  - {name: every, layers: conv*, filters: each}\n"
                           "stop: {metric: top1, half_width: 0.04, confidence: 0.9, seed: 2}\n"
                           "metrics: [top1, top5, loss, kl, images]\n";

void science_write(void)
{
    tiny_write_images("many.idx", "many-labels.idx", 1500, 5);
    write_file("science.yaml", science);
    write_file("race.yaml", race);
}

void science_dump(const char *database, const char *file)
{
    assert_int_equal(
        shell(
            "sqlite3 -readonly %s '"
            "SELECT key, mode, mode_seed, layers, filters, status, images, top1, top5, lost, gained, agree, loss_sum, "
            "kl_sum, margin_sum, base_top5, base_loss_sum, d_loss_squared, d_loss_error, d_loss_low, d_loss_high, p, "
            "p_exact, balanced_accuracy FROM evaluation;"
            "SELECT * FROM image; SELECT * FROM image_result; SELECT * FROM drift; SELECT * FROM evaluation_class;"
            "SELECT * FROM filter_activation; SELECT * FROM filter_score; SELECT * FROM curve;"
            "SELECT * FROM pair_interval; SELECT * FROM score_damage' > %s",
            database, file),
        0);
}
